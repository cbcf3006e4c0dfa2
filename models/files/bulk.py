"""Many items created or changed at once, with the movements and events that they would have one by one.

Items and values are passed as clients see them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, text, update

from models.database.base import db, table_of
from models.database.writing import execute_many, insert_many
from models.event import Event
from models.principal import Principal
from models.stock.item import Item
from models.stock.item_fields import DEFAULTS, derived
from models.stock.item_tag import ItemTag
from models.stock.movement import Movement
from models.stock.stock_levels import Line
from models.stock.timeline import next_time
from models.values import money, now, rfc3339

# An item as it is now, and the values to set.
Change = tuple[Mapping[str, Any], Mapping[str, Any]]
# A new item without the fields that its creator gives, as clients see it.
BLANK = {**DEFAULTS, "price": money(DEFAULTS["price"]), "tags": [], "quantity": 0}
_items = table_of(Item)
_tags = table_of(ItemTag)
_updated = ("name", *DEFAULTS, "quantity", "moved_at", "version", "updated_at", "name_key", "search_text")
_update = update(_items).where(_items.c.id == bindparam("id")).values({name: bindparam(name) for name in _updated})
_MOVED_AT = select(_items.c.id, _items.c.moved_at).where(_items.c.id.in_(bindparam("ids", expanding=True)))
_insert_tags = insert(_tags)


def create_items(many: Sequence[Mapping[str, Any]], by: Principal, reason: str) -> None:
    """Create items; a `quantity` becomes an opening movement.

    Raises IntegrityError for a duplicate SKU or barcode.
    """
    if not many:
        return
    at = now()
    generated = {"archived": False, "version": 1, "created_at": rfc3339(at), "updated_at": rfc3339(at)}
    rows = [{**BLANK, **fields, **generated} for fields in many]
    for row in rows:
        row["moved_at"] = at if row["quantity"] else None
    ids = insert_many(Item, [{**_to_row(row, at), "created_at": at} for row in rows])
    for row, item_id in zip(rows, ids, strict=True):
        row["id"] = item_id
    _record_events("item.created", [{**row, "quantity": 0} for row in rows], by)
    _insert_item_tags(rows)
    _record_movements([(row, Line("opening", row["quantity"], reason), row["quantity"]) for row in rows], at, by)


def change_items(changes: Sequence[Change], by: Principal, reason: str) -> None:
    """Change items whose rows are locked; a `quantity` becomes a movement of the kind count, the latest of its item.

    Raises IntegrityError for a duplicate barcode.
    """
    if not changes:
        return
    at = now()
    updated_at = rfc3339(at)
    ids = [item["id"] for item, _ in changes]
    moved_at = {row.id: row.moved_at for row in db.session.execute(_MOVED_AT, {"ids": ids})}
    rows = []
    updated = []
    counts = []
    for item, values in changes:
        before = {"quantity": item["quantity"], "moved_at": moved_at[item["id"]]}
        row = {**item, **values, **before, "updated_at": updated_at}
        if values.keys() - {"quantity"}:
            row["version"] += 1
            updated.append(row)
        if "quantity" in values:
            row = {**row, "version": row["version"] + 1, "quantity": values["quantity"]}
            row["moved_at"] = next_time(row["moved_at"], at)
            counts.append((row, Line("count", row["quantity"], reason), row["quantity"] - item["quantity"]))
        rows.append(row)
    execute_many(db.session.connection(), _update, [_to_row(row, at) for row in rows])
    retagged = [row for row, (_, values) in zip(rows, changes, strict=True) if "tags" in values]
    if retagged:
        db.session.execute(delete(_tags).where(_tags.c.item_id.in_([row["id"] for row in retagged])))
    _insert_item_tags(retagged)
    _record_events("item.updated", updated, by)
    _record_movements(counts, at, by)


def discard_plans() -> None:
    """Discard the cached query plans of this PostgreSQL connection, those of foreign key checks included.

    A plan is cached until the statistics change, and those do not count uncommitted rows: a plan that scans a table,
    made while it was small, would scan it for every row of a large import.
    """
    if db.session.get_bind().dialect.name == "postgresql":
        db.session.execute(text("DISCARD PLANS"))


def _to_row(row: Mapping[str, Any], updated_at: datetime) -> dict[str, Any]:
    """Return the row of the table for an item that is written at `updated_at`."""
    others = derived(row["sku"], row["name"], row["description"], row["barcode"])
    return {**row, "price": Decimal(row["price"]), "updated_at": updated_at, **others}


def _insert_item_tags(rows: Sequence[Mapping[str, Any]]) -> None:
    tags = [{"item_id": row["id"], "tag": tag} for row in rows for tag in row["tags"]]
    if tags:
        execute_many(db.session.connection(), _insert_tags, tags)


def _record_events(type_: str, rows: Sequence[Mapping[str, Any]], by: Principal) -> None:
    Event.record_many(type_, [(Item.REPRESENTATION.of_values(row), row["id"], None) for row in rows], by)


def _record_movements(moved: Sequence[tuple[Mapping[str, Any], Line, int]], at: datetime, by: Principal) -> None:
    """Insert the movements of items, each given with its delta; omit those whose delta is 0."""
    rows = [
        line.row(item["id"], delta, item["quantity"], time=item["moved_at"], recorded_at=at, by=by)
        for item, line, delta in moved
        if delta
    ]
    if rows:
        Movement.insert(rows, {item["id"]: item["sku"] for item, _, _ in moved}, by)
