"""Look-ups by a credential: what authentication needs of its user, in one indexed read each."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, select

from models.database.reading import PreparedQuery
from models.people.secrets import hashed
from models.people.session import COOKIE, Session
from models.people.session_query import last_used, valid_until
from models.people.token import ApiToken
from models.people.user import User
from models.values import normalized, now
from settings import USERNAME


class Credentials(NamedTuple):
    """What authentication with a password needs of a user."""

    id: int
    username: str
    role: str
    active: bool
    password_hash: str
    location_ids: list[int] | None


class SessionUser(NamedTuple):
    """The active user of a session that has not ended."""

    id: int
    username: str
    role: str
    location_ids: list[int] | None


class CookieUser(NamedTuple):
    """A session by cookie that has not ended, and its active user."""

    session_id: int
    last_used_at: datetime
    expires_at: datetime
    user_id: int
    username: str
    role: str
    location_ids: list[int] | None


class TokenOwner(NamedTuple):
    """A valid token and the active user who owns it."""

    id: int
    scopes: list[str]
    last_used_at: datetime | None
    expires_at: datetime | None
    allowed_ips: list[str] | None
    location_ids: list[int] | None
    user_id: int
    username: str
    role: str
    owner_location_ids: list[int] | None


def find_by_name(username: str) -> Credentials | None:
    """Return what authentication with a password needs of the user of this name in any case, or None.

    What can't be a user name is not looked up: MariaDB ignores trailing blanks, and PostgreSQL fails at a NUL.
    """
    if not USERNAME.fullmatch(username):
        return None
    return _BY_NAME.one_or_none(key=normalized(username))


def find_by_session(session_id: int, user_id: int) -> SessionUser | None:
    """Return the active user of a session that has not ended, or None."""
    return _BY_SESSION.one_or_none(session_id=session_id, user_id=user_id)


def find_by_cookie(secret: str) -> CookieUser | None:
    """Return the session of a cookie and its active user; None if it has ended or expired."""
    session = _BY_COOKIE.one_or_none(hash=hashed(secret))
    return session if session and session.expires_at > now() else None


def find_by_secret(secret: str) -> TokenOwner | None:
    """Return an API token and its active owner; None if the secret is not valid."""
    token = _BY_SECRET.one_or_none(hash=hashed(secret))
    if token is None or (token.expires_at is not None and token.expires_at <= now()):
        return None
    return token


_BY_NAME = PreparedQuery(
    select(User.id, User.username, User.role, User.active, User.password_hash, User.location_ids).where(
        User.username_key == bindparam("key")
    ),
    Credentials,
)
_BY_SESSION = PreparedQuery(
    select(User.id, User.username, User.role, User.location_ids)
    .join(Session, Session.user_id == User.id)
    .where(
        Session.id == bindparam("session_id"),
        Session.ended_at.is_(None),
        User.id == bindparam("user_id"),
        User.active.is_(True),
    ),
    SessionUser,
)
_BY_COOKIE = PreparedQuery(
    select(
        Session.id.label("session_id"),
        last_used.label("last_used_at"),
        valid_until.label("expires_at"),
        User.id.label("user_id"),
        User.username,
        User.role,
        User.location_ids,
    )
    .join(User, User.id == Session.user_id)
    .where(
        Session.family_hash == bindparam("hash"),
        Session.kind == COOKIE,
        Session.ended_at.is_(None),
        User.active.is_(True),
    ),
    CookieUser,
)
_BY_SECRET = PreparedQuery(
    select(
        ApiToken.id,
        ApiToken.scopes,
        ApiToken.last_used_at,
        ApiToken.expires_at,
        ApiToken.allowed_ips,
        ApiToken.location_ids,
        User.id.label("user_id"),
        User.username,
        User.role,
        User.location_ids.label("owner_location_ids"),
    )
    .join(User, User.id == ApiToken.user_id)
    .where(
        ApiToken.hash == bindparam("hash"),
        ApiToken.revoked_at.is_(None),
        User.active.is_(True),
    ),
    TokenOwner,
)
