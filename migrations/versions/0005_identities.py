"""The table of identities: issuer and subject of the users of an OpenID provider."""

import sqlalchemy as sa
from alembic import op

from models.database.column_types import UtcTime, exact_text

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "identities",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("user_id", sa.Integer(), sa.ForeignKey("users.id", name="fk_identities_user_id"), nullable=False),
        sa.Column("issuer", exact_text(255), nullable=False),
        sa.Column("subject", exact_text(255), nullable=False),
        sa.Column("role", sa.String(16)),
        sa.Column("told_at", UtcTime(), nullable=False),
        sa.UniqueConstraint("issuer", "subject", name="uq_identities_issuer_subject"),
    )
    op.create_index("ix_identities_user_id", "identities", ["user_id"])


def downgrade() -> None:
    op.drop_table("identities")
