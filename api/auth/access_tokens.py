"""Access tokens of sign-ins: JWTs (RFC 7519) signed with the instance's key, good for some minutes.

They say who and which sign-in; what that user may do, and whether the sign-in goes on, is read anew at every request.
"""

import re
import secrets
from datetime import timedelta
from typing import NamedTuple

import jwt
from flask import current_app

from models.values import now

ALGORITHM = "HS256"
ID = re.compile("[1-9][0-9]{0,8}")
REQUIRED = ["exp", "iat", "sub", "jti", "sid"]


class Claims(NamedTuple):
    """What an access token says."""

    user_id: int
    session_id: int


def issue(user_id: int, session_id: int, lifetime: timedelta) -> str:
    """A token for this user and sign-in."""
    moment = now()
    claims = {
        "sub": str(user_id),
        "sid": session_id,
        "jti": secrets.token_hex(16),
        "iat": moment,
        "exp": moment + lifetime,
    }
    return jwt.encode(claims, current_app.config["SECRET_KEY"], ALGORITHM)


def read(token: str) -> Claims | None:
    """What a token says, if this instance signed it, with this key or one before it, and it has not expired."""
    for key in (current_app.config["SECRET_KEY"], *(current_app.config["SECRET_KEY_FALLBACKS"] or ())):
        try:
            claims = jwt.decode(token, key, [ALGORITHM], options={"require": REQUIRED, "strict_aud": False})
        except jwt.InvalidSignatureError:
            continue
        except jwt.InvalidTokenError:
            return None
        if not ID.fullmatch(claims["sub"]) or not ID.fullmatch(str(claims["sid"])):
            return None
        return Claims(int(claims["sub"]), int(claims["sid"]))
    return None
