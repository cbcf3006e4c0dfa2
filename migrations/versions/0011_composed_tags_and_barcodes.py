"""Tags and barcodes are looked up in one Unicode form (NFC); of two barcodes that become one, the later stays as it is."""

import unicodedata
from functools import partial

import sqlalchemy as sa
from alembic import op

from models.database.column_types import Json

revision = "0011"
down_revision = "0010"

items = sa.table("items", sa.column("id"), sa.column("barcode"), sa.column("tags", Json()))
item_tags = sa.table("item_tags", sa.column("item_id"), sa.column("tag"))
composed = partial(unicodedata.normalize, "NFC")


def upgrade() -> None:
    connection = op.get_bind()
    last = 0
    query = sa.select(items).order_by(items.c.id).limit(1000)
    while rows := connection.execute(query.where(items.c.id > last)).all():
        last = rows[-1].id
        for item in rows:
            if item.barcode is not None and composed(item.barcode) != item.barcode:
                _compose_barcode(item.id, composed(item.barcode))
            tags = list(dict.fromkeys(map(composed, item.tags)))
            if tags != item.tags:
                _replace_tags(item.id, tags)


def _compose_barcode(item_id: int, barcode: str) -> None:
    connection = op.get_bind()
    if connection.scalar(sa.select(items.c.id).where(items.c.barcode == barcode)) is None:
        connection.execute(sa.update(items).where(items.c.id == item_id).values(barcode=barcode))


def _replace_tags(item_id: int, tags: list[str]) -> None:
    connection = op.get_bind()
    connection.execute(sa.update(items).where(items.c.id == item_id).values(tags=tags))
    connection.execute(sa.delete(item_tags).where(item_tags.c.item_id == item_id))
    connection.execute(sa.insert(item_tags), [{"item_id": item_id, "tag": tag} for tag in tags])


def downgrade() -> None:
    """Leave them: every version finds them by the form that they have."""
