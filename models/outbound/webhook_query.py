"""Webhooks and the log of their deliveries as clients see them: the queries that only read them."""

from typing import Any

from sqlalchemy import String, bindparam, case, cast, literal_column, select, true

from models.database.base import table_of
from models.database.filters import BoundQuery, Condition, FilterSet
from models.database.reading import PreparedQuery
from models.outbound.delivery import Delivery
from models.outbound.webhook import Webhook
from models.refusals import NotFound

# These make of a row of the queries what clients see.
to_dict = Webhook.REPRESENTATION.of_row
delivery_to_dict = Delivery.REPRESENTATION.of_row

_webhooks = table_of(Webhook)
# As `Webhook.state` and `Webhook.cursor` have it.
_state = case(
    (_webhooks.c.active != true(), literal_column("'paused'")),
    (_webhooks.c.attempts > 0, literal_column("'waiting'")),
    else_=literal_column("'running'"),
)
_WEBHOOKS = select(
    *Webhook.REPRESENTATION.columns(_webhooks, state=_state, cursor=cast(_webhooks.c.last_event_id, String(20)))
)
_BY_ID = PreparedQuery(_WEBHOOKS.where(Webhook.id == bindparam("webhook_id")))
_LISTED = FilterSet(_WEBHOOKS, {}, sorts={"id": "PRIMARY"})
# How many there are is not remembered: deliveries are no events, and old ones are purged.
_DELIVERIES = FilterSet(
    select(*Delivery.REPRESENTATION.columns(table_of(Delivery))),
    {
        "webhook_id": Delivery.webhook_id == bindparam("webhook_id"),
        "status": Condition(
            Delivery.status == bindparam("status"), "status", {"id": "ix_webhook_deliveries_webhook_id_status_id"}
        ),
    },
    sorts={"id": "ix_webhook_deliveries_webhook_id_id"},
)


def read(webhook_id: int) -> dict[str, Any]:
    """Return a webhook as clients see it; raises NotFound."""
    row = _BY_ID.one_or_none(webhook_id=webhook_id)
    if row is None:
        raise no_webhook(webhook_id)
    return to_dict(row)


def every() -> BoundQuery:
    """Return the query of all webhooks."""
    return _LISTED.where()


def deliveries(webhook_id: int, *, status: str | None = None) -> BoundQuery:
    """Return the query of the log of one webhook, or of the part of it with this status."""
    return _DELIVERIES.where(webhook_id=webhook_id, status=status)


def no_webhook(webhook_id: int) -> NotFound:
    """Return the refusal for an id that no webhook has."""
    return NotFound(f"There is no webhook {webhook_id}.")
