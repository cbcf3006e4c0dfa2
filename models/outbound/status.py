"""How far behind the webhooks are, for monitoring: whichever process sends, the database says it."""

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Integer, bindparam, func, select, true

from models.database.base import table_of
from models.database.clock import DatabaseNow, database_now
from models.database.reading import PreparedQuery
from models.event import STOCK, Event
from models.outbound.lease import SENDER, Lease, lasts
from models.outbound.subscription import Subscription
from models.outbound.webhook import Webhook

# How many events are counted at most of what a webhook has not got yet.
COUNTED = 10_000
# For how long something may be due, and nobody have the lease, before the sender stands still.
PATIENCE = timedelta(seconds=30)

_webhooks, _subscriptions, _events = table_of(Webhook), table_of(Subscription), table_of(Event)


class Position(NamedTuple):
    """Where a webhook stands, and since when there is an event that it has not got yet."""

    id: int
    active: bool
    attempts: int
    next_attempt_at: datetime | None
    last_event_id: int
    now: datetime

    def since(self) -> datetime | None:
        """Return the time of the first event after it, None if there is none."""
        return next((row.at for row in _FIRST.rows(event_id=self.last_event_id, row_limit=1)), None)


class Lag(NamedTuple):
    """How far behind a webhook is: by how many events, `COUNTED` at most, and since when the first of them is there."""

    webhook_id: int
    active: bool
    attempts: int
    events: int
    since: datetime | None
    now: datetime


_POSITIONS = PreparedQuery(
    select(
        *(_webhooks.c[name] for name in ("id", "active", "attempts", "next_attempt_at", "last_event_id")),
        DatabaseNow().label("now"),
    ).order_by(_webhooks.c.id),
    Position,
)
_later = (
    select(_events.c.id, _events.c.at)
    .where(_events.c.stream == STOCK, _events.c.id > bindparam("event_id"))
    .order_by(_events.c.id)
    .limit(bindparam("row_limit", type_=Integer()))
    .with_hint(_events, "FORCE INDEX (ix_events_stream_id)", "mysql")
)
_FIRST = PreparedQuery(_later)
_ids = _later.with_only_columns(_events.c.id).subquery()
_COUNT = PreparedQuery(select(func.count().label("events")).select_from(_ids))
_HELD = PreparedQuery(select(Lease.held_until, DatabaseNow().label("now")).where(Lease.name == SENDER))
_FAILING_MAILS = PreparedQuery(
    select(func.count().label("failing")).where(_subscriptions.c.active == true(), _subscriptions.c.attempts > 0)
)


def lags() -> list[Lag]:
    """Return how far behind each webhook is, by id; one that is paused is behind too."""
    return [_lag(at) for at in _POSITIONS.rows()]


def _lag(at: Position) -> Lag:
    since = at.since()
    events = _COUNT.rows(event_id=at.last_event_id, row_limit=COUNTED)[0].events if since else 0
    return Lag(at.id, at.active, at.attempts, events, since, at.now)


def failing_subscriptions() -> int:
    """Return how many subscriptions wait for their next attempt after one that has failed."""
    failing: int = _FAILING_MAILS.rows()[0].failing
    return failing


def standing_still() -> datetime | None:
    """Return since when something is to be sent and nobody sends, None while the sender works or has nothing to do."""
    [row] = _HELD.rows()
    if lasts(row.held_until, row.now):
        return None
    due = [_due_since(at) for at in _POSITIONS.rows() if at.active]
    since = min(filter(None, due), default=None)
    return since if since is not None and since < database_now() - PATIENCE else None


def _due_since(at: Position) -> datetime | None:
    """Return since when the next attempt is due, None if there is nothing to deliver."""
    since = at.since()
    return since and max(since, at.next_attempt_at or since)
