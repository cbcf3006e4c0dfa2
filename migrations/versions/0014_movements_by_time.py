"""Indexes of the movements of a user and of a kind in the order of time, and of all, with the id as the last column."""

from alembic import op

revision = "0014"
down_revision = "0013"

NEW = {
    "ix_movements_user_id_id": ["user_id", "id"],
    "ix_movements_user_id_occurred_at_id": ["user_id", "occurred_at", "id"],
    "ix_movements_kind_occurred_at_id": ["kind", "occurred_at", "id"],
    "ix_movements_occurred_at_id": ["occurred_at", "id"],
}
OLD = {"ix_movements_user_id": ["user_id"], "ix_movements_occurred_at": ["occurred_at"]}


def upgrade() -> None:
    _replace(OLD, NEW)


def downgrade() -> None:
    _replace(NEW, OLD)


def _replace(old: dict[str, list[str]], new: dict[str, list[str]]) -> None:
    """Create indexes, and then drop others: MariaDB keeps one for each foreign key at any time."""
    for name, columns in new.items():
        op.create_index(name, "movements", columns)
    for name in old:
        op.drop_index(name, "movements")
