"""The model `Session`: a session lasts as long as it is refreshed, and can be ended at once."""

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, ForeignKey, String, delete, select, update
from sqlalchemy.orm import Mapped, mapped_column

from models.database.base import Model, db
from models.database.column_types import UtcTime
from models.people.secrets import SECRET_LENGTH, hashed, random_letters
from models.values import now

# How many expired sessions are deleted at a time.
SWEEP = 100


class SessionExpired(Exception):
    """The session has lasted as long as it may, however often it is refreshed."""


class Refreshed(NamedTuple):
    """A session that has begun or been refreshed, and its new refresh token, returned only here."""

    session_id: int
    user_id: int
    refresh_token: str
    ends_at: datetime | None


class Session(Model):
    """One session of a user; its access tokens are valid only while it has not ended.

    A refresh token has two parts: the family, the same for the whole session, and the turn, new after each refresh.
    A token with the right family and another turn has been used before. If there is an `ends_at`, the session ends
    then, however often it is refreshed.
    """

    __tablename__ = "sign_ins"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    family_hash: Mapped[str] = mapped_column(String(64), unique=True)
    turn_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcTime())
    expires_at: Mapped[datetime] = mapped_column(UtcTime(), index=True)
    ends_at: Mapped[datetime | None] = mapped_column(UtcTime())
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime())

    @classmethod
    def begin(cls, user_id: int, lifetime: timedelta, longest: timedelta | None = None) -> Refreshed:
        """Begin a session and return its first refresh token.

        It lasts as long as it is refreshed within `lifetime`, but no longer than `longest`.
        """
        _sweep()
        family, turn, created_at = random_letters(SECRET_LENGTH), random_letters(SECRET_LENGTH), now()
        session = cls(
            user_id=user_id,
            family_hash=hashed(family),
            turn_hash=hashed(turn),
            created_at=created_at,
            expires_at=created_at + lifetime,
            ends_at=created_at + longest if longest else None,
        )
        db.session.add(session)
        db.session.flush()
        return Refreshed(session.id, user_id, f"{family}.{turn}", session.ends_at)

    @classmethod
    def refresh(cls, refresh_token: str, lifetime: timedelta) -> Refreshed | None:
        """Use a refresh token and return the next one; None if the token is not valid.

        A token that was used before has been copied, so the session ends (RFC 9700, section 4.14.2). Of two concurrent
        requests with the same token one succeeds, and the other ends the session. Raises SessionExpired.
        """
        family, _, turn = refresh_token.partition(".")
        session = db.session.scalar(select(cls).where(cls.family_hash == hashed(family)).with_for_update())
        if session is None or not session.is_alive():
            return None
        if session.turn_hash != hashed(turn):
            cls.end(session.id)
            return None
        if session.ends_at is not None and session.ends_at <= now():
            raise SessionExpired
        next_turn = random_letters(SECRET_LENGTH)
        session.turn_hash = hashed(next_turn)
        session.expires_at = now() + lifetime
        return Refreshed(session.id, session.user_id, f"{family}.{next_turn}", session.ends_at)

    @classmethod
    def end(cls, session_id: int) -> None:
        """End one session: its tokens are refused from the next request on."""
        cls._end(cls.id == session_id)

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


def _sweep() -> None:
    """Delete up to `SWEEP` expired sessions, so that the table stays small; skip rows that are locked."""
    expired = select(Session.id).where(Session.expires_at < now()).limit(SWEEP).with_for_update(skip_locked=True)
    ids = list(db.session.scalars(expired))
    if ids:
        db.session.execute(delete(Session).where(Session.id.in_(ids)))
