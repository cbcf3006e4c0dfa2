"""The model `IdempotencyKey`: the outcome of a request, stored in the transaction of its change for retries."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Mapped, mapped_column

from models.database.base import Model, table_of
from models.database.clock import DatabaseNow, database_now
from models.database.column_types import CompressedJson, LongId, UtcTime, exact_text
from models.database.current_write import write_connection
from models.database.errors import error_codes
from models.database.reading import PreparedQuery
from models.database.transactions import RetryTransaction
from models.database.writing import execute_many, execute_one
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


@dataclass
class Claim:
    """A key that a request has claimed; `status` and `outcome` are the response to its first request, if it has one."""

    user_id: int
    key: str
    status: int | None = None
    outcome: Any = None

    def store(self, status: int, outcome: Any) -> None:
        """Store the response to this request; it is committed with the change, or not at all."""
        values = {"of_user": self.user_id, "of_key": self.key, "status": status, "outcome": outcome}
        execute_one(write_connection(), _STORE, values)


def claim(user_id: int, key: str, fingerprint: str, lifetime: timedelta) -> Claim:
    """Return the claim of this key: with its outcome if it has one, or new and locked until the transaction ends.

    `fingerprint` is the hash of the request. A key older than `lifetime`, by the clock of the database, is new.

    Raises Refusal `idempotency_key_reused` when the key was used for another request, InProgress while another
    transaction has locked the key, and RetryTransaction when a concurrent transaction has claimed it.
    """
    _refuse_while_running(user_id, key)
    try:
        found = _find(_LOCK, user_id, key)
    except OperationalError as error:
        if not LOCK_NOT_AVAILABLE.isdisjoint(error_codes(error)):
            raise InProgress from error
        raise
    if found is not None and found.created_at >= found.now - lifetime:
        return _checked(found, user_id, key, fingerprint)
    if found is not None:
        execute_one(write_connection(), _DELETE, {"of_user": user_id, "of_key": key})
    return _insert(user_id, key, fingerprint, lifetime)


def answered(user_id: int, key: str, fingerprint: str, lifetime: timedelta) -> Claim | None:
    """Return the claim of this key if the response to its first request is stored, without waiting for any lock.

    Raises Refusal `idempotency_key_reused` like `claim`.
    """
    found = _find(_FIND, user_id, key)
    if found is None or found.created_at < found.now - lifetime:
        return None
    return _checked(found, user_id, key, fingerprint)


def _find(query: PreparedQuery[Any], user_id: int, key: str) -> Any:
    return query.one_or_none(of_user=user_id, of_key=key)


def _checked(found: Any, user_id: int, key: str, fingerprint: str) -> Claim:
    if found.fingerprint != fingerprint:
        raise Refusal(
            "idempotency_key_reused",
            f"The Idempotency-Key {key!r} was used for another request; use a new one for a new request.",
        )
    return Claim(user_id, key, found.status, found.outcome)


def _insert(user_id: int, key: str, fingerprint: str, lifetime: timedelta) -> Claim:
    values = {"of_user": user_id, "of_key": key, "fingerprint": fingerprint}
    try:
        execute_one(write_connection(), _CLAIM, values)
    except IntegrityError as error:  # a concurrent request has claimed the key: the retry finds its outcome
        raise RetryTransaction from error
    if next(_claims) % SWEEP_EVERY == 0:
        _sweep(database_now() - lifetime)
    return Claim(user_id, key)


def _sweep(before: datetime) -> None:
    expired = [{"expired": row.id} for row in _EXPIRED.rows(before=before)]
    if expired:
        execute_many(write_connection(), _DELETE_BY_ID, expired)


def _refuse_while_running(user_id: int, key: str) -> None:
    """Raise InProgress if another transaction has claimed this key (PostgreSQL).

    The row of the first claim is not visible yet, so a second claim would wait for it; an advisory lock shows it.
    """
    if write_connection().dialect.name != "postgresql":
        return
    [row] = _TRY_LOCK.rows(name=f"{user_id}/{key}")
    if not row.locked:
        raise InProgress


_keys = table_of(IdempotencyKey)
_one = (_keys.c.user_id == bindparam("of_user")) & (_keys.c.key == bindparam("of_key"))
_of_key = select(
    _keys.c.fingerprint, _keys.c.status, _keys.c.outcome, _keys.c.created_at, DatabaseNow().label("now")
).where(_one)
_FIND, _LOCK = PreparedQuery(_of_key), PreparedQuery(_of_key.with_for_update(nowait=True))
_EXPIRED = PreparedQuery(
    select(_keys.c.id)
    .where(_keys.c.created_at < bindparam("before"))
    .order_by(_keys.c.created_at)
    .limit(SWEEP)
    .with_for_update(skip_locked=True)
)
_TRY_LOCK = PreparedQuery(
    select(func.pg_try_advisory_xact_lock(func.hashtextextended(bindparam("name", type_=Text()), 0)).label("locked"))
)
_DELETE_BY_ID = delete(_keys).where(_keys.c.id == bindparam("expired"))
_DELETE = delete(_keys).where(_one)
_CLAIM = (
    insert(_keys)
    .inline()
    .values(
        user_id=bindparam("of_user"),
        key=bindparam("of_key"),
        fingerprint=bindparam("fingerprint"),
        created_at=DatabaseNow(),
    )
)
_STORE = update(_keys).where(_one).values(status=bindparam("status"), outcome=bindparam("outcome"))
