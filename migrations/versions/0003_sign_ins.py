"""The table of sessions (`sign_ins`), each with the hashes of both parts of its current refresh token."""

import sqlalchemy as sa
from alembic import op

from models.database.column_types import UtcTime

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "sign_ins",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("user_id", sa.Integer(), sa.ForeignKey("users.id", name="fk_sign_ins_user_id"), nullable=False),
        sa.Column("family_hash", sa.String(64), nullable=False),
        sa.Column("turn_hash", sa.String(64), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.Column("ended_at", UtcTime()),
        sa.UniqueConstraint("family_hash", name="uq_sign_ins_family_hash"),
    )
    op.create_index("ix_sign_ins_user_id", "sign_ins", ["user_id"])
    op.create_index("ix_sign_ins_expires_at", "sign_ins", ["expires_at"])


def downgrade() -> None:
    op.drop_table("sign_ins")
