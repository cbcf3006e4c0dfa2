"""The existing items of the rows of an import, and who has the barcodes or SKUs that these rows set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select

from models.database.base import db, table_of
from models.files.existing_stocks import ExistingStocks, existing_stocks
from models.files.staging import Row
from models.stock import item_query
from models.stock.item import Item

_items = table_of(Item)
# By what rows are found.
_KEYS = {"sku": _items.c.sku_key, "barcode": _items.c.barcode}
# What clients do not see of an item.
_WITHIN = ("elsewhere", "reserving", "levelled")
_ITEM = select(*item_query.COLUMNS, _items.c.sku_key, *(_items.c[name] for name in _WITHIN))
_FIND = {match: _ITEM.where(column.in_(bindparam("keys", expanding=True))) for match, column in _KEYS.items()}
# With a plan by another index MariaDB would wait for, and then keep locked, every row that it goes through: of a small
# table it prefers to read all by the primary key.
_LOCK = {
    match: select(_items.c.id)
    .where(column.in_(bindparam("keys", expanding=True)))
    .with_hint(_items, f"FORCE INDEX (uq_items_{column.name})", "mysql")
    .order_by(_items.c.id)
    .with_for_update()
    for match, column in _KEYS.items()
}
# What is reserved is read once the items are locked, and not while they are waited for.
_FIND_LOCKED = _ITEM.where(_items.c.id.in_(bindparam("ids", expanding=True)))
_HOLDER = select(_items.c.barcode, _items.c.sku, _items.c.sku_key)
_FIND_HOLDERS = {match: _HOLDER.where(column.in_(bindparam("keys", expanding=True))) for match, column in _KEYS.items()}
_LOCK_VERSIONS = (
    select(_items.c.id, _items.c.version)
    .where(_items.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(_items.c.id)
    .with_for_update()
)


class Holder(NamedTuple):
    """The item that has a barcode."""

    barcode: str | None
    sku: str
    sku_key: str


class Unclaimed(NamedTuple):
    """What no item had when it was read: what rows are found by, and the barcodes or SKUs that they set."""

    match: str
    missing: Sequence[str]
    claimed: Sequence[str]

    def is_so_still(self) -> bool:
        """Return whether no item has any of it, in a transaction that has freed barcodes."""
        other = "barcode" if self.match == "sku" else "sku"
        return not _holders(self.match, self.missing) and not _holders(other, self.claimed)


@dataclass(slots=True)
class Existing:
    """The existing items of some rows, by normalized SKU or by barcode, as the rows are found.

    `holders` are the holders of their barcodes, or of their normalized SKUs where the rows are found by barcode.
    """

    match: str
    items: Mapping[str, Mapping[str, Any]]
    holders: Mapping[str, Holder]
    stocks: ExistingStocks

    def unclaimed(self, rows: Sequence[Row]) -> Unclaimed:
        """Return what no item has of some of the rows, unless another row frees it."""
        missing = [key for row in rows if (key := _key_of(row, self.match)) not in self.items]
        return Unclaimed(self.match, missing, _claimed(rows, self.match, self.items))

    def item_of(self, row: Row) -> Mapping[str, Any] | None:
        """Return the item of a row, as clients see it."""
        return self.items.get(_key_of(row, self.match))

    def holder_of(self, row: Row) -> Holder | None:
        """Return the item that has the barcode of a row, or its SKU where rows are found by barcode."""
        key = row.fields.get("barcode") if self.match == "sku" else row.sku_key
        return None if key is None else self.holders.get(key)


def existing_items(
    rows: Sequence[Row], match: str, *, lock: bool = False, freed: Mapping[int, str] = MappingProxyType({})
) -> Existing:
    """Return the existing items of some rows; with `lock`, lock them in the order of their ids.

    `freed` has the barcodes that this transaction has set to NULL already: rows are compared with what was before.
    """
    keys = [_key_of(row, match) for row in rows]
    if lock:
        ids = db.session.scalars(_LOCK[match], {"keys": keys}).all()
        found = db.session.execute(_FIND_LOCKED, {"ids": ids}).all() if ids else []
    else:
        found = list(db.session.execute(_FIND[match], {"keys": keys}))
    items = {
        (each.sku_key if match == "sku" else each.barcode): item_query.to_dict(each)
        | {name: getattr(each, name) for name in _WITHIN}
        for each in found
    }
    for item in items.values():
        item["barcode"] = freed.get(item["id"], item["barcode"])
    holders = _holders("barcode" if match == "sku" else "sku", _claimed(rows, match, items))
    codes = {row.stock["location"] for row in rows if "location" in row.stock}
    return Existing(
        match,
        items,
        {str(getattr(each, "barcode" if match == "sku" else "sku_key")): each for each in holders},
        existing_stocks(codes, list(items.values())),
    )


def lock_versions(ids: Sequence[int]) -> dict[int, int]:
    """Lock the items with these ids in the order of their ids; return their versions by id."""
    return {row.id: row.version for row in db.session.execute(_LOCK_VERSIONS, {"ids": ids})}


def _claimed(rows: Sequence[Row], match: str, items: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the barcodes that these rows give to their items, or the SKUs where rows are found by barcode."""
    if match == "barcode":
        return [row.sku_key for row in rows if row.sku_key is not None and row.fields["barcode"] not in items]
    return [
        barcode
        for row in rows
        if (barcode := row.fields.get("barcode")) is not None
        and ((item := items.get(row.sku_key or "")) is None or item["barcode"] != barcode)
    ]


def _key_of(row: Row, match: str) -> str:
    """Return what a row is found by; every row has it."""
    return (row.sku_key or "") if match == "sku" else str(row.fields["barcode"])


def _holders(match: str, keys: Sequence[str]) -> list[Holder]:
    """Return the holders of these barcodes or normalized SKUs."""
    found = db.session.execute(_FIND_HOLDERS[match], {"keys": keys}).all() if keys else []
    return [Holder(*holder) for holder in found]
