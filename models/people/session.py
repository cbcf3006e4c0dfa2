"""The sign-ins of people: each goes on as long as it is refreshed, and ends at once when told to."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ForeignKey, String, delete, select, update
from sqlalchemy.orm import Mapped, mapped_column

from models.database.base import Model, db
from models.database.column_types import UtcTime
from models.people.secrets import SECRET_LENGTH, hashed, random_letters
from models.values import now

SWEEP = 100


class Refreshed(NamedTuple):
    """A sign-in that goes on, and the refresh token that is told this once."""

    session_id: int
    user_id: int
    refresh_token: str


class Session(Model):
    """One sign-in of a user; its access tokens count only while it has not ended.

    A refresh token has two parts: one names the sign-in for all its life, the other only its next turn.
    Who shows the first with a wrong second holds a token that was spent before.
    """

    __tablename__ = "sign_ins"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    family_hash: Mapped[str] = mapped_column(String(64), unique=True)
    turn_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcTime())
    expires_at: Mapped[datetime] = mapped_column(UtcTime(), index=True)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime())

    @classmethod
    def begin(cls, user_id: int, lifetime: timedelta) -> Refreshed:
        """Begin a sign-in that lives as long as it is refreshed within `lifetime`."""
        _sweep()
        family, turn, moment = random_letters(SECRET_LENGTH), random_letters(SECRET_LENGTH), now()
        sign_in = cls(
            user_id=user_id,
            family_hash=hashed(family),
            turn_hash=hashed(turn),
            created_at=moment,
            expires_at=moment + lifetime,
        )
        db.session.add(sign_in)
        db.session.flush()
        return Refreshed(sign_in.id, user_id, f"{family}.{turn}")

    @classmethod
    def refresh(cls, refresh_token: str, lifetime: timedelta) -> Refreshed | None:
        """Spend a refresh token and hand out the next; None if it opens nothing.

        One that was spent before is in two hands: the sign-in ends. Of two that race with the same
        token one wins, and the other ends the sign-in.
        """
        family, _, turn = refresh_token.partition(".")
        sign_in = db.session.scalar(select(cls).where(cls.family_hash == hashed(family)).with_for_update())
        if sign_in is None or not sign_in.is_alive():
            return None
        if sign_in.turn_hash != hashed(turn):
            cls.end(sign_in.id)
            return None
        next_turn = random_letters(SECRET_LENGTH)
        sign_in.turn_hash = hashed(next_turn)
        sign_in.expires_at = now() + lifetime
        return Refreshed(sign_in.id, sign_in.user_id, f"{family}.{next_turn}")

    @classmethod
    def end(cls, session_id: int) -> None:
        """End one sign-in: its tokens are refused from the next request on."""
        cls._end(cls.id == session_id)

    @classmethod
    def end_all_of(cls, user_id: int) -> None:
        """End every sign-in of a user."""
        cls._end(cls.user_id == user_id)

    @classmethod
    def _end(cls, condition: Any) -> None:
        db.session.execute(update(cls).where(condition, cls.ended_at.is_(None)).values(ended_at=now()))

    def is_alive(self) -> bool:
        """Whether it has neither ended nor expired."""
        return self.ended_at is None and self.expires_at > now()


def _sweep() -> None:
    """Forget some sign-ins whose last token has expired: the table stays small, and nobody waits for it."""
    expired = select(Session.id).where(Session.expires_at < now()).limit(SWEEP).with_for_update(skip_locked=True)
    ids = list(db.session.scalars(expired))
    if ids:
        db.session.execute(delete(Session).where(Session.id.in_(ids)))
