"""Statistics of the stock: counts, units, total value and recent movements."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Integer, Row, and_, case, func, select, type_coerce
from sqlalchemy.sql.elements import ColumnElement

from models.database.base import db
from models.database.reading import AnySelect
from models.event import UNCHANGED
from models.json_schema import COUNT, MONEY, TIME, closed
from models.stock.item import Item
from models.stock.movement import Movement
from models.values import MONEY_PLACES, money, now, rfc3339

# A price has up to 13 digits in ten-thousandths. Summed by groups of three digits, no sum exceeds 64 bits, for up to
# nine million items with the largest stock. SQLite has no larger integers, and would continue with rounded floats.
GROUP = 1000
GROUPS = 5

SCHEMA = closed(
    "Stats",
    {
        **dict.fromkeys(("items", "archived", "units"), COUNT),
        "value": MONEY,
        **dict.fromkeys(("low_stock", "movements_today", "movements_this_week"), COUNT),
        "generated_at": TIME,
    },
)


def stats(at: datetime | None = None) -> dict[str, Any]:
    """Return the statistics as clients see them: `SCHEMA`; "today" is the day of `at`, by default now.

    Units, value and low stock are those of the items that are not archived. A day begins at midnight UTC, a week on
    Monday (ISO 8601), and a movement counts on the day that it occurred.
    """
    at = at or now()
    today = at.replace(hour=0, minute=0, second=0, microsecond=0)
    tomorrow = today + timedelta(days=1)
    totals = UNCHANGED.of(_TOTALS, lambda: db.session.execute(_TOTALS).one())
    return {
        "items": totals.items,
        "archived": totals.archived,
        "units": int(totals.units),
        "value": money(Decimal(_scaled_value(totals)).scaleb(-MONEY_PLACES)),
        "low_stock": totals.low_stock,
        "movements_today": _occurred(today, tomorrow),
        "movements_this_week": _occurred(today - timedelta(days=today.weekday()), tomorrow),
        "generated_at": rfc3339(at),
    }


def _scaled_value(totals: Row[Any]) -> int:
    return sum(int(getattr(totals, f"value_{group}")) * GROUP**group for group in range(GROUPS))


def _occurred(since: datetime, until: datetime) -> int:
    query = select(func.count()).where(Movement.occurred_at >= since, Movement.occurred_at < until)
    return db.session.scalar(query.select_from(Movement)) or 0


def _sum(number: ColumnElement[int], condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, number), else_=0)), 0)


def _totals() -> AnySelect:
    active = Item.archived.is_(False)
    one = type_coerce(1, Integer())
    price = type_coerce(Item.price, BigInteger())
    return select(
        func.count(case((active, 1))).label("items"),
        func.count(case((Item.archived.is_(True), 1))).label("archived"),
        func.count(case((and_(active, Item.quantity <= Item.reorder_level), one))).label("low_stock"),
        _sum(type_coerce(Item.quantity, Integer()), active).label("units"),
        *(
            _sum(Item.quantity * (price // GROUP**group % GROUP), active).label(f"value_{group}")
            for group in range(GROUPS)
        ),
    )


_TOTALS = _totals()
