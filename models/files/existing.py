"""The existing items of the rows of an import, and who has the barcodes that these rows set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select

from models.database.base import db, table_of
from models.files.staging import Row
from models.stock import item_query
from models.stock.item import Item

_items = table_of(Item)
_FIND = select(*item_query.COLUMNS, _items.c.sku_key).where(_items.c.sku_key.in_(bindparam("keys", expanding=True)))
# With a plan by another index MariaDB would wait for, and then keep locked, every row that it goes through: of a small
# table it prefers to read all by the primary key.
_LOCK = _FIND.with_hint(_items, "FORCE INDEX (uq_items_sku_key)", "mysql").order_by(_items.c.id).with_for_update()
_FIND_HOLDERS = select(_items.c.barcode, _items.c.sku, _items.c.sku_key).where(
    _items.c.barcode.in_(bindparam("barcodes", expanding=True))
)


class Holder(NamedTuple):
    """The item that has a barcode."""

    barcode: str
    sku: str
    sku_key: str


@dataclass(slots=True)
class Existing:
    """The existing items of some rows: by normalized SKU, and the holders of their barcodes by barcode."""

    items: Mapping[str, Mapping[str, Any]]
    holders: Mapping[str, Holder]


def existing_items(
    rows: Sequence[Row], *, lock: bool = False, freed: Mapping[int, str] = MappingProxyType({})
) -> Existing:
    """Return the existing items of some rows; with `lock`, lock them in the order of their ids.

    `freed` has the barcodes that this transaction has set to NULL already: rows are compared with what was before.
    """
    found = db.session.execute(_LOCK if lock else _FIND, {"keys": [row.sku_key for row in rows]})
    items = {row.sku_key: item_query.to_dict(row) for row in found.all()}
    for item in items.values():
        item["barcode"] = freed.get(item["id"], item["barcode"])
    barcodes = [
        barcode
        for row in rows
        if (barcode := row.fields.get("barcode")) is not None
        and (row.sku_key not in items or items[row.sku_key]["barcode"] != barcode)
    ]
    holders = db.session.execute(_FIND_HOLDERS, {"barcodes": barcodes}).all() if barcodes else []
    return Existing(items, {holder.barcode: Holder(*holder) for holder in holders})
