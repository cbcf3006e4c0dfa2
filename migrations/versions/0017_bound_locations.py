"""The locations at which users and API tokens may change stock; NULL, as in every row before, is all of them."""

import sqlalchemy as sa
from alembic import op

from models.database.column_types import Json

revision = "0017"
down_revision = "0016"

TABLES = ("users", "api_tokens")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("location_ids", Json()))


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "location_ids")
