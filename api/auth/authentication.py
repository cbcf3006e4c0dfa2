"""Authentication: who sends a request, by HTTP Basic, Bearer or X-API-Key; `api.auth.cookie` is for our own page."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any
from wsgiref.types import WSGIEnvironment

from flask import g, request
from flask_httpauth import HTTPAuth, HTTPBasicAuth, HTTPTokenAuth
from werkzeug.datastructures import Authorization
from werkzeug.exceptions import TooManyRequests

from api.auth import access_tokens, oidc
from api.auth.challenges import unauthorized, wrong_credentials
from api.middleware.addresses import comes_from
from api.middleware.headers import add_header
from api.middleware.rate_limits import check_sign_in, client_network, count_failed_sign_in
from api.monitoring.audit import count_refused_sign_in, record_failed_sign_in, record_refusal
from api.request_id import request_origin
from api.services import services
from models.database.best_effort import write_best_effort
from models.people import credentials
from models.people.token import LAST_USE_EVERY, PREFIX, ApiToken, is_well_formed
from models.principal import SCOPES_OF_ROLE, SYSTEM, Method, Principal, bound_to
from models.refusals import Refusal
from models.values import normalized, now

# How long recording the last use of a token may wait for the write lock (SQLite), in seconds; then it is left out.
RECORD_WAIT = 0.05
# The user name under which any API token may come in HTTP Basic.
ANY_OWNER = "token"
EXPIRES_SOON = timedelta(days=7)


class _StrictBasicAuth(HTTPBasicAuth):  # type: ignore[misc] # Flask-HTTPAuth has no types
    """HTTP Basic as Werkzeug reads it: strict Base64 and UTF-8 (RFC 7617), without trying Latin-1."""

    get_auth = HTTPAuth.get_auth


basic = _StrictBasicAuth()
bearer = HTTPTokenAuth("Bearer")
api_keys = HTTPTokenAuth("ApiKey", header="X-API-Key")


def current_principal() -> Principal:
    """Return who sends this request; raises Challenged (401) for a request without credentials."""
    return required(g.get("principal"))


def required(principal: Principal | None) -> Principal:
    """Return the principal; raises Challenged (401) for a request without credentials."""
    if principal is None:
        detail = "This needs credentials: HTTP Basic, a Bearer token, X-API-Key or, in a page, the cookie of a sign-in."
        raise unauthorized("unauthorized", detail)
    return principal


def authenticate(environ: WSGIEnvironment) -> Principal | None:
    """Return the principal of the credential that was sent with this request; None if none was.

    A wrong credential is refused even where none is required. Two at once are refused too: either could be meant.
    Raises Challenged (401) or Refusal (400).
    """
    authorization, api_key = environ.get("HTTP_AUTHORIZATION"), environ.get("HTTP_X_API_KEY")
    if authorization is None and api_key is None:
        return None
    if authorization is not None and api_key is not None:
        raise Refusal("bad_request", "Send either Authorization or X-API-Key, not both.")
    if api_key is not None:
        scheme, principal = "", _of_token(api_keys, api_key)
    else:
        scheme, principal = _verified(authorization or "")
    if principal is None:
        raise wrong_credentials(**({"error": "invalid_token"} if scheme == "bearer" else {}))
    return principal


def _verified(authorization: str) -> tuple[str, Principal | None]:
    """Return the scheme, which has no case (RFC 9110 section 11.1), and whose credential it is, None if it is wrong."""
    scheme, _, credential = authorization.partition(" ")
    match scheme.lower():
        case "bearer":
            return "bearer", _of_token(bearer, credential.strip())
        case "basic":
            sent = basic.get_auth()
            principal = basic.authenticate(sent, None) if sent else None
            return "basic", principal if isinstance(principal, Principal) else None
    return scheme, None


def _of_token(scheme: HTTPTokenAuth, token: str) -> Principal | None:
    """Return whose token it is; Flask-HTTPAuth would look for it in the headers once more."""
    principal: Principal | None = scheme.authenticate(Authorization(scheme.scheme, token=token), None)
    return principal


@basic.verify_password  # type: ignore[untyped-decorator] # Flask-HTTPAuth has no types
def verify_basic(username: str | None, password: str) -> Principal | None:
    """Return the principal of a user name and a password, or of an API token in the place of the password.

    Spreadsheets know HTTP Basic alone: such a token comes under the name of its owner, or as `token`.
    """
    if username is not None and is_well_formed(password):
        return _principal_of_token(password, username)
    return verify_password(username, password)


def verify_password(username: str | None, password: str) -> Principal | None:
    """Return the principal of the user of this name, if the password is right and the user active; else None.

    Every check of a password goes through here, so that all guesses are limited and recorded alike.
    """
    if username is None:  # the header holds no user name and password in Base64
        return None
    try:
        check_sign_in(username)
    except TooManyRequests:
        count_refused_sign_in()
        raise
    user = credentials.find_by_name(username)
    right = services().passwords.verify(username, user and user.password_hash, password, client_network())
    if not right or user is None or not user.active:
        record_failed_sign_in(user and user.username)
        count_failed_sign_in(username)
        return None
    return principal_with(user.id, user, SCOPES_OF_ROLE[user.role], "password")


@bearer.verify_token  # type: ignore[untyped-decorator] # Flask-HTTPAuth has no types
def verify_bearer(secret: str) -> Principal | None:
    """Return the principal of a Bearer token: an API token (by its prefix), an OpenID token or an access token."""
    if secret.startswith(PREFIX):
        return _principal_of_token(secret, ANY_OWNER)
    claims = oidc.claims_of(secret)
    return principal_of(claims) if claims else verify_access_token(secret)


def principal_of(claims: oidc.Claims) -> Principal | None:
    """Return the principal of verified OpenID claims, with all scopes of the user's role; None for an inactive one."""
    user = oidc.user_of(claims, SYSTEM._replace(**request_origin()))
    if not user.active:
        return None
    return principal_with(user.id, user, SCOPES_OF_ROLE[user.role], "oidc")


def verify_access_token(token: str) -> Principal | None:
    """Return the principal of an active session, with all scopes of the user's role; None for any other token."""
    claims = access_tokens.read(token)
    user = claims and credentials.find_by_session(claims.session_id, claims.user_id)
    if not claims or not user:
        return None
    return principal_with(user.id, user, SCOPES_OF_ROLE[user.role], "session", session_id=claims.session_id)


@api_keys.verify_token  # type: ignore[untyped-decorator] # Flask-HTTPAuth has no types
def verify_api_token(secret: str) -> Principal | None:
    """Return the principal of an API token: its owner, with those of its scopes that the owner's role has too.

    So it is with locations: those that the token is bound to and its owner too.
    """
    return _principal_of_token(secret, ANY_OWNER)


def _principal_of_token(secret: str, username: str) -> Principal | None:
    token = credentials.find_by_secret(secret)
    if token is None or normalized(username) not in (ANY_OWNER, normalized(token.username)):
        return None
    scopes = SCOPES_OF_ROLE[token.role].intersection(token.scopes)
    principal = principal_with(token.user_id, token, scopes, "token", token.owner_location_ids, token_id=token.id)
    if token.allowed_ips and not comes_from(token.allowed_ips):
        record_refusal(principal, "address_not_allowed")
        raise unauthorized("address_not_allowed", f"This token may not be used from {request.remote_addr}.")
    _record_use(token.id, token.last_used_at)
    if token.expires_at and (left := token.expires_at - now()) < EXPIRES_SOON:  # so that it is rotated in time
        add_header("X-Token-Expires-In", str(max(0, int(left.total_seconds()))))
    return principal


def principal_with(
    user_id: int,
    user: Any,
    scopes: frozenset[str],
    method: Method,
    owner_location_ids: list[int] | None = None,
    **ids: Any,
) -> Principal:
    """Return the principal of this request: the user with these scopes, and the ids of the credential."""
    location_ids = bound_to(user.location_ids, owner_location_ids)
    return Principal(
        user_id, user.username, user.role, scopes, method, location_ids=location_ids, **ids, **request_origin()
    )


def _record_use(token_id: int, last_used_at: datetime | None) -> None:
    """Record the use of a token, at most once a minute; if that fails, the request goes on."""
    if last_used_at is not None and now() - last_used_at < LAST_USE_EVERY:
        return
    if services().last_uses.allow(token_id):
        write_best_effort(
            f"the last use of token {token_id}",
            partial(ApiToken.record_use, token_id, request.remote_addr),
            RECORD_WAIT,
        )
