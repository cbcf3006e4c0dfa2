"""The tables of events, of rows to lock, and of idempotency keys with the outcomes for retries."""

import sqlalchemy as sa
from alembic import op

from models.database.column_types import Json, LongId, UtcTime, exact_text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
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


def downgrade() -> None:
    for table in ("idempotency_keys", "locks", "events"):
        op.drop_table(table)
