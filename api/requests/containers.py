"""The strict types of lists and objects: each raises InvalidValues with every validation error inside."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from api.requests.text import Text, truncate
from api.requests.types import InvalidValue, InvalidValues, Json, kind_of, schema_of
from models.refusals import MAX_FAULTS

# The whole numbers that every JSON reader keeps exactly (RFC 7493 section 2.2).
SAFE_INTEGER = 2**53 - 1


class ListOf:
    """A list of one type, with each entry once where `unique`; in a query its parts are separated by commas."""

    def __init__(self, part: Callable[[Any], Any], maximum: int, minimum: int = 0, *, unique: bool = True) -> None:
        self.part = part
        self.maximum = maximum
        self.minimum = minimum
        self.unique = unique

    def __call__(self, value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise InvalidValue("wrong_type", f"must be a list, not {kind_of(value)}")
        if not self.minimum <= len(value) <= self.maximum:
            raise InvalidValue("wrong_length", f"must have {self.minimum} to {self.maximum} entries")
        parts: list[Any] = []
        faults: list[InvalidValue] = []
        for index, entry in enumerate(value):
            try:
                part = self.part(entry)
                if self.unique and part in parts:
                    raise InvalidValue("repeated", "must not repeat an entry")
                parts.append(part)
            except InvalidValues as error:
                faults += error.within(f"[{index}]")
            if len(faults) >= MAX_FAULTS:
                break
        if faults:
            raise InvalidValues(faults)
        return parts

    def from_text(self, text: str) -> list[Any]:
        return self(text.split(",") if text else [])

    def schema(self) -> Json:
        return {
            "type": "array",
            "items": schema_of(self.part),
            "minItems": self.minimum,
            "maxItems": self.maximum,
            "uniqueItems": self.unique,
        }


class Attributes:
    """A flat JSON object of strings, numbers and booleans; in a merge patch, null removes an entry."""

    MAX_ENTRIES = 50
    name = Text(64, 1)
    text = Text(1000, lines=True)

    def __init__(self, *, merge: bool = False) -> None:
        self.merge = merge

    def __call__(self, value: Any) -> Json:
        if not isinstance(value, dict):
            raise InvalidValue("wrong_type", f"must be an object, not {kind_of(value)}")
        if len(value) > self.MAX_ENTRIES:
            raise InvalidValue("wrong_length", f"must have at most {self.MAX_ENTRIES} entries")
        entries: Json = {}
        faults: list[InvalidValue] = []
        for name, entry in value.items():
            try:
                entries[self.name(name)] = self._entry(entry)
            except InvalidValues as error:
                faults += error.within(f".{truncate(name)}")
        if faults:
            raise InvalidValues(faults)
        return entries

    def _entry(self, entry: Any) -> Any:
        if isinstance(entry, bool) or (entry is None and self.merge):
            return entry
        if isinstance(entry, str):
            return self.text(entry)
        if isinstance(entry, int):
            if abs(entry) > SAFE_INTEGER:
                raise InvalidValue("too_large", "must be a string: a number of this size is not kept exactly")
            return entry
        if isinstance(entry, Decimal):
            number = float(entry)
            if Decimal(repr(number)) != entry:
                raise InvalidValue("too_many_decimals", "must be a string: such a number is not kept exactly")
            return number
        raise InvalidValue("wrong_type", f"must be a string, a number or a boolean, not {kind_of(entry)}")

    def schema(self) -> Json:
        kinds: list[Json] = [
            self.text.schema(),
            {"type": "boolean"},
            {"type": "integer", "minimum": -SAFE_INTEGER, "maximum": SAFE_INTEGER},
            {"type": "number", "not": {"type": "integer"}},
        ]
        return {
            "title": "AttributesPatch" if self.merge else "Attributes",
            "type": "object",
            "maxProperties": self.MAX_ENTRIES,
            "propertyNames": self.name.schema(),
            "additionalProperties": {"anyOf": [*kinds, {"type": "null"}] if self.merge else kinds},
        }
