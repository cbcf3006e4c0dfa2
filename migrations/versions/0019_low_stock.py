"""Whether a stock of an item has a reorder level of its own, of which the lock of the item then says so.

The column is added with its default; only the rows of items that have such a stock are written.
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.add_column("items", sa.Column("levelled", sa.Boolean(), server_default=sa.false(), nullable=False))
    settings = sa.table("stock_settings", sa.column("item_id"), sa.column("reorder_level"))
    items = sa.table("items", sa.column("id"), sa.column("levelled", sa.Boolean()))
    with_level = sa.select(settings.c.item_id).where(settings.c.reorder_level.is_not(None))
    op.execute(sa.update(items).where(items.c.id.in_(with_level)).values(levelled=sa.true()))


def downgrade() -> None:
    op.drop_column("items", "levelled")
