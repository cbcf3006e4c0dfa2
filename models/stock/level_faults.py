"""The check of reorder levels: an item knows whether a stock of it has one."""

from collections.abc import Iterator

from sqlalchemy import select

from models.database.base import db
from models.stock.item import Item
from models.stock.location_stock import StockSettings


def level_faults() -> Iterator[str]:
    """Yield one sentence for every item that is marked wrongly, as one statement sees it."""
    has_level = select(StockSettings.item_id).where(
        StockSettings.item_id == Item.id, StockSettings.reorder_level.is_not(None)
    )
    wrong = select(Item.id, Item.sku, Item.levelled).where(Item.levelled != has_level.exists()).order_by(Item.id)
    for row in db.session.execute(wrong):
        what = "no stock with a reorder level, and is" if row.levelled else "a stock with a reorder level, and is not"
        yield f"item {row.id} ({row.sku}): has {what} marked as having one"
