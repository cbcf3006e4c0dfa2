"""The quantity of an item at a time, in all or at one location."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, select

from models.database.filters import Unindexed
from models.database.reading import PreparedQuery
from models.json_schema import ID, INTEGER, TEXT, TIME, closed
from models.refusals import NotFound, Refusal
from models.stock.item import Item
from models.stock.location import Location
from models.stock.movement import Movement
from models.stock.place import MAIN_ID
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
    {"location": TEXT},
)


class _Stock(NamedTuple):
    """What an item has once everything that is recorded has occurred."""

    sku: str
    quantity: int
    moved_at: datetime | None


_STOCK = PreparedQuery(
    select(Item.sku, Item.quantity, Item.moved_at).where(Item.id == bindparam("item_id")), row_class=_Stock
)
_sum = select(func.coalesce(func.sum(Movement.delta), 0)).where(
    Movement.item_id == bindparam("item_id"), Movement.occurred_at <= bindparam("at")
)
_SUM: PreparedQuery[tuple[int]] = PreparedQuery(_sum)
_SUM_AT: PreparedQuery[tuple[int]] = PreparedQuery(
    _sum.where(Unindexed(func.coalesce(Movement.location_id, MAIN_ID) == bindparam("location_id")))
)


def quantity_at(item_id: int, at: datetime | None, location: str | None = None) -> dict[str, Any]:
    """Return the quantity of an item at a time, in units, as clients see it: `SCHEMA`; raises NotFound.

    With a location, by its code, it is the quantity there; raises Refusal `unknown_location`.

    It is the sum of the movements that had occurred by then. Without a time it is that of all: what there is now or,
    while a movement lies ahead because a clock was, at the time of that one.
    """
    stock = _STOCK.one_or_none(item_id=item_id)
    if stock is None:
        raise NotFound(f"There is no item with the id {item_id}.")
    latest = max(filter(None, (now(), stock.moved_at)))
    if location is not None:
        location_id = Location.id_of(location)
        if not location_id:
            raise Refusal("unknown_location", f"There is no location with the code {location!r}.")
        [[quantity]] = _SUM_AT.rows(item_id=item_id, at=at or latest, location_id=location_id)
    elif at is None:
        quantity = stock.quantity
    else:
        [[quantity]] = _SUM.rows(item_id=item_id, at=at)
    where = {} if location is None else {"location": location}
    return {"item_id": item_id, "sku": stock.sku, "at": rfc3339(at or latest), "quantity": int(quantity), **where}
