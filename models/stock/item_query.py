"""Queries of items that are only read: plain rows as clients see them, which cost a fraction of an ORM object."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import bindparam, exists, false, func, select, true

from models.database.base import db, table_of
from models.database.column_types import unparsed
from models.database.filters import BoundQuery, Condition, FilterSet
from models.database.pages import batches_by_id
from models.database.reading import PreparedQuery
from models.event import UNCHANGED
from models.refusals import NotFound
from models.stock import item_search
from models.stock.available import OF_ITEM
from models.stock.item import Item
from models.stock.item_fields import SORTS
from models.stock.item_lookup import ItemAttribute, ItemTag, attribute_hash
from models.stock.location import Location
from models.stock.location_stock import LocationStock
from models.stock.place import MAIN_ID
from models.values import normalized

MAX_ATTRIBUTES = 10  # by which a list is filtered at once
COLUMNS = Item.REPRESENTATION.columns(table_of(Item), **OF_ITEM)
_ALL = select(*COLUMNS)
_BY_ID = PreparedQuery(_ALL.where(Item.id == bindparam("item_id")))
_BY_BARCODE = PreparedQuery(_ALL.where(Item.barcode == bindparam("barcode")))
_BY_SKU = PreparedQuery(_ALL.where(Item.sku_key == bindparam("key")))


def read(item_id: int) -> dict[str, Any]:
    """Return an item as clients see it, archived or not; raises NotFound."""
    row = _BY_ID.one_or_none(item_id=item_id)
    if row is None:
        raise NotFound(f"There is no item with the id {item_id}.")
    return to_dict(row)


def read_by_sku(sku: str) -> dict[str, Any]:
    """Return the item with this SKU in any case, like `read`."""
    row = _BY_SKU.one_or_none(key=normalized(sku))
    if row is None:
        raise NotFound(f"There is no item with the SKU {sku!r}.")
    return to_dict(row)


def read_by_barcode(barcode: str) -> dict[str, Any]:
    """Return the item that has this barcode, like `read`."""
    row = _BY_BARCODE.one_or_none(barcode=barcode)
    if row is None:
        raise NotFound(f"There is no item with the barcode {barcode!r}.")
    return to_dict(row)


def _has_attribute(name: str) -> Condition:
    """Return the condition that an item has the attribute whose hash is the parameter of this name."""
    has = ItemAttribute.entry_hash == bindparam(name)
    test = exists().where(ItemAttribute.item_id == Item.id, has)
    return Condition(test, name, ids=select(ItemAttribute.item_id).where(has))


# Makes of a row of `matching` what clients see: the same as `Item.to_dict` returns.
to_dict = Item.REPRESENTATION.of_row


_is_low = (Item.reorder_level.is_not(None)) & (Item.quantity <= Item.reorder_level)
_BY_BIN = dict.fromkeys(("id", "bin"), "ix_items_by_bin")
_BY_PRICE = {"price": "ix_items_by_price"}
_BY_UPDATE = {"updated_at": "ix_items_by_updated_at"}
_LOW = select(Item.id).where(Item.archived.in_((false(), true())), _is_low).correlate(None)
_AT_LOCATION = LocationStock.location_id == bindparam("at_location"), LocationStock.quantity > 0
_CONDITIONS = {
    **item_search.CONDITIONS,
    "sku": Item.sku_key == bindparam("sku"),
    "barcode": Item.barcode == bindparam("barcode"),
    "bin": Condition(Item.bin == bindparam("bin"), "bin", _BY_BIN),
    "tag": Condition(
        exists().where(ItemTag.item_id == Item.id, ItemTag.tag == bindparam("tag")),
        "tag",
        ids=select(ItemTag.item_id).where(ItemTag.tag == bindparam("tag")),
    ),
    **{f"attribute_{number}": _has_attribute(f"attribute_{number}") for number in range(MAX_ATTRIBUTES)},
    # What is at the main location has no row of its own, and what is at another one has.
    "at_main": Condition(Item.quantity > Item.elsewhere),
    "at_location": Condition(
        exists().where(LocationStock.item_id == Item.id, *_AT_LOCATION),
        "location",
        ids=select(LocationStock.item_id).where(*_AT_LOCATION),
    ),
    "low": Condition(_is_low, "low", {"id": "ix_items_low"}),
    "enough": Condition(~_is_low, others=_LOW),
    "min_price": Condition(Item.price >= bindparam("min_price"), "price", _BY_PRICE),
    "max_price": Condition(Item.price <= bindparam("max_price"), "price", _BY_PRICE),
    "updated_since": Condition(Item.updated_at >= bindparam("updated_since"), "update", _BY_UPDATE),
}
_INDEXES = {column: f"ix_items_by_{column}" for column in ("id", *SORTS.values())}
_ITEMS = FilterSet(_ALL, _CONDITIONS, UNCHANGED, _INDEXES)
_AS_JSON = select(*map(unparsed, COLUMNS))


def batches(**conditions: Any) -> Iterator[list[dict[str, Any]]]:
    """Yield all items that meet the conditions of `matching`, by id, in batches."""
    for rows in batches_by_id(matching(**conditions), Item.id):
        yield [to_dict(row) for row in rows]


def count() -> int:
    """Return how many items are not archived."""
    return db.session.scalar(select(func.count()).select_from(Item).where(Item.archived.is_(False))) or 0


def matching(
    *,
    archived: bool = False,
    q: str | None = None,
    sku: str | None = None,
    attribute: Sequence[str] | None = None,
    location: str | None = None,
    low_stock: bool | None = None,
    as_json: bool = False,
    **others: Any,
) -> BoundQuery:
    """Return the query of the items that meet every condition; `q` finds items that have each of its words.

    `attribute` has names with values, as `colour:green`, at most `MAX_ATTRIBUTES` of them; an item must have each.
    `location`, the code of one, finds items that have stock there. With `as_json` the rows of a page can be written as
    JSON and nothing else: tags and attributes are not parsed.
    """
    location_id = None if location is None else Location.id_of(location)
    items = _ITEMS.where(
        **item_search.values_of(normalized(q or "").split(), archived=archived),
        sku=None if sku is None else normalized(sku),
        **{f"attribute_{number}": attribute_hash(entry) for number, entry in enumerate(attribute or ())},
        at_main=location_id == MAIN_ID or None,
        at_location=None if location_id == MAIN_ID else location_id,
        low=low_stock or None,
        enough=low_stock is False or None,
        **others,
    )
    return items._replace(every=_AS_JSON) if as_json else items
