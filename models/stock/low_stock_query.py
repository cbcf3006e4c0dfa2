"""What there is of stocks that have a reorder level, once their items are locked: the reading part of `low_stock`.

It is read by statements of its own: within one that waits for a lock, PostgreSQL would see what there was before.
"""

from collections.abc import Sequence
from typing import NamedTuple, cast

from sqlalchemy import Connection, bindparam, case, func, null, select

from models.database.base import table_of
from models.database.current_write import write_connection
from models.database.reading import AnySelect
from models.database.writing import execute_one
from models.stock.available import NOTHING, held, held_there, in_transit
from models.stock.item import Item
from models.stock.location import Location
from models.stock.location_stock import LocationStock, StockSettings
from models.stock.place import MAIN_ID


class LevelState(NamedTuple):
    """What there is after an act, in units: of the total of an item, or of its stock at a location."""

    item_id: int
    location_id: int | None
    location: str | None
    sku: str
    quantity: int
    in_transit: int
    reserved: int
    reorder_level: int | None
    levelled: bool

    @property
    def left(self) -> int:
        """What is available; less than nothing if more is reserved than there is."""
        return self.quantity - self.in_transit - self.reserved


_items, _locations = table_of(Item), table_of(Location)
_stocks, _settings = table_of(LocationStock), table_of(StockSettings)
_TOTALS = select(
    _items.c.id,
    null().label("location_id"),
    null().label("location"),
    _items.c.sku,
    _items.c.quantity,
    in_transit,
    held,
    _items.c.reorder_level,
    _items.c.levelled,
)
_at_location = (_stocks.c.item_id == _settings.c.item_id) & (_stocks.c.location_id == _settings.c.location_id)
_STOCKS = (
    select(
        _items.c.id,
        _locations.c.id,
        _locations.c.code,
        _items.c.sku,
        case(
            (_locations.c.id == MAIN_ID, _items.c.quantity - _items.c.elsewhere),
            else_=func.coalesce(_stocks.c.quantity, 0),
        ),
        NOTHING,
        held_there,
        _settings.c.reorder_level,
        _items.c.levelled,
    )
    .select_from(
        _settings.join(_items, _items.c.id == _settings.c.item_id)
        .join(_locations, _locations.c.id == _settings.c.location_id)
        .outerjoin(_stocks, _at_location)
    )
    .where(_settings.c.reorder_level.is_not(None))
)


def _of_one_and_many(query: AnySelect) -> tuple[AnySelect, AnySelect]:
    return (
        query.where(_items.c.id == bindparam("item")),
        query.where(_items.c.id.in_(bindparam("items", expanding=True))),
    )


_TOTAL_OF_ONE, _TOTALS_OF_MANY = _of_one_and_many(_TOTALS)
_STOCKS_OF_ONE, _STOCKS_OF_MANY = _of_one_and_many(_STOCKS)


def read_states(item_ids: Sequence[int]) -> list[LevelState]:
    """Return what there is of these items: the total of each, and its stocks that have a level of their own."""
    totals = _rows(_TOTAL_OF_ONE, _TOTALS_OF_MANY, item_ids)
    levelled = [each.item_id for each in totals if each.levelled]
    found = totals + (_rows(_STOCKS_OF_ONE, _STOCKS_OF_MANY, levelled) if levelled else [])
    return sorted(found, key=lambda each: (each.item_id, each.location_id or 0))


def _rows(of_one: AnySelect, of_many: AnySelect, item_ids: Sequence[int]) -> list[LevelState]:
    connection = write_connection()
    if len(item_ids) == 1:
        found = execute_one(connection, of_one, {"item": item_ids[0]})
    else:
        found = cast(Connection, connection).execute(of_many, {"items": item_ids})  # which is no short write
    return [LevelState(*row) for row in found.fetchall()]
