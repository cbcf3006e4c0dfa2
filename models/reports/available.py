"""What of a stock is at hand, and not on its way: the one place that the reports ask for it."""

from typing import Any

from sqlalchemy import ColumnElement, func, select

from models.database.base import table_of
from models.stock.item import Item
from models.stock.location_stock import LocationStock
from models.stock.place import IN_TRANSIT_ID

_items, _stocks = table_of(Item), table_of(LocationStock)


def available(quantity: ColumnElement[int], *, location_id: Any = None) -> ColumnElement[int]:
    """Return what is available of a quantity of an item: of all it has or, with a location, of what is there."""
    if location_id is not None:  # where nothing is on its way
        return quantity
    on_its_way = select(_stocks.c.quantity).where(
        _stocks.c.item_id == _items.c.id, _stocks.c.location_id == IN_TRANSIT_ID
    )
    return quantity - func.coalesce(on_its_way.scalar_subquery(), 0)
