"""Where an item lies is its `bin`; it was called `location`. A rename: no row is written, no trigger is lost."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    _rename("location", "bin")


def downgrade() -> None:
    _rename("bin", "location")


def _rename(old: str, new: str) -> None:
    """Rename the column and its index; SQLite alone can't rename an index, and builds it anew from the rows."""
    column = f"ALTER TABLE items RENAME COLUMN {old} TO {new}"
    index, renamed = f"ix_items_by_{old}", f"ix_items_by_{new}"
    dialect = op.get_bind().dialect.name
    if dialect == "mysql":  # INPLACE fails rather than copies the table
        op.execute(f"{column}, RENAME INDEX {index} TO {renamed}, ALGORITHM=INPLACE")
        return
    op.execute(column)
    if dialect == "postgresql":
        op.execute(f"ALTER INDEX {index} RENAME TO {renamed}")
    else:
        op.drop_index(index, "items")
        op.create_index(renamed, "items", ["archived", new, "id"])
