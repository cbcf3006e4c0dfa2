"""What a method of a resource requires of its caller: scopes, a kind of credential, or any credential."""

from dataclasses import dataclass
from typing import Protocol

from api.auth.challenges import REALM, Challenged, challenge
from models.principal import SCOPES_OF_ROLE, Principal
from models.refusals import Refusal

# The security schemes of the OpenAPI document.
BASIC, BEARER, API_KEY, COOKIE = "basic", "bearer", "apiKey", "cookie"


class Permission(Protocol):
    """What a method requires of the principal, and what the OpenAPI document says of that."""

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that the role, and for a token the token too, must have."""

    @property
    def schemes(self) -> tuple[str, ...]:
        """The security schemes whose credentials can meet it."""

    @property
    def refusals(self) -> tuple[str, ...]:
        """The codes of the problems that say it is not met."""

    def __call__(self, principal: Principal) -> None:
        """Return if the principal meets it; otherwise raise Refusal or Challenged (both 403)."""


@dataclass(frozen=True)
class CredentialRequired:
    """A kind of credential: `methods` are those of `Principal.method`, or none where any will do."""

    schemes: tuple[str, ...]
    methods: tuple[str, ...] = ()
    refusal: str = ""
    detail: str = ""
    scopes: tuple[str, ...] = ()

    @property
    def refusals(self) -> tuple[str, ...]:
        return (self.refusal,) if self.refusal else ()

    def __call__(self, principal: Principal) -> None:
        if self.methods and principal.method not in self.methods:
            raise Refusal(self.refusal, self.detail)


@dataclass(frozen=True)
class ScopesRequired:
    """Scopes, each of the role and, for a token, of the token too."""

    scopes: tuple[str, ...]
    schemes: tuple[str, ...] = (BASIC, BEARER, API_KEY, COOKIE)
    refusals: tuple[str, ...] = ("forbidden", "insufficient_scope")

    def __call__(self, principal: Principal) -> None:
        for name in self.scopes:
            require_scope(principal, name)


@dataclass(frozen=True)
class AllRequired:
    """Several permissions at once; the first that is not met refuses."""

    permissions: tuple[Permission, ...]

    @property
    def scopes(self) -> tuple[str, ...]:
        return tuple(name for each in self.permissions for name in each.scopes)

    @property
    def schemes(self) -> tuple[str, ...]:
        first, *others = self.permissions
        return tuple(scheme for scheme in first.schemes if all(scheme in each.schemes for each in others))

    @property
    def refusals(self) -> tuple[str, ...]:
        return tuple(code for each in self.permissions for code in each.refusals)

    def __call__(self, principal: Principal) -> None:
        for permission in self.permissions:
            permission(principal)


any_user = CredentialRequired((BASIC, BEARER, API_KEY, COOKIE))
# A token may not change what it depends on: it would outlive its own revocation.
password_required = CredentialRequired(
    (BASIC, BEARER, COOKIE),
    ("password", "session"),
    "password_required",
    "A token may not do this; use the password or a sign-in of the user.",
)
# A token of the OpenID provider is a person's too, but it makes nothing that would outlive it.
person_required = CredentialRequired(
    (BASIC, BEARER, COOKIE),
    ("password", "session", "oidc"),
    "password_required",
    "An API token may not change a password, make an admin, lower a role, open locations that it is not bound to, or "
    "skip an event of a webhook; use the password or a sign-in of an admin.",
)
session_required = CredentialRequired(
    (BEARER, COOKIE),
    ("session",),
    "sign_in_required",
    "Only a sign-in can ask this, by its access token or its cookie.",
)
token_required = CredentialRequired(
    (BEARER, API_KEY), ("token",), "token_required", "Only a request that carries an API token can ask this."
)


def scope(*names: str) -> Permission:
    """Return the permission of these scopes."""
    return ScopesRequired(names)


def all_of(*permissions: Permission) -> Permission:
    """Return the permission that requires all of these."""
    return AllRequired(permissions)


def require_scope(principal: Principal, name: str) -> None:
    """Raise Challenged `insufficient_scope` for a token without it, Refusal `forbidden` for a role without it."""
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
