"""The kind of each session (`sign_ins`), and from where it was last used; all that began before are by tokens."""

import sqlalchemy as sa
from alembic import op

from models.database.column_types import UtcTime, exact_text

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.add_column("sign_ins", sa.Column("kind", sa.String(8), server_default="token", nullable=False))
    op.add_column("sign_ins", sa.Column("last_used_at", UtcTime()))
    op.add_column("sign_ins", sa.Column("address", sa.String(45)))
    op.add_column("sign_ins", sa.Column("client", exact_text(200)))


def downgrade() -> None:
    op.execute("DELETE FROM sign_ins WHERE kind = 'cookie'")
    for column in ("client", "address", "last_used_at", "kind"):
        op.drop_column("sign_ins", column)
