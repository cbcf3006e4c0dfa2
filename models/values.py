"""Values as clients see them: times, amounts and JSON text."""

import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson

MONEY_PLACES = 4
MONEY_SCALE = Decimal(10) ** MONEY_PLACES


def now() -> datetime:
    """This moment in UTC, with its zone."""
    return datetime.now(UTC)


def rfc3339(moment: datetime | None) -> str | None:
    """A moment as RFC 3339 in UTC, microseconds and `Z`: `2026-01-31T08:00:00.000000Z`."""
    if moment is None:
        return None
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def money(amount: Decimal) -> str:
    """An amount as a string with two decimals or, where it has more, up to four: `12.50`, `0.0325`."""
    return money_of_scaled(int(amount * MONEY_SCALE))


def money_of_scaled(scaled: int) -> str:
    """Write an amount given in ten-thousandths like `money`."""
    whole, part = divmod(scaled, 10**MONEY_PLACES)
    return f"{whole}.{part:04d}".rstrip("0") if part % 100 else f"{whole}.{part // 100:02d}"


def as_json(value: Any, *, sort: bool = False) -> str:
    """A value that may be kept as compact JSON text, which tells 1, 1.0 and true apart, as `==` does not;
    `sort` puts names in order."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS if sort else None).decode()


def normalized(text: str) -> str:
    """Return the form in which names are compared: without case, accents composed (Unicode NFC, casefold, NFC)."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
