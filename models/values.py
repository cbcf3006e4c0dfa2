"""Conversions of values: timestamps, amounts of money, JSON text and normalized names."""

import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson

MONEY_PLACES = 4
MONEY_SCALE = Decimal(10) ** MONEY_PLACES


def now() -> datetime:
    """Return the current time in UTC, as an aware datetime."""
    return datetime.now(UTC)


def rfc3339(timestamp: datetime | None) -> str | None:
    """Return a timestamp as RFC 3339 in UTC with microseconds: `2026-01-31T08:00:00.000000Z`."""
    if timestamp is None:
        return None
    if timestamp.tzinfo is not UTC:
        timestamp = timestamp.astimezone(UTC)
    return timestamp.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def money(amount: Decimal) -> str:
    """Return an amount with two decimals or, if it has more, up to four: `12.50`, `0.0325`."""
    return money_of_scaled(int(amount * MONEY_SCALE))


def money_of_scaled(scaled: int) -> str:
    """Return an amount, given in ten-thousandths, as `money` writes it."""
    whole, part = divmod(scaled, 10**MONEY_PLACES)
    return f"{whole}.{part:04d}".rstrip("0") if part % 100 else f"{whole}.{part // 100:02d}"


def as_json(value: Any, *, sort: bool = False) -> str:
    """Return a value as compact JSON text, with `sort` with its names in order.

    Unlike `==`, the text distinguishes 1, 1.0 and true.
    """
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS if sort else None).decode()


def normalized(text: str) -> str:
    """Return the form in which names are compared: without case, accents composed (Unicode NFC, casefold, NFC)."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
