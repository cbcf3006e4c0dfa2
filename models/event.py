"""The events: every change, in the order of the commits, written in the same transaction as the change."""

import pickle
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import IO, Any

from sqlalchemy import ForeignKey, Index, Integer, String, bindparam, delete, event, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.database.base import Model, db, table_of
from models.database.column_types import Json, LongId, UtcTime, exact_text, long_text, serialized
from models.database.reading import BoundQuery, FilterSet, PreparedQuery
from models.database.writing import execute_many
from models.json_schema import ID, OBJECT, TEXT, TIME, closed, nullable
from models.principal import Principal
from models.values import as_json, now

# The two streams: the change feed tells of stock; the audit tells of both.
STOCK = "stock"
ACCESS = "access"
FEED_LOCK = "feed"
FORGOTTEN_AT_ONCE = 256
_PENDING = "stockroom_events"
# Of a session's `info`: how many movements of which kind its last commit has recorded.
RECORDED = "stockroom_recorded"


class Event(Model):
    """One thing that happened: who did it, when, in which request, and what the thing became."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_stream_id", "stream", "id"),
        Index("ix_events_actor_id", "actor", "id"),
        Index("ix_events_type_id", "type", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(LongId, primary_key=True)
    stream: Mapped[str] = mapped_column(String(8))
    type: Mapped[str] = mapped_column(String(32))
    at: Mapped[datetime] = mapped_column(UtcTime())
    actor: Mapped[str | None] = mapped_column(exact_text(64))
    address: Mapped[str | None] = mapped_column(String(45))
    request_id: Mapped[str] = mapped_column(String(128))
    trace_id: Mapped[str | None] = mapped_column(String(32))
    item_id: Mapped[int | None] = mapped_column(ForeignKey("items.id"), index=True)
    movement_id: Mapped[int | None] = mapped_column(LongId, ForeignKey("movements.id"), unique=True)
    data: Mapped[dict[str, Any]] = mapped_column(Json())

    @staticmethod
    def record(
        type: str,  # noqa: A002 - the field's name in the contract
        data: Mapping[str, Any],
        by: Principal,
        *,
        stream: str = STOCK,
        item_id: int | None = None,
        movement_id: int | None = None,
    ) -> None:
        """Tell of a change; it is written when the transaction commits, and only then."""
        Event.record_many(type, [(data, item_id, movement_id)], by, stream=stream)

    @staticmethod
    def record_many(
        type: str,  # noqa: A002 - the field's name in the contract
        changes: Iterable[tuple[Mapping[str, Any], int | None, int | None]],
        by: Principal,
        *,
        stream: str = STOCK,
    ) -> None:
        """Tell of changes of one type: what each thing became, the id of its item and that of its movement."""
        noted = db.session.info
        pending: _Pending = noted.get(_PENDING) or noted.setdefault(_PENDING, _Pending())
        common = {
            "stream": stream,
            "type": type,
            "at": now(),
            "actor": by.username or None,
            "address": by.address,
            "request_id": by.request_id,
            "trace_id": by.trace_id,
        }
        for data, item_id, movement_id in changes:
            if movement_id is not None:
                pending.kinds[data["kind"]] += 1
            pending.append({**common, "item_id": item_id, "movement_id": movement_id, "data": as_json(data)})

    @staticmethod
    def after(event_id: int, limit: int) -> list[Any]:
        """So many events of the change feed after this one, oldest first."""
        return _AFTER.rows(event_id=event_id, row_limit=limit)

    @classmethod
    def audit_log(cls, **conditions: Any) -> BoundQuery:
        """The events of both streams that meet every condition given; `until` itself is no longer in."""
        return _EVENTS.where(**conditions)

    @classmethod
    def purge_access(cls, before: datetime) -> None:
        """Delete some of the oldest events of access, as far as they are older; the change feed stays whole."""
        oldest = select(cls.id, cls.at).where(cls.stream == ACCESS).order_by(cls.id).limit(FORGOTTEN_AT_ONCE)
        ids = [row.id for row in db.session.execute(oldest.with_for_update(skip_locked=True)) if row.at < before]
        if ids:
            db.session.execute(delete(cls).where(cls.id.in_(ids)).execution_options(synchronize_session=False))

    SCHEMA = closed(
        "Event",
        {
            "id": ID,
            "type": {"type": "string", "pattern": r"^[a-z_]+\.[a-z_]+$", "examples": ["movement.created"]},
            "at": TIME,
            "actor": nullable(TEXT),
            "request_id": TEXT,
            "trace_id": nullable({"type": "string", "pattern": "^[0-9a-f]{32}$"}),
            "item_id": nullable(ID),
            "data": OBJECT,
        },
    )

    @classmethod
    def to_dict(cls, row: Sequence[Any]) -> dict[str, Any]:
        """A row of `after` as readers of the feed see it."""
        return dict(zip(cls.SCHEMA["properties"], row, strict=False))

    AUDIT_SCHEMA = {**SCHEMA, "title": "AuditEvent", "properties": {**SCHEMA["properties"], "address": nullable(TEXT)}}

    @classmethod
    def to_audit_dict(cls, row: Sequence[Any]) -> dict[str, Any]:
        """A row of `trail` as the audit shows it: with the address that it came from."""
        return dict(zip(cls.AUDIT_SCHEMA["properties"], row, strict=False))  # whoever pages adds columns at the end


class Lock(Model):
    """Rows that exist to be locked, where only one transaction at a time may pass."""

    __tablename__ = "locks"

    name: Mapped[str] = mapped_column(String(16), primary_key=True)


# The columns in the order in which clients see them.
_ALL = select(*(serialized(table_of(Event).c[name]) for name in Event.AUDIT_SCHEMA["properties"]))

_EVENTS = FilterSet(
    _ALL,
    {
        "actor": Event.actor == bindparam("actor"),
        "type": Event.type == bindparam("type"),
        "item_id": Event.item_id == bindparam("item_id"),
        "since": Event.at >= bindparam("since"),
        "until": Event.at < bindparam("until"),
    },
)
_AFTER = PreparedQuery(
    _ALL.where(Event.stream == STOCK, Event.id > bindparam("event_id"))
    .order_by(Event.id)
    .limit(bindparam("row_limit", type_=Integer()))
    # MariaDB would begin at the first event of the stream and pass over all until this one.
    .with_hint(table_of(Event), "FORCE INDEX (ix_events_stream_id)", "mysql")
)


# The data is JSON text from the moment it is told: what changes later is told later.
_columns = [column.name for column in table_of(Event).columns if column.name != "id"]
_insert = insert(table_of(Event)).values(
    {name: bindparam(name) for name in _columns} | {"data": bindparam("data", type_=long_text())}
)
_lock = select(Lock.name).where(Lock.name == FEED_LOCK).with_for_update()


class _Pending:
    """The events of a transaction that has not ended; if they are very many, most of them wait on disk."""

    IN_MEMORY = 2000

    def __init__(self) -> None:
        self._last: list[dict[str, Any]] = []
        self._file: IO[bytes] | None = None
        self.kinds: Counter[str] = Counter()  # of the movements told

    def append(self, row: dict[str, Any]) -> None:
        self._last.append(row)
        if len(self._last) == self.IN_MEMORY:
            self._file = self._file or tempfile.TemporaryFile()  # noqa: SIM115 - close() closes it
            pickle.dump(self._last, self._file)
            self._last = []

    def chunks(self) -> Iterator[list[dict[str, Any]]]:
        """All of them, in their order, some at a time."""
        if self._file:
            end = self._file.tell()
            self._file.seek(0)
            while self._file.tell() < end:
                yield pickle.load(self._file)  # noqa: S301 - a file that nobody else can write
        if self._last:
            yield self._last

    def close(self) -> None:
        if self._file:
            self._file.close()


@event.listens_for(db.session, "before_commit")
def _write_pending(session: Session) -> None:
    """Write the events last, holding the feed's lock from before their ids are given until they can be seen.

    So ids follow the order of commits: who sees an event sees every earlier one, and a reader that
    stores its cursor never skips. Without the lock an id handed out early could commit late.
    """
    if session.in_nested_transaction():  # a savepoint is released; the transaction goes on
        return
    pending: _Pending | None = session.info.pop(_PENDING, None)
    if pending is None:
        return
    with closing(pending):
        session.flush()
        connection = session.connection()
        if connection.dialect.name != "sqlite":  # which has one writer at a time
            connection.execute(_lock)
        for events in pending.chunks():
            execute_many(connection, _insert, events)
    session.info[RECORDED] = pending.kinds


@event.listens_for(db.session, "after_soft_rollback")
def _forget_pending(session: Session, _: Any) -> None:
    pending: _Pending | None = session.info.pop(_PENDING, None)
    session.info.pop(RECORDED, None)
    if pending is not None:
        pending.close()
