"""What is reserved of locked items, and what may not be taken because of that.

No counter is stored: what is reserved is the sum of what is open now. It is summed up once the items are locked, by a
statement of its own: within the one that waits for the lock, PostgreSQL would see what there was before the wait.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, cast

from sqlalchemy import Connection, bindparam, case, func, select

from models.database.base import table_of
from models.database.current_write import WriteConnection
from models.database.writing import execute_one
from models.event import Event
from models.principal import Principal
from models.refusals import Refusal
from models.stock.available import NOTHING
from models.stock.lines import Line, Quantities
from models.stock.place import MAIN_ID
from models.stock.reservation import LASTS, RESERVED, STATE_IS_OPEN, Reservation

_reservations = table_of(Reservation)
_lasting = func.sum(case((LASTS, _reservations.c.open), else_=NOTHING))
_SUMS = (
    select(_reservations.c.item_id, _reservations.c.location_id, _lasting, RESERVED)
    .where(STATE_IS_OPEN)
    .group_by(_reservations.c.item_id, _reservations.c.location_id)
)
_OF_ONE = _SUMS.where(_reservations.c.item_id == bindparam("item"))
_OF_MANY = _SUMS.where(_reservations.c.item_id.in_(bindparam("items", expanding=True)))


class OneStock(NamedTuple):
    """What is reserved of an item at one location; `location_id` is None for the main one."""

    item_id: int
    location_id: int | None


class Promised(NamedTuple):
    """How many units are reserved, and how many are open of reservations that are past their time."""

    reserved: int
    overdue: int


class LockedItem(Protocol):
    """A locked item; `reserved` has what is reserved of it by location, None being the main one.

    `overdue` is what is open of reservations that are past their time, until their end is written.
    """

    item_id: int
    sku: str
    reserving: bool
    reserved: dict[int | None, int]
    overdue: int


class StockThere(Protocol):
    """What one location has of a locked item, and by how much lines have changed it."""

    quantity: int
    delta: int

    @property
    def name(self) -> str: ...
    @property
    def reserved(self) -> int: ...
    @property
    def whereabouts(self) -> Mapping[str, Any]: ...


class TakenLine(Protocol):
    """A line that was applied to a stock."""

    @property
    def line(self) -> Line: ...
    @property
    def stock(self) -> LockedItem: ...
    @property
    def at(self) -> StockThere: ...
    @property
    def quantities(self) -> Quantities: ...


def read_reserved(connection: WriteConnection, items: Iterable[LockedItem]) -> None:
    """Sum up what is reserved of these items; nothing is read if none of them may have reservations."""
    reserving = {item.item_id: item for item in items if item.reserving}
    if not reserving:
        return
    for (item_id, location_id), promised in reserved_of(connection, list(reserving)).items():
        reserving[item_id].reserved[location_id] = promised.reserved
        reserving[item_id].overdue += promised.overdue


def reserved_of(connection: WriteConnection, item_ids: Sequence[int]) -> dict[OneStock, Promised]:
    """Return what is reserved of each stock of these items; those without open reservations are missing."""
    if len(item_ids) == 1:
        found = execute_one(connection, _OF_ONE, {"item": item_ids[0]})
    else:
        found = cast(Connection, connection).execute(_OF_MANY, {"items": item_ids})
    return {
        OneStock(item_id, None if location_id == MAIN_ID else location_id): Promised(int(lasting), int(units - lasting))
        for item_id, location_id, lasting, units in found.fetchall()
    }


def check_available(at: StockThere, units: int) -> None:
    """Raise Refusal `insufficient_stock` if a stock has not so many units that nobody has reserved."""
    if units > at.quantity - at.reserved:
        raise insufficient(at, units)


def insufficient(at: StockThere, units: int) -> Refusal:
    """Return the refusal of a line that would take so many units from a stock."""
    promised = f", of which {at.reserved} are reserved" if at.reserved else ""
    return Refusal(
        "insufficient_stock",
        f"{at.name} has {at.quantity}{promised}; {units} can't go.",
        quantity=at.quantity,
        reserved=at.reserved,
        available=max(0, at.quantity - at.reserved),
        **at.whereabouts,
    )


def oversubscribed(taken: Iterable[TakenLine]) -> list[dict[str, Any]]:
    """Return the data of the event of each stock that lines have left with less than is reserved.

    Whoever counts or adjusts records what is there. A fulfilment is no such line: it takes what it had reserved.
    """
    lowered = {id(each.at): each for each in taken if each.quantities.delta < 0 and not each.line.reservation_id}
    return [
        shortage(item.item_id, item.sku, at.whereabouts["location"], at.quantity, at.reserved)
        for item, at in ((each.stock, each.at) for each in lowered.values())
        if at.delta < 0 and at.quantity < at.reserved
    ]


def shortage(item_id: int, sku: str, location: str, quantity: int, reserved: int) -> dict[str, Any]:
    """Return the data of the event of one stock that has less than is reserved."""
    return {
        "item_id": item_id,
        "sku": sku,
        "location": location,
        "quantity": quantity,
        "reserved": reserved,
        "available": 0,
    }


def record_oversubscribed(stocks: Iterable[Mapping[str, Any]], by: Principal) -> None:
    """Record the events that `oversubscribed` returned."""
    events = [(stock, stock["item_id"], None) for stock in stocks]
    if events:
        Event.record_many("item.oversubscribed", events, by)
