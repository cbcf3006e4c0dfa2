"""Many items created or changed at once, with the movements and events that they would have one by one.

Items and values are passed as clients see them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

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


class NewItem(NamedTuple):
    """The fields of an item that is to be created, and its opening movement if it has stock."""

    fields: Mapping[str, Any]
    opening: Line | None


class Change(NamedTuple):
    """An item as it is now, the values to set, and the movement to record."""

    item: Mapping[str, Any]
    values: Mapping[str, Any]
    line: Line | None


# A new item without the fields that its creator gives, as clients see it.
BLANK = {**DEFAULTS, "price": money(DEFAULTS["price"]), "tags": []}
_items = table_of(Item)
_tags = table_of(ItemTag)
_updated = ("name", *DEFAULTS, "quantity", "moved_at", "version", "updated_at", "name_key", "search_text")
_update = update(_items).where(_items.c.id == bindparam("id")).values({name: bindparam(name) for name in _updated})
_MOVED_AT = select(_items.c.id, _items.c.moved_at).where(_items.c.id.in_(bindparam("ids", expanding=True)))
_insert_tags = insert(_tags)


def create_items(many: Sequence[NewItem], by: Principal) -> None:
    """Create items with their opening movements; raises IntegrityError for a duplicate SKU or barcode."""
    if not many:
        return
    at = now()
    generated = {"archived": False, "version": 1, "created_at": rfc3339(at), "updated_at": rfc3339(at)}
    rows = [
        {
            **BLANK,
            **fields,
            **generated,
            "quantity": opening.quantity if opening else 0,
            "moved_at": at if opening else None,
        }
        for fields, opening in many
    ]
    ids = insert_many(Item, [{**_to_row(row, at), "created_at": at} for row in rows])
    for row, item_id in zip(rows, ids, strict=True):
        row["id"] = item_id
    _record_events("item.created", [{**row, "quantity": 0} for row in rows], by)
    _insert_item_tags(rows)
    opened = [(row, new.opening, new.opening.quantity) for row, new in zip(rows, many, strict=True) if new.opening]
    _record_movements(opened, at, by)


def change_items(changes: Sequence[Change], by: Principal) -> None:
    """Change items whose rows are locked; each movement is the latest of its item.

    Raises IntegrityError for a duplicate barcode.
    """
    if not changes:
        return
    at = now()
    updated_at = rfc3339(at)
    ids = [change.item["id"] for change in changes]
    moved_at = {row.id: row.moved_at for row in db.session.execute(_MOVED_AT, {"ids": ids})}
    rows = []
    updated = []
    moved = []
    for item, values, line in changes:
        row = {**item, **values, "moved_at": moved_at[item["id"]], "updated_at": updated_at}
        if values:
            row["version"] += 1
            updated.append(row)
        if line is not None:
            delta = line.delta(row["quantity"])
            row = {**row, "version": row["version"] + 1, "quantity": row["quantity"] + delta}
            row["moved_at"] = next_time(row["moved_at"], at)
            moved.append((row, line, delta))
        rows.append(row)
    execute_many(db.session.connection(), _update, [_to_row(row, at) for row in rows])
    retagged = [row for row, change in zip(rows, changes, strict=True) if "tags" in change.values]
    if retagged:
        db.session.execute(delete(_tags).where(_tags.c.item_id.in_([row["id"] for row in retagged])))
    _insert_item_tags(retagged)
    _record_events("item.updated", updated, by)
    _record_movements(moved, at, by)


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
    """Insert the movements of items, each given with its delta."""
    rows = [
        line.row(item["id"], delta, item["quantity"], time=item["moved_at"], recorded_at=at, by=by)
        for item, line, delta in moved
    ]
    if rows:
        Movement.insert(rows, {item["id"]: item["sku"] for item, _, _ in moved}, by)
