"""The stocks of items at locations, as clients see them, with what people have set for each.

The main location has a stock of every item, another one of those items that have ever been there.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, bindparam, case, exists, func, or_, select, true, update

from models.database.base import db, table_of
from models.database.column_types import UtcTime
from models.database.filters import BoundQuery, FilterSet, Unindexed
from models.database.reading import AnySelect, PreparedQuery
from models.event import Event
from models.json_schema import COUNT, ID, TEXT, nullable
from models.principal import Principal
from models.refusals import NotFound, Refusal
from models.representation import Representation
from models.stock.available import of_stock
from models.stock.item import Item
from models.stock.location import Location
from models.stock.location_stock import LocationStock, StockSettings
from models.stock.low_stock import Levelled, record_crossings
from models.stock.place import IN_TRANSIT_ID, MAIN_ID
from models.values import normalized, now

REPRESENTATION = Representation(
    "Stock",
    {
        "item_id": ID,
        "sku": TEXT,
        "location": TEXT,
        "quantity": COUNT,
        "reserved": COUNT,
        "available": COUNT,
        "reorder_level": nullable(COUNT),
        "bin": TEXT,
    },
)
SCHEMA = REPRESENTATION.schema
# Makes of a row of these queries what clients see.
to_dict = REPRESENTATION.of_row

_items, _locations = table_of(Item), table_of(Location)
_stocks, _settings = table_of(LocationStock), table_of(StockSettings)
_quantity = case((_locations.c.id == MAIN_ID, _items.c.quantity - _items.c.elsewhere), else_=_stocks.c.quantity)
# What was on its way and has arrived is nothing to be shown.
_is_there = and_(_stocks.c.item_id.is_not(None), or_(_stocks.c.location_id != IN_TRANSIT_ID, _stocks.c.quantity > 0))
_is_low = _quantity <= _settings.c.reorder_level


def _this(table: Any) -> ColumnElement[bool]:
    """Return the condition of what a table has about this item at this location."""
    return and_(table.c.item_id == _items.c.id, table.c.location_id == _locations.c.id)


def _select(tables: FromClause) -> AnySelect:
    columns = REPRESENTATION.columns(
        _items,
        item_id=_items.c.id,
        location=_locations.c.code,
        quantity=_quantity,
        **of_stock(_quantity),
        reorder_level=_settings.c.reorder_level,
        bin=func.coalesce(_settings.c.bin, ""),
    )
    return select(*columns).select_from(tables)


def _outer(tables: FromClause, *others: Any) -> FromClause:
    for table in others:
        tables = tables.outerjoin(table, _this(table))
    return tables


def _beginning_at(first: Any, other: Any) -> FromClause:
    """Return the stocks about which one table has a row, with what the other one has."""
    of_item = first.join(_items, _items.c.id == first.c.item_id)
    return _outer(of_item.join(_locations, _locations.c.id == first.c.location_id), other)


# All stocks; those at a location that is not the main one; and those with a level of their own. Each begins at the
# table that has the fewest rows, in the order of the list.
_EVERY = _select(_outer(_items.join(_locations, true()), _stocks, _settings)).where(
    or_(_locations.c.id == MAIN_ID, _is_there)
)
_AT_LOCATION = _select(_beginning_at(_stocks, _settings)).where(_is_there)
_WITH_LEVEL = _select(_beginning_at(_settings, _stocks))
# SQLite would begin at the items that are not archived.
_LISTED = {
    "archived": Unindexed(_items.c.archived == bindparam("archived")),
    "sku": _items.c.sku_key == bindparam("sku"),
}


def _filters(query: AnySelect, location_id: ColumnElement[Any]) -> FilterSet:
    enough = or_(_settings.c.reorder_level.is_(None), ~_is_low)
    conditions = {**_LISTED, "location_id": location_id == bindparam("location_id"), "enough": enough}
    return FilterSet(query, conditions)


_STOCKS = _filters(_EVERY, _locations.c.id)
_STOCKS_AT_LOCATION = _filters(_AT_LOCATION, _stocks.c.location_id)
_LOW_STOCKS = _filters(_WITH_LEVEL.where(_is_low), _settings.c.location_id)
# The columns that each list is sorted by: of an item, and then of a location. They are those of the table it begins at.
ORDERS = {
    _STOCKS: (Item.id, Location.id),
    _STOCKS_AT_LOCATION: (LocationStock.item_id, LocationStock.location_id),
    _LOW_STOCKS: (StockSettings.item_id, StockSettings.location_id),
}
_OF_ITEM = PreparedQuery(_EVERY.where(_items.c.id == bindparam("item_id")).order_by(_locations.c.id))
_ONE = PreparedQuery(_EVERY.where(_items.c.id == bindparam("item_id"), _locations.c.id == bindparam("location_id")))
# Whether a stock of the item has a level is written with each change of one, under the lock of the item; with a new
# version, so that an import which was planned before notices it.
_has_level = exists().where(_settings.c.item_id == _items.c.id, _settings.c.reorder_level.is_not(None))
_TOUCH = (
    update(_items)
    .where(_items.c.id == bindparam("item"))
    .values(
        levelled=_has_level.correlate(_items),
        version=_items.c.version + 1,
        updated_at=bindparam("at", type_=UtcTime()),
    )
)


def matching(*, location: str | None = None, sku: str | None = None, low_stock: bool | None = None) -> BoundQuery:
    """Return the query of the stocks of items that are not archived which meet every condition.

    A stock is low that is at or below a reorder level of its own.
    """
    location_id = None if location is None else Location.id_of(location)
    is_at_main = location_id is None or location_id == MAIN_ID
    stocks = _LOW_STOCKS if low_stock else _STOCKS if is_at_main else _STOCKS_AT_LOCATION
    return stocks.where(
        archived=False,
        sku=None if sku is None else normalized(sku),
        location_id=location_id,
        enough=low_stock is False or None,
    )


def of_item(item_id: int) -> list[dict[str, Any]]:
    """Return the stocks of one item, archived or not, as clients see them; raises NotFound."""
    rows = _OF_ITEM.tuples(item_id=item_id)
    if not rows:
        raise NotFound(f"There is no item with the id {item_id}.")
    return [to_dict(row) for row in rows]


def change_settings(item: Mapping[str, Any], location: Location, *, by: Principal, **settings: Any) -> dict[str, Any]:
    """Set `reorder_level` or `bin` of the stock of a locked item at a location, and return the stock.

    Raises Refusal `item_archived` or `location_archived`.
    """
    if item["archived"]:
        raise Refusal("item_archived", f"Item {item['sku']!r} is archived; restore it first.")
    if location.archived:
        raise Refusal("location_archived", f"Location {location.code!r} is archived; restore it first.")
    key = {"item_id": item["id"], "location_id": location.id}
    if location.id != MAIN_ID and db.session.get(LocationStock, key) is None:
        db.session.add(LocationStock(**key, quantity=0))
    known = db.session.get(StockSettings, key) or StockSettings(**key, reorder_level=None, bin="")
    before = {name: getattr(known, name) for name in settings}
    for name, value in settings.items():
        setattr(known, name, value)
    db.session.add(known)
    db.session.flush()
    stock = one(item["id"], location.id)
    if before != settings:
        Event.record("stock.updated", stock, by, item_id=item["id"])
    if before.get("reorder_level") != settings.get("reorder_level"):
        db.session.execute(_TOUCH, {"item": item["id"], "at": now()})
        record_crossings((), by, {Levelled(item["id"], location.id): before["reorder_level"]})
    return stock


def find(item_id: int, location_id: int) -> dict[str, Any] | None:
    """Return the stock of one item at one location as clients see it, or None where the item has never been."""
    rows = _ONE.tuples(item_id=item_id, location_id=location_id)
    return to_dict(rows[0]) if rows else None


def one(item_id: int, location_id: int) -> dict[str, Any]:
    """Return the stock of one item at one location like `find`; raises NotFound."""
    stock = find(item_id, location_id)
    if stock is None:
        raise NotFound("This location has never had this item.")
    return stock
