"""The latest time of each item's movements, kept beside its quantity, and what each count found."""

import sqlalchemy as sa
from alembic import op

from models.database.column_types import UtcTime

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("items", sa.Column("moved_at", UtcTime()))
    op.add_column("movements", sa.Column("counted", sa.Integer()))
    op.execute(
        "UPDATE items SET moved_at = (SELECT max(occurred_at) FROM movements WHERE movements.item_id = items.id)"
    )


def downgrade() -> None:
    op.drop_column("movements", "counted")
    op.drop_column("items", "moved_at")
