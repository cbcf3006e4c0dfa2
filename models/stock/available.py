"""What of an item, or of one of its stocks, is reserved and what is available: columns of queries that only read.

An item that has neither reservations nor goods elsewhere costs no look-up.
"""

from typing import Any

from sqlalchemy import ColumnElement, Integer, case, func, literal_column, select

from models.database.base import table_of
from models.stock.item import Item
from models.stock.location import Location
from models.stock.location_stock import LocationStock
from models.stock.place import IN_TRANSIT_ID
from models.stock.reservation import IS_VALID, RESERVED, STATE_IS_OPEN, Reservation

_items, _locations, _transit = table_of(Item), table_of(Location), table_of(LocationStock).alias("transit")
NOTHING: ColumnElement[int] = literal_column("0", Integer())
_IN_TRANSIT_ID: ColumnElement[int] = literal_column(str(IN_TRANSIT_ID), Integer())


def _if(may_have: Any, sum_: Any) -> ColumnElement[int]:
    """Return a sum, which is looked up only where the item may have it."""
    return case((may_have, func.coalesce(sum_.scalar_subquery(), NOTHING)), else_=NOTHING)


def _left(quantity: ColumnElement[int], taken: ColumnElement[int]) -> ColumnElement[int]:
    return case((quantity > taken, quantity - taken), else_=NOTHING)


_of_item = _transit.c.item_id == _items.c.id
_on_its_way = select(_transit.c.quantity).where(_of_item, _transit.c.location_id == _IN_TRANSIT_ID)
_open = select(RESERVED).where(IS_VALID, Reservation.item_id == _items.c.id)
# What of an item is on its way.
in_transit = _if(_items.c.elsewhere > NOTHING, _on_its_way.correlate(_items))
_reserved = _if(_items.c.reserving, _open.correlate(_items))
# The members of an item that no column has.
OF_ITEM: dict[str, ColumnElement[int]] = {
    "reserved": _reserved,
    "available": _left(_items.c.quantity, in_transit + _reserved),
}
_held = select(RESERVED).where(STATE_IS_OPEN, Reservation.item_id == _items.c.id)
_held_there = _held.where(Reservation.location_id == _locations.c.id)
# What reservations hold of an item, and of its stock at a location: until their end is written, past their time too.
held = _if(_items.c.reserving, _held.correlate(_items))
held_there = _if(_items.c.reserving, _held_there.correlate(_items, _locations))


def of_stock(quantity: ColumnElement[int], location_id: Any = _locations.c.id) -> dict[str, ColumnElement[int]]:
    """Return the same members of a stock, which has this quantity; what is on its way is not available."""
    there = _open.where(Reservation.location_id == location_id).correlate(_items, location_id.table)
    reserved = _if(_items.c.reserving, there)
    at_hand = case((location_id == _IN_TRANSIT_ID, NOTHING), else_=_left(quantity, reserved))
    return {"reserved": reserved, "available": at_hand}
