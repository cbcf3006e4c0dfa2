"""The stocks that lie elsewhere than at the main location, and the settings of stocks at any location.

What the main location has of an item is `Item.quantity` less `Item.elsewhere`, the sum of these stocks. So an item that
lies in one place has no row here, and no sum of rows can differ from its quantity.
"""

from sqlalchemy import CheckConstraint, ForeignKey, Index, bindparam, select
from sqlalchemy.orm import Mapped, mapped_column

from models.database.base import Model, db
from models.database.column_types import exact_text
from models.database.reading import PreparedQuery
from models.stock.place import IN_TRANSIT_ID


class LocationStock(Model):
    """What one location, which is not the main one, has of one item, in units; always the sum of the deltas there."""

    __tablename__ = "stocks"
    __table_args__ = (
        Index("ix_stocks_location_id", "location_id", "item_id"),
        CheckConstraint("quantity >= 0", name="quantity"),
        CheckConstraint("location_id <> 1", name="location_id"),
    )

    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True)
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"), primary_key=True)
    quantity: Mapped[int]

    @classmethod
    def is_in_transit(cls, item_id: int) -> bool:
        """Return whether any of an item is on its way between two locations."""
        return bool(_IN_TRANSIT.rows(item_id=item_id))

    @classmethod
    def is_at(cls, location_id: int) -> bool:
        """Return whether a location has any stock."""
        query = select(cls.item_id).where(cls.location_id == location_id, cls.quantity > 0).limit(1)
        return db.session.scalar(query) is not None


_IN_TRANSIT = PreparedQuery(
    select(LocationStock.item_id).where(
        LocationStock.item_id == bindparam("item_id"),
        LocationStock.location_id == IN_TRANSIT_ID,
        LocationStock.quantity > 0,
    )
)


class StockSettings(Model):
    """What people have set for the stock of one item at one location: when it is low, and where it lies there."""

    __tablename__ = "stock_settings"
    __table_args__ = (
        Index("ix_stock_settings_location_id", "location_id", "item_id"),
        CheckConstraint("reorder_level >= 0", name="reorder_level"),
    )

    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True)
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"), primary_key=True)
    reorder_level: Mapped[int | None]
    bin: Mapped[str] = mapped_column(exact_text(100))
