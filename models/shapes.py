"""The words in which a thing tells its shape: JSON Schema (2020-12) of what clients are answered."""

from collections.abc import Mapping
from typing import Any

Shape = dict[str, Any]

ID: Shape = {"type": "integer", "minimum": 1}
INTEGER: Shape = {"type": "integer"}
COUNT: Shape = {"type": "integer", "minimum": 0}
TEXT: Shape = {"type": "string"}
BOOLEAN: Shape = {"type": "boolean"}
OBJECT: Shape = {"type": "object"}
TIME: Shape = {
    "type": "string",
    "format": "date-time",
    "pattern": r"\.[0-9]{6}Z$",
    "examples": ["2026-01-31T08:00:00.000000Z"],
}
MONEY: Shape = {"type": "string", "pattern": r"^[0-9]+\.[0-9]{2,4}$", "examples": ["12.50"]}


def nullable(shape: Shape) -> Shape:
    """The same, or null."""
    return {**shape, "type": [shape["type"], "null"]}


def one_of(*words: str) -> Shape:
    """One of these words."""
    return {"type": "string", "enum": list(words)}


def list_of(shape: Shape) -> Shape:
    """A list of such things."""
    return {"type": "array", "items": shape}


def closed(title: str, always: Mapping[str, Shape], sometimes: Mapping[str, Shape] | None = None) -> Shape:
    """An object with these members and no other; `sometimes` holds those that may be missing."""
    return {
        "title": title,
        "type": "object",
        "properties": {**always, **(sometimes or {})},
        "required": list(always),
        "additionalProperties": False,
    }
