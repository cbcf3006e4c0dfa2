"""Column types that store values exactly, and those that read them already serialized for clients."""

import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import BigInteger, DateTime, Dialect, Integer, String, Text, type_coerce
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.types import TypeDecorator, TypeEngine

from models.values import MONEY_PLACES, MONEY_SCALE, as_json, money_of_scaled, rfc3339

# Converts a value of the driver to ours. A column type that needs only one step returns it from `result_processor`,
# without SQLAlchemy's wrapper around it: a list of fifty items calls it hundreds of times.
Converter = Callable[[Any], Any] | None

# The highest ids of tables whose ids are Integer, and of those whose ids are LongId.
MAX_ID = 2**31 - 1
MAX_LONG_ID = 2**63 - 1

# From how many characters on CompressedJson compresses, and what is written before it: no JSON begins with this letter.
COMPRESSED_FROM = 1024
COMPRESSED = "z"

# SQLite assigns ids by itself only to a primary key whose type is spelled INTEGER.
LongId = BigInteger().with_variant(Integer(), "sqlite")


def exact_text(length: int) -> TypeEngine[str]:
    """Return a type for text of at most `length` characters.

    Every database compares and sorts it by code point, so that they agree on `=` and `<`.
    """
    return (
        String(length)
        .with_variant(postgresql.VARCHAR(length, collation="C"), "postgresql")
        .with_variant(mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb")
    )


def long_text() -> TypeEngine[str]:
    """Return a type for text of any length that every database compares by code point."""
    return (
        Text()
        .with_variant(postgresql.TEXT(collation="C"), "postgresql")
        .with_variant(mysql.MEDIUMTEXT(charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb")
    )


class UtcTime(TypeDecorator[datetime]):
    """A timestamp with microseconds, in UTC however the database treats time zones."""

    impl = DateTime
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        return datetime

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        in_utc = value.astimezone(UTC)
        return in_utc if dialect.name == "postgresql" else in_utc.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)

    def bind_processor(self, dialect: Dialect) -> Converter:
        return _time_to_text if dialect.name == "sqlite" else super().bind_processor(dialect)

    def result_processor(self, dialect: Dialect, coltype: object) -> Converter:
        return _time_of_text if dialect.name == "sqlite" else super().result_processor(dialect, coltype)


def _time_to_text(value: datetime | None) -> str | None:
    """Return a timestamp as SQLAlchemy stores it on SQLite, whose own format costs four times as much."""
    if value is None:
        return None
    if value.tzinfo is not UTC:
        value = value.astimezone(UTC)
    return value.isoformat(" ", "microseconds").removesuffix("+00:00")


def _time_of_text(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)


class Money(TypeDecorator[Decimal]):
    """An amount with four decimals, stored as an integer of ten-thousandths: never rounded.

    Storing one with more decimals raises ValueError.
    """

    impl = BigInteger
    cache_ok = True

    @property
    def python_type(self) -> type[Decimal]:
        return Decimal

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        if value is None:
            return None
        scaled = value * MONEY_SCALE
        if scaled != int(scaled):
            raise ValueError(f"an amount has at most {MONEY_PLACES} decimals")
        return int(scaled)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value).scaleb(-MONEY_PLACES)


class SerializedTime(UtcTime):
    """A timestamp that is read as `rfc3339` writes it; on SQLite, which stores text, without parsing it."""

    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String())
        return super().load_dialect_impl(dialect)

    def result_processor(self, dialect: Dialect, coltype: object) -> Converter:
        return _serialize_text if dialect.name == "sqlite" else _serialize_time


def _serialize_text(text: str | None) -> str | None:
    """Return a timestamp as clients see it, from the text that SQLite stores."""
    return None if text is None else text.replace(" ", "T") + "Z"


def _serialize_time(value: datetime | None) -> str | None:
    """Return a timestamp as clients see it; that of a driver is UTC if it names no time zone."""
    return rfc3339(value if value is None or value.tzinfo else value.replace(tzinfo=UTC))


class SerializedMoney(Money):
    """An amount that is read as `money` writes it."""

    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Converter:
        return _serialize_money


@lru_cache(4096)
def _serialize_money(scaled: int | None) -> str | None:
    return None if scaled is None else money_of_scaled(scaled)


def serialized(column: Any) -> Any:
    """Return the column, its values read as clients see them."""
    if isinstance(column.type, UtcTime):
        return type_coerce(column, SerializedTime())
    if isinstance(column.type, Money):
        return type_coerce(column, SerializedMoney())
    return column


def unparsed(column: Any) -> Any:
    """Return the column; JSON, which must not be null, is read as its text, which goes to clients as it is stored."""
    return type_coerce(column, JsonText()).label(column.name) if isinstance(column.type, Json) else column


class Json(TypeDecorator[Any]):
    """A JSON value, stored as text with its members in the order in which they were written."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(long_text())

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else as_json(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Converter:
        return _from_json

    def compare_values(self, x: Any, y: Any) -> bool:
        return bool(x == y) and as_json(x) == as_json(y)


class JsonText(Json):
    """A JSON value, never null, that is read as a fragment for orjson, which writes it without parsing it."""

    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Converter:
        return orjson.Fragment


class CompressedJson(Json):
    """A JSON value that is compressed if it is large; what was stored as plain JSON is read too."""

    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        text = super().process_bind_param(value, dialect)
        if text is None or len(text) < COMPRESSED_FROM:
            return text
        return COMPRESSED + b64encode(zlib.compress(text.encode())).decode("ascii")

    def result_processor(self, dialect: Dialect, coltype: object) -> Converter:
        return _from_compressed_json


def _from_compressed_json(text: str | None) -> Any:
    if text is not None and text.startswith(COMPRESSED):
        return orjson.loads(zlib.decompress(b64decode(text.removeprefix(COMPRESSED))))
    return _from_json(text)


def _from_json(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)
