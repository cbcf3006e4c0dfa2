"""The tags of items, one row each, for the filter `tag`; they are a copy of `Item.tags`."""

from collections.abc import Sequence

from sqlalchemy import ForeignKey, Index, bindparam, delete, insert
from sqlalchemy.orm import Mapped, mapped_column

from models.database.base import Model, table_of
from models.database.column_types import exact_text
from models.database.current_write import write_connection
from models.database.writing import execute_many, execute_one


class ItemTag(Model):
    """One tag of one item."""

    __tablename__ = "item_tags"
    __table_args__ = (Index("ix_item_tags_tag_item_id", "tag", "item_id"),)

    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True)
    tag: Mapped[str] = mapped_column(exact_text(50), primary_key=True)

    @classmethod
    def replace(cls, item_id: int, tags: Sequence[str]) -> None:
        """Replace the tags by which the filter finds an item."""
        execute_one(write_connection(), _DELETE, {"item_id": item_id})
        cls.insert(item_id, tags)

    @classmethod
    def insert(cls, item_id: int, tags: Sequence[str]) -> None:
        """Insert the tags of an item that has none."""
        if tags:
            execute_many(write_connection(), _INSERT, [{"item_id": item_id, "tag": tag} for tag in tags])


_tags = table_of(ItemTag)
_DELETE = delete(_tags).where(_tags.c.item_id == bindparam("item_id"))
_INSERT = insert(_tags)
