"""Sessions and the pair of tokens that answers a sign-in: by password, refresh token or OpenID provider."""

from datetime import timedelta
from typing import Any

from api.auth import access_tokens
from api.services import current_settings
from models.database.transactions import transactional
from models.event import ACCESS, Event
from models.json_schema import COUNT, TEXT, closed, one_of
from models.people.session import Refreshed, Session
from models.principal import Principal
from models.values import now

PAIR = closed(
    "TokenPair",
    {"access_token": TEXT, "refresh_token": TEXT, "token_type": one_of("Bearer"), "expires_in": COUNT},
)


@transactional
def begin_session(principal: Principal, longest: timedelta | None = None) -> Refreshed:
    """Begin a session of this user, which may last as long as `longest`, and record it in the audit log."""
    Event.record("sign_in.begun", {"username": principal.username}, principal, stream=ACCESS)
    return Session.begin(principal.user_id, current_settings().refresh_token_lifetime, longest)


def token_pair(refreshed: Refreshed) -> dict[str, Any]:
    """Return the access token and the refresh token of a session; the refresh token can't be read again later.

    The access token ends with the session.
    """
    lifetime = current_settings().access_token_lifetime
    if refreshed.ends_at:
        lifetime = min(lifetime, refreshed.ends_at - now())
    return {
        "access_token": access_tokens.issue(refreshed.user_id, refreshed.session_id, lifetime),
        "refresh_token": refreshed.refresh_token,
        "token_type": "Bearer",
        "expires_in": lifetime // timedelta(seconds=1),
    }
