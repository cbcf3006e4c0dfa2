"""Tokens of the OpenID provider (OpenID Connect Core 1.0, RFC 9068): their verification, and their users."""

import re
from datetime import UTC, datetime
from functools import reduce
from typing import Any

import jwt

from api.auth.issuer import Issuer
from api.services import services
from models.database.transactions import transactional
from models.people.identity import SUBJECT_LENGTH, Identity, IdentityClaims
from models.principal import ROLES, Principal
from settings import USERNAME_CHARACTERS, USERNAME_LENGTH, OidcSettings

Claims = dict[str, Any]

ALGORITHMS = ["RS256", "ES256"]
# How far the clocks of the provider and of this machine may differ, in seconds.
LEEWAY = 30
REQUIRED = ["iss", "aud", "exp", "iat", "sub"]
# The types of access tokens (RFC 9068 section 2.1; many providers say no more than JWT), and claims of other tokens.
ACCESS_TOKENS = ("at+jwt", "jwt")
OF_OTHER_TOKENS = frozenset({"nonce", "at_hash", "c_hash", "events"})
# MariaDB ignores spaces at the end, so that two subjects would be the same.
SUBJECT = re.compile("[!-~]([ -~]*[!-~])?")


def claims_of(token: str) -> Claims | None:
    """Return the claims of an access token that the issuer made for this service; None for any other token.

    Raises IssuerUnreachable.
    """
    issuer = services().issuer
    claims = verify(token, issuer, issuer.settings.audience) if issuer else None
    return claims if issuer and claims and _is_access_token(token, claims, issuer.settings) else None


def _is_access_token(token: str, claims: Claims, settings: OidcSettings) -> bool:
    """Return whether a verified token is an access token (RFC 9068 section 4), and made for no other client.

    The issuer signs ID tokens and logout tokens with the same keys, for the same audience (RFC 8725 section 3.11).
    """
    kind = str(jwt.get_unverified_header(token).get("typ", "JWT")).lower().removeprefix("application/")
    ours = claims.get("azp", settings.client_id) in (settings.client_id, settings.audience)
    return kind in ACCESS_TOKENS and OF_OTHER_TOKENS.isdisjoint(claims) and ours


def verify(token: str, issuer: Issuer, audience: str) -> Claims | None:
    """Return the claims of a token, if this issuer signed it for this audience and it is valid now; else None.

    Clocks may differ by 30 s. The issuer is asked for a key only if the token names this issuer.
    Raises IssuerUnreachable if the key is unknown and the issuer can't be asked.
    """
    try:
        header, unverified = jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})
        if header.get("alg") not in ALGORITHMS or unverified.get("iss") != issuer.settings.issuer:
            return None
        key = issuer.key(header.get("kid"))
        if key is None:
            return None
        claims: Claims = jwt.decode(
            token,
            key,
            ALGORITHMS,
            options={"require": REQUIRED},
            audience=audience,
            issuer=issuer.settings.issuer,
            leeway=LEEWAY,
        )
    except (jwt.InvalidTokenError, OverflowError):  # a time outside of the calendar
        return None
    subject = claims["sub"]
    return claims if len(subject) <= SUBJECT_LENGTH and SUBJECT.fullmatch(subject) else None


def user_of(claims: Claims, by: Principal) -> Any:
    """Return the user of these claims as one row; created by `by` if there is none, its role updated by a newer token.

    A user who was deactivated here is not changed.
    """
    identity = _identity_claims(claims)
    user = Identity.user_of(identity.issuer, identity.subject)
    if user is None or (user.active and identity.is_newer_than(user.claimed_role, user.claimed_at)):
        transactional(Identity.update_user)(identity, by)
        user = Identity.user_of(identity.issuer, identity.subject)
    return user


def _identity_claims(claims: Claims) -> IdentityClaims:
    issuer = services().issuer
    role_claim = issuer and issuer.settings.role_claim
    role = role_in(claims, role_claim) if role_claim else None
    issued_at = datetime.fromtimestamp(max(0, int(claims["iat"])), UTC)
    return IdentityClaims(claims["iss"], claims["sub"], name_in(claims), role, issued_at, bool(role_claim))


def role_in(claims: Claims, path: str) -> str | None:
    """Return the highest role that the claim names, `guest` if it names none; None if there is no such claim.

    `path` is the name of a claim or, with dots, of a member of one. A claim of the whole name comes first, because some
    names are URLs, which contain dots.
    """
    value = claims.get(path, reduce(_member, path.split("."), claims))
    if value is None:
        return None
    named = value if isinstance(value, list) else [value]
    return next((role for role in reversed(ROLES) if role in named), ROLES[0])


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def name_in(claims: Claims) -> str:
    """Return a user name of allowed characters: the preferred one, else the email address, else the subject."""
    found = (claims.get(name) for name in ("preferred_username", "email", "sub"))
    cleaned = (re.sub(f"[^{USERNAME_CHARACTERS}]+", "-", each).strip("-") for each in found if isinstance(each, str))
    return next(filter(None, cleaned), "user")[:USERNAME_LENGTH]
