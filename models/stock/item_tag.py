"""The tags of items, one row each, for the filter `tag`; they are a copy of `Item.tags`."""

from collections.abc import Sequence

from sqlalchemy import ForeignKey, Index, delete, insert
from sqlalchemy.orm import Mapped, mapped_column

from models.database.base import Model, db
from models.database.column_types import exact_text


class ItemTag(Model):
    """One tag of one item."""

    __tablename__ = "item_tags"
    __table_args__ = (Index("ix_item_tags_tag_item_id", "tag", "item_id"),)

    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True)
    tag: Mapped[str] = mapped_column(exact_text(50), primary_key=True)

    @classmethod
    def replace(cls, item_id: int, tags: Sequence[str]) -> None:
        """Replace the tags by which the filter finds an item."""
        db.session.execute(delete(cls).where(cls.item_id == item_id))
        if tags:
            db.session.execute(insert(cls), [{"item_id": item_id, "tag": tag} for tag in tags])
