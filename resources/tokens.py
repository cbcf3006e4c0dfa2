"""API tokens: of oneself only, told once, revocable."""

from typing import Any

from flask import url_for
from flask_restful.reqparse import Namespace

from api.auth.authentication import current_principal
from api.auth.permissions import password_required, token_required
from api.errors import InvalidInput, fault
from api.middleware.addresses import Network
from api.operation import gives, gives_one, gives_page, takes
from api.requests.containers import ListOf
from api.requests.fields import Field
from api.requests.parsers import RequestParser
from api.requests.text import Text
from api.requests.types import Choice, Integer
from api.resource import ProtectedResource
from api.responses.conditional import answer, check_unchanged
from api.responses.pagination import Paging
from models.database.transactions import transactional
from models.json_schema import ID, TEXT, TIME, Schema, closed
from models.people.token import ApiToken, IssuedToken
from models.principal import SCOPES
from models.values import rfc3339

token_parser = RequestParser(
    Field("name", Text(100, 1), required=True, help="What it is for."),
    Field("scopes", ListOf(Choice(*SCOPES), len(SCOPES), 1), required=True, help="Some of your own."),
    Field("expires_in_days", Integer(1, 3650), nullable=True, help="Without it, until revoked."),
    Field(
        "allowed_ips",
        ListOf(Network(), 20, 1),
        nullable=True,
        help="The addresses and networks it may be used from; without it, from anywhere.",
    ),
    example={"name": "till 3", "scopes": ["items:read", "stock:write"], "expires_in_days": 365},
)
paging = Paging(ApiToken.id, {"name": ApiToken.name, "created_at": ApiToken.created_at})
list_parser = RequestParser(*paging.fields)


def told(title: str, **more: Schema) -> Schema:
    """A token with its secret, which is answered this once."""
    return closed(title, {**ApiToken.SCHEMA["properties"], "token": TEXT, **more})


class TokenListResource(ProtectedResource):
    """The caller's tokens."""

    permissions = dict.fromkeys(("GET", "POST"), password_required)

    @takes(list_parser)
    @gives_page(ApiToken.SCHEMA)
    def get(self, args: Namespace) -> Any:
        """List your tokens that have not been revoked."""
        return paging.page_of(ApiToken.owned(current_principal().user_id), args, ApiToken.REPRESENTATION.of_row)

    @takes(token_parser)
    @gives(told("NewToken"), 201)
    @transactional
    def post(self, args: Namespace) -> Any:
        """Make a token; `token` is told this once."""
        principal = current_principal()
        beyond = [name for name in args["scopes"] if name not in principal.scopes]
        if beyond:
            raise InvalidInput([fault("scopes", "beyond_role", f"exceed your role: {', '.join(beyond)}")])
        return _told(
            ApiToken.issue(
                user_id=principal.user_id,
                name=args["name"],
                scopes=args["scopes"],
                expires_in_days=args.get("expires_in_days"),
                allowed_ips=args.get("allowed_ips"),
                by=principal,
            )
        )


class TokenResource(ProtectedResource):
    """One of the caller's tokens."""

    permissions = dict.fromkeys(("GET", "DELETE"), password_required)

    @gives_one(ApiToken.SCHEMA)
    def get(self, token_id: int) -> Any:
        """Read one of your tokens; somebody else's is not found."""
        return answer(ApiToken.get(token_id, current_principal().user_id).to_dict())

    @gives(None, 204)
    @transactional
    def delete(self, token_id: int) -> Any:
        """Revoke one of your tokens: its next request is refused."""
        token = ApiToken.get(token_id, current_principal().user_id, lock=True)
        check_unchanged(token.to_dict())
        token.revoke(current_principal())
        return None, 204


class TokenRotateResource(ProtectedResource):
    """The succession of one of the caller's tokens."""

    permissions = {"POST": password_required}

    @gives(told("Successor", replaces=ID, replaced_expires_at=TIME), 201, name="rotate_token")
    @transactional
    def post(self, token_id: int) -> Any:
        """Make a successor with the same name, scopes, lifetime and networks; the old token works for 24 hours more."""
        old = ApiToken.get(token_id, current_principal().user_id, lock=True)
        successor = old.rotate(current_principal())
        return _told(successor, replaces=old.id, replaced_expires_at=rfc3339(old.expires_at))


class CurrentTokenResource(ProtectedResource):
    """The token in use."""

    permissions = {"GET": token_required}

    @gives_one(ApiToken.SCHEMA)
    def get(self) -> Any:
        """Read the token that this request carries."""
        principal = current_principal()
        return answer(ApiToken.get(principal.token_id or 0, principal.user_id).to_dict())


def _told(issued: IssuedToken, **more: Any) -> Any:
    """The one answer that holds the secret."""
    location = {"Location": url_for("token", token_id=issued.row.id)}
    return {**issued.row.to_dict(), "token": issued.secret, **more}, 201, location
