"""Access tokens of sessions: JWTs (RFC 7519) signed with the secret key of the instance, valid for some minutes.

They name the user and the session; what that user may do, and whether the session is still active, is read from the
database at every request.
"""

import re
import secrets
from datetime import timedelta
from typing import Any, NamedTuple

import jwt
from flask import current_app

from models.values import now

ALGORITHM = "HS256"
ID = re.compile("[1-9][0-9]{0,8}")
REQUIRED = ["exp", "iat", "sub", "jti", "sid"]
# How far the clocks of two processes may differ, in seconds: a token may seem to come from the future.
LEEWAY = 30
OPTIONS: Any = {"require": REQUIRED, "strict_aud": False, "verify_iat": False}


class Claims(NamedTuple):
    """The user and the session that an access token names."""

    user_id: int
    session_id: int


def issue(user_id: int, session_id: int, lifetime: timedelta) -> str:
    """Return a token for this user and session, valid from now on for `lifetime`."""
    issued_at = now()
    claims = {
        "sub": str(user_id),
        "sid": session_id,
        "jti": secrets.token_hex(16),
        "iat": issued_at,
        "exp": issued_at + lifetime,
    }
    return jwt.encode(claims, current_app.config["SECRET_KEY"], ALGORITHM)


def read(token: str) -> Claims | None:
    """Return the claims of a token that is signed with the secret key or a fallback and has not expired; else None."""
    for key in (current_app.config["SECRET_KEY"], *(current_app.config["SECRET_KEY_FALLBACKS"] or ())):
        try:
            claims = jwt.decode(token, key, [ALGORITHM], options=OPTIONS)
        except jwt.InvalidSignatureError:
            continue
        except jwt.InvalidTokenError:
            return None
        if not isinstance(claims["iat"], int) or claims["iat"] > now().timestamp() + LEEWAY:
            return None
        if not ID.fullmatch(claims["sub"]) or not ID.fullmatch(str(claims["sid"])):
            return None
        return Claims(int(claims["sub"]), int(claims["sid"]))
    return None
