"""The end of sign-ins at an OpenID provider, and the successor of a rotated API token.

Sign-ins at a provider that began before had no end, and end now.
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from models.database.column_types import UtcTime

revision = "0012"
down_revision = "0011"

users = sa.table("users", sa.column("id"), sa.column("password_hash"))
sign_ins = sa.table("sign_ins", sa.column("user_id"), sa.column("ended_at", UtcTime()))


def upgrade() -> None:
    op.add_column("api_tokens", sa.Column("successor_id", sa.Integer()))
    op.add_column("sign_ins", sa.Column("ends_at", UtcTime()))
    of_provider = sa.select(users.c.id).where(users.c.password_hash == "")
    unended = sign_ins.c.user_id.in_(of_provider), sign_ins.c.ended_at.is_(None)
    op.get_bind().execute(sa.update(sign_ins).where(*unended).values(ended_at=datetime.now(UTC)))


def downgrade() -> None:
    op.drop_column("sign_ins", "ends_at")
    op.drop_column("api_tokens", "successor_id")
