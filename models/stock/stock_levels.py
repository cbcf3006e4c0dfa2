"""The quantities of items while lines are applied to them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from models.database.current_write import WriteConnection
from models.database.writing import as_utc
from models.principal import Principal
from models.refusals import NotFound, Refusal
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
        """Take the columns of the lock statements, as the driver returns them or converted."""
        self.item_id, self.sku, self.barcode, self.version, self.quantity, moved_at, archived = row
        self.moved_at = self._recorded_until = as_utc(moved_at)
        self.archived = bool(archived)
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

    def take(self, line: Line, time: datetime, connection: WriteConnection) -> int:
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
            self._timeline = Timeline(
                connection,
                self.item_id,
                self.sku,
                quantity=self.quantity,
                moved_at=self._recorded_until,
                times=self._times,
            )
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


class Taken(NamedTuple):
    """A line that was applied, by its place among them; the stock of its item was changed by `delta` at `time`."""

    place: int
    line: Line
    stock: Stock
    time: datetime
    delta: int
    quantity_after: int


def take_lines(
    connection: WriteConnection, stocks: Stocks, lines: Iterable[Line], recorded_at: datetime
) -> tuple[list[Taken], dict[int, Refusal]]:
    """Apply lines to stocks in their order; return what was applied, and the refusals of the others by place."""
    dated: list[tuple[int, Line, Stock, datetime]] = []
    taken: list[Taken] = []
    refusals: dict[int, Refusal] = {}
    for place, line in enumerate(lines):
        try:
            stock = stocks.of(line)
        except NotFound as refusal:
            refusals[place] = refusal
        else:
            dated.append((place, line, stock, stock.date(line, recorded_at)))
    for place, line, stock, time in dated:
        try:
            delta = stock.take(line, time, connection)
        except Refusal as refusal:
            refusals[place] = refusal
        else:
            taken.append(Taken(place, line, stock, time, delta, stock.quantity))
    return taken, dict(sorted(refusals.items()))
