"""API tokens of the caller: create, list, read, revoke, rotate."""

from functools import partial
from typing import Any

from flask import url_for
from flask_restful.reqparse import Namespace

from api.auth.authentication import current_principal
from api.auth.permissions import password_required, require_scope, token_required
from api.errors import InvalidInput, fault
from api.middleware.addresses import Network
from api.operation import gives, gives_one, gives_page, takes
from api.requests.containers import ListOf
from api.requests.fields import Field, QueryField
from api.requests.parsers import RequestParser
from api.requests.text import Text
from api.requests.types import Choice, Integer
from api.resource import ProtectedResource
from api.responses.conditional import answer, check_unchanged
from api.responses.pagination import Paging
from api.services import current_settings
from models.database.transactions import transactional
from models.json_schema import ID, TEXT, TIME, Schema, closed
from models.location_codes import LocationCodes
from models.people.credentials import find_by_name
from models.people.token import ApiToken, IssuedToken
from models.people.user import User
from models.principal import SCOPES, Principal
from models.values import normalized, rfc3339
from resources.location_parsers import bound_field, bound_ids
from settings import USERNAME_LENGTH

token_parser = RequestParser(
    Field("name", Text(100, 1), required=True, help="What the token is for."),
    Field("scopes", ListOf(Choice(*SCOPES), len(SCOPES), 1), required=True, help="A subset of your own scopes."),
    Field(
        "expires_in_days",
        Integer(1, 3650),
        nullable=True,
        help="The days until it expires; valid until revoked if left out. In a sign-in at the OpenID provider "
        "`OIDC_TOKEN_DAYS` is the most, and the default.",
    ),
    Field(
        "allowed_ips",
        ListOf(Network(), 20, 1),
        nullable=True,
        help="The addresses and networks from which it may be used; all if left out.",
    ),
    bound_field,
    example={"name": "till 3", "scopes": ["items:read", "stock:write"], "expires_in_days": 365},
    name="NewToken",
)
paging = Paging(ApiToken.id, {"name": ApiToken.name, "created_at": ApiToken.created_at})
list_parser = RequestParser(
    QueryField("user", Text(USERNAME_LENGTH, 1), help="The name of another user, whose tokens an admin lists."),
    *paging.fields,
)


def with_secret(title: str, **more: Schema) -> Schema:
    """Return the schema of a token with its secret, which is returned only once."""
    return closed(title, {**ApiToken.SCHEMA["properties"], "token": TEXT, **more})


class TokenListResource(ProtectedResource):
    """The caller's API tokens."""

    permissions = dict.fromkeys(("GET", "POST"), password_required)

    @takes(list_parser)
    @gives_page(ApiToken.SCHEMA, refuses=("forbidden",))
    def get(self, args: Namespace) -> Any:
        """List the API tokens of the caller or, as an admin, of another user; revoked ones are left out."""
        represent = partial(LocationCodes().represent, ApiToken.REPRESENTATION)
        return paging.page_of(ApiToken.owned(_owner(args["user"])), args, represent)

    @takes(token_parser)
    @gives(with_secret("IssuedToken"), 201)
    @transactional
    def post(self, args: Namespace) -> Any:
        """Create an API token; its secret, `token`, is in this response only."""
        principal = current_principal()
        days, most_days = args.get("expires_in_days"), _most_days(principal)
        if days and most_days and days > most_days:
            message = f"must be at most {most_days} in a sign-in at the OpenID provider"
            raise InvalidInput([fault("expires_in_days", "too_large", message)])
        beyond = [name for name in args["scopes"] if name not in principal.scopes]
        if beyond:
            raise InvalidInput([fault("scopes", "beyond_role", f"exceed your role: {', '.join(beyond)}")])
        location_ids = bound_ids(args.get("locations"))
        _check_reach(principal, location_ids)
        return _issued(
            ApiToken.issue(
                user_id=principal.user_id,
                name=args["name"],
                scopes=args["scopes"],
                expires_in_days=days or most_days,
                allowed_ips=args.get("allowed_ips"),
                location_ids=location_ids,
                by=principal,
            )
        )


class TokenResource(ProtectedResource):
    """One API token: the caller's or, for an admin, anybody's."""

    permissions = dict.fromkeys(("GET", "DELETE"), password_required)

    @gives_one(ApiToken.SCHEMA)
    def get(self, token_id: int) -> Any:
        """Read an API token; one of another user is found by an admin alone."""
        return answer(ApiToken.get(token_id, _only_of(current_principal())).to_dict())

    @gives(None, 204)
    @transactional
    def delete(self, token_id: int) -> Any:
        """Revoke an API token, one's own or, as an admin, anybody's; it is refused from the next request on."""
        token = ApiToken.get(token_id, _only_of(current_principal()), lock=True)
        check_unchanged(token.to_dict())
        token.revoke(current_principal())
        return None, 204


class TokenRotateResource(ProtectedResource):
    """The rotation of one of the caller's API tokens."""

    permissions = {"POST": password_required}

    @gives(with_secret("RotatedToken", replaces=ID, replaced_expires_at=TIME), 201, name="rotate_token")
    @transactional
    def post(self, token_id: int) -> Any:
        """Rotate a token: its successor has its scopes, lifetime, networks and locations; it works 24 hours more."""
        old = ApiToken.get(token_id, current_principal().user_id, lock=True)
        successor = old.rotate(current_principal(), _most_days(current_principal()))
        return _issued(successor, replaces=old.id, replaced_expires_at=rfc3339(old.expires_at))


class CurrentTokenResource(ProtectedResource):
    """The API token of this request."""

    permissions = {"GET": token_required}

    @gives_one(ApiToken.SCHEMA)
    def get(self) -> Any:
        """Read the API token of this request."""
        principal = current_principal()
        return answer(ApiToken.get(principal.token_id or 0, principal.user_id).to_dict())


def _check_reach(principal: Principal, location_ids: list[int] | None) -> None:
    """Raise InvalidInput for locations that the user of the token may not touch; without any, it follows the user's."""
    beyond = set(location_ids or ()) - principal.location_ids if principal.location_ids else ()
    if beyond:
        codes = ", ".join(LocationCodes().of(beyond))
        raise InvalidInput([fault("locations", "beyond_user", f"exceed your own: {codes}")])


def _only_of(principal: Principal) -> int | None:
    """Return the user whose tokens this principal may see; None for an admin, who may see those of all."""
    return None if "users:write" in principal.scopes else principal.user_id


def _owner(username: str | None) -> int:
    """Return the id of the user whose tokens are asked for, 0 for a name that nobody has; raise Refusal `forbidden`."""
    principal = current_principal()
    if username is None or normalized(username) == normalized(principal.username):
        return principal.user_id
    require_scope(principal, "users:write")
    user = find_by_name(username)
    return user.id if user else 0


def _most_days(principal: Principal) -> int | None:
    """Return how many days a token may live that this user makes; None where nothing bounds them."""
    return None if User.get(principal.user_id).has_password else current_settings().oidc_token_days


def _issued(issued: IssuedToken, **more: Any) -> Any:
    """Return the one response that has the secret."""
    location = {"Location": url_for("token", token_id=issued.row.id)}
    return {**issued.row.to_dict(), "token": issued.secret, **more}, 201, location
