"""The principal of a request: a user, the credential, and the scopes that both allow; roles and their scopes."""

from collections.abc import Collection
from typing import Literal, NamedTuple

# All scopes; a role has some of them, a token some of its owner's.
SCOPES = ("items:read", "items:write", "stock:write", "users:read", "users:write", "audit:read", "webhooks:write")
SCOPES_OF_ROLE: dict[str, frozenset[str]] = {
    "guest": frozenset(SCOPES[:1]),
    "member": frozenset(SCOPES[:3]),
    "admin": frozenset(SCOPES),
}
ROLES = tuple(SCOPES_OF_ROLE)
# The credential: a password (HTTP Basic), an API token, the access token or the cookie of a session, a token of the
# OpenID provider.
Method = Literal["password", "token", "session", "oidc"]
# The locations of a token that has none in common with its owner: the id is that of no location.
NOWHERE = frozenset((0,))


class Principal(NamedTuple):
    """The authenticated user of one request; `scopes` are those that role and credential both allow.

    `location_ids` are the locations at which both allow to change stock; empty, all of them.
    """

    user_id: int
    username: str
    role: str
    scopes: frozenset[str]
    method: Method
    token_id: int | None = None
    session_id: int | None = None
    request_id: str = ""
    address: str | None = None
    trace_id: str | None = None
    location_ids: frozenset[int] = frozenset()


# The principal where there is no request: at the start, and by default on the command line.
SYSTEM = Principal(0, "system", "admin", frozenset(SCOPES), "password")


def bound_to(ids: Collection[int] | None, owner_ids: Collection[int] | None = None) -> frozenset[int]:
    """Return the locations to which a user is bound, or both a token and its owner; None and an empty one are all."""
    if ids and owner_ids:
        return frozenset(ids).intersection(owner_ids) or NOWHERE
    return frozenset(ids or owner_ids or ())
