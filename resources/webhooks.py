"""Webhooks: list, create, read, change and delete; their secrets, and where they stand in the change feed."""

from typing import Any

from flask import url_for
from flask_restful.reqparse import Namespace

from api.auth.authentication import current_principal
from api.auth.permissions import all_of, person_required, scope
from api.operation import gives, gives_one, gives_page, idempotent, takes
from api.resource import ProtectedResource
from api.responses.conditional import answer, check_unchanged
from api.services import current_settings, services
from delivery.addresses import check_url
from delivery.signatures import new_secret
from models.database.transactions import transactional
from models.json_schema import TEXT, closed
from models.outbound import webhook_query, webhooks
from models.outbound.webhook import URL_LENGTH, Webhook
from models.refusals import Refusal
from resources.webhook_parsers import create_parser, list_parser, paging, patch_parser, replay_parser, skip_parser

WITH_SECRET = closed("WebhookWithSecret", {**Webhook.SCHEMA["properties"], "secret": TEXT})
# What the sender writes at any time, and what is returned once: If-Match is about what people have set.
UNTAGGED = ("state", "cursor", "next_attempt_at", "failing_since", "last_status", "secret")
may_write = scope("webhooks:write")


class WebhookListResource(ProtectedResource):
    """All webhooks."""

    permissions = dict.fromkeys(("GET", "POST"), may_write)

    @takes(list_parser)
    @gives_page(Webhook.SCHEMA)
    def get(self, args: Namespace) -> Any:
        """List webhooks, in the order they were made."""
        return paging.page_of(webhook_query.every(), args, webhook_query.to_dict)

    @takes(create_parser)
    @gives_one(WITH_SECRET, 201, refuses=("url_not_allowed", "too_many_webhooks"))
    def post(self, args: Namespace) -> Any:
        """Create a webhook; its secret, with which deliveries are signed, is in this response only."""
        url, secret = _checked(args["url"]), new_secret()
        return _create(secret, {**args, "url": url})


class WebhookResource(ProtectedResource):
    """One webhook."""

    permissions = dict.fromkeys(("GET", "PATCH", "DELETE"), may_write)

    @gives_one(Webhook.SCHEMA, revalidated=False)
    def get(self, webhook_id: int) -> Any:
        """Read a webhook; its ETag is about what people have set, so its state is always returned."""
        return _answer(webhook_query.read(webhook_id))

    @takes(patch_parser)
    @gives_one(Webhook.SCHEMA, refuses=("url_not_allowed",))
    def patch(self, args: Namespace, webhook_id: int) -> Any:
        """Change a webhook (JSON merge patch, RFC 7396); one that is switched on again goes on where it stood."""
        url = _checked(args["url"]) if "url" in args else None
        return _change(webhook_id, {**args, "url": url})

    @gives(None, 204)
    @transactional
    def delete(self, webhook_id: int) -> Any:
        """Delete a webhook; nothing more is sent to it."""
        webhooks.remove(_locked(webhook_id), by=current_principal())
        return None, 204


class WebhookSecretResource(ProtectedResource):
    """The rotation of the secret of a webhook."""

    permissions = {"POST": may_write}

    @gives_one(WITH_SECRET, name="rotate_webhook_secret")
    @transactional
    def post(self, webhook_id: int) -> Any:
        """Give a webhook a new secret, which is in this response only; for 24 hours the one before signs too."""
        webhook, secret = webhooks.lock(webhook_id), new_secret()
        webhooks.rotate_secret(webhook, secret, services().secret_box, by=current_principal())
        return _answer({**webhook.to_dict(), "secret": secret})


class WebhookReplayResource(ProtectedResource):
    """The position of a webhook in the change feed."""

    permissions = {"POST": may_write}

    @takes(replay_parser)
    @gives_one(Webhook.SCHEMA, 202, name="replay_webhook")
    @idempotent
    @transactional
    def post(self, args: Namespace, webhook_id: int) -> Any:
        """Deliver once more what is after a `next_cursor` of `/events`; one that is paused does so when it goes on."""
        webhook = webhooks.lock(webhook_id)
        webhooks.replay(webhook, args["since"], by=current_principal())
        return _answer(webhook.to_dict(), 202)


class WebhookSkipResource(ProtectedResource):
    """The event at which a webhook stands."""

    permissions = {"POST": all_of(may_write, person_required)}

    @takes(skip_parser)
    @gives_one(Webhook.SCHEMA, refuses=("not_next",), name="skip_webhook_event")
    @idempotent
    @transactional
    def post(self, args: Namespace, webhook_id: int) -> Any:
        """Leave out the event at which a webhook stands, which only a person decides; no API token may."""
        webhook = webhooks.lock(webhook_id)
        webhooks.skip(webhook, args["event_id"], args["reason"], by=current_principal())
        return _answer(webhook.to_dict())


@transactional
def _create(secret: str, given: dict[str, Any]) -> Any:
    sealed = services().secret_box.seal(secret)
    webhook = webhooks.create(**given, sealed_secret=sealed, by=current_principal())
    location = {"Location": url_for("webhook", webhook_id=webhook.id)}
    return _answer({**webhook.to_dict(), "secret": secret}, 201, location)


@transactional
def _change(webhook_id: int, given: dict[str, Any]) -> Any:
    webhook = _locked(webhook_id)
    webhooks.change(webhook, **given, by=current_principal())
    return _answer(webhook.to_dict())


def _locked(webhook_id: int) -> Webhook:
    """Return the webhook, locked, as it was set when the client read the ETag that its If-Match names."""
    webhook = webhooks.lock(webhook_id)
    check_unchanged(webhook.to_dict(), untagged=UNTAGGED)
    return webhook


def _answer(webhook: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Any:
    return answer(webhook, status, headers, untagged=UNTAGGED)


def _checked(url: str) -> str:
    """Return the URL in its normal form; raise Refusal `url_not_allowed`.

    It looks the host up, which may take seconds: before the transaction, in which others would wait for that.
    """
    try:
        checked = check_url(url, current_settings().webhook_allow_nets)
    except ValueError as error:
        raise Refusal("url_not_allowed", str(error)) from error
    if len(checked) > URL_LENGTH:
        raise Refusal("url_not_allowed", f"In its normal form, the URL has more than {URL_LENGTH} characters.")
    return checked
