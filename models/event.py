"""The model `Event`: every change has one, written in its transaction; their ids follow the order of the commits."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, cast

from sqlalchemy import Connection, ForeignKey, Index, Integer, String, bindparam, delete, event, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.database.base import Model, db, table_of
from models.database.clock import database_now
from models.database.column_types import Json, LongId, UtcTime, exact_text, long_text
from models.database.current_write import BEFORE_COMMIT, Info, write_connection, write_info
from models.database.filters import BoundQuery, Condition, FilterSet
from models.database.reading import PreparedQuery
from models.database.unchanged import Unchanged
from models.database.writing import execute_many, execute_one
from models.feed_lock import LOCK_FEED
from models.json_schema import ID, OBJECT, TEXT, TIME, Schema, nullable
from models.pending_events import PendingEvents, staged
from models.principal import Principal
from models.representation import Representation
from models.values import as_json, now

# The two streams: the change feed has the events of stock, the audit log those of both.
STOCK = "stock"
ACCESS = "access"
PURGE, PURGE_BATCH = 5000, 500
_PENDING = "stockroom_events"
# A key of `db.session.info`: how many movements of each kind the last commit has recorded.
RECORDED = "stockroom_recorded"
NO_KINDS: Mapping[str, int] = MappingProxyType({})

MEMBERS: dict[str, Schema] = {
    "id": ID,
    "type": {"type": "string", "pattern": r"^[a-z_]+\.[a-z_]+$", "examples": ["movement.created"]},
    "at": TIME,
    "actor": nullable(TEXT),
    "request_id": TEXT,
    "trace_id": nullable({"type": "string", "pattern": "^[0-9a-f]{32}$"}),
    "item_id": nullable(ID),
    "data": {
        **OBJECT,
        "description": "What was changed, as it became; a movement has the SKU that its item had then. What an earlier "
        "version wrote about an item has `location` in the place of `bin`.",
    },
}


class Event(Model):
    """One change: what was changed by whom, when and in which request; `data` is its new state."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_stream_id", "stream", "id"),
        Index("ix_events_actor_id", "actor", "id"),
        Index("ix_events_type_id", "type", "id"),
        {"sqlite_autoincrement": True},
    )

    REPRESENTATION = Representation("Event", MEMBERS)
    AUDIT_REPRESENTATION = Representation("AuditEvent", {**MEMBERS, "address": nullable(TEXT)})
    SCHEMA = REPRESENTATION.schema
    AUDIT_SCHEMA = AUDIT_REPRESENTATION.schema

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
        """Record a change; the event is written when the transaction commits, and only then."""
        Event.record_many(type, [(data, item_id, movement_id)], by, stream=stream)

    @staticmethod
    def record_many(
        type: str,  # noqa: A002 - the field's name in the contract
        changes: Iterable[tuple[Mapping[str, Any], int | None, int | None]],
        by: Principal,
        *,
        stream: str = STOCK,
    ) -> None:
        """Record changes of one type, each as its new state, the id of its item and that of its movement."""
        rows = list(changes)
        kinds = Counter(data["kind"] for data, _, movement_id in rows if movement_id is not None)
        texts = [(as_json(data), item_id, movement_id) for data, item_id, movement_id in rows]
        Event.record_texts(type, texts, by, stream=stream, kinds=kinds)

    @staticmethod
    def record_texts(
        type: str,  # noqa: A002
        changes: Iterable[tuple[str, int | None, int | None]],
        by: Principal,
        *,
        stream: str = STOCK,
        kinds: Mapping[str, int] = NO_KINDS,
    ) -> None:
        """Record changes like `record_many`, with their new states as JSON texts; `kinds` counts those of movements."""
        info = write_info()
        pending: PendingEvents = info.get(_PENDING) or info.setdefault(_PENDING, _no_events())
        common = {
            "stream": stream,
            "type": type,
            "at": now(),
            "actor": by.username or None,
            "address": by.address and by.address[:45],
            "request_id": by.request_id,
            "trace_id": by.trace_id,
        }
        pending.kinds.update(kinds)
        for text, item_id, movement_id in changes:
            pending.append({**common, "item_id": item_id, "movement_id": movement_id, "data": text})

    @staticmethod
    def after(event_id: int, limit: int, type_: str | None = None) -> list[Any]:
        """Return up to `limit` events of the change feed after this one, of this type if one is given, by id."""
        if type_ is None:
            return _AFTER.rows(event_id=event_id, row_limit=limit)
        return _AFTER_OF_TYPE.rows(event_id=event_id, row_limit=limit, type=type_)

    @classmethod
    def audit_log(cls, **conditions: Any) -> BoundQuery:
        """Return the query of the events of both streams that meet every condition; they happened before `until`."""
        return _EVENTS.where(**conditions)

    @classmethod
    def purge_access(cls, age: timedelta) -> None:
        """Delete events of the stream `ACCESS` older than `age`, up to `PURGE`; none of the change feed.

        Their age is that by the clock of the database. Rows that are locked are skipped.
        """
        before = database_now() - age
        oldest = select(cls.id, cls.at).where(cls.stream == ACCESS).order_by(cls.id).limit(PURGE)
        ids = [row.id for row in db.session.execute(oldest.with_for_update(skip_locked=True)) if row.at < before]
        for start in range(0, len(ids), PURGE_BATCH):
            some = cls.id.in_(ids[start : start + PURGE_BATCH])
            db.session.execute(delete(cls).where(some).execution_options(synchronize_session=False))

    @classmethod
    def to_dict(cls, row: Sequence[Any]) -> dict[str, Any]:
        """Return a row of `after` as readers of the feed see it."""
        return cls.REPRESENTATION.of_row(row)

    @classmethod
    def to_audit_dict(cls, row: Sequence[Any]) -> dict[str, Any]:
        """Return a row of `audit_log` as readers of the audit log see it: with the address of the client."""
        return cls.AUDIT_REPRESENTATION.of_row(row)


UNCHANGED = Unchanged(select(Event.id, Event.at).order_by(Event.id.desc()).limit(1))
_EVENTS = FilterSet(
    select(*Event.AUDIT_REPRESENTATION.columns(table_of(Event))),
    {
        "actor": Condition(Event.actor == bindparam("actor"), "actor", {"id": "ix_events_actor_id"}),
        "type": Condition(Event.type == bindparam("type"), "type", {"id": "ix_events_type_id"}),
        "item_id": Condition(Event.item_id == bindparam("item_id"), "item", {"id": "ix_events_item_id"}),
        "since": Condition(Event.at >= bindparam("since")),
        "until": Condition(Event.at < bindparam("until")),
    },
    sorts={"id": "PRIMARY"},  # their totals are not remembered: some are purged
)
_FEED = (
    select(*Event.REPRESENTATION.columns(table_of(Event)))
    .where(Event.stream == STOCK, Event.id > bindparam("event_id"))
    .order_by(Event.id)
    .limit(bindparam("row_limit", type_=Integer()))
)
# MariaDB would begin at the first event of the stream, or of the type, and skip all until this one.
_AFTER = PreparedQuery(_FEED.with_hint(table_of(Event), "FORCE INDEX (ix_events_stream_id)", "mysql"))
_AFTER_OF_TYPE = PreparedQuery(
    _FEED.where(Event.type == bindparam("type")).with_hint(table_of(Event), "FORCE INDEX (ix_events_type_id)", "mysql")
)
# `data` is JSON text from the call of `record` on, so later changes of the object do not change the event.
_columns = [column.name for column in table_of(Event).columns if column.name != "id"]
_insert = insert(table_of(Event)).values(
    {name: bindparam(name) for name in _columns} | {"data": bindparam("data", type_=long_text())}
)


def _no_events() -> PendingEvents:
    """Return the pending events of a new transaction; SQLite, which has one writer at a time, takes many at once."""
    if db.engine.dialect.name != "sqlite":
        return PendingEvents()
    return PendingEvents(lambda events: execute_many(write_connection(), _insert, events))


def _write_pending(info: Info) -> None:
    """Write the events last, with the lock of the feed held from before their ids are assigned until they are visible.

    So ids follow the order of commits: a reader that sees an event sees every earlier one, and one that stores its
    cursor misses none. Without the lock, an id assigned early could become visible late. All other commits wait for it:
    so very many events are brought to the database before, and only get their ids then.
    """
    pending: PendingEvents | None = info.pop(_PENDING, None)
    if pending is None:
        return
    connection = write_connection()
    with closing(pending):
        if pending.are_many():
            _write_staged(cast(Connection, connection), pending)
        else:
            if connection.dialect.name != "sqlite":
                execute_one(connection, LOCK_FEED, {})
            for events in pending.chunks():
                execute_many(connection, _insert, events)
    info[RECORDED] = pending.kinds


BEFORE_COMMIT.append(_write_pending)


def _write_staged(connection: Connection, pending: PendingEvents) -> None:
    with staged(connection, table_of(Event), pending) as select_staged:
        connection.execute(LOCK_FEED)
        connection.execute(insert(table_of(Event)).from_select(_columns, select_staged))


@event.listens_for(db.session, "after_soft_rollback")
def _discard_pending(session: Session, _: object) -> None:
    pending: PendingEvents | None = session.info.pop(_PENDING, None)
    session.info.pop(RECORDED, None)
    if pending is not None:
        pending.close()
