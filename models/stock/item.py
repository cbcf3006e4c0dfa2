"""The model `Item`: its table, and how clients see its rows."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Boolean, CheckConstraint, Index, false, text
from sqlalchemy.orm import Mapped, mapped_column

from models.database.base import Model
from models.database.column_types import Json, Money, UtcTime, exact_text, long_text
from models.representation import Representation
from models.stock.item_fields import (
    BARCODE_LENGTH,
    FIELDS,
    MAX_PRICE,
    MAX_QUANTITY,
    NAME_LENGTH,
    NORMALIZED_GROWTH,
    SKU_LENGTH,
    SORTS,
)

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
    # Whether it may have open reservations: then they are summed up, under the lock of this row.
    reserving: Mapped[bool] = mapped_column(Boolean(), default=False, server_default=false())
    # Whether a stock of it has a reorder level of its own.
    levelled: Mapped[bool] = mapped_column(Boolean(), default=False, server_default=false())
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
