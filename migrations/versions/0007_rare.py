"""Indexes for rows that are rare in large tables: low items, kinds of movements, actors and types of events."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

LOW = sa.text("reorder_level IS NOT NULL AND quantity <= reorder_level")


def upgrade() -> None:
    op.create_index(
        "ix_items_low", "items", ["archived", "id", "reorder_level"], sqlite_where=LOW, postgresql_where=LOW
    )
    op.create_index("ix_movements_kind_id", "movements", ["kind", "id"])
    op.create_index("ix_events_actor_id", "events", ["actor", "id"])
    op.create_index("ix_events_type_id", "events", ["type", "id"])


def downgrade() -> None:
    op.drop_index("ix_events_type_id", "events")
    op.drop_index("ix_events_actor_id", "events")
    op.drop_index("ix_movements_kind_id", "movements")
    op.drop_index("ix_items_low", "items")
