"""Tokens of the OpenID provider (OpenID Connect Core 1.0, RFC 9068): whose they are, and who that is here."""

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
from settings import USERNAME_CHARACTERS, USERNAME_LENGTH

Claims = dict[str, Any]

ALGORITHMS = ["RS256", "ES256"]
LEEWAY = 30
REQUIRED = ["iss", "aud", "exp", "iat", "sub"]
# Blanks at the end would not count on MariaDB, and two subjects be one.
SUBJECT = re.compile("[!-~]([ -~]*[!-~])?")


def claims_of(token: str) -> Claims | None:
    """What a token of the issuer for this service says; None for any other, or where no issuer is set.

    Raises IssuerUnreachable.
    """
    found = services().issuer
    return read(token, found, found.settings.audience) if found else None


def read(token: str, by: Issuer, audience: str) -> Claims | None:
    """What a token says, if this issuer signed it for this audience and it is good now, give or take 30 s.

    The issuer is asked only for a key of a token that says it is the issuer's.
    Raises IssuerUnreachable when its key is not known and can't be asked for.
    """
    try:
        header, said = jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})
        if header.get("alg") not in ALGORITHMS or said.get("iss") != by.settings.issuer:
            return None
        key = by.key(header.get("kid"))
        if key is None:
            return None
        claims: Claims = jwt.decode(
            token,
            key,
            ALGORITHMS,
            options={"require": REQUIRED},
            audience=audience,
            issuer=by.settings.issuer,
            leeway=LEEWAY,
        )
    except (jwt.InvalidTokenError, OverflowError):  # a time that no clock shows
        return None
    subject = claims["sub"]
    return claims if len(subject) <= SUBJECT_LENGTH and SUBJECT.fullmatch(subject) else None


def user_of(claims: Claims, by: Principal) -> Any:
    """The user of these claims as one row, made by `by` on first sight, with the role that a newer token tells.

    Who was deactivated here is left alone.
    """
    told = _told(claims)
    user = Identity.user_of(told.issuer, told.subject)
    if user is None or (user.active and told.is_newer_than(user.claimed_role, user.claimed_at)):
        transactional(Identity.update_user)(told, by)
        user = Identity.user_of(told.issuer, told.subject)
    return user


def _told(claims: Claims) -> IdentityClaims:
    found = services().issuer
    role_claim = found and found.settings.role_claim
    role = role_in(claims, role_claim) if role_claim else None
    issued_at = datetime.fromtimestamp(max(0, int(claims["iat"])), UTC)
    return IdentityClaims(claims["iss"], claims["sub"], name_in(claims), role, issued_at)


def role_in(claims: Claims, path: str) -> str | None:
    """The highest role that the claim names, a guest's if it names none; None where there is no such claim.

    A claim of this very name goes first: some names are URLs, with dots of their own.
    """
    value = claims.get(path, reduce(_member, path.split("."), claims))
    if value is None:
        return None
    named = value if isinstance(value, list) else [value]
    return next((role for role in reversed(ROLES) if role in named), ROLES[0])


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def name_in(claims: Claims) -> str:
    """A user name of the characters that ours have: the preferred one, the address, or the subject."""
    told = (claims.get(name) for name in ("preferred_username", "email", "sub"))
    cleaned = (re.sub(f"[^{USERNAME_CHARACTERS}]+", "-", each).strip("-") for each in told if isinstance(each, str))
    return next(filter(None, cleaned), "user")[:USERNAME_LENGTH]
