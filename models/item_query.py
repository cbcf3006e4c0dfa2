"""What is only read of items: rows as clients see them, which cost a fraction of what an `Item` does."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, bindparam, exists, select

from models import item_search
from models.base import shown
from models.item import Item
from models.item_fields import DERIVED, folded
from models.item_tag import ItemTag
from models.reading import Question
from models.refusals import NotFound

SHOWN = [shown(column) for column in Item.__table__.columns if column.name not in DERIVED]
NAMES = [column.name for column in SHOWN]
_ALL = select(*SHOWN)
_BY_ID = Question(_ALL.where(Item.id == bindparam("item_id")))
_BY_SKU = Question(_ALL.where(Item.sku_key == bindparam("key")))


def read(item_id: int) -> dict[str, Any]:
    """An item as clients see it, archived or not. Raises NotFound."""
    row = _BY_ID.one_or_none(item_id=item_id)
    if row is None:
        raise NotFound(f"There is no item with the id {item_id}.")
    return to_dict(row)


def read_by_sku(sku: str) -> dict[str, Any]:
    """The item of this SKU, whatever its case, like `read`."""
    row = _BY_SKU.one_or_none(key=folded(sku))
    if row is None:
        raise NotFound(f"There is no item with the SKU {sku!r}.")
    return to_dict(row)


def to_dict(row: Sequence[Any]) -> dict[str, Any]:
    """A row of `matching` as clients see it: just as `Item.to_dict` shows an item."""
    return dict(zip(NAMES, row, strict=False))  # whoever pages adds columns at the end


def matching(
    *,
    archived: bool = False,
    q: str | None = None,
    sku: str | None = None,
    tag: str | None = None,
    low_stock: bool | None = None,
    min_price: Decimal | None = None,
    max_price: Decimal | None = None,
    updated_since: datetime | None = None,
    **equal: str | None,
) -> Select[Any]:
    """The items that meet every condition given; `q` wants each of its words somewhere."""
    conditions = item_search.conditions(folded(q or "").split(), archived=archived)
    conditions += [getattr(Item, name) == value for name, value in equal.items() if value is not None]
    if sku is not None:
        conditions.append(Item.sku_key == folded(sku))
    if tag is not None:
        conditions.append(exists().where(ItemTag.item_id == Item.id, ItemTag.tag == tag))
    if low_stock is not None:
        is_low = (Item.reorder_level.is_not(None)) & (Item.quantity <= Item.reorder_level)
        conditions.append(is_low if low_stock else ~is_low)
    if min_price is not None:
        conditions.append(Item.price >= min_price)
    if max_price is not None:
        conditions.append(Item.price <= max_price)
    if updated_since is not None:
        conditions.append(Item.updated_at >= updated_since)
    return _ALL.where(*conditions)
