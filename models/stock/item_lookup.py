"""The rows by which filters find items: a copy of the tags and of the attributes of each, one row per entry."""

import hashlib
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, ForeignKey, Index, String, bindparam, delete, insert
from sqlalchemy.orm import Mapped, mapped_column

from models.database.base import Model, table_of
from models.database.column_types import exact_text
from models.database.current_write import WriteConnection
from models.database.writing import execute_many, execute_one
from models.values import as_json


class ItemTag(Model):
    """One tag of one item."""

    __tablename__ = "item_tags"
    __table_args__ = (Index("ix_item_tags_tag_item_id", "tag", "item_id"),)

    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True)
    tag: Mapped[str] = mapped_column(exact_text(50), primary_key=True)


class ItemAttribute(Model):
    """One attribute of one item, as a hash: the values of attributes are longer than indexes take."""

    __tablename__ = "item_attributes"
    __table_args__ = (Index("ix_item_attributes_entry_hash_item_id", "entry_hash", "item_id"),)

    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True)
    entry_hash: Mapped[str] = mapped_column(String(64), primary_key=True)


def attribute_hash(entry: str) -> str:
    """Return the hash by which an attribute is found; `entry` is its name and its value, as `colour:green`."""
    return hashlib.sha256(unicodedata.normalize("NFC", entry).encode()).hexdigest()


def _hashes(attributes: Mapping[str, Any]) -> Iterable[str]:
    """Return the hash of each attribute once; numbers and booleans are found as JSON writes them."""
    texts = (f"{name}:{value if isinstance(value, str) else as_json(value)}" for name, value in attributes.items())
    return sorted(set(map(attribute_hash, texts)))


class Lookup:
    """The rows of one field of items: `keys_of` returns what they have in the column `key`."""

    def __init__(self, model: type[Model], key: str, keys_of: Callable[[Any], Iterable[str]]) -> None:
        self.keys_of = keys_of
        self.key = key
        table = self.table = table_of(model)
        self._delete = delete(table).where(table.c.item_id == bindparam("item_id"))
        self._insert = insert(table)

    def insert(self, connection: WriteConnection, keys: Sequence[tuple[int, str]]) -> None:
        """Insert rows of items that have none yet, each given by the id of its item and its key."""
        if keys:
            execute_many(connection, self._insert, [{"item_id": item_id, self.key: key} for item_id, key in keys])

    def replace(self, connection: WriteConnection, item_id: int, value: Any) -> None:
        """Replace the rows of an item whose field has changed to this value."""
        execute_one(connection, self._delete, {"item_id": item_id})
        self._insert_of(connection, {item_id: value})

    def replace_many(self, connection: Connection, values: Mapping[int, Any]) -> None:
        """Replace the rows of many items, given the new values of their fields by their ids."""
        connection.execute(delete(self.table).where(self.table.c.item_id.in_(values)))
        self._insert_of(connection, values)

    def _insert_of(self, connection: WriteConnection, values: Mapping[int, Any]) -> None:
        self.insert(connection, [(item_id, key) for item_id, value in values.items() for key in self.keys_of(value)])


# By the name of the field.
LOOKUPS = {"tags": Lookup(ItemTag, "tag", list), "attributes": Lookup(ItemAttribute, "entry_hash", _hashes)}
