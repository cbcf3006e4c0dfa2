"""Subscriptions: making, changing and deleting them, and what whoever sends the digests reads and writes of them."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, or_, select

from models.database.base import db, table_of
from models.database.clock import StatementNow, database_now
from models.database.filters import BoundQuery, FilterSet
from models.database.reading import PreparedQuery
from models.database.transactions import transactional
from models.event import ACCESS, Event
from models.feed_lock import LOCK_FEED
from models.outbound.feed import end_of_feed
from models.outbound.subscription import ERROR_LENGTH, MOST, Subscription
from models.principal import SYSTEM, Principal
from models.refusals import NotFound, Refusal
from models.values import now

# From when on it is recorded that one is failing.
FAILING_AFTER = timedelta(hours=72)
RHYTHMS = ("every_minutes", "daily_at")

_table = table_of(Subscription)
_ALL = FilterSet(
    select(*Subscription.REPRESENTATION.columns(_table)), {"active": Subscription.active == bindparam("active")}
)
_DUE = PreparedQuery(
    select(Subscription.id)
    .where(
        Subscription.active.is_(True),
        Subscription.next_at <= StatementNow(),
        or_(Subscription.next_attempt_at.is_(None), Subscription.next_attempt_at <= StatementNow()),
    )
    .order_by(Subscription.next_at, Subscription.id)
)


class Pending(NamedTuple):
    """A subscription whose next digest is to be made: of the events after the last one that it had."""

    id: int
    recipients: list[str]
    types: list[str]
    last_event_id: int
    attempts: int


_PENDING = PreparedQuery(
    select(*(_table.c[name] for name in Pending._fields)).where(
        _table.c.id == bindparam("subscription"), _table.c.active.is_(True)
    ),
    Pending,
)


def matching(*, active: bool | None = None) -> BoundQuery:
    """Return the query of the subscriptions that are active, or are not; None means any."""
    return _ALL.where(active=active)


def get(subscription_id: int, *, lock: bool = False) -> Subscription:
    """Return the subscription; with `lock`, lock its row until the transaction ends. Raises NotFound."""
    found = _find(subscription_id, lock=lock)
    if found is None:
        raise NotFound(f"There is no subscription {subscription_id}.")
    return found


def create(*, by: Principal, active: bool = True, **fields: Any) -> Subscription:
    """Add a subscription of what happens from now on, and return it; raises Refusal `too_many_subscriptions`."""
    db.session.execute(LOCK_FEED)  # so that there are no more, and no event that is not visible yet
    if db.session.scalars(select(func.count()).select_from(Subscription)).one() >= MOST:
        raise Refusal(
            "too_many_subscriptions", f"There are {MOST} subscriptions, as many as there may be; delete one first."
        )
    made_at = now()
    made = Subscription(
        **{"recipients": [], "every_minutes": None, "daily_at": None, **fields},
        active=active,
        last_event_id=end_of_feed(),
        next_at=made_at,
        attempts=0,
        user_id=by.user_id,
        created_at=made_at,
        updated_at=made_at,
    )
    made.next_at = next_at(made, database_now())
    db.session.add(made)
    db.session.flush()
    _record("created", made.to_dict(), by)
    return made


def change(subscription: Subscription, *, by: Principal, **changes: Any) -> None:
    """Set columns of a locked subscription; values that are equal change nothing.

    What failed before is forgotten: with what was changed it may work, and is tried when it is due. One that is
    switched on again begins with what happens from then on, like a new one.
    """
    changes = {name: value for name, value in changes.items() if value != getattr(subscription, name)}
    if not changes:
        return
    for name, value in changes.items():
        setattr(subscription, name, value)
    at = database_now()
    if changes.get("active"):
        db.session.execute(LOCK_FEED)
        subscription.last_event_id = end_of_feed()
    if changes.get("active") or not changes.keys().isdisjoint(RHYTHMS):
        subscription.next_at = next_at(subscription, at)
    _forget_failures(subscription)
    subscription.updated_at = at
    db.session.flush()
    _record("updated", {**subscription.to_dict(), "changed": sorted(changes)}, by)


def delete(subscription: Subscription, *, by: Principal) -> None:
    """Delete a locked subscription."""
    db.session.delete(subscription)
    db.session.flush()
    _record("deleted", subscription.to_dict(), by)


def next_at(subscription: Subscription, after: datetime) -> datetime:
    """Return when the next digest is made, by the rhythm of the subscription."""
    if subscription.daily_at is None:
        return after + timedelta(minutes=subscription.every_minutes or 0)
    hour, minute = map(int, subscription.daily_at.split(":"))
    today = after.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return today if today > after else today + timedelta(days=1)


def due_ids() -> list[int]:
    """Return the subscriptions whose digest is to be made now, by the clock of the database."""
    return [row.id for row in _DUE.rows()]


def pending(subscription_id: int) -> Pending | None:
    """Return what is to be known to make the digest of a subscription; None if it is not active any more."""
    return _PENDING.one_or_none(subscription=subscription_id)


@transactional
def move_on(subscription_id: int, last_event_id: int, until: int) -> bool:
    """Write that a digest of the events up to this one was sent, or had nothing to say; return whether it was written.

    It is not where something else than `last_event_id` was the last event before: then somebody else has done that.
    """
    subscription = _find(subscription_id, lock=True)
    if subscription is None or subscription.last_event_id != last_event_id:
        return False
    subscription.last_event_id = until
    subscription.next_at = next_at(subscription, database_now())
    _forget_failures(subscription)
    return True


@transactional
def record_failure(subscription_id: int, last_event_id: int, error: str, retry_in: float) -> None:
    """Write that its digest could not be sent, and is tried again in so many seconds; nothing if it has moved on.

    Once it has failed for `FAILING_AFTER`, that is recorded in the audit, once.
    """
    subscription = _find(subscription_id, lock=True)
    if subscription is None or subscription.last_event_id != last_event_id:
        return
    at = database_now()
    since = subscription.failing_since or at
    # `updated_at` is the time of the attempt before, which follows every change of a person.
    had_failed_for_long = subscription.attempts > 0 and subscription.updated_at - since >= FAILING_AFTER
    subscription.attempts += 1
    subscription.next_attempt_at = at + timedelta(seconds=retry_in)
    subscription.failing_since = since
    subscription.last_error = error[:ERROR_LENGTH]
    subscription.updated_at = at
    if at - since >= FAILING_AFTER and not had_failed_for_long:
        db.session.flush()
        _record("failing", subscription.to_dict(), SYSTEM)


def _find(subscription_id: int, *, lock: bool) -> Subscription | None:
    query = select(Subscription).where(Subscription.id == subscription_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return db.session.scalar(query)


def _forget_failures(subscription: Subscription) -> None:
    subscription.attempts = 0
    subscription.next_attempt_at = subscription.failing_since = subscription.last_error = None


def _record(what: str, data: dict[str, Any], by: Principal) -> None:
    Event.record(f"subscription.{what}", data, by, stream=ACCESS)
