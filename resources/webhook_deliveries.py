"""What was delivered to a webhook and how that went; tests, and what is to be delivered once more."""

from typing import Any

from flask_restful.reqparse import Namespace

from api.auth.authentication import current_principal
from api.auth.permissions import scope
from api.operation import gives, gives_page, idempotent, takes
from api.resource import ProtectedResource
from models.database.transactions import transactional
from models.outbound import webhook_query, webhooks
from models.outbound.delivery import Delivery, RequestedDelivery
from resources.webhook_parsers import deliveries_paging, deliveries_parser

may_write = scope("webhooks:write")


class WebhookDeliveryListResource(ProtectedResource):
    """The log of the deliveries of a webhook."""

    permissions = {"GET": may_write}

    @takes(deliveries_parser)
    @gives_page(Delivery.SCHEMA)
    def get(self, args: Namespace, webhook_id: int) -> Any:
        """List the attempts to deliver events to a webhook, newest first; those of a test have no event."""
        webhook_query.read(webhook_id)
        query = webhook_query.deliveries(webhook_id, status=args["status"])
        return deliveries_paging.page_of(query, args, webhook_query.delivery_to_dict)


class WebhookTestResource(ProtectedResource):
    """The tests of a webhook."""

    permissions = {"POST": may_write}

    @gives(RequestedDelivery.SCHEMA, 202, refuses=("too_many_requested",), name="test_webhook")
    @idempotent
    @transactional
    def post(self, webhook_id: int) -> Any:
        """Send an event `webhook.test` to a webhook, paused or not; how that went is in its log."""
        requested = webhooks.request_test(webhooks.lock(webhook_id), by=current_principal())
        return requested.to_dict(), 202


class WebhookRedeliveryResource(ProtectedResource):
    """Another delivery of what is in the log of a webhook."""

    permissions = {"POST": may_write}

    @gives(RequestedDelivery.SCHEMA, 202, refuses=("too_many_requested",), name="redeliver")
    @idempotent
    @transactional
    def post(self, webhook_id: int, delivery_id: int) -> Any:
        """Deliver an event of the log once more, out of its order, paused or not; how that went is in the log too."""
        requested = webhooks.redeliver(webhooks.lock(webhook_id), delivery_id, by=current_principal())
        return requested.to_dict(), 202
