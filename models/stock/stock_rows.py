"""The rows of items in which their stocks are: the statements that lock them, read them and write them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol, cast

from sqlalchemy import ColumnElement, Connection, Integer, String, bindparam, insert, or_, select, true, update

from models.database.base import table_of
from models.database.column_types import UtcTime
from models.database.current_write import WriteConnection
from models.database.reading import AnySelect
from models.database.transactions import RetryTransaction
from models.database.writing import execute_many, execute_one, execute_prepared, prepare
from models.principal import Principal
from models.stock.item import Item
from models.stock.lines import Line
from models.stock.location import Location
from models.stock.location_stock import LocationStock
from models.stock.place import Place
from models.stock.stock_levels import Stock, Stocks
from models.values import normalized

_items = table_of(Item)
_COLUMNS = (
    *("id", "sku", "barcode", "version", "quantity", "elsewhere", "reserving", "reorder_level", "levelled"),
    *("moved_at", "archived"),
)
_locations = table_of(Location)
_stocks = table_of(LocationStock)
# The default location, beside each item: so a movement that names no location costs no look-up.
_DEFAULT = [
    select(_locations.c[name]).where(_locations.c.is_default == true()).scalar_subquery().label(f"default_{name}")
    for name in ("id", "code")
]


class MovedStock(Protocol):
    """By how much the stock of an item changes, in all and elsewhere, and the time of its latest movement then."""

    @property
    def item_id(self) -> int: ...
    @property
    def delta(self) -> int: ...
    @property
    def delta_elsewhere(self) -> int: ...
    @property
    def moved_at(self) -> datetime | None: ...


class MovedAt(NamedTuple):
    """By how much the stock of an item at a location changes; `is_new` if no row is about it yet."""

    item_id: int
    location_id: int | None
    delta: int
    is_new: bool


def _read(condition: ColumnElement[bool]) -> AnySelect:
    return select(*(_items.c[name] for name in _COLUMNS), *_DEFAULT).where(condition).order_by(_items.c.id)


def _lock(condition: ColumnElement[bool]) -> AnySelect:
    return _read(condition).with_for_update()


# The statements of every movement are built once.
_ONE = _items.c.id == bindparam("item")
_LOCK_ONE = _lock(_ONE)
_MANY = _items.c.id.in_(bindparam("ids", expanding=True))
_READ_MANY = _read(_MANY)
_LOCK_MANY = _lock(_MANY)
_LOCK_NAMED = _lock(or_(_MANY, _items.c.sku_key.in_(bindparam("keys", expanding=True))))
# Holders of barcodes are looked up first and locked by id: with a condition on three columns, MariaDB scans the table.
_HOLDERS = select(_items.c.id, _items.c.barcode).where(_items.c.barcode.in_(bindparam("barcodes", expanding=True)))
_HOLDERS_OF_KEYS = select(_items.c.id, _items.c.sku_key).where(_items.c.sku_key.in_(bindparam("keys", expanding=True)))
_DELTA, _ELSEWHERE = (bindparam(name, type_=Integer()) for name in ("delta", "delta_elsewhere"))
_MOVE = (
    update(_items)
    .where(_ONE, _items.c.quantity + _DELTA >= 0)
    .values(
        quantity=_items.c.quantity + _DELTA,
        elsewhere=_items.c.elsewhere + _ELSEWHERE,
        moved_at=bindparam("moved_at", type_=UtcTime()),
        version=_items.c.version + 1,
        updated_at=bindparam("at", type_=UtcTime()),
    )
)


def _places(locations: ColumnElement[bool], items: ColumnElement[bool], *, lock: bool) -> AnySelect:
    """Return the select of some locations, each with what it has of some items."""
    # A subquery: of a plain join, MariaDB would lock the stocks too, in passing those of other items.
    stocks = select(_stocks).where(items).subquery("there")
    there = _locations.outerjoin(stocks, stocks.c.location_id == _locations.c.id)
    columns = [_locations.c[name] for name in ("id", "code", "code_key", "archived")]
    query = select(*columns, stocks.c.item_id, stocks.c.quantity).select_from(there).where(locations)
    # In the order in which a change of locations locks them, so that it and a batch can't deadlock.
    return query.order_by(_locations.c.id).with_for_update(read=True, of=_locations) if lock else query


# One location, by its code or by its id; the other parameter is None.
_IS_NAMED = or_(
    _locations.c.code_key == bindparam("key", type_=String()), _locations.c.id == bindparam("default", type_=Integer())
)
_ARE_NAMED = or_(
    _locations.c.code_key.in_(bindparam("keys", expanding=True)),
    _locations.c.id == bindparam("default", type_=Integer()),
)
_IS_ITEM, _ARE_ITEMS = _stocks.c.item_id == bindparam("item"), _stocks.c.item_id.in_(bindparam("items", expanding=True))
_READ_PLACE, _LOCK_PLACE = (_places(_IS_NAMED, _IS_ITEM, lock=lock) for lock in (False, True))
_READ_PLACES, _LOCK_PLACES = (_places(_ARE_NAMED, _ARE_ITEMS, lock=lock) for lock in (False, True))
_MOVE_AT = (
    update(_stocks)
    .where(_stocks.c.item_id == bindparam("item_id"), _stocks.c.location_id == bindparam("location_id"))
    .where(_stocks.c.quantity + _DELTA >= 0)
    .values(quantity=_stocks.c.quantity + _DELTA)
)
_PUT_AT = insert(_stocks).values({name: bindparam(name) for name in ("item_id", "location_id", "quantity")})


def lock_stocks(connection: WriteConnection, lines: Sequence[Line], by: Principal) -> Stocks:
    """Return the stocks of these lines as they are now, their items locked until the transaction ends.

    Raises RetryTransaction when a concurrent transaction has just given a barcode to another item.
    """
    ids = {line.item_id for line in lines if line.item_id is not None}
    if len(ids) == len(lines) == 1:
        stocks = Stocks(map(Stock, execute_one(connection, _LOCK_ONE, {"item": min(ids)})), by)
    else:
        stocks = _lock_many(cast(Connection, connection), lines, ids, by)  # which is no short write
    read_places(connection, stocks, lines, lock=True)
    return stocks


def read_places(connection: WriteConnection, stocks: Stocks, lines: Sequence[Line], *, lock: bool) -> None:
    """Read what the locations of these lines have of the items; with `lock`, no location is archived meanwhile.

    Raises RetryTransaction where the one that was the default a moment ago is archived by now.
    """
    named = {normalized(line.location) for line in lines if line.location is not None}
    needs_default = any(line.location is None for line in lines)
    default = next((stock.default.location_id for stock in stocks.by_id.values() if needs_default), None)
    if not stocks.by_id or not (named or default):
        return
    ids = list(stocks.by_id)
    if len(ids) == len(lines) == 1:
        one = {"item": ids[0], "key": min(named, default=None), "default": default}
        found = execute_one(connection, (_LOCK_PLACE if lock else _READ_PLACE), one)
    else:
        many = {"items": ids, "keys": list(named), "default": default}
        found = cast(Connection, connection).execute((_LOCK_PLACES if lock else _READ_PLACES), many)
    for location_id, code, key, archived, item_id, quantity in found.fetchall():
        stocks.places[key] = place = Place.of(location_id, code, archived)
        if location_id == default:
            if lock and archived:
                raise RetryTransaction
            stocks.rename_default(place)
        if item_id is not None:
            stocks.by_id[item_id].put(place, quantity)


def _lock_many(connection: Connection, lines: Sequence[Line], ids: set[int], by: Principal) -> Stocks:
    barcodes = {line.barcode for line in lines if line.barcode is not None}
    holders = connection.execute(_HOLDERS, {"barcodes": list(barcodes)}).all() if barcodes else []
    ids.update(holder.id for holder in holders)
    keys = {normalized(line.sku) for line in lines if line.sku is not None}
    if keys:
        found = connection.execute(_LOCK_NAMED, {"ids": list(ids), "keys": list(keys)})
    else:
        found = connection.execute(_LOCK_MANY, {"ids": list(ids)})
    stocks = Stocks(map(Stock, found), by)
    if any(holder.barcode not in stocks.by_barcode for holder in holders):
        raise RetryTransaction
    return stocks


def read_stocks(connection: Connection, ids: Sequence[int], by: Principal, *, lock: bool) -> Stocks:
    """Return the stocks of the items with these ids; with `lock`, the items are locked in the order of their ids."""
    return Stocks(map(Stock, connection.execute(_LOCK_MANY if lock else _READ_MANY, {"ids": ids})), by)


def ids_by_sku_key(connection: Connection, keys: Sequence[str]) -> dict[str, int]:
    """Return the ids of the items that have these normalized SKUs."""
    return {row.sku_key: row.id for row in connection.execute(_HOLDERS_OF_KEYS, {"keys": keys})}


def ids_by_barcode(connection: Connection, barcodes: Sequence[str]) -> dict[str, int]:
    """Return the ids of the items that have these barcodes."""
    return {row.barcode: row.id for row in connection.execute(_HOLDERS, {"barcodes": barcodes})}


def move_stocks(connection: WriteConnection, stocks: Iterable[MovedStock], updated_at: datetime) -> None:
    """Write the new quantities, with a condition that refuses a negative one once more.

    Raises AssertionError if not every locked item was updated.
    """
    rows = _rows(stocks, updated_at)
    if len(rows) == 1:
        _check_moved(execute_one(connection, _MOVE, rows[0]).rowcount, rows)
    else:
        move_prepared(connection, prepare(_MOVE, rows))


def prepare_moves(stocks: Iterable[MovedStock], updated_at: datetime) -> Any:
    """Return the new quantities for `move_prepared`; a transaction is not needed yet."""
    return prepare(_MOVE, _rows(stocks, updated_at))


def move_prepared(connection: WriteConnection, moves: Any) -> None:
    """Write what `prepare_moves` returned, as `move_stocks` does."""
    _check_moved(execute_prepared(connection, _MOVE, moves), moves)


def _rows(stocks: Iterable[MovedStock], updated_at: datetime) -> list[dict[str, Any]]:
    return [
        {
            "item": stock.item_id,
            "delta": stock.delta,
            "delta_elsewhere": stock.delta_elsewhere,
            "moved_at": stock.moved_at,
            "at": updated_at,
        }
        for stock in stocks
    ]


def _check_moved(moved: int, rows: Sequence[Any]) -> None:
    if moved != len(rows):
        raise AssertionError(f"{moved} of {len(rows)} locked items or stocks moved")


def moved_at(stocks: Stocks) -> list[MovedAt]:
    """Return by how much lines have changed the stocks at each location."""
    return [
        MovedAt(stock.item_id, location_id, there.delta, there.is_new)
        for stock in stocks.by_id.values()
        for location_id, there in stock.at.items()
        if there.delta or there.is_new
    ]


def move_stocks_at(connection: WriteConnection, stocks: Iterable[MovedAt]) -> None:
    """Write the new quantities of stocks at locations, like `move_stocks`; the main one's follows from the item's."""
    others = [stock for stock in stocks if stock.location_id is not None]
    for statement, are_new in ((_PUT_AT, True), (_MOVE_AT, False)):
        rows = [{**stock._asdict(), "quantity": stock.delta} for stock in others if stock.is_new == are_new]
        if rows:
            _check_moved(execute_many(connection, statement, rows), rows)
