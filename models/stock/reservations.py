"""Reserving stock: making reservations, fulfilling and releasing them, and changing when they expire.

A reservation is passed as clients see it. Whoever changes one has locked it before, in the same transaction: by its
item, under whose lock every reservation of it is made and changed. A release locks it itself.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, exists, update

from models.database.base import table_of
from models.database.clock import database_now
from models.database.column_types import UtcTime
from models.database.current_write import write_connection
from models.database.transactions import RetryTransaction
from models.database.writing import execute_many, execute_one, insert_many
from models.event import Event
from models.principal import Principal
from models.refusals import Refusal
from models.representation import serialize
from models.stock import reservation_query
from models.stock.item import Item
from models.stock.lines import Line, RefusedLines
from models.stock.location_rights import LocationRights
from models.stock.low_stock import Change, changes_of, has_levels, record_crossings
from models.stock.movement import Movement
from models.stock.place import MAIN_ID, Place
from models.stock.reservation import STATE_IS_OPEN, Reservation
from models.stock.reserved import check_available, read_reserved
from models.stock.stock_levels import Stock, StockAt, Stocks
from models.stock.stock_rows import lock_stocks
from models.values import normalized, now, rfc3339

Values = dict[str, Any]

_items, _reservations = table_of(Item), table_of(Reservation)
# Whether the item may have open ones is written with each change of one, under the lock of the item.
_has_open = exists().where(Reservation.item_id == _items.c.id, STATE_IS_OPEN).correlate(_items)
_TOUCH = (
    update(_items)
    .where(_items.c.id == bindparam("item"))
    .values(reserving=_has_open, version=_items.c.version + 1, updated_at=bindparam("at", type_=UtcTime()))
)
_CHANGE = (
    update(_reservations)
    .where(_reservations.c.id == bindparam("reservation"), STATE_IS_OPEN)
    .values({name: bindparam(name) for name in ("open", "state", "expires_at", "updated_at")})
)


def reserve(lines: Sequence[Line], *, expires_in: timedelta | None, by: Principal) -> list[Values]:
    """Reserve all lines or none, for this long or for ever; return the reservations.

    What several lines reserve of one stock is checked together. Raises RefusedLines, and RetryTransaction as
    `lock_stocks` does.
    """
    connection = write_connection()
    stocks = lock_stocks(connection, lines, by)
    read_reserved(connection, stocks.by_id.values())
    reserved: list[tuple[Line, StockAt]] = []
    refusals: dict[int, Refusal] = {}
    for number, line in enumerate(lines):
        try:
            reserved.append((line, _reserve(stocks, line)))
        except Refusal as refusal:
            refusals[number] = refusal
    if refusals:
        raise RefusedLines(refusals, "reservations")
    expires_at = None if expires_in is None else database_now() + expires_in
    return _insert(stocks, reserved, expires_at, by)


def _reserve(stocks: Stocks, line: Line) -> StockAt:
    """Reserve one line of the locked stocks, of whose reservations the later lines know; raises Refusal."""
    stock = stocks.of(line)
    at = stocks.at(line, stock)
    stock.check_changeable()
    at.check(line)
    check_available(at, line.quantity)
    stock.reserved[at.location_id] = at.reserved + line.quantity
    at.freed -= line.quantity
    return at


def _insert(
    stocks: Stocks, reserved: Sequence[tuple[Line, StockAt]], expires_at: datetime | None, by: Principal
) -> list[Values]:
    made_at = now()
    rows = [
        {
            "item_id": at.item_id,
            "location_id": at.location_id or MAIN_ID,
            "quantity": line.quantity,
            "open": line.quantity,
            "state": "open",
            "expires_at": expires_at,
            "reason": line.reason,
            "reference": line.reference,
            "user_id": by.user_id,
            "created_at": made_at,
            "updated_at": made_at,
        }
        for line, at in reserved
    ]
    ids = insert_many(Reservation, rows)
    made = [
        reservation_query.REPRESENTATION.of_values(
            {**row, "id": id_, "sku": stocks.by_id[at.item_id].sku, "location": at.place.code, "user": by.username}
        )
        for id_, row, (_, at) in zip(ids, rows, reserved, strict=True)
    ]
    touch({each["item_id"] for each in made})
    Event.record_many("reservation.created", [(each, each["item_id"], None) for each in made], by)
    record_crossings(changes_of(stocks.by_id.values()), by)
    return made


def lock(reservation_id: int, by: Principal) -> Values:
    """Lock a reservation, with its item and its location, until the transaction ends, and return it; raises NotFound.

    Raises Refusal `location_forbidden`, and RetryTransaction as `lock_stocks` does, or where its location has just got
    another code.
    """
    return _lock(reservation_id, by)[0]


def _lock(reservation_id: int, by: Principal) -> tuple[Values, Stock, Place]:
    """Lock a reservation like `lock`, and return it with the stock of its item and its location."""
    found = reservation_query.read(reservation_id)
    line = Line("reserve", 0, "", item_id=found["item_id"], location=found["location"])
    stocks = lock_stocks(write_connection(), [line], by)
    place = stocks.places.get(normalized(found["location"]))
    if place is None:
        raise RetryTransaction
    LocationRights(by).check(place, named=True)
    reservation = reservation_query.read(reservation_id)  # again: another may have changed it before this lock
    return reservation, stocks.by_id[reservation["item_id"]], place


def fulfil(reservation: Values, quantity: int | None, *, by: Principal) -> tuple[Values, Values]:
    """Issue some units of a locked reservation, by default all that are open; return the movement and the reservation.

    Raises Refusal `reservation_closed`, `over_fulfilment`, or those of an issue.
    """
    _check_open(reservation)
    left = reservation["open"]
    units = left if quantity is None else quantity
    if units > left:
        raise Refusal(
            "over_fulfilment", f"Reservation {reservation['id']} has {left} open; {units} are more.", open=left
        )
    fulfilled = _change(reservation, open=left - units, state="fulfilled" if units == left else "open")
    line = Line(
        "issue",
        units,
        reservation["reason"],
        reservation["reference"],
        item_id=reservation["item_id"],
        location=reservation["location"],
        reservation_id=reservation["id"],
    )
    movement = Movement.record_one(line, by)
    _record("reservation.fulfilled", fulfilled, by)
    return movement, fulfilled


def release(reservation_id: int, *, by: Principal) -> Values:
    """Lock a reservation and give back what is open of it, and return it.

    Raises Refusal `reservation_closed`, and what `lock` raises.
    """
    reservation, stock, place = _lock(reservation_id, by)
    _check_open(reservation)
    released = _change(reservation, state="released")
    _record("reservation.released", released, by)
    if has_levels(stock):
        record_crossings([Change(stock.item_id, place.location_id, released["open"])], by)
    return released


def change_expiry(reservation: Values, expires_at: datetime, *, by: Principal) -> Values:
    """Set when a locked reservation expires, and return it; raises Refusal `reservation_closed`, or for a past time."""
    _check_open(reservation)
    if expires_at <= database_now():
        message = "must lie in the future; POST …/release ends a reservation"
        fault = {"field": "expires_at", "code": "in_past", "message": message}
        raise Refusal("invalid_input", f"expires_at {message}.", errors=[fault])
    if rfc3339(expires_at) == reservation["expires_at"]:
        return reservation
    changed = _change(reservation, expires_at=expires_at)
    _record("reservation.updated", changed, by)
    return changed


def touch(item_ids: Iterable[int]) -> None:
    """Note of some locked items, of which reservations have changed, whether they may have open ones."""
    rows = [{"item": item_id, "at": now()} for item_id in sorted(item_ids)]
    if len(rows) == 1:
        execute_one(write_connection(), _TOUCH, rows[0])
    else:
        execute_many(write_connection(), _TOUCH, rows)


def _check_open(reservation: Values) -> None:
    state = reservation["state"]
    if state != "open":
        raise Refusal("reservation_closed", f"Reservation {reservation['id']} is {state}.", state=state)


def _change(reservation: Values, **changed: Any) -> Values:
    """Write what changes of a locked reservation that is open, and return it as it is then."""
    expires_at = reservation["expires_at"]
    row = {
        "open": reservation["open"],
        "state": "open",
        "expires_at": None if expires_at is None else datetime.fromisoformat(expires_at),
        "updated_at": now(),
        **changed,
    }
    written = execute_one(write_connection(), _CHANGE, {**row, "reservation": reservation["id"]})
    if written.rowcount != 1:
        raise AssertionError("a locked reservation that is open was to be written")
    return {**reservation, **{name: serialize(row[name]) for name in ("open", "state", "expires_at")}}


def _record(type_: str, reservation: Values, by: Principal) -> None:
    """Record that a reservation has changed, and its item with it."""
    touch([reservation["item_id"]])
    Event.record(type_, reservation, by, item_id=reservation["item_id"])
