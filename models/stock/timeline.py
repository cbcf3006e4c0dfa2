"""A stock of an item in its past: what a backdated line meets there, and what it would leave."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Protocol

from sqlalchemy import (
    BigInteger,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    case,
    column,
    func,
    select,
    table,
)

from models.database.column_types import LongId, UtcTime
from models.database.current_write import WriteConnection
from models.database.filters import Unindexed
from models.database.reading import PreparedQuery
from models.database.writing import execute_one
from models.refusals import Refusal
from models.stock.running_stock import RunningStock
from models.values import rfc3339

# What the main location is compared as: no id of a location.
AT_MAIN = 0
TICK = timedelta(microseconds=1)
FIRST = datetime(1, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 12, 31, tzinfo=UTC)


def next_time(moved_at: datetime | None, recorded_at: datetime) -> datetime:
    """Return the time of a movement that names none: now, but after all that its item has, whatever their clocks."""
    return recorded_at if moved_at is None or recorded_at > moved_at else moved_at + TICK


class OneStock(Protocol):
    """A stock of a locked item: at one location, which is None for the main one."""

    @property
    def item_id(self) -> int: ...
    @property
    def location_id(self) -> int | None: ...
    @property
    def quantity(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def whereabouts(self) -> Mapping[str, Any]: ...


class Timeline:
    """One stock of a locked item at the times of some lines, while these are applied to it in their order.

    The database sums up what is later than each time, so nothing is read that is earlier, and no row of the ledger.
    """

    def __init__(
        self,
        connection: WriteConnection,
        stock: OneStock,
        *,
        moved_at: datetime | None,
        times: Iterable[datetime],
    ) -> None:
        """Read what there was at these times; nothing is later than `moved_at`."""
        self._connection = connection
        self._of = stock
        self._whose = {"item": stock.item_id, "location": stock.location_id or AT_MAIN}
        self._times = sorted(set(times))
        self._moved_at = moved_at or FIRST
        later = [self._later(since, until) for since, until in pairwise([*self._times, LAST])]
        changes = [stock.quantity - sum(total for total, _ in later), *(total for total, _ in later[:-1])]
        self._stock = RunningStock([(change, dip) for change, (_, dip) in zip(changes, later, strict=True)])
        count = self._latest_count(self._times[0])
        self._counted_at: datetime = count.occurred_at if count else FIRST
        self._count_id: int | None = count.id if count else None  # None also for a line of the same batch

    def _later(self, since: datetime, until: datetime) -> tuple[int, int]:
        """Return by how much the stock changed after `since`, until `until`, and how far it fell below before."""
        if since >= self._moved_at:
            return 0, 0
        found = execute_one(self._connection, _LATER, {**self._whose, "since": since, "until": until})
        total, lowest = found.fetchone()
        return int(total), min(0, int(lowest or 0))

    def _latest_count(self, since: datetime) -> Any:
        return None if since > self._moved_at else _FIND_COUNT.one_or_none(**self._whose, since=since)

    def quantity_at(self, time: datetime) -> int:
        """Return the stock at the time of a line, with what has that time."""
        return self._stock.at(bisect_left(self._times, time))

    def add(self, time: datetime, delta: int, *, counts: bool) -> None:
        """Add a line to its time and to all later ones; raises Refusal `counted_since` or `insufficient_stock`."""
        if time <= self._counted_at:
            raise Refusal(
                "counted_since",
                f"{self._of.name} was counted at {rfc3339(self._counted_at)}; that count has all that happened "
                "before. Record what it lacks without occurred_at.",
                movement_id=self._count_id,
                at=rfc3339(self._counted_at),
            )
        span = bisect_left(self._times, time)
        # What adds is right, even if an old ledger was below zero.
        below = self._stock.first_below(span, -delta) if delta < 0 else None
        if below is not None:
            raise self._insufficient(below, delta)
        self._stock.add(span, delta)
        if counts:
            self._counted_at, self._count_id = time, None  # it is not recorded yet

    def _insufficient(self, span: int, delta: int) -> Refusal:
        at, quantity = self._times[span], self._stock.at(span)
        if quantity + delta >= 0:  # it is a movement within the span that would find too little
            until = self._times[span + 1] if span + 1 < len(self._times) else LAST
            within = {**self._whose, "since": at, "until": until, "least": -quantity - delta}
            [first] = _FIND_BELOW.rows(**within)
            at, quantity = first.occurred_at, quantity + int(first.running)
        return Refusal(
            "insufficient_stock",
            f"{self._of.name} had {quantity} at {rfc3339(at)}; {-delta} can't go.",
            quantity=quantity,
            at=rfc3339(at),
            **self._of.whereabouts,
        )


# The columns of `Movement`, which can't be imported: its operations use this module.
_movements = table(
    "movements",
    column("id", LongId),
    column("item_id", Integer),
    column("kind", String),
    column("delta", Integer),
    column("location_id", Integer),
    column("occurred_at", UtcTime()),
)
_occurred_at = _movements.c.occurred_at
_since, _until = (bindparam(name, type_=UtcTime()) for name in ("since", "until"))
# Whose timeline it is. The hint is for MariaDB, which would go through all movements of the item by their ids.
_of_item = and_(
    _movements.c.item_id == bindparam("item", type_=Integer()),
    Unindexed(func.coalesce(_movements.c.location_id, AT_MAIN) == bindparam("location", type_=Integer())),
)
_HINT = "FORCE INDEX (ix_movements_item_id_occurred_at)"


def _within() -> Select[Any]:
    """Return the select of the movements after `since`, until `until`, each with the sum of those until its time."""
    running = func.sum(_movements.c.delta).over(order_by=_occurred_at).label("running")
    return (
        select(_occurred_at, _movements.c.delta, running)
        .where(_of_item, _occurred_at > _since, _occurred_at <= _until)
        .with_hint(_movements, _HINT, "mysql")
    )


def _later() -> Select[Any]:
    """Return the select of the sum of what is after `since`, until `until`, and of the lowest sum before `until`."""
    within = _within().subquery()
    before = case((within.c.occurred_at < _until, within.c.running))
    return select(func.coalesce(func.sum(within.c.delta), 0).label("total"), func.min(before).label("lowest"))


def _first_below() -> Select[Any]:
    """Return the select of the first time in between at which the sum is less than `least`."""
    within = _within().subquery()
    return (
        select(within.c.occurred_at, within.c.running)
        .where(within.c.occurred_at < _until, within.c.running < bindparam("least", type_=BigInteger()))
        .order_by(within.c.occurred_at)
        .limit(1)
    )


_LATER = _later()
_FIRST_BELOW = _first_below()
_LATEST_COUNT = (
    select(_movements.c.id, _occurred_at)
    # SQLite too would take another index: that of all counts.
    .where(_of_item, Unindexed(_movements.c.kind == "count"), _occurred_at >= _since)
    .with_hint(_movements, _HINT, "mysql")
    .order_by(_occurred_at.desc(), _movements.c.id.desc())
    .limit(1)
)
_FIND_BELOW, _FIND_COUNT = PreparedQuery(_FIRST_BELOW), PreparedQuery(_LATEST_COUNT)
