"""What has to be ordered: items, or stocks of a location, whose available units are at or below their level."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import bindparam, case, func, select

from models.database.base import table_of
from models.database.filters import BoundQuery, FilterSet
from models.database.pages import batches_by_id
from models.json_schema import COUNT, ID, TEXT, closed
from models.refusals import Refusal
from models.stock.available import OF_ITEM, of_stock
from models.stock.item import Item
from models.stock.location import Location
from models.stock.location_stock import LocationStock, StockSettings
from models.stock.place import MAIN_ID

SCHEMA = closed(
    "ItemToOrder",
    {
        "item_id": ID,
        "sku": TEXT,
        "name": TEXT,
        "quantity": COUNT,
        "available": COUNT,
        "reorder_level": COUNT,
        "to_order": COUNT,
    },
)
COLUMNS = tuple(SCHEMA["properties"])

_items, _stocks, _settings = table_of(Item), table_of(LocationStock), table_of(StockSettings)


def _of_items() -> FilterSet:
    """Return the items with a level that have no more than that, but for archived ones."""
    left, level = OF_ITEM["available"], _items.c.reorder_level
    query = select(_items.c.id, _items.c.sku, _items.c.name, _items.c.quantity, left.label("available"), level)
    archived = _items.c.archived == bindparam("archived")
    return FilterSet(query.where(level.is_not(None), left <= level), {"archived": archived})


def _at_location() -> FilterSet:
    """Return the stocks of a location with a level of their own that have no more than that."""
    settings = _settings.join(_items, _items.c.id == _settings.c.item_id).outerjoin(
        _stocks, (_stocks.c.item_id == _settings.c.item_id) & (_stocks.c.location_id == _settings.c.location_id)
    )
    at_main = _items.c.quantity - _items.c.elsewhere
    there = case((_settings.c.location_id == MAIN_ID, at_main), else_=func.coalesce(_stocks.c.quantity, 0))
    left, level = of_stock(there, _settings.c.location_id)["available"], _settings.c.reorder_level
    columns = (_items.c.sku, _items.c.name, there.label("quantity"), left.label("available"), level)
    query = select(_settings.c.item_id.label("id"), *columns).select_from(settings)
    conditions = {
        "archived": _items.c.archived == bindparam("archived"),
        "location_id": _settings.c.location_id == bindparam("location_id"),
    }
    return FilterSet(query.where(level.is_not(None), left <= level), conditions)


_OF_ITEMS, _AT_LOCATION = _of_items(), _at_location()
# The column by which each list is sorted.
ORDERS: dict[FilterSet, Any] = {_OF_ITEMS: Item.id, _AT_LOCATION: StockSettings.item_id}


def matching(location: str | None) -> BoundQuery:
    """Return the query of what has to be ordered, in all or at a location; its rows are for `to_dict`.

    Raises Refusal `unknown_location`.
    """
    if location is None:
        return _OF_ITEMS.where(archived=False)
    location_id = Location.id_of(location)
    if not location_id:
        raise Refusal("unknown_location", f"There is no location with the code {location!r}.")
    return _AT_LOCATION.where(archived=False, location_id=location_id)


def to_dict(row: Sequence[Any], reorder_to: int | None = None) -> dict[str, Any]:
    """Return a row of `matching` as clients see it: `SCHEMA`; it is to have its level, or `reorder_to`."""
    item_id, sku, name, quantity, left, level = row[:6]
    return {
        "item_id": item_id,
        "sku": sku,
        "name": name,
        "quantity": quantity,
        "available": int(left),
        "reorder_level": level,
        "to_order": max(0, (reorder_to or level) - int(left)),
    }


def batches(location: str | None, reorder_to: int | None) -> Iterator[list[dict[str, Any]]]:
    """Yield all that has to be ordered, by item, in batches."""
    query = matching(location)
    for rows in batches_by_id(query, ORDERS[query.filters]):
        yield [to_dict(row, reorder_to) for row in rows]
