"""The strict types of input: each checks a value and never changes what the client meant.

Called with a value of a JSON body, a type returns it as Python needs it; `from_text` does so for a query parameter.
Both raise InvalidValues, whose message follows the name of the field: "must be a whole number".
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from models.values import MONEY_PLACES, MONEY_SCALE

Json = dict[str, Any]

RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt](?:[01]\d|2[0-3]):\d\d:\d\d(?:\.(\d+))?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
# .NET and PowerShell write seven decimals of a second, others nine; those after the sixth must be zeros.
DECIMALS = re.compile(r"\d{1,6}0{0,3}", re.ASCII)
# In a query + is a blank.
BLANK_FOR_PLUS = re.compile(r"(.+T.+) (\d\d:\d\d)", re.ASCII | re.IGNORECASE)
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(9998, 12, 31, tzinfo=UTC)
TIME_PATTERN = (
    r"^(19[0-9]{2}|[2-8][0-9]{3}|9[0-8][0-9]{2}|99[0-8][0-9]|999[0-8])-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6}0{0,3})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)


class InvalidValues(ValueError):
    """A value is invalid, with one error or several."""

    def __init__(self, faults: Sequence["InvalidValue"]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults

    def within(self, name: str) -> list["InvalidValue"]:
        """Return the same errors, with the name under which an object or a list holds the value."""
        return [InvalidValue(fault.code, str(fault), _joined(name, fault.part)) for fault in self.faults]


class InvalidValue(InvalidValues):
    """One error of a value; `code` is stable, and the message follows the name of the field.

    `part` is the place inside the field, as `[3]` or `.colour`.
    """

    def __init__(self, code: str, message: str, part: str = "") -> None:
        ValueError.__init__(self, message)
        self.faults = [self]
        self.code = code
        self.part = part


def _joined(name: str, part: str) -> str:
    return f"{name}{part}" if not part or part[0] in ".[" else f"{name}.{part}"


class Integer:
    """A whole number, `minimum` to `maximum`; `5.0`, `"5"` and `true` are refused."""

    def __init__(self, minimum: int, maximum: int) -> None:
        self.minimum = minimum
        self.maximum = maximum

    def __call__(self, value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise InvalidValue("wrong_type", f"must be a whole number, not {kind_of(value)}")
        if value < self.minimum:
            raise InvalidValue("too_small", f"must be {self.minimum} or more")
        if value > self.maximum:
            raise InvalidValue("too_large", f"must be {self.maximum} or less")
        return value

    def from_text(self, text: str) -> int:
        if not re.fullmatch(r"-?(0|[1-9][0-9]{0,18})", text):
            raise InvalidValue("wrong_type", "must be a whole number")
        return self(int(text))

    def schema(self) -> Json:
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


class Amount:
    """An exact decimal amount from 0 to `maximum`, as `"12.50"` or as the JSON number 12.5; it is never rounded."""

    def __init__(self, maximum: Decimal) -> None:
        self.maximum = maximum

    def __call__(self, value: Any) -> Decimal:
        if isinstance(value, str):
            return self.from_text(value)
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise InvalidValue("wrong_type", f"must be an amount as '12.50', not {kind_of(value)}")
        return self._checked(Decimal(value) or Decimal(0))  # JSON may write zero as -0.0 or 0e99

    def from_text(self, text: str) -> Decimal:
        if not re.fullmatch(r"-?[0-9]{1,20}(\.[0-9]{1,20})?", text):
            raise InvalidValue("wrong_type", "must be an amount as '12.50'")
        return self._checked(Decimal(text))

    def _checked(self, amount: Decimal) -> Decimal:
        if amount.is_signed():
            raise InvalidValue("too_small", "must be 0 or more")
        if amount.adjusted() > self.maximum.adjusted() or amount > self.maximum:
            raise InvalidValue("too_large", f"must be {self.maximum} or less")
        exact = amount.quantize(1 / MONEY_SCALE)
        if exact != amount:  # compared to the last digit, unlike normalize(), which rounds to 28 of them
            raise InvalidValue("too_many_decimals", f"must have at most {MONEY_PLACES} decimals")
        return exact

    def schema(self) -> Json:
        number = {"type": "number", "minimum": 0, "maximum": float(self.maximum), "multipleOf": float(1 / MONEY_SCALE)}
        return {"anyOf": [self.text_schema(), number], "examples": ["12.50"]}

    def text_schema(self) -> Json:
        """Return the JSON Schema of the amount as text; it may have zeros before and after it, up to 20 digits."""
        whole = self.maximum.adjusted() + 1
        before, after = f"0{{0,{20 - whole}}}", f"0{{0,{20 - MONEY_PLACES}}}"
        pattern = rf"^{before}[0-9]{{1,{whole}}}(\.[0-9]{{1,{MONEY_PLACES}}}{after})?$"
        return {"type": "string", "pattern": pattern}


class Boolean:
    """`true` or `false`, and nothing else."""

    def __call__(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise InvalidValue("wrong_type", f"must be true or false, not {kind_of(value)}")
        return value

    def from_text(self, text: str) -> bool:
        if text not in ("true", "false"):
            raise InvalidValue("wrong_type", "must be true or false")
        return text == "true"

    def schema(self) -> Json:
        return {"type": "boolean"}


class Only(Boolean):
    """Only `true`, or only `false`: `hint` says how a client gets the other."""

    def __init__(self, value: bool, hint: str) -> None:
        self.value = value
        self.hint = hint

    def __call__(self, value: Any) -> bool:
        if super().__call__(value) is not self.value:
            raise InvalidValue("not_a_choice", f"must be {str(self.value).lower()} or be left out; {self.hint}")
        return self.value

    def schema(self) -> Json:
        return {**super().schema(), "const": self.value}


class Choice:
    """One of these strings; `title` is the name of its schema in the OpenAPI document, if it is shared."""

    def __init__(self, *choices: str, title: str = "") -> None:
        self.choices = choices
        self.title = title

    def __call__(self, value: Any) -> str:
        if not isinstance(value, str) or value not in self.choices:
            hint = nearest(value, self.choices) if isinstance(value, str) else ""
            raise InvalidValue("not_a_choice", f"must be one of {', '.join(self.choices)}{hint}")
        return value

    from_text = __call__

    def schema(self) -> Json:
        return {**({"title": self.title} if self.title else {}), "type": "string", "enum": list(self.choices)}


class Timestamp:
    """A time with its zone (RFC 3339 section 5.6), to the microsecond; it is converted to UTC.

    It may have up to nine decimals of a second, of which those after the sixth are zeros.
    """

    def __call__(self, value: Any) -> datetime:
        if not isinstance(value, str):
            raise InvalidValue("wrong_type", f"must be a time as '2026-01-31T08:00:00Z', not {kind_of(value)}")
        found = RFC3339.fullmatch(value)
        if not found:
            raise InvalidValue("bad_format", "must be a time with its zone, as '2026-01-31T08:00:00Z' (RFC 3339)")
        if found[1] and not DECIMALS.fullmatch(found[1]):
            raise InvalidValue(
                "bad_format", "must have at most six decimals of a second, or up to nine that end in zeros"
            )
        return self._utc(value)

    def from_text(self, text: str) -> datetime:
        if (found := BLANK_FOR_PLUS.fullmatch(text)) and RFC3339.fullmatch("+".join(found.groups())):
            raise InvalidValue(
                "bad_format", "must be a time with its zone; write the + of a query as %2B, or the time in Z"
            )
        return self(text)

    def _utc(self, text: str) -> datetime:
        try:
            time = datetime.fromisoformat(text.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            raise InvalidValue("bad_format", "must be a time that the calendar has") from None
        if not EARLIEST <= time <= LATEST:
            raise InvalidValue("bad_format", f"must lie between the years {EARLIEST.year} and {LATEST.year}")
        return time

    def schema(self) -> Json:
        return {"title": "Timestamp", "type": "string", "format": "date-time", "pattern": TIME_PATTERN}


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the end of a message with the known name that is nearest to another one; nothing if none is near."""
    near = get_close_matches(name[:100].lower(), known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def schema_of(type_: Any) -> Json:
    """Return the JSON Schema of what a type accepts in a JSON body."""
    schema: Json = type_.schema()
    return schema


def text_schema_of(type_: Any) -> Json:
    """Return the JSON Schema of what a type accepts in a query parameter."""
    schema: Json = type_.text_schema() if hasattr(type_, "text_schema") else type_.schema()
    return schema


def kind_of(value: Any) -> str:
    """Return what kind of JSON value this is, for a message: "a list"."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    names = {int: "a number", Decimal: "a decimal number", str: "a string", list: "a list"}
    return names.get(type(value), "an object")
