"""The attributes of items, as hashes by which the filter `attribute` finds them."""

import hashlib
import unicodedata
from typing import Any

import sqlalchemy as sa
from alembic import op

from models.database.column_types import Json
from models.values import as_json

revision = "0021"
down_revision = "0020"

items = sa.table("items", sa.column("id"), sa.column("attributes", Json()))
item_attributes = sa.table("item_attributes", sa.column("item_id"), sa.column("entry_hash"))


def upgrade() -> None:
    op.create_table(
        "item_attributes",
        sa.Column(
            "item_id", sa.Integer(), sa.ForeignKey("items.id", name="fk_item_attributes_item_id"), primary_key=True
        ),
        sa.Column("entry_hash", sa.String(64), primary_key=True),
    )
    connection = op.get_bind()
    last = 0
    query = sa.select(items).order_by(items.c.id).limit(1000)
    while found := connection.execute(query.where(items.c.id > last)).all():
        last = found[-1].id
        rows = [{"item_id": row.id, "entry_hash": each} for row in found for each in _hashes(row.attributes)]
        if rows:
            connection.execute(sa.insert(item_attributes), rows)
    op.create_index("ix_item_attributes_entry_hash_item_id", "item_attributes", ["entry_hash", "item_id"])


def _hashes(attributes: dict[str, Any]) -> set[str]:
    texts = (f"{name}:{value if isinstance(value, str) else as_json(value)}" for name, value in attributes.items())
    return {hashlib.sha256(unicodedata.normalize("NFC", text).encode()).hexdigest() for text in texts}


def downgrade() -> None:
    op.drop_table("item_attributes")
