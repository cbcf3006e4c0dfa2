"""The quantity of an item at a time."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, select

from models.database.reading import PreparedQuery
from models.json_schema import ID, INTEGER, TEXT, TIME, closed
from models.refusals import NotFound
from models.stock.item import Item
from models.stock.movement import Movement
from models.values import now, rfc3339

# An integer rather than a count: in the past of a ledger that is older than the rule it may be negative.
SCHEMA = closed(
    "Quantity",
    {
        "item_id": ID,
        "sku": TEXT,
        "at": {
            **TIME,
            "description": "The time asked for. Without one, now or, if a clock was ahead, the latest movement's.",
        },
        "quantity": INTEGER,
    },
)


class _Stock(NamedTuple):
    """What an item has once everything that is recorded has occurred."""

    sku: str
    quantity: int
    moved_at: datetime | None


_STOCK = PreparedQuery(
    select(Item.sku, Item.quantity, Item.moved_at).where(Item.id == bindparam("item_id")), row_class=_Stock
)
_SUM: PreparedQuery[tuple[int]] = PreparedQuery(
    select(func.coalesce(func.sum(Movement.delta), 0)).where(
        Movement.item_id == bindparam("item_id"), Movement.occurred_at <= bindparam("at")
    )
)


def quantity_at(item_id: int, at: datetime | None) -> dict[str, Any]:
    """Return the quantity of an item at a time, in units, as clients see it: `SCHEMA`; raises NotFound.

    It is the sum of the movements that had occurred by then. Without a time it is that of all: what there is now or,
    while a movement lies ahead because a clock was, at the time of that one.
    """
    stock = _STOCK.one_or_none(item_id=item_id)
    if stock is None:
        raise NotFound(f"There is no item with the id {item_id}.")
    if at is None:
        at, quantity = max(filter(None, (now(), stock.moved_at))), stock.quantity
    else:
        [[quantity]] = _SUM.rows(item_id=item_id, at=at)
    return {"item_id": item_id, "sku": stock.sku, "at": rfc3339(at), "quantity": int(quantity)}
