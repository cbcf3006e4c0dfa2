"""The tables of events, of rows to lock, and of idempotency keys with the outcomes for retries.

Items and movements that are there already get their events, so that whoever reads the feed from its beginning has all.
"""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import context, op
from alembic.util import CommandError

from models.database.column_types import Json, LongId, Money, UtcTime, exact_text
from models.values import money, rfc3339

revision = "0002"
down_revision = "0001"


USERS = sa.table("users", sa.column("id"), sa.column("username"))
ITEMS = sa.table(
    "items",
    *(sa.column(name) for name in ("id", "sku", "name", "description", "unit")),
    sa.column("price", Money()),
    *(sa.column(name) for name in ("quantity", "reorder_level", "location", "barcode")),
    *(sa.column(name, Json()) for name in ("tags", "attributes")),
    sa.column("archived", sa.Boolean()),
    sa.column("version"),
    *(sa.column(name, UtcTime()) for name in ("created_at", "updated_at")),
)
MOVEMENTS = sa.table(
    "movements",
    *(sa.column(name) for name in ("id", "item_id", "kind", "delta", "quantity_after", "reason", "reference")),
    *(sa.column(name) for name in ("reverses_id", "user_id")),
    *(sa.column(name, UtcTime()) for name in ("occurred_at", "created_at")),
)
BATCH = 500


def upgrade() -> None:
    events = op.create_table(
        "events",
        sa.Column("id", LongId, primary_key=True),
        sa.Column("stream", sa.String(8), nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("actor", exact_text(64)),
        sa.Column("address", sa.String(45)),
        sa.Column("request_id", sa.String(128), nullable=False),
        sa.Column("item_id", sa.Integer(), sa.ForeignKey("items.id", name="fk_events_item_id")),
        sa.Column("movement_id", LongId, sa.ForeignKey("movements.id", name="fk_events_movement_id")),
        sa.Column("data", Json(), nullable=False),
        sa.UniqueConstraint("movement_id", name="uq_events_movement_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_stream_id", "events", ["stream", "id"])
    op.create_index("ix_events_item_id", "events", ["item_id"])
    locks = op.create_table("locks", sa.Column("name", sa.String(16), primary_key=True))
    op.bulk_insert(locks, [{"name": "feed"}])
    op.create_table(
        "idempotency_keys",
        sa.Column("id", LongId, primary_key=True),
        sa.Column(
            "user_id", sa.Integer(), sa.ForeignKey("users.id", name="fk_idempotency_keys_user_id"), nullable=False
        ),
        sa.Column("key", exact_text(255), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("outcome", Json()),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.UniqueConstraint("user_id", "key", name="uq_idempotency_keys_user_id_key"),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])
    for query, event_of in ((_items(), _item_event), (_movements(), _movement_event)):
        for rows in _batches(query):
            op.bulk_insert(events, [event_of(row) for row in rows])


def _items() -> sa.Select[Any]:
    return sa.select(ITEMS)


def _movements() -> sa.Select[Any]:
    return (
        sa.select(MOVEMENTS, ITEMS.c.sku, USERS.c.username)
        .join_from(MOVEMENTS, ITEMS, ITEMS.c.id == MOVEMENTS.c.item_id)
        .join(USERS, USERS.c.id == MOVEMENTS.c.user_id)
    )


def _batches(query: sa.Select[Any]) -> Iterator[list[Any]]:
    """Yield the rows of a query by id, in lists of up to `BATCH`."""
    id_ = query.selected_columns["id"]
    last = 0
    while rows := op.get_bind().execute(query.where(id_ > last).order_by(id_).limit(BATCH)).mappings().all():
        yield list(rows)
        last = rows[-1]["id"]


def _item_event(row: Any) -> dict[str, Any]:
    """Return the event of an item that is there: as it is now, without the stock, which its movements give it."""
    times = {name: rfc3339(row[name]) for name in ("created_at", "updated_at")}
    data = {**row, "price": money(row["price"]), "quantity": 0, **times}
    return _event("item.created", row["created_at"], data, item_id=row["id"], movement_id=None, actor=None)


def _movement_event(row: Any) -> dict[str, Any]:
    data = {
        **{name: row[name] for name in ("id", "item_id", "sku", "kind", "delta", "quantity_after")},
        **{name: row[name] for name in ("reason", "reference")},
        "reverses": row["reverses_id"],
        "reversed_by": None,
        "user": row["username"],
        **{name: rfc3339(row[name]) for name in ("occurred_at", "created_at")},
    }
    ids = {"item_id": row["item_id"], "movement_id": row["id"]}
    return _event("movement.created", row["created_at"], data, actor=row["username"], **ids)


def _event(type_: str, at: Any, data: dict[str, Any], **others: Any) -> dict[str, Any]:
    common = {"stream": "stock", "type": type_, "at": at, "address": None, "request_id": "migration-0002"}
    return {**common, "data": data, **others}


def downgrade() -> None:
    """Drop the tables; raise CommandError if events would be lost and nobody said that they may be."""
    events = op.get_bind().scalar(sa.select(sa.func.count()).select_from(sa.table("events")))
    if events and context.get_x_argument(as_dictionary=True).get("lose") != "events":
        if op.get_bind().dialect.name == "mysql":  # whose DDL has committed the steps before, but not their revision
            op.get_bind().exec_driver_sql("COMMIT")
        raise CommandError(
            f"This would delete {events} events, of the change feed and the audit log. "
            "If that is what you want: flask db downgrade -x lose=events 0001"
        )
    for table in ("idempotency_keys", "locks", "events"):
        op.drop_table(table)
