"""The outcomes of keyed requests, kept with the change they belong to, so that a retry changes nothing."""

from datetime import datetime, timedelta
from typing import Any, Self

from sqlalchemy import ForeignKey, String, UniqueConstraint, delete, func, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Mapped, mapped_column

from models.database.base import Model, db
from models.database.column_types import Json, LongId, UtcTime, exact_text
from models.database.errors import error_codes
from models.database.transactions import RetryTransaction
from models.refusals import Refusal
from models.values import now

# Every so many keys, so many that have expired are swept away: the table stays small, and nobody waits for it.
SWEEP_EVERY = 64
SWEEP = 256
# The row is locked by a transaction that has not ended: in MariaDB's words (errno), and in PostgreSQL's (SQLSTATE).
LOCK_NOT_AVAILABLE = {1205, "55P03"}


class IdempotencyKey(Model):
    """A claimed key; `outcome` is what the first request was answered."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (UniqueConstraint("user_id", "key"),)

    id: Mapped[int] = mapped_column(LongId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    key: Mapped[str] = mapped_column(exact_text(255))
    fingerprint: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None]
    outcome: Mapped[Any] = mapped_column(Json(), nullable=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime(), index=True)

    @classmethod
    def claim(cls, user_id: int, key: str, fingerprint: str, lifetime: timedelta) -> Self:
        """The row of this key: with its outcome if it has one, or fresh and claimed until the transaction ends.

        Raises Refusal `idempotency_key_reused` when the key was used for another request, and
        `idempotency_in_progress` while the first one is still running in another process.
        """
        _refuse_while_running(user_id, key)
        moment = now()
        claimed = cls._find(user_id, key)
        if claimed is not None and claimed.created_at < moment - lifetime:
            db.session.delete(claimed)
            db.session.flush()
            claimed = None
        if claimed is None:
            return cls._insert(user_id, key, fingerprint, moment, lifetime)
        if claimed.fingerprint != fingerprint:
            raise Refusal(
                "idempotency_key_reused",
                f"The Idempotency-Key {key!r} was used for another request; use a new one for a new request.",
            )
        return claimed

    @classmethod
    def _find(cls, user_id: int, key: str) -> Self | None:
        query = select(cls).where(cls.user_id == user_id, cls.key == key)
        try:
            return db.session.scalar(query.with_for_update(nowait=True))
        except OperationalError as error:
            if not LOCK_NOT_AVAILABLE.isdisjoint(error_codes(error)):
                raise in_progress() from error
            raise

    @classmethod
    def _insert(cls, user_id: int, key: str, fingerprint: str, moment: datetime, lifetime: timedelta) -> Self:
        claimed = cls(user_id=user_id, key=key, fingerprint=fingerprint, created_at=moment)
        db.session.add(claimed)
        try:
            db.session.flush()
        except IntegrityError as error:  # a rival was quicker: answer what it was answered
            raise RetryTransaction from error
        if claimed.id % SWEEP_EVERY == 0:
            cls._sweep(moment - lifetime)
        return claimed

    @classmethod
    def _sweep(cls, before: datetime) -> None:
        expired = select(cls.id).where(cls.created_at < before).order_by(cls.created_at).limit(SWEEP)
        ids = list(db.session.scalars(expired.with_for_update(skip_locked=True)))
        db.session.execute(delete(cls).where(cls.id.in_(ids)).execution_options(synchronize_session=False))

    def keep(self, status: int, outcome: Any) -> None:
        """Keep what this request is answered; it is stored when, and only when, its change is."""
        self.status = status
        self.outcome = outcome
        db.session.flush()


def in_progress() -> Refusal:
    """The refusal of a retry that came before the first request was answered."""
    return Refusal("idempotency_in_progress", "The first request with this Idempotency-Key is still running; retry.")


def _refuse_while_running(user_id: int, key: str) -> None:
    """On PostgreSQL a second claim would wait for the first to end, unseen; an advisory lock tells it apart."""
    if db.session.get_bind().dialect.name != "postgresql":
        return
    number = func.hashtextextended(f"{user_id}/{key}", 0)
    if not db.session.scalar(select(func.pg_try_advisory_xact_lock(number))):
        raise in_progress()
