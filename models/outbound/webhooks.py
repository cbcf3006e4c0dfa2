"""What admins do with webhooks: create, change, delete, give another secret, move to another event, try.

Each function runs in a transaction; the webhook that it is given was locked in it, by `lock`. It writes what it
changes and no other column. The sender writes with conditions on `last_event_id`, `attempts` and `updated_at`, so what
it has found out about a position, types or a URL that were left meanwhile counts for nothing.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, select

from models.database.base import db
from models.database.clock import database_now
from models.event import ACCESS, Event
from models.feed_lock import LOCK_FEED
from models.outbound.delivery import Delivery, RequestedDelivery
from models.outbound.feed import end_of_feed, next_event_id
from models.outbound.secret_box import SecretBox, SecretLost
from models.outbound.webhook import MOST, SWITCHED_OFF, Webhook
from models.outbound.webhook_query import no_webhook
from models.principal import Principal
from models.refusals import NotFound, Refusal
from models.values import now

# How long the former secret signs too, so that the receiver can get the new one meanwhile.
OVERLAP = timedelta(hours=24)
# How many tests and repeated deliveries of one webhook may wait to be sent.
MOST_REQUESTED = 100
NO_DETAILS: Mapping[str, Any] = {}


def create(
    *, by: Principal, url: str, types: list[str], sealed_secret: str, since: int | None = None, active: bool = True
) -> Webhook:
    """Add a webhook whose first event is the next one after `since`, by default the next one there will be.

    Raises Refusal `too_many_webhooks`, or `invalid_input` for a `since` beyond the end of the feed.
    """
    end, created_at = end_of_feed(), now()
    webhook = Webhook(
        url=url,
        types=types,
        active=active,
        paused=None if active else SWITCHED_OFF,
        unannounced=False,
        last_event_id=end if since is None else _within(since, end),
        attempts=0,
        secret=sealed_secret,
        user_id=by.user_id,
        created_at=created_at,
        updated_at=created_at,
    )
    db.session.add(webhook)
    db.session.flush()
    db.session.execute(LOCK_FEED)  # the commit takes it anyway; from here on, nobody else adds a webhook
    if (db.session.scalar(select(func.count(Webhook.id))) or 0) > MOST:
        raise Refusal("too_many_webhooks", f"There are {MOST} webhooks, and can be no more; delete one first.")
    _record("webhook.created", webhook, by)
    return webhook


def lock(webhook_id: int) -> Webhook:
    """Return a webhook, locked until the transaction ends; raises NotFound."""
    webhook = db.session.get(Webhook, webhook_id, with_for_update=True, populate_existing=True)
    if webhook is None:
        raise no_webhook(webhook_id)
    return webhook


def change(
    webhook: Webhook,
    *,
    by: Principal,
    url: str | None = None,
    types: list[str] | None = None,
    active: bool | None = None,
) -> None:
    """Set what is given; one that gets another URL or other types, or is switched on, is tried at once."""
    given = {"url": url, "types": types, "active": active}
    changed = {name: value for name, value in given.items() if value is not None and value != getattr(webhook, name)}
    if not changed:
        return
    for name, value in changed.items():
        setattr(webhook, name, value)
    if "active" in changed:
        webhook.paused = None if webhook.active else SWITCHED_OFF
        webhook.unannounced = False  # who switches it knows
    if webhook.active or {"url", "types"} & changed.keys():
        _forget_failures(webhook)
    webhook.next_attempt_at = None
    _record_change("webhook.updated", webhook, by)


def remove(webhook: Webhook, *, by: Principal) -> None:
    """Delete a webhook with what was requested of it; its log remains until it is purged by age."""
    requested = delete(RequestedDelivery).where(RequestedDelivery.webhook_id == webhook.id)
    db.session.execute(requested.execution_options(synchronize_session=False))
    db.session.delete(webhook)
    _record("webhook.deleted", webhook, by)


def rotate_secret(webhook: Webhook, secret: str, box: SecretBox, *, by: Principal) -> None:
    """Let this secret sign, and for `OVERLAP` the one before too, if a key is known that opens it."""
    try:
        box.open(webhook.secret)
    except SecretLost:
        webhook.former_secret = webhook.former_until = None
    else:
        webhook.former_secret, webhook.former_until = webhook.secret, database_now() + OVERLAP
    webhook.secret = box.seal(secret)
    _record_change("webhook.secret_rotated", webhook, by)


def replay(webhook: Webhook, since: int, *, by: Principal) -> None:
    """Go back to what is after `since`; raises Refusal `invalid_input` for what would leave events out."""
    if since > webhook.last_event_id:
        stands = f"lies beyond the cursor of the webhook, which is {webhook.last_event_id}"
        raise _invalid_since("beyond_cursor", f"{stands}; to leave out an event is POST /webhooks/{webhook.id}/skip")
    webhook.last_event_id = since
    _forget_failures(webhook)
    _record_change("webhook.replayed", webhook, by)


def skip(webhook: Webhook, event_id: int, reason: str, *, by: Principal) -> None:
    """Leave out the event at which the webhook stands; raises Refusal `not_next` for another."""
    upcoming = next_event_id(webhook.last_event_id, webhook.types)
    if event_id != upcoming:
        stands = f"stands at event {upcoming}" if upcoming else "has got all of its events"
        detail = f"Webhook {webhook.id} {stands}, so event {event_id} can't be skipped."
        raise Refusal("not_next", detail, next_event_id=upcoming)
    webhook.last_event_id = event_id
    _forget_failures(webhook)
    _record_change("webhook.skipped", webhook, by, {"event_id": event_id, "reason": reason})


def request_test(webhook: Webhook, *, by: Principal) -> RequestedDelivery:
    """Ask for the delivery of a test, and return the request; raises Refusal `too_many_requested`."""
    requested = _request(webhook, None)
    _record("webhook.tested", webhook, by)
    return requested


def redeliver(webhook: Webhook, delivery_id: int, *, by: Principal) -> RequestedDelivery:
    """Ask that the event of a logged delivery, or another test, is delivered once more, and return the request.

    Raises NotFound, or Refusal `too_many_requested`.
    """
    logged = select(Delivery.event_id).where(Delivery.id == delivery_id, Delivery.webhook_id == webhook.id)
    row = db.session.execute(logged).one_or_none()
    if row is None:
        raise NotFound(f"Webhook {webhook.id} has no delivery {delivery_id}.")
    requested = _request(webhook, row.event_id)
    _record("webhook.redelivered", webhook, by, {"delivery_id": delivery_id, "event_id": row.event_id})
    return requested


def _request(webhook: Webhook, event_id: int | None) -> RequestedDelivery:
    waiting = select(func.count(RequestedDelivery.id)).where(RequestedDelivery.webhook_id == webhook.id)
    if (db.session.scalar(waiting) or 0) >= MOST_REQUESTED:
        detail = f"{MOST_REQUESTED} tests and deliveries of webhook {webhook.id} wait to be sent; wait for them."
        raise Refusal("too_many_requested", detail)
    requested = RequestedDelivery(webhook_id=webhook.id, event_id=event_id, requested_at=now())
    db.session.add(requested)
    db.session.flush()
    return requested


def _within(since: int, end: int) -> int:
    """Return the position if the feed has it; raises Refusal `invalid_input`."""
    if since > end:
        raise _invalid_since("beyond_feed", f"lies beyond the end of the feed, which is {end}")
    return since


def _invalid_since(code: str, message: str) -> Refusal:
    fault = {"field": "since", "code": code, "message": f"since {message}"}
    return Refusal("invalid_input", f"since {message}.", errors=[fault])


def _forget_failures(webhook: Webhook) -> None:
    webhook.attempts = 0
    webhook.next_attempt_at = webhook.failing_since = None


def _record_change(type_: str, webhook: Webhook, by: Principal, details: Mapping[str, Any] = NO_DETAILS) -> None:
    webhook.updated_at = now()
    db.session.flush()
    _record(type_, webhook, by, details)


def _record(type_: str, webhook: Webhook, by: Principal, details: Mapping[str, Any] = NO_DETAILS) -> None:
    """Record in the audit what was done with a webhook, as it is then; that has none of its secrets."""
    Event.record(type_, {**webhook.to_dict(), **details}, by, stream=ACCESS)
