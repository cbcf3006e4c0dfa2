"""Writing one item: creating it, changing its fields, archiving and restoring it.

An item is passed as clients see it. Whoever changes one has locked it before, in the same transaction.
"""

from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any

from sqlalchemy import Update, bindparam, select, update

from models.database.base import table_of
from models.database.current_write import write_connection
from models.database.reading import PreparedQuery
from models.database.transactions import refusing_duplicates
from models.database.writing import execute_one, insert_many
from models.event import Event
from models.principal import Principal
from models.refusals import NotFound, Refusal
from models.representation import serialize
from models.stock import item_query
from models.stock.available import NOTHING
from models.stock.item import Item
from models.stock.item_fields import DEFAULTS, MAX_QUANTITY, NO_FLAGS, derived, same
from models.stock.item_lookup import LOOKUPS
from models.stock.location import Location
from models.stock.location_stock import LocationStock
from models.stock.low_stock import Levelled, may_cross, record_crossings
from models.stock.movement import Movement
from models.stock.stock_rows import MovedAt, move_stocks_at
from models.values import normalized, now

Values = dict[str, Any]

_items = table_of(Item)
# Without what is reserved and on its way: that is read once the item is locked, and only if it may have either.
_no_sums = {"reserved": NOTHING, "available": _items.c.quantity}
_LOCK = select(
    *Item.REPRESENTATION.columns(_items, **_no_sums), _items.c.reserving, _items.c.elsewhere
).with_for_update()
_LOCK_ID = PreparedQuery(_LOCK.where(_items.c.id == bindparam("item_id")))
_LOCK_SKU = PreparedQuery(_LOCK.where(_items.c.sku_key == bindparam("key")))


class _AvailableItem(Values):
    """A locked item of which all is available: nothing is on its way, and no reservation holds any of it."""


def lock(item_id: int) -> Values:
    """Lock an item, archived or not, until the transaction ends, and return it; raises NotFound."""
    return _found(_LOCK_ID.one_or_none(item_id=item_id), f"id {item_id}")


def lock_sku(sku: str) -> Values:
    """Lock the item with this SKU in any case, like `lock`."""
    return _found(_LOCK_SKU.one_or_none(key=normalized(sku)), f"SKU {sku!r}")


def _found(row: Any, name: str) -> Values:
    if row is None:
        raise NotFound(f"There is no item with the {name}.")
    item = _AvailableItem(Item.REPRESENTATION.of_row(row))
    return item_query.read(item["id"]) if row.reserving or row.elsewhere else item


def create(*, by: Principal, quantity: int = 0, **fields: Any) -> Values:
    """Add an item and return it; a quantity is recorded as its opening movement.

    Raises Refusal `sku_taken` or `barcode_taken`, or `location_forbidden` for a quantity.
    """
    at = now()
    row = {**DEFAULTS, **fields, "archived": False, "version": 1, "created_at": at, "updated_at": at}
    place = Location.default_place() if quantity else None
    elsewhere = quantity if place and place.location_id else 0
    stock = {"quantity": quantity, "elsewhere": elsewhere, "moved_at": at if quantity else None, **NO_FLAGS}
    with _refusing_duplicates(row):
        [item_id] = insert_many(Item, [{**row, **_derived(row), **stock}])
    item = Item.REPRESENTATION.of_values({**row, "id": item_id, "quantity": 0, "reserved": 0, "available": 0})
    for name, lookup in LOOKUPS.items():
        lookup.insert(write_connection(), [(item_id, key) for key in lookup.keys_of(item[name])])
    Event.record("item.created", item, by, item_id=item_id)
    if place:
        move_stocks_at(write_connection(), [MovedAt(item_id, place.location_id, quantity, is_new=True)])
        Movement.open(item_id, item["sku"], quantity, at=at, place=place, by=by)
    return {**item, "quantity": quantity, "available": quantity}


def replace(item: Values, *, by: Principal, **fields: Any) -> Values:
    """Set every field of an item, those not given to their default, as `change` does."""
    return change(item, by=by, **{**DEFAULTS, **fields})


def merge(item: Values, *, by: Principal, **patch: Any) -> Values:
    """Apply a merge patch (RFC 7396) to an item, as `change` does.

    None resets a field to its default, or removes a member of `attributes`.
    """
    if patch.get("attributes") is not None:
        merged = {**item["attributes"], **patch["attributes"]}
        patch["attributes"] = {name: value for name, value in merged.items() if value is not None}
    values = {name: DEFAULTS.get(name) if value is None else value for name, value in patch.items()}
    return change(item, by=by, **values)


def change(item: Values, *, by: Principal, **fields: Any) -> Values:
    """Set these fields of an item and return it as it is then; where nothing changes, nothing is written.

    Raises Refusal `item_archived`, `sku_taken` or `barcode_taken`.
    """
    if item["archived"]:
        raise Refusal("item_archived", f"Item {item['sku']!r} is archived; restore it first.")
    changed = {name: value for name, value in fields.items() if not same(item[name], serialize(value))}
    if not changed:
        return item
    for name in LOOKUPS.keys() & changed:
        LOOKUPS[name].replace(write_connection(), item["id"], changed[name])
    return _write(item, changed, "item.updated", by)


def set_archived(item: Values, archived: bool, *, by: Principal) -> Values:
    """Archive or restore an item and return it as it is then.

    Raises Refusal `in_transit` or `reserved` for one to be archived that is on its way or reserved.
    """
    if item["archived"] == archived:
        return item
    if archived and LocationStock.is_in_transit(item["id"]):
        raise Refusal("in_transit", f"Some of item {item['sku']!r} is on its way; receive it first.")
    if archived and item["reserved"]:
        reserved = item["reserved"]
        raise Refusal("reserved", f"{reserved} of item {item['sku']!r} are reserved; release that.", reserved=reserved)
    return _write(item, {"archived": archived}, "item.archived" if archived else "item.restored", by)


def _write(item: Values, changed: Values, event_type: str, by: Principal) -> Values:
    """Write changed columns of an item, with its event, and return it as it is then."""
    changed = {**changed, "version": item["version"] + 1, "updated_at": now()}
    written = {**item, **{name: serialize(value) for name, value in changed.items()}}
    row = changed | dict(_derived(written).items() - _derived(item).items())
    with _refusing_duplicates(written):
        execute_one(write_connection(), _update(*sorted(row)), {**row, "item_id": item["id"]})
    Event.record(event_type, written, by, item_id=item["id"])
    if "reorder_level" in changed:
        _record_crossing(item, changed["reorder_level"], by)
    return written


def _record_crossing(item: Values, level: int | None, by: Principal) -> None:
    """Record that what is available of an item has crossed its level, which has changed."""
    quantity, before = item["quantity"], item["reorder_level"]
    least = quantity if isinstance(item, _AvailableItem) else -MAX_QUANTITY
    if may_cross(before, level, least, quantity, 0):
        record_crossings((), by, {Levelled(item["id"]): before})


@lru_cache
def _update(*columns: str) -> Update:
    return update(_items).where(_items.c.id == bindparam("item_id")).values({each: bindparam(each) for each in columns})


def _derived(item: Values) -> dict[str, str]:
    return derived(item["sku"], item["name"], item["description"], item["barcode"])


def _refusing_duplicates(item: Values) -> AbstractContextManager[None]:
    return refusing_duplicates(
        uq_items_sku_key=Refusal("sku_taken", f"There is an item with the SKU {item['sku']!r} already."),
        uq_items_barcode=Refusal("barcode_taken", f"Another item has the barcode {item['barcode']!r}."),
    )
