"""Sign-ins: how a session begins and ends, and the pair of tokens that answers one that is not by cookie."""

from datetime import timedelta
from typing import Any

from flask import request

from api.auth import access_tokens
from api.auth import authentication as auth
from api.auth.accounts import renewed_hash
from api.auth.challenges import wrong_credentials
from api.requests.text import UNPRINTABLE
from api.services import current_settings
from models.database.transactions import transactional
from models.event import ACCESS, Event
from models.json_schema import COUNT, TEXT, closed, one_of
from models.people import credentials
from models.people.session import CLIENT_LENGTH, Kind, Origin, Refreshed, Session
from models.people.user import User
from models.principal import Principal
from models.values import now

PAIR = closed(
    "TokenPair",
    {"access_token": TEXT, "refresh_token": TEXT, "token_type": one_of("Bearer"), "expires_in": COUNT},
)
ADDRESS_LENGTH = 45


def sign_in(username: str, password: str, kind: Kind) -> Refreshed:
    """Begin a session of the user with this name and password.

    Raises Challenged (401) if they are wrong, TooManyRequests (429) after too many that were.
    """
    before = credentials.find_by_name(username)
    principal = auth.verify_password(username, password)
    if principal is None or before is None:
        raise wrong_credentials()
    return _begin_confirmed(principal, kind, before.password_hash, renewed_hash(before.password_hash, password))


@transactional
def begin_session(principal: Principal, kind: Kind, longest: timedelta | None = None) -> Refreshed:
    """Begin a session of this user, which may last as long as `longest`, and record it in the audit log."""
    Event.record("sign_in.begun", {"username": principal.username}, principal, stream=ACCESS)
    lifetime = current_settings().refresh_token_lifetime
    return Session.begin(principal.user_id, kind, session_origin(), lifetime, longest)


@transactional
def end_current_session(principal: Principal) -> None:
    """End the session of this request."""
    Session.end(principal.session_id or 0)
    _record_end(principal)


@transactional
def end_session(principal: Principal, session_id: int) -> None:
    """End a session of this user; raises NotFound, also for one that is over already."""
    Session.end_own(session_id, principal.user_id)
    _record_end(principal)


def session_origin() -> Origin:
    """Return where this request comes from, as a session has it."""
    address = request.remote_addr
    client = UNPRINTABLE.sub("", request.headers.get("User-Agent", "")).strip()
    return Origin(address and address[:ADDRESS_LENGTH], client[:CLIENT_LENGTH].rstrip() or None)


def token_pair(refreshed: Refreshed) -> dict[str, Any]:
    """Return the access token and the refresh token of a session; the refresh token can't be read again later.

    The access token ends with the session.
    """
    lifetime = current_settings().access_token_lifetime
    if refreshed.ends_at:
        lifetime = min(lifetime, refreshed.ends_at - now())
    return {
        "access_token": access_tokens.issue(refreshed.user_id, refreshed.session_id, lifetime),
        "refresh_token": refreshed.secret,
        "token_type": "Bearer",
        "expires_in": lifetime // timedelta(seconds=1),
    }


def _record_end(principal: Principal) -> None:
    Event.record("sign_in.ended", {"username": principal.username}, principal, stream=ACCESS)


@transactional
def _begin_confirmed(principal: Principal, kind: Kind, verified_hash: str, renewed_hash: str | None) -> Refreshed:
    if not User.confirm_password(principal.user_id, verified_hash, renewed_hash):  # the password was changed meanwhile
        raise wrong_credentials()
    return begin_session(principal, kind)
