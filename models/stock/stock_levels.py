"""The quantities of locked items while lines are applied to them, and the statements that lock and update them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, Update, bindparam, case, literal, or_, select, update

from models.database.base import table_of
from models.database.column_types import UtcTime
from models.database.reading import AnySelect
from models.database.transactions import RetryTransaction
from models.database.writing import as_utc, execute_one
from models.principal import Principal
from models.refusals import NotFound, Refusal
from models.stock.item import Item
from models.stock.item_fields import MAX_QUANTITY
from models.stock.timeline import Timeline, next_time
from models.values import normalized


@dataclass(frozen=True, slots=True)
class Line:
    """One movement to be recorded, of the item with this id, SKU or barcode.

    `quantity` is in units; what it does to the stock depends on `kind`.
    """

    kind: str
    quantity: int
    reason: str
    reference: str = ""
    item_id: int | None = None
    sku: str | None = None
    barcode: str | None = None
    expect_quantity: int | None = None
    occurred_at: datetime | None = None
    reverses_id: int | None = None

    def delta(self, stock: int) -> int:
        """Return what this line adds to a stock, in units; a negative number if it takes something away."""
        if self.kind == "count":
            return self.quantity - stock
        return -self.quantity if self.kind == "issue" else self.quantity

    def row(
        self, item_id: int, delta: int, quantity_after: int, *, time: datetime, recorded_at: datetime, by: Principal
    ) -> dict[str, Any]:
        """Return this line as a row of the ledger; `time` is when it moved the stock."""
        return {
            "item_id": item_id,
            "user_id": by.user_id,
            "kind": self.kind,
            "delta": delta,
            "quantity_after": quantity_after,
            "counted": self.quantity if self.kind == "count" else None,
            "reason": self.reason,
            "reference": self.reference,
            "reverses_id": self.reverses_id,
            "occurred_at": time,
            "created_at": recorded_at,
        }


class RefusedLines(Refusal):
    """Some lines can't be recorded, so none was; `refusals` has the reason for each of them, by index."""

    def __init__(self, refusals: Mapping[int, Refusal]) -> None:
        first = next(iter(refusals))
        unknown = any(isinstance(refusal, NotFound) for refusal in refusals.values())
        super().__init__(
            "invalid_input" if unknown else refusals[first].code,
            f"Nothing was recorded. Line {first}: {refusals[first].detail}",
            errors=[
                {
                    "field": f"movements[{index}]",
                    "index": index,
                    "code": refusal.code,
                    "message": refusal.detail,
                    **refusal.extra,
                }
                for index, refusal in refusals.items()
            ],
        )
        self.refusals = refusals


class Stock:
    """The stock of one locked item, in units, while lines are applied to it."""

    def __init__(self, row: Any) -> None:
        """Take what the lock statements return of an item."""
        self.item_id: int = row.id
        self.sku: str = row.sku
        self.barcode: str | None = row.barcode
        self.quantity: int = row.quantity
        self.moved_at = as_utc(row.moved_at)
        self.archived = bool(row.archived)
        self.delta = 0
        self._times: list[datetime] = []
        self._backdated = False
        self._timeline: Timeline | None = None

    def date(self, line: Line, recorded_at: datetime) -> datetime:
        """Return the time at which a line moves the stock; all lines are dated before the first is taken."""
        time = line.occurred_at or next_time(self.moved_at, recorded_at)
        self._times.append(time)
        if self.moved_at is None or time > self.moved_at:
            self.moved_at = time
        else:
            self._backdated = True
        return time

    def take(self, line: Line, time: datetime, connection: Connection) -> int:
        """Apply a line at its time and return its delta; raises Refusal, the stock then being unchanged.

        The codes are `item_archived`, `quantity_changed`, `counted_since`, `insufficient_stock` and `stock_limit`.
        """
        if self.archived:
            raise Refusal("item_archived", f"Item {self.sku!r} is archived; restore it first.")
        if line.expect_quantity is not None and line.expect_quantity != self.quantity:
            raise Refusal(
                "quantity_changed",
                f"Item {self.sku!r} has {self.quantity}, not {line.expect_quantity}.",
                quantity=self.quantity,
            )
        if self._backdated and self._timeline is None:
            self._timeline = Timeline(connection, self.item_id, self.sku, quantity=self.quantity, times=self._times)
        delta = line.delta(self._timeline.quantity_at(time) if self._timeline else self.quantity)
        if self.quantity + delta > MAX_QUANTITY:
            raise Refusal(
                "stock_limit",
                f"Item {self.sku!r} has {self.quantity}; {delta} more exceed {MAX_QUANTITY}.",
                quantity=self.quantity,
            )
        if self._timeline:
            self._timeline.add(time, delta, counts=line.kind == "count")
        elif self.quantity + delta < 0:
            raise Refusal(
                "insufficient_stock",
                f"Item {self.sku!r} has {self.quantity}; {-delta} can't go.",
                quantity=self.quantity,
            )
        self.quantity += delta
        self.delta += delta
        return delta


class Stocks:
    """The locked stocks of some lines, by id, SKU and barcode of their items."""

    def __init__(self, stocks: Iterable[Stock]) -> None:
        self.by_id = {stock.item_id: stock for stock in stocks}
        self.by_sku_key = {normalized(stock.sku): stock for stock in self.by_id.values()}
        self.by_barcode = {stock.barcode: stock for stock in self.by_id.values() if stock.barcode is not None}

    def of(self, line: Line) -> Stock:
        """Return the stock of the item of a line; raises NotFound."""
        if line.item_id is not None:
            stock, name = self.by_id.get(line.item_id), f"id {line.item_id}"
        elif line.barcode is not None:
            stock, name = self.by_barcode.get(line.barcode), f"barcode {line.barcode!r}"
        else:
            stock, name = self.by_sku_key.get(normalized(line.sku or "")), f"SKU {line.sku!r}"
        if stock is None:
            raise NotFound(f"There is no item with the {name}.")
        return stock


_items = table_of(Item)


def _lock(condition: ColumnElement[bool]) -> AnySelect:
    columns = [_items.c[name] for name in ("id", "sku", "barcode", "quantity", "moved_at", "archived")]
    return select(*columns).where(condition).order_by(_items.c.id).with_for_update()


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
_LOCK_MANY = _lock(_MANY)
_LOCK_NAMED = _lock(or_(_MANY, _items.c.sku_key.in_(bindparam("keys", expanding=True))))
# Holders of barcodes are looked up first and locked by id: with a condition on three columns, MariaDB scans the table.
_HOLDERS = select(_items.c.id, _items.c.barcode).where(_items.c.barcode.in_(bindparam("barcodes", expanding=True)))
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
