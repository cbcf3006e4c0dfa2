"""The rows of items in which their stocks are: the statements that lock them, read them and write them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, Update, bindparam, case, literal, or_, select, update

from models.database.base import table_of
from models.database.column_types import UtcTime
from models.database.reading import AnySelect
from models.database.transactions import RetryTransaction
from models.database.writing import execute_one
from models.stock.item import Item
from models.stock.stock_levels import Line, Stock, Stocks
from models.values import normalized

_items = table_of(Item)


def _read(condition: ColumnElement[bool]) -> AnySelect:
    columns = [_items.c[name] for name in ("id", "sku", "barcode", "quantity", "moved_at", "archived")]
    return select(*columns).where(condition).order_by(_items.c.id)


def _lock(condition: ColumnElement[bool]) -> AnySelect:
    return _read(condition).with_for_update()


def _move(condition: ColumnElement[bool], delta: ColumnElement[int], moved_at: ColumnElement[datetime]) -> Update:
    return (
        update(_items)
        .where(condition, _items.c.quantity + delta >= 0)
        .values(
            quantity=_items.c.quantity + delta,
            moved_at=moved_at,
            version=_items.c.version + 1,
            updated_at=bindparam("at", type_=UtcTime()),
        )
    )


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
_MOVE_ONE = _move(_ONE, bindparam("delta", type_=Integer()), bindparam("moved_at", type_=UtcTime()))


def lock_stocks(connection: Connection, lines: Sequence[Line]) -> Stocks:
    """Return the stocks of these lines as they are now, their items locked until the transaction ends.

    Raises RetryTransaction when a concurrent transaction has just given a barcode to another item.
    """
    ids = {line.item_id for line in lines if line.item_id is not None}
    barcodes = {line.barcode for line in lines if line.barcode is not None}
    holders = connection.execute(_HOLDERS, {"barcodes": list(barcodes)}).all() if barcodes else []
    ids.update(holder.id for holder in holders)
    keys = {normalized(line.sku) for line in lines if line.sku is not None}
    if keys:
        found = connection.execute(_LOCK_NAMED, {"ids": list(ids), "keys": list(keys)})
    elif len(ids) == 1:
        found = execute_one(connection, _LOCK_ONE, {"item": min(ids)})
    else:
        found = connection.execute(_LOCK_MANY, {"ids": list(ids)})
    stocks = Stocks(map(Stock, found))
    if any(holder.barcode not in stocks.by_barcode for holder in holders):
        raise RetryTransaction
    return stocks


def read_stocks(connection: Connection, ids: Sequence[int], *, lock: bool) -> Stocks:
    """Return the stocks of the items with these ids; with `lock`, the items are locked in the order of their ids."""
    return Stocks(map(Stock, connection.execute(_LOCK_MANY if lock else _READ_MANY, {"ids": ids})))


def ids_by_sku_key(connection: Connection, keys: Sequence[str]) -> dict[str, int]:
    """Return the ids of the items that have these normalized SKUs."""
    return {row.sku_key: row.id for row in connection.execute(_HOLDERS_OF_KEYS, {"keys": keys})}


def ids_by_barcode(connection: Connection, barcodes: Sequence[str]) -> dict[str, int]:
    """Return the ids of the items that have these barcodes."""
    return {row.barcode: row.id for row in connection.execute(_HOLDERS, {"barcodes": barcodes})}


def move_stocks(connection: Connection, stocks: Iterable[Stock], updated_at: datetime) -> None:
    """Write the new quantities in one statement, whose condition refuses a negative one once more.

    Raises AssertionError if not every locked item was updated.
    """
    moved = list(stocks)
    if len(moved) == 1:
        [stock] = moved
        values = {"item": stock.item_id, "delta": stock.delta, "moved_at": stock.moved_at, "at": updated_at}
        found = execute_one(connection, _MOVE_ONE, values)
    else:
        deltas = {stock.item_id: stock.delta for stock in moved}
        many = _move(_items.c.id.in_(deltas), case(deltas, value=_items.c.id), _moved_at(moved))
        found = connection.execute(many, {"at": updated_at})
    if found.rowcount != len(moved):
        raise AssertionError(f"{found.rowcount} of {len(moved)} locked items moved")


def _moved_at(stocks: Sequence[Stock]) -> ColumnElement[Any]:
    """Return the expression for the latest times of these items; most batches move all of theirs at the same one."""
    times = {stock.item_id: stock.moved_at for stock in stocks}
    if len(set(times.values())) == 1:
        return literal(stocks[0].moved_at, UtcTime())
    return case({item_id: literal(at, UtcTime()) for item_id, at in times.items()}, value=_items.c.id)
