"""The trace that an event belongs to; no database writes its rows anew for a column that may be null."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("events", sa.Column("trace_id", sa.String(32)))


def downgrade() -> None:
    op.drop_column("events", "trace_id")
