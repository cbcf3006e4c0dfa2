"""The turnover: what was issued of each item in a period, for how long the stock lasts, and what lies idle."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from sqlalchemy import Select, bindparam, exists, func, select

from models.database.base import table_of
from models.database.column_types import serialized
from models.database.filters import BoundQuery, FilterSet, Unindexed
from models.database.pages import batches_by_id
from models.json_schema import COUNT, ID, TEXT, TIME, closed, nullable
from models.stock.item import Item
from models.stock.movement import Movement

SCHEMA = closed(
    "ItemTurnover",
    {
        "item_id": ID,
        "sku": TEXT,
        "name": TEXT,
        "quantity": COUNT,
        "issued": COUNT,
        "days_of_cover": {"type": ["number", "null"], "minimum": 0},
        "idle_since": nullable(TIME),
    },
)
COLUMNS = tuple(SCHEMA["properties"])
DAY = timedelta(days=1)

_items, _movements = table_of(Item), table_of(Movement)
_since, _until = (bindparam(name, type_=_movements.c.occurred_at.type) for name in ("since", "until"))


def _issues(column: Any) -> Select[Any]:
    """Return a column of the issues of an item until a time, without those that were undone by then.

    What a transfer has issued, because it was damaged on its way, is no turnover.
    """
    undoing = _movements.alias("undoing")
    undone = exists().where(undoing.c.reverses_id == _movements.c.id, undoing.c.occurred_at < _until)
    return select(column).where(
        _movements.c.item_id == _items.c.id,
        _movements.c.occurred_at < _until,
        Unindexed(_movements.c.kind == "issue"),
        Unindexed(_movements.c.transfer_id.is_(None)),
        ~undone,
    )


def _turnover() -> FilterSet:
    issued = _issues(func.coalesce(func.sum(-_movements.c.delta), 0)).where(_movements.c.occurred_at >= _since)
    latest = _issues(serialized(_movements.c.occurred_at)).order_by(_movements.c.occurred_at.desc()).limit(1)
    columns = (
        *(_items.c.id, _items.c.sku, _items.c.name, _items.c.quantity),
        *(issued.scalar_subquery().label("issued"), latest.scalar_subquery().label("idle_since")),
    )
    return FilterSet(select(*columns), {"archived": _items.c.archived == bindparam("archived")})


_TURNOVER = _turnover()


def matching(since: datetime, until: datetime) -> BoundQuery:
    """Return the query of the items that are not archived with their turnover in a period, `until` not included."""
    query = _TURNOVER.where(archived=False)
    return query._replace(values={**query.values, "since": since, "until": until})


def to_dict(row: Sequence[Any], period: timedelta) -> dict[str, Any]:
    """Return a row of `matching` as clients see it: `SCHEMA`."""
    item_id, sku, name, quantity, issued, idle_since = row[:6]
    return {
        "item_id": item_id,
        "sku": sku,
        "name": name,
        "quantity": quantity,
        "issued": int(issued),
        "days_of_cover": _cover(quantity, int(issued), period),
        "idle_since": idle_since,
    }


def _cover(quantity: int, issued: int, period: timedelta) -> float | None:
    """Return for how many days a quantity lasts, to a tenth, if as much is issued a day as in the period."""
    if not issued:
        return None
    days = Fraction(period // timedelta.resolution, DAY // timedelta.resolution)
    return float(round(quantity * days / issued, 1))


def batches(since: datetime, until: datetime) -> Iterator[list[dict[str, Any]]]:
    """Yield the turnover of every item, by id, in batches."""
    for rows in batches_by_id(matching(since, until), Item.id):
        yield [to_dict(row, until - since) for row in rows]
