"""What a resource needs of its caller: a scope, a password, a sign-in, or just to be known."""

from typing import Protocol

from api.auth.authentication import REALM, Challenged, challenge
from models.principal import SCOPES_OF_ROLE, Principal
from models.refusals import Refusal


class Permission(Protocol):
    """What a method asks of the principal: returns when it is met, raises Refusal when it is not."""

    def __call__(self, principal: Principal) -> None: ...


def any_user(principal: Principal) -> None:
    """Any credential will do."""


def password_required(principal: Principal) -> None:
    """A token may not do this: it would outlive its own revocation."""
    if principal.method not in ("password", "session"):
        raise Refusal("password_required", "A token may not do this; use the password or a sign-in of the user.")


def session_required(principal: Principal) -> None:
    """Only a sign-in can ask this, with its access token."""
    if principal.method != "session":
        raise Refusal("sign_in_required", "Only the access token of a sign-in can ask this.")


def token_required(principal: Principal) -> None:
    """Only an API token can ask this."""
    if principal.method != "token":
        raise Refusal("token_required", "Only a request that carries an API token can ask this.")


def scope(*names: str) -> Permission:
    """The scopes of these names, of the role and, for a token, of the token too."""

    def need(principal: Principal) -> None:
        for name in names:
            require_scope(principal, name)

    need.scope = " ".join(names)  # type: ignore[attr-defined]
    return need


def require_scope(principal: Principal, name: str) -> None:
    """Raises Challenged `insufficient_scope` for a token without it, Refusal `forbidden` for a role without it."""
    if name in principal.scopes:
        return
    roles = " or ".join(role for role, scopes in SCOPES_OF_ROLE.items() if name in scopes)
    if principal.method == "token":
        raise Challenged(
            "insufficient_scope",
            f"This needs the scope {name}, of the token and of its owner's role ({roles}).",
            challenge("Bearer", error="insufficient_scope", scope=name, realm=REALM),
        )
    raise Refusal("forbidden", f"This needs the role {roles}; {principal.username} is {principal.role}.")
