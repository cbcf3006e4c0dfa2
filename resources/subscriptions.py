"""Subscriptions: who gets a digest of which events by mail; list, create, read, change, delete."""

from typing import Any

from flask import url_for
from flask_restful.reqparse import Namespace

from api.auth.authentication import current_principal
from api.auth.permissions import scope
from api.operation import gives, gives_one, gives_page, idempotent, takes
from api.resource import ProtectedResource
from api.responses.conditional import answer, check_unchanged
from api.services import current_settings
from models.database.transactions import transactional
from models.outbound import subscriptions
from models.outbound.subscription import Subscription
from models.outbound.subscriptions import RHYTHMS
from models.refusals import Refusal
from resources.subscription_parsers import create_parser, list_parser, paging, patch_parser

# What the sender writes at any time: If-Match is about what people have set.
UNTAGGED = ("next_at", "next_attempt_at", "failing_since", "last_error")


class SubscriptionListResource(ProtectedResource):
    """All subscriptions."""

    permissions = dict.fromkeys(("GET", "POST"), scope("webhooks:write"))

    @takes(list_parser)
    @gives_page(Subscription.SCHEMA)
    def get(self, args: Namespace) -> Any:
        """List subscriptions, inactive ones included."""
        return paging.page_of(subscriptions.matching(active=args["active"]), args, Subscription.REPRESENTATION.of_row)

    @takes(create_parser)
    @gives_one(Subscription.SCHEMA, 201, refuses=("mail_not_configured", "too_many_subscriptions"))
    @idempotent
    @transactional
    def post(self, args: Namespace) -> Any:
        """Subscribe to a digest of events by mail, from now on."""
        _check_mail()
        made = subscriptions.create(**args, by=current_principal())
        return _answer(made, 201, {"Location": url_for("subscription", subscription_id=made.id)})


class SubscriptionResource(ProtectedResource):
    """One subscription."""

    permissions = dict.fromkeys(("GET", "PATCH", "DELETE"), scope("webhooks:write"))

    @gives_one(Subscription.SCHEMA, revalidated=False)
    def get(self, subscription_id: int) -> Any:
        """Read a subscription; its ETag is about what people have set, so its state is always returned."""
        return _answer(subscriptions.get(subscription_id))

    @takes(patch_parser)
    @gives_one(Subscription.SCHEMA, refuses=("mail_not_configured",))
    @idempotent
    @transactional
    def patch(self, args: Namespace, subscription_id: int) -> Any:
        """Change a subscription, or switch it off or on (JSON merge patch, RFC 7396)."""
        subscription = _locked(subscription_id)
        if args.get("active"):
            _check_mail()
        subscriptions.change(subscription, **_changes(args), by=current_principal())
        return _answer(subscription)

    @gives(None, 204)
    @transactional
    def delete(self, subscription_id: int) -> Any:
        """Delete a subscription."""
        subscriptions.delete(_locked(subscription_id), by=current_principal())
        return None, 204


def _answer(subscription: Subscription, status: int = 200, headers: dict[str, str] | None = None) -> Any:
    return answer(subscription.to_dict(), status, headers, untagged=UNTAGGED)


def _locked(subscription_id: int) -> Subscription:
    """Return the subscription, locked, in the state that the client's If-Match names."""
    subscription = subscriptions.get(subscription_id, lock=True)
    check_unchanged(subscription.to_dict(), untagged=UNTAGGED)
    return subscription


def _changes(args: Namespace) -> dict[str, Any]:
    """Return what a patch sets: a rhythm replaces the other, and no recipients are those of the settings."""
    changes = dict(args)
    if not changes.keys().isdisjoint(RHYTHMS):
        changes |= {name: args.get(name) for name in RHYTHMS}
    if "recipients" in changes:
        changes["recipients"] = changes["recipients"] or []
    return changes


def _check_mail() -> None:
    """Raise Refusal `mail_not_configured` where no mail can be sent."""
    if current_settings().mail is None:
        raise Refusal("mail_not_configured", "This service sends no mail: its administrator has not set SMTP_URL.")
