"""The column of the networks from which an API token may be used."""

import sqlalchemy as sa
from alembic import op

from models.database.column_types import Json

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("api_tokens", sa.Column("allowed_ips", Json()))


def downgrade() -> None:
    op.drop_column("api_tokens", "allowed_ips")
