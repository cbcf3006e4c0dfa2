"""Webhooks with the log of their deliveries, subscriptions of mails, and the lease of what sends them."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from models.database.column_types import Json, LongId, UtcTime, exact_text

revision = "0018"
down_revision = "0017"

TABLES = ("webhooks", "webhook_deliveries", "requested_deliveries", "subscriptions", "leases")


def upgrade() -> None:
    _create_webhooks()
    _create_deliveries()
    _create_subscriptions()
    leases = op.create_table(
        "leases",
        sa.Column("name", sa.String(16), primary_key=True),
        sa.Column("holder", sa.String(64)),
        sa.Column("held_until", UtcTime()),
        sa.Column("wanted_until", UtcTime()),
    )
    op.bulk_insert(leases, [{"name": "sender", "holder": None, "held_until": None, "wanted_until": None}])


def _maker(table: str) -> tuple[sa.Column[Any], ...]:
    user = sa.ForeignKey("users.id", name=f"fk_{table}_user_id")
    times: tuple[sa.Column[Any], ...] = tuple(
        sa.Column(name, UtcTime(), nullable=False) for name in ("created_at", "updated_at")
    )
    return sa.Column("user_id", sa.Integer(), user, nullable=False), *times


def _attempts(error: sa.Column[Any]) -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("last_event_id", LongId, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UtcTime()),
        sa.Column("failing_since", UtcTime()),
        error,
    )


def _create_webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("url", exact_text(2000), nullable=False),
        sa.Column("types", Json(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("paused", sa.String(16)),
        sa.Column("unannounced", sa.Boolean(), nullable=False),
        *_attempts(sa.Column("last_status", sa.Integer())),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("former_secret", sa.Text()),
        sa.Column("former_until", UtcTime()),
        *_maker("webhooks"),
        sa.CheckConstraint("last_event_id >= 0", name="last_event_id"),
        sa.CheckConstraint("attempts >= 0", name="attempts"),
        sqlite_autoincrement=True,
    )


def _create_deliveries() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", LongId, primary_key=True),
        sa.Column("webhook_id", sa.Integer(), nullable=False),
        sa.Column("event_id", LongId),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("ms", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("code", sa.Integer()),
        sa.Column("error", exact_text(500)),
        sa.CheckConstraint("status IN ('delivered', 'failed')", name="status"),
        sqlite_autoincrement=True,
    )
    for columns in (["webhook_id", "id"], ["webhook_id", "status", "id"], ["at"]):
        op.create_index(f"ix_webhook_deliveries_{'_'.join(columns)}", "webhook_deliveries", columns)
    op.create_table(
        "requested_deliveries",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("webhook_id", sa.Integer(), nullable=False),
        sa.Column("event_id", LongId),
        sa.Column("requested_at", UtcTime(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_requested_deliveries_webhook_id_id", "requested_deliveries", ["webhook_id", "id"])


def _create_subscriptions() -> None:
    op.create_table(
        "subscriptions",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("recipients", Json(), nullable=False),
        sa.Column("types", Json(), nullable=False),
        sa.Column("every_minutes", sa.Integer()),
        sa.Column("daily_at", sa.String(5)),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("next_at", UtcTime(), nullable=False),
        *_attempts(sa.Column("last_error", exact_text(500))),
        *_maker("subscriptions"),
        sa.CheckConstraint("(every_minutes IS NULL) <> (daily_at IS NULL)", name="rhythm"),
        sa.CheckConstraint("attempts >= 0", name="attempts"),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
