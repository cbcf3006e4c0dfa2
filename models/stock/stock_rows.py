"""The rows of items in which their stocks are: the statements that lock them, read them and write them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol, cast

from sqlalchemy import ColumnElement, Connection, Integer, bindparam, or_, select, update

from models.database.base import table_of
from models.database.column_types import UtcTime
from models.database.current_write import WriteConnection
from models.database.reading import AnySelect
from models.database.transactions import RetryTransaction
from models.database.writing import execute_one, execute_prepared, prepare
from models.stock.item import Item
from models.stock.stock_levels import Line, Stock, Stocks
from models.values import normalized

_items = table_of(Item)


class MovedStock(Protocol):
    """By how much the stock of an item changes, and the time of its latest movement then."""

    @property
    def item_id(self) -> int: ...
    @property
    def delta(self) -> int: ...
    @property
    def moved_at(self) -> datetime | None: ...


def _read(condition: ColumnElement[bool]) -> AnySelect:
    columns = [_items.c[name] for name in ("id", "sku", "barcode", "version", "quantity", "moved_at", "archived")]
    return select(*columns).where(condition).order_by(_items.c.id)


def _lock(condition: ColumnElement[bool]) -> AnySelect:
    return _read(condition).with_for_update()


# The statements of every movement are built once.
_ONE = _items.c.id == bindparam("item")
_LOCK_ONE = _lock(_ONE)
_MANY = _items.c.id.in_(bindparam("ids", expanding=True))
_READ_MANY = _read(_MANY)
_LOCK_MANY = _lock(_MANY)
_LOCK_VERSIONS = select(_items.c.id, _items.c.version).where(_MANY).order_by(_items.c.id).with_for_update()
_LOCK_NAMED = _lock(or_(_MANY, _items.c.sku_key.in_(bindparam("keys", expanding=True))))
# Holders of barcodes are looked up first and locked by id: with a condition on three columns, MariaDB scans the table.
_HOLDERS = select(_items.c.id, _items.c.barcode).where(_items.c.barcode.in_(bindparam("barcodes", expanding=True)))
_HOLDERS_OF_KEYS = select(_items.c.id, _items.c.sku_key).where(_items.c.sku_key.in_(bindparam("keys", expanding=True)))
_DELTA = bindparam("delta", type_=Integer())
_MOVE = (
    update(_items)
    .where(_ONE, _items.c.quantity + _DELTA >= 0)
    .values(
        quantity=_items.c.quantity + _DELTA,
        moved_at=bindparam("moved_at", type_=UtcTime()),
        version=_items.c.version + 1,
        updated_at=bindparam("at", type_=UtcTime()),
    )
)


def lock_stocks(connection: WriteConnection, lines: Sequence[Line]) -> Stocks:
    """Return the stocks of these lines as they are now, their items locked until the transaction ends.

    Raises RetryTransaction when a concurrent transaction has just given a barcode to another item.
    """
    ids = {line.item_id for line in lines if line.item_id is not None}
    if len(ids) == len(lines) == 1:
        return Stocks(map(Stock, execute_one(connection, _LOCK_ONE, {"item": min(ids)})))
    return _lock_many(cast(Connection, connection), lines, ids)  # which is no short write


def _lock_many(connection: Connection, lines: Sequence[Line], ids: set[int]) -> Stocks:
    barcodes = {line.barcode for line in lines if line.barcode is not None}
    holders = connection.execute(_HOLDERS, {"barcodes": list(barcodes)}).all() if barcodes else []
    ids.update(holder.id for holder in holders)
    keys = {normalized(line.sku) for line in lines if line.sku is not None}
    if keys:
        found = connection.execute(_LOCK_NAMED, {"ids": list(ids), "keys": list(keys)})
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


def lock_versions(connection: Connection, ids: Sequence[int]) -> dict[int, int]:
    """Lock the items with these ids in the order of their ids; return their versions by id."""
    return dict(connection.execute(_LOCK_VERSIONS, {"ids": ids}).all())


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
        {"item": stock.item_id, "delta": stock.delta, "moved_at": stock.moved_at, "at": updated_at} for stock in stocks
    ]


def _check_moved(moved: int, rows: Sequence[Any]) -> None:
    if moved != len(rows):
        raise AssertionError(f"{moved} of {len(rows)} locked items moved")
