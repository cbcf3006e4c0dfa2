"""The model `Session`: a session, by tokens or by a cookie, lasts as long as it is used, and can be ended at once."""

from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from sqlalchemy import ColumnElement, ForeignKey, String, delete, func, select, update
from sqlalchemy.orm import Mapped, mapped_column

from models.database.base import Model, db
from models.database.column_types import UtcTime, exact_text
from models.people.secrets import SECRET_LENGTH, hashed, random_letters
from models.people.token import LAST_USE_EVERY
from models.refusals import NotFound
from models.values import now

# The credential of a session: an access token and a refresh token, or the cookie of a browser.
Kind = Literal["token", "cookie"]
TOKEN, COOKIE = "token", "cookie"
CLIENT_LENGTH = 200
# How many expired sessions are deleted at a time.
SWEEP = 100


class SessionExpired(Exception):
    """The session has lasted as long as it may, however often it is refreshed."""


class Refreshed(NamedTuple):
    """A session that has begun or been refreshed, and its new secret, returned only here.

    The secret is the refresh token or, of a session by cookie, the value of the cookie.
    """

    session_id: int
    user_id: int
    secret: str
    ends_at: datetime | None


class Origin(NamedTuple):
    """Where a session is used: the address, and what the client calls itself."""

    address: str | None
    client: str | None


class Session(Model):
    """One session of a user; its credentials are valid only while it has not ended.

    A refresh token has two parts: the family, the same for the whole session, and the turn, new after each refresh.
    A token with the right family and another turn has been used before. A cookie is a family without turns, so neither
    can be used as the other. If there is an `ends_at`, the session ends then, however often it is used.
    """

    __tablename__ = "sign_ins"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    kind: Mapped[str] = mapped_column(String(8), server_default=TOKEN)
    family_hash: Mapped[str] = mapped_column(String(64), unique=True)
    # Empty for a cookie, which no hash is.
    turn_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcTime())
    # None, as in rows of older versions: not since it began.
    last_used_at: Mapped[datetime | None] = mapped_column(UtcTime())
    expires_at: Mapped[datetime] = mapped_column(UtcTime(), index=True)
    ends_at: Mapped[datetime | None] = mapped_column(UtcTime())
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime())
    address: Mapped[str | None] = mapped_column(String(45))
    client: Mapped[str | None] = mapped_column(exact_text(CLIENT_LENGTH))

    @classmethod
    def begin(
        cls, user_id: int, kind: Kind, origin: Origin, lifetime: timedelta, longest: timedelta | None = None
    ) -> Refreshed:
        """Begin a session and return its first secret.

        It lasts as long as it is used within `lifetime`, but no longer than `longest`.
        """
        _sweep()
        family, turn, created_at = random_letters(SECRET_LENGTH), random_letters(SECRET_LENGTH), now()
        session = cls(
            user_id=user_id,
            kind=kind,
            family_hash=hashed(family),
            turn_hash=hashed(turn) if kind == TOKEN else "",
            created_at=created_at,
            expires_at=created_at + lifetime,
            ends_at=created_at + longest if longest else None,
            **origin._asdict(),
        )
        db.session.add(session)
        db.session.flush()
        return Refreshed(session.id, user_id, f"{family}.{turn}" if kind == TOKEN else family, session.ends_at)

    @classmethod
    def refresh(cls, refresh_token: str, lifetime: timedelta, origin: Origin) -> Refreshed | None:
        """Use a refresh token and return the next one; None if the token is not valid.

        A token that was used before has been copied, so the session ends (RFC 9700, section 4.14.2). Of two concurrent
        requests with the same token one succeeds, and the other ends the session. Raises SessionExpired.
        """
        family, _, turn = refresh_token.partition(".")
        of_family = cls.family_hash == hashed(family), cls.kind == TOKEN
        session = db.session.scalar(select(cls).where(*of_family).with_for_update())
        if session is None or not session.is_alive():
            return None
        if session.turn_hash != hashed(turn):
            cls.end(session.id)
            return None
        if session.has_lasted():
            raise SessionExpired
        next_turn = random_letters(SECRET_LENGTH)
        session.turn_hash = hashed(next_turn)
        session.last_used_at = used_at = now()
        session.expires_at = used_at + lifetime
        session.address, session.client = origin
        return Refreshed(session.id, session.user_id, f"{family}.{next_turn}", session.ends_at)

    @classmethod
    def record_use(cls, session_id: int, lifetime: timedelta, origin: Origin) -> None:
        """Record a use, which prolongs the session, unless one was recorded within the last minute.

        A row that another transaction has locked is skipped: no request waits for this.
        """
        used_at = now()
        is_stale = func.coalesce(cls.last_used_at, cls.created_at) <= used_at - LAST_USE_EVERY
        lasting = select(cls.id).where(cls.id == session_id, cls.ended_at.is_(None), is_stale)
        unlocked = lasting.with_for_update(skip_locked=True)
        if db.session.scalar(unlocked) is not None:
            use = update(cls).where(cls.id == session_id)
            use = use.values(last_used_at=used_at, expires_at=used_at + lifetime, **origin._asdict())
            db.session.execute(use.execution_options(synchronize_session=False))

    @classmethod
    def end(cls, session_id: int) -> None:
        """End one session: its credentials are refused from the next request on."""
        cls._end(cls.id == session_id)

    @classmethod
    def end_own(cls, session_id: int, user_id: int) -> None:
        """End a session of this user; raises NotFound, also for one that has ended or expired."""
        session = db.session.get(cls, session_id, with_for_update=True, populate_existing=True)
        if session is None or session.user_id != user_id or not session.is_alive() or session.has_lasted():
            raise NotFound(f"You have no session {session_id}.")
        session.ended_at = now()

    @classmethod
    def end_all_of(cls, user_id: int) -> None:
        """End every session of a user."""
        cls._end(cls.user_id == user_id)

    @classmethod
    def _end(cls, condition: ColumnElement[bool]) -> None:
        db.session.execute(update(cls).where(condition, cls.ended_at.is_(None)).values(ended_at=now()))

    def is_alive(self) -> bool:
        """Return whether the session has neither ended nor expired."""
        return self.ended_at is None and self.expires_at > now()

    def has_lasted(self) -> bool:
        """Return whether the session has lasted as long as it may, however often it was used."""
        return self.ends_at is not None and self.ends_at <= now()


def _sweep() -> None:
    """Delete up to `SWEEP` expired sessions, so that the table stays small; skip rows that are locked."""
    expired = select(Session.id).where(Session.expires_at < now()).limit(SWEEP).with_for_update(skip_locked=True)
    ids = list(db.session.scalars(expired))
    if ids:
        db.session.execute(delete(Session).where(Session.id.in_(ids)))
