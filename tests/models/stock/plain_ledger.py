"""What the service promises of stock, in plain Python: sums of what was recorded, and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

SKUS = ("BOLT", "NUT")
PLACES = ("MAIN", "VAN")
IN_TRANSIT = "IN_TRANSIT"
# When something happened, as a client may say: on a day in the past, or at a time to come by a clock that is ahead.
DAYS = [datetime(2025, 11, day, tzinfo=UTC) for day in range(1, 5)]
AHEAD = len(DAYS)

# What may have a level: the total of an item, or its stock at a place.
Levelled = tuple[str, str | None]
# What a level was crossed by: the type of the event, the SKU and the place, what is available then, and the level.
Crossing = tuple[str, str, str | None, int, int]
# The SKU, the line as a client sends it, and the number of its moment, None for now.
Sent = tuple[str, dict[str, Any], int | None]


class Move(NamedTuple):
    """One line that was recorded."""

    moment: datetime
    delta: int
    counts: bool
    place: str


class Arrival(NamedTuple):
    """What became of some units of a line of a transfer, whose number is from 1."""

    line: int
    received: int
    returned: int
    damaged: int


@dataclass
class Parcel:
    """A line of a transfer: how many units of an item were sent, and what has become of them."""

    sku: str
    quantity: int
    received: int = 0
    returned: int = 0
    damaged: int = 0

    @property
    def on_its_way(self) -> int:
        return self.quantity - self.received - self.returned - self.damaged


@dataclass
class Transfer:
    """Parcels from one place to another."""

    sender: str
    receiver: str
    parcels: list[Parcel]
    is_reversed: bool = False

    @property
    def state(self) -> str:
        if not any(parcel.on_its_way for parcel in self.parcels):
            return "received"
        has_arrived = any(parcel.on_its_way < parcel.quantity for parcel in self.parcels)
        return "partly_received" if has_arrived else "in_transit"


@dataclass
class Reservation:
    """Units of an item at a place that are promised while it is open; `open` of them are not issued yet.

    One `is_due` has expired, and nobody has written that.
    """

    sku: str
    place: str
    quantity: int
    open: int
    state: str = "open"
    is_due: bool = field(default=False, compare=False)

    @property
    def holds(self) -> int:
        """What is not available because of it, for levels."""
        return self.open if self.state == "open" or self.is_due else 0


def carried(sku: str, quantity: int, sender: str, receiver: str) -> list[Sent]:
    """The lines that take units from one place to another; none for none."""
    ways = (("issue", sender), ("receive", receiver))
    return [(sku, {"kind": kind, "quantity": quantity, "location": place}, None) for kind, place in ways if quantity]


def taken(sku: str, quantity: int, place: str) -> list[Sent]:
    """The line that takes units away, whatever is reserved there; none for none."""
    return [(sku, {"kind": "adjust", "quantity": -quantity, "location": place}, None)] if quantity else []


def received(sku: str, quantity: int, place: str) -> list[Sent]:
    """The line that adds units; none for none."""
    return [(sku, {"kind": "receive", "quantity": quantity, "location": place}, None)] if quantity else []


class Model:
    """Stock that was never below zero anywhere, moved by all the lines or by none.

    `status` is that of the last refusal.
    """

    def __init__(self) -> None:
        self.status = 409
        self.began = datetime.now(UTC)
        self.moments = [*DAYS, self.began + timedelta(minutes=4)]
        self.ledgers: dict[str, list[Move]] = {sku: [] for sku in SKUS}
        self.reservations: list[Reservation] = []
        self.levels: dict[Levelled, int | None] = {(sku, place): None for sku in SKUS for place in (None, *PLACES)}
        self._were_low = dict.fromkeys(self.levels, False)

    def quantity(self, sku: str, moment: datetime | None = None, place: str | None = None) -> int:
        """The stock at the end of a moment, or with all that is recorded; in all, or at one place."""
        moves = [move for move in self.ledgers[sku] if place in (None, move.place)]
        return sum(move.delta for move in moves if moment is None or move.moment <= moment)

    def reserved(self, sku: str, place: str | None = None) -> int:
        """What is promised, in all or at one place."""
        at = [each for each in self.reservations if each.sku == sku and place in (None, each.place)]
        return sum(each.open for each in at if each.state == "open")

    def left(self, sku: str, place: str | None) -> int:
        """What is available, in all or at one place; less than nothing where more is promised than there is."""
        held = sum(each.holds for each in self.reservations if each.sku == sku and place in (None, each.place))
        on_its_way = 0 if place else self.quantity(sku, place=IN_TRANSIT)
        return self.quantity(sku, place=place) - on_its_way - held

    def crossings(self) -> list[Crossing]:
        """What an act has crossed, when this is asked after each."""
        found: list[Crossing] = []
        for (sku, place), level in self.levels.items():
            left = self.left(sku, place)
            was_low, is_low = self._were_low[sku, place], level is not None and left <= level
            self._were_low[sku, place] = is_low
            if level is not None and is_low != was_low:
                type_ = "item.low_stock" if is_low else "item.restocked"
                found.append((type_, sku, place, max(0, left), level))
        return found

    def move(self, *moves: Sent) -> list[int] | None:
        """The quantity after each line, or None when one of them is refused."""
        before, after = {sku: list(ledger) for sku, ledger in self.ledgers.items()}, []
        for sku, line, when in moves:
            if not self._move(sku, line, when):
                self.ledgers = before
                return None
            after.append(self.quantity(sku))
        return after

    def _move(self, sku: str, line: dict[str, Any], when: int | None) -> bool:
        ledger, place = self.ledgers[sku], line.get("location", PLACES[0])
        in_all, there = self.quantity(sku), self.quantity(sku, place=place)
        is_unclear = line["kind"] == "count" and "location" not in line and in_all != there
        self.status = 422 if is_unclear else 409
        found = there if "location" in line else in_all
        if is_unclear or line.get("expect_quantity", found) != found:
            return False
        latest = max([self.began, *(move.moment for move in ledger)])
        moment = latest + timedelta(microseconds=1) if when is None else self.moments[when]
        if any(move.counts and move.place == place and move.moment >= moment for move in ledger):
            return False
        if line["kind"] == "issue" and line["quantity"] > there - self.reserved(sku, place):
            return False
        signs = {"issue": -line["quantity"], "count": line["quantity"] - self.quantity(sku, moment, place)}
        ledger.append(Move(moment, signs.get(line["kind"], line["quantity"]), line["kind"] == "count", place))
        return all(self.quantity(sku, move.moment, place) >= 0 for move in ledger)

    def send(self, transfer: Transfer, *, at_once: bool) -> list[int] | None:
        """The quantity after each movement of a new transfer, or None when it is refused."""
        ends = transfer.sender, transfer.receiver if at_once else IN_TRANSIT
        after = self.move(*(leg for each in transfer.parcels for leg in carried(each.sku, each.quantity, *ends)))
        for parcel in transfer.parcels if at_once else ():
            parcel.received = parcel.quantity
        return after

    def receive(self, transfer: Transfer, arrivals: Sequence[Arrival]) -> list[int] | None:
        """The same of a receipt: what is damaged arrives, and is issued."""
        self.status = 409
        left = [parcel.on_its_way for parcel in transfer.parcels]
        legs: list[Sent] = []
        for line, received, returned, damaged in arrivals:
            left[line - 1] -= received + returned + damaged
            sku = transfer.parcels[line - 1].sku
            legs += carried(sku, received + damaged, IN_TRANSIT, transfer.receiver)
            legs += taken(sku, damaged, transfer.receiver)
            legs += carried(sku, returned, IN_TRANSIT, transfer.sender)
        if min(left) < 0:
            return None
        for line, received, returned, damaged in arrivals:
            parcel = transfer.parcels[line - 1]
            parcel.received, parcel.returned = parcel.received + received, parcel.returned + returned
            parcel.damaged += damaged
        return self.move(*legs)

    def bring_back(self, transfer: Transfer) -> list[int] | None:
        """The same of the reversal of a transfer: all but what is damaged goes back, once."""
        self.status = 409
        legs: list[Sent] = []
        for parcel in transfer.parcels:
            legs += carried(parcel.sku, parcel.on_its_way, IN_TRANSIT, transfer.sender)
            legs += taken(parcel.sku, parcel.received, transfer.receiver)  # what is reserved there too
            legs += received(parcel.sku, parcel.received, transfer.sender)
        after = None if transfer.is_reversed or not legs else self.move(*legs)
        if after is not None:
            transfer.is_reversed = True
            for parcel in transfer.parcels:
                parcel.received, parcel.returned = 0, parcel.quantity - parcel.damaged
        return after

    def reserve(self, reservations: Sequence[Reservation]) -> bool:
        """Whether all of them are made; else none is."""
        self.status = 409
        before = list(self.reservations)
        for each in reservations:
            if each.quantity > self.quantity(each.sku, place=each.place) - self.reserved(each.sku, each.place):
                self.reservations = before
                return False
            self.reservations.append(each)
        return True

    def fulfil(self, reservation: Reservation, units: int) -> list[int] | None:
        """The quantity after the movement of a fulfilment, or None when it is refused."""
        self.status = 409
        is_refused = reservation.state != "open" or units > reservation.open
        after = None if is_refused else self.move(*taken(reservation.sku, units, reservation.place))
        if after is not None:
            reservation.open -= units
            reservation.state = "open" if reservation.open else "fulfilled"
        return after

    def end(self, reservation: Reservation, state: str) -> bool:
        """Whether a reservation was open, and now is released or expired."""
        self.status = 409
        is_open = reservation.state == "open"
        reservation.state = state if is_open else reservation.state
        reservation.is_due |= is_open and state == "expired"
        return is_open

    def write_ends(self) -> None:
        """What has expired is written."""
        for each in self.reservations:
            each.is_due = False
