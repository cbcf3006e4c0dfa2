"""The quantities of items while lines are applied to them, in all and at each location."""

from collections.abc import Iterable
from datetime import datetime
from functools import cached_property
from typing import Any

from models.database.current_write import WriteConnection
from models.database.writing import as_utc
from models.principal import Principal
from models.refusals import NotFound, Refusal
from models.stock.item_fields import MAX_QUANTITY
from models.stock.lines import Line, Quantities
from models.stock.location_rights import LocationRights
from models.stock.place import IN_TRANSIT, IN_TRANSIT_ID, Place
from models.stock.reserved import check_available, insufficient
from models.stock.timeline import Timeline, next_time
from models.values import normalized


class StockAt:
    """What one location has of a locked item, in units; `is_new` if no row of the table is about it yet."""

    def __init__(self, stock: "Stock", place: Place, quantity: int, *, is_new: bool = False) -> None:
        self.place = place
        self.quantity = quantity
        self.delta = 0
        self.freed = 0  # by how much that has changed what is available; less than nothing for what is taken
        self.is_new = is_new
        self._item = stock
        self._times: list[datetime] = []
        self._timeline: Timeline | None = None

    def date(self, time: datetime) -> None:
        """Note the time of a line that will be taken; all lines are dated before the first is taken."""
        self._times.append(time)

    def take(self, line: Line, time: datetime, connection: WriteConnection, *, backdated: bool) -> int:
        """Apply a line at its time and return its delta; raises Refusal, the stock then being unchanged.

        The codes are `location_forbidden`, `location_archived`, `location_required`, `quantity_changed`,
        `counted_since` and `insufficient_stock`.
        """
        self.check(line)
        if backdated and self._timeline is None:
            self._timeline = Timeline(connection, self, moved_at=self._item.recorded_until, times=self._times)
        delta = line.delta(self._timeline.quantity_at(time) if self._timeline else self.quantity)
        self._item.check_limit(delta)
        if self.reserved and line.respects_reservations:
            check_available(self, -delta)
        if self._timeline:
            self._timeline.add(time, delta, counts=line.kind == "count")
        elif self.quantity + delta < 0:
            raise insufficient(self, -delta)
        self.quantity += delta
        self.delta += delta
        # What is on its way is not available; and what is fulfilled was not before.
        if line.reservation_id is None and self.place.location_id != IN_TRANSIT_ID:
            self.freed += delta
        return delta

    @property
    def item_id(self) -> int:
        """The id of the item."""
        return self._item.item_id

    @property
    def location_id(self) -> int | None:
        """The id of the location, None for the main one."""
        return self.place.location_id

    @property
    def reserved(self) -> int:
        """What is reserved there, in units."""
        return self._item.reserved.get(self.location_id, 0)

    @property
    def name(self) -> str:
        """The item in a sentence, with the location if the item has stock at another one too."""
        at = "" if self._item.quantity == self.quantity else f" at {self.place.code}"
        return f"Item {self._item.sku!r}{at}"

    @property
    def whereabouts(self) -> dict[str, str | int]:
        """What a refusal says beside the quantity: the location, and what the item has in all."""
        return {"location": self.place.code, "total": self._item.quantity}

    def check(self, line: Line) -> None:
        """Raise Refusal if the location is none for this line, or does not have what it expects."""
        if self.place.location_id == IN_TRANSIT_ID and line.transfer_id is None:
            raise Refusal("unknown_location", f"{IN_TRANSIT} has what is on its way; only transfers move it.")
        self._item.rights.check(self.place, named=line.location is not None)
        if self.place.archived:
            raise Refusal("location_archived", f"Location {self.place.code!r} is archived; restore it first.")
        if line.kind == "count" and line.location is None and self._item.quantity != self.quantity:
            raise Refusal(
                "location_required",
                f"Item {self._item.sku!r} has stock at several locations; say which one was counted.",
            )
        expected, found = line.expect_quantity, self.quantity if line.location else self._item.quantity
        if expected is not None and expected != found:
            name = self.name if line.location else f"Item {self._item.sku!r}"
            raise Refusal("quantity_changed", f"{name} has {found}, not {expected}.", quantity=found)


class Stock:
    """The stock of one locked item, in units, in all and by location, while lines are applied to it."""

    item_id: int
    rights: LocationRights  # of who locks it

    def __init__(self, row: Any) -> None:
        """Take the columns of the lock statements, as the driver returns them or converted."""
        (
            self.item_id,
            self.sku,
            self.barcode,
            self.version,
            self.quantity,
            self.elsewhere,
            reserving,
            self.reorder_level,
            levelled,
            moved_at,
            archived,
            default_id,
            default_code,
        ) = row
        self.moved_at = self.recorded_until = as_utc(moved_at)
        self.archived, self.reserving, self.levelled = bool(archived), bool(reserving), bool(levelled)
        self.reserved: dict[int | None, int] = {}  # by location
        self.overdue = 0  # what is open of reservations that are past their time
        self.default = Place.of(default_id, default_code)
        self.delta = self.delta_elsewhere = 0
        self.at: dict[int | None, StockAt] = {}
        self._backdated = False

    def put(self, place: Place, quantity: int | None) -> StockAt:
        """Say what a location has of the item, None if there is no row about it; return the stock there."""
        if place.location_id is None:
            quantity = self.quantity - self.elsewhere
        self.at[place.location_id] = StockAt(self, place, quantity or 0, is_new=quantity is None)
        return self.at[place.location_id]

    def date(self, line: Line, at: StockAt, recorded_at: datetime) -> datetime:
        """Return the time at which a line moves the stock; all lines are dated before the first is taken."""
        time = line.occurred_at or next_time(self.moved_at, recorded_at)
        at.date(time)
        if self.moved_at is None or time > self.moved_at:
            self.moved_at = time
        else:
            self._backdated = True
        return time

    def take(self, line: Line, at: StockAt, time: datetime, connection: WriteConnection) -> Quantities:
        """Apply a line at its time and return its quantities; raises Refusal, the stock then being unchanged.

        The codes are `item_archived`, `stock_limit`, and those of `StockAt.take`.
        """
        self.check_changeable()
        delta = at.take(line, time, connection, backdated=self._backdated)
        self.quantity += delta
        self.delta += delta
        if at.place.location_id is not None:
            self.elsewhere += delta
            self.delta_elsewhere += delta
        return Quantities(delta, self.quantity, at.quantity)

    def check_changeable(self) -> None:
        """Raise Refusal `item_archived` if the item is archived."""
        if self.archived:
            raise Refusal("item_archived", f"Item {self.sku!r} is archived; restore it first.")

    def check_limit(self, delta: int) -> None:
        """Raise Refusal `stock_limit` if the item would have too much with so many more."""
        if self.quantity + delta > MAX_QUANTITY:
            raise Refusal(
                "stock_limit",
                f"Item {self.sku!r} has {self.quantity}; {delta} more exceed {MAX_QUANTITY}.",
                quantity=self.quantity,
            )


class Stocks:
    """The locked stocks of some lines, by id, SKU and barcode of their items, and the locations that they name.

    They change only at the locations where `by` may change stock.
    """

    def __init__(self, stocks: Iterable[Stock], by: Principal) -> None:
        self.by_id = {stock.item_id: stock for stock in stocks}
        rights = LocationRights(by)
        for stock in self.by_id.values():
            stock.rights = rights
        self.places: dict[str, Place] = {}  # by normalized code

    @cached_property
    def by_sku_key(self) -> dict[str, Stock]:
        """The stocks by normalized SKU."""
        return {normalized(stock.sku): stock for stock in self.by_id.values()}

    @cached_property
    def by_barcode(self) -> dict[str, Stock]:
        """The stocks of the items that have a barcode, by it."""
        return {stock.barcode: stock for stock in self.by_id.values() if stock.barcode is not None}

    def rename_default(self, place: Place) -> None:
        """Say what the default location is called now: its code may have changed since the items were read."""
        for stock in self.by_id.values():
            stock.default = place

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

    def at(self, line: Line, stock: Stock) -> StockAt:
        """Return the stock of an item at the location of a line; raises Refusal `unknown_location`."""
        place = stock.default if line.location is None else self.places.get(normalized(line.location))
        if place is None:
            raise Refusal("unknown_location", f"There is no location with the code {line.location!r}.")
        return stock.at.get(place.location_id) or stock.put(place, None)
