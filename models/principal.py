"""Who acts: a user, by one credential, with what that credential may do at this moment."""

from typing import Literal, NamedTuple

# The scopes of the contract; a role has some, a token carries some of its owner's.
SCOPES = ("items:read", "items:write", "stock:write", "users:read", "users:write", "audit:read")
SCOPES_OF_ROLE: dict[str, frozenset[str]] = {
    "guest": frozenset(SCOPES[:1]),
    "member": frozenset(SCOPES[:3]),
    "admin": frozenset(SCOPES),
}
ROLES = tuple(SCOPES_OF_ROLE)
# What was sent: HTTP Basic, an API token, the access token of a sign-in, or a token of the OpenID provider.
Method = Literal["password", "token", "session", "oidc"]


class Principal(NamedTuple):
    """One signed-in request: `scopes` are what role and credential both allow."""

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


# Who acts when no request does: the start, and the command line unless it says otherwise.
SYSTEM = Principal(0, "system", "admin", frozenset(SCOPES), "password")
