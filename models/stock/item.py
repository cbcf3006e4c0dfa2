"""The model `Item`: its table, its operations and the rules of its names."""

from contextlib import AbstractContextManager
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    ColumnElement,
    Index,
    select,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from models.database.base import Model, db
from models.database.column_types import Json, Money, UtcTime, exact_text, long_text
from models.database.transactions import refusing_duplicates
from models.event import Event
from models.principal import Principal
from models.refusals import NotFound, Refusal
from models.representation import Representation
from models.stock.item_fields import (
    BARCODE_LENGTH,
    DEFAULTS,
    FIELDS,
    MAX_PRICE,
    MAX_QUANTITY,
    NAME_LENGTH,
    NORMALIZED_GROWTH,
    SKU_LENGTH,
    SORTS,
    derived,
    same,
)
from models.stock.item_tag import ItemTag
from models.values import normalized, now

LOW = text("reorder_level IS NOT NULL AND quantity <= reorder_level")


class Item(Model):
    """One kind of thing in stock; `quantity`, in units, is always the sum of the deltas of its movements.

    `moved_at` is the latest `occurred_at` among them, `elsewhere` what of the quantity is not at the main location.
    """

    __tablename__ = "items"
    __table_args__ = (
        CheckConstraint(f"quantity >= 0 AND quantity <= {MAX_QUANTITY}", name="quantity"),
        CheckConstraint("elsewhere >= 0 AND elsewhere <= quantity", name="elsewhere"),
        CheckConstraint(f"price >= 0 AND price <= {int(MAX_PRICE * 10_000)}", name="price"),
        CheckConstraint(f"reorder_level >= 0 AND reorder_level <= {MAX_QUANTITY}", name="reorder_level"),
        # A list has either live or archived items: with these indexes a page begins at its first row, in any order.
        Index("ix_items_by_id", "archived", "id"),
        *(Index(f"ix_items_by_{column}", "archived", column, "id") for column in SORTS.values()),
        # A partial index of the items that are low; MariaDB has no partial indexes, so there it has all items.
        Index("ix_items_low", "archived", "id", "reorder_level", sqlite_where=LOW, postgresql_where=LOW),
    )

    REPRESENTATION = Representation("Item", {name: field.schema for name, field in FIELDS.items()})
    SCHEMA = REPRESENTATION.schema

    id: Mapped[int] = mapped_column(primary_key=True)
    sku: Mapped[str] = mapped_column(exact_text(SKU_LENGTH))
    sku_key: Mapped[str] = mapped_column(exact_text(SKU_LENGTH * NORMALIZED_GROWTH), unique=True)
    name: Mapped[str] = mapped_column(exact_text(NAME_LENGTH))
    name_key: Mapped[str] = mapped_column(exact_text(NAME_LENGTH))
    description: Mapped[str] = mapped_column(long_text())
    unit: Mapped[str] = mapped_column(exact_text(32))
    price: Mapped[Decimal] = mapped_column(Money())
    quantity: Mapped[int]
    elsewhere: Mapped[int] = mapped_column(default=0, server_default="0")
    moved_at: Mapped[datetime | None] = mapped_column(UtcTime())
    reorder_level: Mapped[int | None]
    bin: Mapped[str] = mapped_column(exact_text(100))
    barcode: Mapped[str | None] = mapped_column(exact_text(BARCODE_LENGTH), unique=True)
    tags: Mapped[list[str]] = mapped_column(Json())
    attributes: Mapped[dict[str, Any]] = mapped_column(Json())
    archived: Mapped[bool] = mapped_column(Boolean())
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcTime())
    updated_at: Mapped[datetime] = mapped_column(UtcTime())
    search_text: Mapped[str] = mapped_column(long_text())

    @classmethod
    def create(cls, *, by: Principal, sku: str, name: str, **fields: Any) -> Self:
        """Add an item without stock and return it; raises Refusal `sku_taken` or `barcode_taken`."""
        created_at = now()
        item = cls(
            sku=sku,
            name=name,
            **{**DEFAULTS, **fields},
            quantity=0,
            archived=False,
            version=1,
            created_at=created_at,
            updated_at=created_at,
        )
        item._derive()
        with item._refusing_duplicates():
            db.session.add(item)
        ItemTag.replace(item.id, item.tags)
        item._record_event("item.created", by)
        return item

    @classmethod
    def get(cls, item_id: int, *, lock: bool = False) -> Self:
        """Return the item, archived or not; with `lock`, lock its row until the transaction ends. Raises NotFound."""
        return cls._get_one(cls.id == item_id, lock, f"id {item_id}")

    @classmethod
    def by_sku(cls, sku: str, *, lock: bool = False) -> Self:
        """Return the item with this SKU in any case, like `get`."""
        return cls._get_one(cls.sku_key == normalized(sku), lock, f"SKU {sku!r}")

    @classmethod
    def _get_one(cls, condition: ColumnElement[bool], lock: bool, name: str) -> Self:
        query = select(cls).where(condition)
        item = db.session.scalar(query.with_for_update() if lock else query)
        if item is None:
            raise NotFound(f"There is no item with the {name}.")
        return item

    def replace(self, *, by: Principal, **fields: Any) -> bool:
        """Set every field, those not given to their default; return whether anything changed. Raises like `change`."""
        return self.change(by=by, **{**DEFAULTS, **fields})

    def merge(self, *, by: Principal, **patch: Any) -> bool:
        """Apply a merge patch (RFC 7396): None resets a field to its default, or removes a member of `attributes`.

        Return whether anything changed; raises like `change`.
        """
        if patch.get("attributes") is not None:
            merged = {**self.attributes, **patch["attributes"]}
            patch["attributes"] = {name: value for name, value in merged.items() if value is not None}
        return self.change(
            by=by, **{name: DEFAULTS.get(name) if value is None else value for name, value in patch.items()}
        )

    def change(self, *, by: Principal, **fields: Any) -> bool:
        """Set these fields and return whether anything changed.

        Raises Refusal `item_archived`, `sku_taken` or `barcode_taken`.
        """
        if self.archived:
            raise Refusal("item_archived", f"Item {self.sku!r} is archived; restore it first.")
        fields = {name: list(value) if name == "tags" else value for name, value in fields.items()}
        changed = {name: value for name, value in fields.items() if not same(getattr(self, name), value)}
        if not changed:
            return False
        for name, value in changed.items():
            setattr(self, name, value)
        self._derive()
        self._touch()
        with self._refusing_duplicates():
            db.session.add(self)
        if "tags" in changed:
            ItemTag.replace(self.id, self.tags)
        self._record_event("item.updated", by)
        return True

    def set_archived(self, archived: bool, *, by: Principal) -> bool:
        """Archive or restore the item; return whether anything changed."""
        if self.archived == archived:
            return False
        self.archived = archived
        self._touch()
        db.session.flush()
        self._record_event("item.archived" if archived else "item.restored", by)
        return True

    def _record_event(self, type_: str, by: Principal) -> None:
        Event.record(type_, self.to_dict(), by, item_id=self.id)

    def _touch(self) -> None:
        self.version += 1
        self.updated_at = now()

    def _derive(self) -> None:
        self.tags = list(self.tags)
        for name, value in derived(self.sku, self.name, self.description, self.barcode).items():
            setattr(self, name, value)

    def _refusing_duplicates(self) -> AbstractContextManager[None]:
        return refusing_duplicates(
            uq_items_sku_key=Refusal("sku_taken", f"There is an item with the SKU {self.sku!r} already."),
            uq_items_barcode=Refusal("barcode_taken", f"Another item has the barcode {self.barcode!r}."),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the item as clients see it."""
        return self.REPRESENTATION.of(self)
