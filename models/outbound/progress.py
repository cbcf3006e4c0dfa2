"""How far each webhook has got: what is due, and what became of each attempt.

Whatever is written compares what it was when the attempt began: where a person has replayed, skipped or paused the
webhook meanwhile, or another sender was faster, that stays as it is.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, exists, func, insert, null, or_, select, true, update
from sqlalchemy import delete as delete_from

from models.database.base import table_of
from models.database.clock import StatementNow, database_now
from models.database.column_types import UtcTime
from models.database.current_write import write_connection
from models.database.group_commit import short_write
from models.database.reading import PreparedQuery
from models.database.writing import execute_many, execute_one
from models.event import ACCESS, STOCK, Event
from models.outbound.delivery import ERROR_LENGTH, Delivery, RequestedDelivery
from models.outbound.webhook import Webhook
from models.principal import SYSTEM
from models.values import rfc3339

_webhooks, _deliveries, _requested = table_of(Webhook), table_of(Delivery), table_of(RequestedDelivery)
_events = table_of(Event)


class Target(NamedTuple):
    """A webhook as the sender needs it; `last_event_id` is what was delivered to it, or was none of its types.

    `may_try` says that it is active and need not wait, `is_asked` that a person has asked for a delivery.
    """

    id: int
    url: str
    types: Sequence[str]
    may_try: bool
    is_asked: bool
    last_event_id: int
    updated_at: datetime
    attempts: int
    failing_since: datetime | None
    secret: str
    former_secret: str | None
    former_until: datetime | None


class Requested(NamedTuple):
    """A delivery that a person has asked for; of no event if it is a test."""

    id: int
    event_id: int | None


class Attempt(NamedTuple):
    """What became of one attempt, which began at `at`; `code` is the status of the answer, if there was one."""

    at: datetime
    ms: int
    code: int | None
    error: str | None = None


class Retry(NamedTuple):
    """What follows a failed attempt: another one in so many seconds, or a pause, for this reason."""

    seconds: float
    paused: str | None = None


_has_requests = exists().where(_requested.c.webhook_id == _webhooks.c.id)
_newest = select(func.max(_events.c.id)).where(_events.c.stream == STOCK).scalar_subquery()
_need_not_wait = or_(_webhooks.c.next_attempt_at.is_(None), _webhooks.c.next_attempt_at <= StatementNow())
_may_try = and_(_webhooks.c.active == true(), _need_not_wait)
_computed = {"may_try": _may_try.label("may_try"), "is_asked": _has_requests.label("is_asked")}
_targets = select(*(_computed[name] if name in _computed else _webhooks.c[name] for name in Target._fields))
_is_due = or_(_has_requests, and_(_may_try, _webhooks.c.last_event_id < _newest))
_DUE = PreparedQuery(_targets.where(_is_due).order_by(_webhooks.c.id), Target)
_READ = PreparedQuery(_targets.where(_webhooks.c.id == bindparam("webhook")), Target)
_REQUESTED = PreparedQuery(
    select(_requested.c.id, _requested.c.event_id)
    .where(_requested.c.webhook_id == bindparam("webhook"))
    .order_by(_requested.c.id),
    Requested,
)
# Whoever changes a webhook writes `updated_at`, and the sender never does: which event is next rests on its types, and
# what a receiver has answered is about the URL that the webhook had.
_is_as_it_was = and_(
    _webhooks.c.id == bindparam("webhook"),
    _webhooks.c.last_event_id == bindparam("before"),
    _webhooks.c.updated_at == bindparam("updated_at_before", type_=UtcTime()),
)
_PASS = update(_webhooks).where(_is_as_it_was).values(last_event_id=bindparam("event"))
_DELIVERED = (
    update(_webhooks)
    .where(_is_as_it_was)
    .values(last_event_id=bindparam("event"), attempts=0, next_attempt_at=null(), failing_since=null())
    .values(last_status=bindparam("code"))
)
_FAILED = (
    update(_webhooks)
    .where(_is_as_it_was, _webhooks.c.attempts == bindparam("attempts_before"), _webhooks.c.active == true())
    .values(
        attempts=_webhooks.c.attempts + 1,
        next_attempt_at=bindparam("next_attempt_at", type_=UtcTime()),
        failing_since=func.coalesce(_webhooks.c.failing_since, bindparam("at", type_=UtcTime())),
        last_status=bindparam("code"),
    )
)
_PAUSE = (
    update(_webhooks)
    .where(
        _webhooks.c.id == bindparam("webhook"),
        _webhooks.c.updated_at == bindparam("updated_at_before", type_=UtcTime()),
        _webhooks.c.active == true(),
    )
    .values(active=False, paused=bindparam("paused"), unannounced=True, next_attempt_at=null())
    .values(failing_since=func.coalesce(_webhooks.c.failing_since, bindparam("at", type_=UtcTime())))
    .values(last_status=bindparam("code"))
)
_LOG = insert(_deliveries).values(
    {name: bindparam(name) for name in ("webhook_id", "event_id", "attempt", "at", "ms", "status", "code", "error")}
)
_DONE = delete_from(_requested).where(_requested.c.id == bindparam("request"))
# Those that are too old, some at a time, by the index of their times.
_OLD = PreparedQuery(
    select(_deliveries.c.id).where(_deliveries.c.at < bindparam("before")).order_by(_deliveries.c.at).limit(1000)
)
_PURGE = delete_from(_deliveries).where(_deliveries.c.id == bindparam("delivery"))


def due() -> list[Target]:
    """Return the webhooks that may have something to deliver now."""
    return _DUE.rows()


def read(webhook_id: int) -> Target | None:
    """Return a webhook as it is now, None if it was deleted."""
    return _READ.one_or_none(webhook=webhook_id)


def requested(webhook_id: int) -> list[Requested]:
    """Return what people have asked to be delivered to a webhook, the oldest first."""
    return _REQUESTED.rows(webhook=webhook_id)


def _as_it_was(target: Target) -> dict[str, Any]:
    """Return the parameters of the condition that a webhook is as it was when it was read."""
    return {"webhook": target.id, "before": target.last_event_id, "updated_at_before": target.updated_at}


@short_write
def pass_over(passed: Iterable[tuple[Target, int]]) -> None:
    """Note of some webhooks that up to an event none was of their types."""
    rows = [{**_as_it_was(target), "event": event_id} for target, event_id in passed]
    execute_many(write_connection(), _PASS, rows)


@short_write
def record_delivered(target: Target, event_id: int, attempt: Attempt) -> bool:
    """Record that the next event was delivered; return whether the webhook was still as it is said to be."""
    row = {**_as_it_was(target), "event": event_id, "code": attempt.code}
    was_so = bool(execute_one(write_connection(), _DELIVERED, row).rowcount)
    _log(target.id, event_id, target.attempts + 1, attempt, "delivered")
    return was_so


@short_write
def record_failed(target: Target, event_id: int, attempt: Attempt, retry: Retry) -> None:
    """Record that the next event was not delivered, and what follows; a pause is in the audit, and yet to be mailed."""
    connection = write_connection()
    row = {
        **_as_it_was(target),
        "attempts_before": target.attempts,
        "next_attempt_at": database_now() + timedelta(seconds=retry.seconds),
        "at": attempt.at,
        "code": attempt.code,
    }
    was_so = bool(execute_one(connection, _FAILED, row).rowcount)
    _log(target.id, event_id, target.attempts + 1, attempt, "failed")
    if was_so and retry.paused:
        _pause(target, attempt, retry.paused)


@short_write
def record_requested(target: Target, request: Requested, attempt: Attempt, paused: str | None) -> None:
    """Record what became of a delivery that a person has asked for, which was tried once; it may pause the webhook."""
    execute_one(write_connection(), _DONE, {"request": request.id})
    _log(target.id, request.event_id, 1, attempt, "failed" if attempt.error else "delivered")
    if paused:
        _pause(target, attempt, paused)


@short_write
def purge_log(age: timedelta) -> int:
    """Delete some deliveries from the log that are older than `age`; return how many."""
    rows = [{"delivery": row.id} for row in _OLD.rows(before=database_now() - age)]
    if rows:
        execute_many(write_connection(), _PURGE, rows)
    return len(rows)


def _pause(target: Target, attempt: Attempt, why: str) -> None:
    """Pause a webhook that is active and was not changed meanwhile."""
    as_it_was = {"webhook": target.id, "updated_at_before": target.updated_at}
    row = {**as_it_was, "paused": why, "at": attempt.at, "code": attempt.code}
    if execute_one(write_connection(), _PAUSE, row).rowcount:
        since = rfc3339(target.failing_since or attempt.at)
        data = {"webhook_id": target.id, "why": why, "last_status": attempt.code, "failing_since": since}
        Event.record("webhook.paused", data, SYSTEM, stream=ACCESS)


def _log(webhook_id: int, event_id: int | None, number: int, attempt: Attempt, status: str) -> None:
    error = attempt.error and attempt.error[:ERROR_LENGTH]
    row = {**attempt._asdict(), "webhook_id": webhook_id, "event_id": event_id, "attempt": number, "status": status}
    execute_one(write_connection(), _LOG, {**row, "error": error})
