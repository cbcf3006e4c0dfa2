"""The words in which a thing tells its shape: JSON Schema (2020-12) of what clients are answered."""

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

ID: Schema = {"type": "integer", "minimum": 1}
INTEGER: Schema = {"type": "integer"}
COUNT: Schema = {"type": "integer", "minimum": 0}
TEXT: Schema = {"type": "string"}
BOOLEAN: Schema = {"type": "boolean"}
OBJECT: Schema = {"type": "object"}
TIME: Schema = {
    "type": "string",
    "format": "date-time",
    "pattern": r"\.[0-9]{6}Z$",
    "examples": ["2026-01-31T08:00:00.000000Z"],
}
MONEY: Schema = {"type": "string", "pattern": r"^[0-9]+\.[0-9]{2,4}$", "examples": ["12.50"]}


def nullable(shape: Schema) -> Schema:
    """The same, or null."""
    return {**shape, "type": [shape["type"], "null"]}


def one_of(*words: str) -> Schema:
    """One of these words."""
    return {"type": "string", "enum": list(words)}


def list_of(shape: Schema) -> Schema:
    """A list of such things."""
    return {"type": "array", "items": shape}


def closed(title: str, always: Mapping[str, Schema], sometimes: Mapping[str, Schema] | None = None) -> Schema:
    """An object with these members and no other; `sometimes` holds those that may be missing."""
    return {
        "title": title,
        "type": "object",
        "properties": {**always, **(sometimes or {})},
        "required": list(always),
        "additionalProperties": False,
    }
