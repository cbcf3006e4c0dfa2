"""The model `IdempotencyKey`: the outcome of a request, stored in the transaction of its change for retries."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any, Self

from sqlalchemy import ForeignKey, String, UniqueConstraint, delete, func, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Mapped, mapped_column

from models.database.base import Model, db
from models.database.clock import DatabaseNow, database_now
from models.database.column_types import CompressedJson, LongId, UtcTime, exact_text
from models.database.errors import error_codes
from models.database.transactions import RetryTransaction
from models.refusals import Refusal

# With the first key that a process claims, and every SWEEP_EVERY-th after it, up to SWEEP expired ones are deleted, so
# that the table stays small.
SWEEP_EVERY = 64
SWEEP = 256
_claims = count()
# The errors of NOWAIT when another transaction has locked the row: MariaDB (errno) and PostgreSQL (SQLSTATE).
LOCK_NOT_AVAILABLE = {1205, "55P03"}


class InProgress(Refusal):
    """A retry arrived while the first request was still running, or while its key was locked for a moment."""

    def __init__(self) -> None:
        super().__init__(
            "idempotency_in_progress", "The first request with this Idempotency-Key is still running; retry."
        )


class IdempotencyKey(Model):
    """One key of a user; `status` and `outcome` are the response to its first request, None while that is running."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (UniqueConstraint("user_id", "key"),)

    id: Mapped[int] = mapped_column(LongId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    key: Mapped[str] = mapped_column(exact_text(255))
    fingerprint: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None]
    outcome: Mapped[Any] = mapped_column(CompressedJson(), nullable=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime(), index=True)

    @classmethod
    def claim(cls, user_id: int, key: str, fingerprint: str, lifetime: timedelta) -> Self:
        """Return the row of this key: with its outcome if it has one, or new and locked until the transaction ends.

        `fingerprint` is the hash of the request. A key older than `lifetime`, by the clock of the database, is new.

        Raises Refusal `idempotency_key_reused` when the key was used for another request, InProgress while another
        transaction has locked the key, and RetryTransaction when a concurrent transaction has claimed it.
        """
        _refuse_while_running(user_id, key)
        try:
            claimed, expired = cls._find(user_id, key, lifetime, lock=True)
        except OperationalError as error:
            if not LOCK_NOT_AVAILABLE.isdisjoint(error_codes(error)):
                raise InProgress from error
            raise
        if claimed is not None and expired:
            db.session.delete(claimed)
            db.session.flush()
            claimed = None
        if claimed is None:
            return cls._insert(user_id, key, fingerprint, lifetime)
        return claimed._checked(fingerprint)

    @classmethod
    def answered(cls, user_id: int, key: str, fingerprint: str, lifetime: timedelta) -> Self | None:
        """Return the row of this key if the response to its first request is stored, without waiting for any lock.

        Raises Refusal `idempotency_key_reused` like `claim`.
        """
        found, expired = cls._find(user_id, key, lifetime)
        return None if found is None or expired else found._checked(fingerprint)

    @classmethod
    def _find(cls, user_id: int, key: str, lifetime: timedelta, *, lock: bool = False) -> tuple[Self | None, bool]:
        """Return the row of this key, and whether it has expired."""
        query = select(cls, DatabaseNow()).where(cls.user_id == user_id, cls.key == key)
        found = db.session.execute(query.with_for_update(nowait=True) if lock else query).one_or_none()
        if found is None:
            return None, False
        claimed, at = found
        return claimed, claimed.created_at < at - lifetime

    def _checked(self, fingerprint: str) -> Self:
        if self.fingerprint != fingerprint:
            raise Refusal(
                "idempotency_key_reused",
                f"The Idempotency-Key {self.key!r} was used for another request; use a new one for a new request.",
            )
        return self

    @classmethod
    def _insert(cls, user_id: int, key: str, fingerprint: str, lifetime: timedelta) -> Self:
        claimed = cls(user_id=user_id, key=key, fingerprint=fingerprint, created_at=DatabaseNow())
        db.session.add(claimed)
        try:
            db.session.flush()
        except IntegrityError as error:  # a concurrent request has claimed the key: the retry finds its outcome
            raise RetryTransaction from error
        if next(_claims) % SWEEP_EVERY == 0:
            cls._sweep(database_now() - lifetime)
        return claimed

    @classmethod
    def _sweep(cls, before: datetime) -> None:
        expired = select(cls.id).where(cls.created_at < before).order_by(cls.created_at).limit(SWEEP)
        ids = list(db.session.scalars(expired.with_for_update(skip_locked=True)))
        if ids:
            db.session.execute(delete(cls).where(cls.id.in_(ids)).execution_options(synchronize_session=False))

    def store(self, status: int, outcome: Any) -> None:
        """Store the response to this request; it is committed with the change, or not at all."""
        self.status = status
        self.outcome = outcome
        db.session.flush()


def _refuse_while_running(user_id: int, key: str) -> None:
    """Raise InProgress if another transaction has claimed this key (PostgreSQL).

    The row of the first claim is not visible yet, so a second claim would wait for it; an advisory lock shows it.
    """
    if db.session.get_bind().dialect.name != "postgresql":
        return
    number = func.hashtextextended(f"{user_id}/{key}", 0)
    if not db.session.scalar(select(func.pg_try_advisory_xact_lock(number))):
        raise InProgress
