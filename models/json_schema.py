"""JSON Schemas (2020-12) of the values in responses, and functions that compose them."""

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

ID: Schema = {"type": "integer", "minimum": 1}
INTEGER: Schema = {"type": "integer"}
COUNT: Schema = {"type": "integer", "minimum": 0}
TEXT: Schema = {"type": "string"}
BINARY: Schema = {"type": "string", "format": "binary"}
BOOLEAN: Schema = {"type": "boolean"}
OBJECT: Schema = {"type": "object"}
TIME: Schema = {
    "type": "string",
    "format": "date-time",
    "pattern": r"\.[0-9]{6}Z$",
    "examples": ["2026-01-31T08:00:00.000000Z"],
}
MONEY: Schema = {"type": "string", "pattern": r"^[0-9]+\.[0-9]{2,4}$", "examples": ["12.50"]}


def nullable(schema: Schema) -> Schema:
    """Return the schema of the same value or null."""
    return {**schema, "type": [schema["type"], "null"]}


def one_of(*values: str) -> Schema:
    """Return the schema of a string that is one of these."""
    return {"type": "string", "enum": list(values)}


def list_of(schema: Schema) -> Schema:
    """Return the schema of a list of such values."""
    return {"type": "array", "items": schema}


def closed(title: str, always: Mapping[str, Schema], sometimes: Mapping[str, Schema] | None = None) -> Schema:
    """Return the schema of an object with these members and no other; those of `sometimes` may be missing."""
    return {
        "title": title,
        "type": "object",
        "properties": {**always, **(sometimes or {})},
        "required": list(always),
        "additionalProperties": False,
    }
