"""Many items created or changed at once, with their movements and events as if one by one.

The items and the values given are as clients see them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import bindparam, delete, insert, text, update

from models.database.base import db, table_of
from models.database.writing import execute_many, insert_many
from models.event import Event
from models.principal import Principal
from models.stock.item import Item
from models.stock.item_fields import DEFAULTS, derived
from models.stock.item_tag import ItemTag
from models.stock.movement import Movement
from models.stock.stock_levels import Line
from models.values import money, now, rfc3339

# An item as it is, and the values that it gets.
Change = tuple[Mapping[str, Any], Mapping[str, Any]]
BLANK = {**DEFAULTS, "price": money(DEFAULTS["price"]), "tags": [], "quantity": 0}
_items = table_of(Item)
_tags = table_of(ItemTag)
_written = ("name", *DEFAULTS, "quantity", "version", "updated_at", "name_key", "search_text")
_update = update(_items).where(_items.c.id == bindparam("id")).values({name: bindparam(name) for name in _written})
_index = insert(_tags)


def create_items(many: Sequence[Mapping[str, Any]], by: Principal, reason: str) -> None:
    """Add items; a `quantity` becomes an opening movement. Raises IntegrityError for a twin."""
    if not many:
        return
    moment = now()
    shown = {"archived": False, "version": 1, "created_at": rfc3339(moment), "updated_at": rfc3339(moment)}
    rows = [{**BLANK, **fields, **shown} for fields in many]
    ids = insert_many(Item, [{**_kept(row, moment), "created_at": moment} for row in rows])
    for row, item_id in zip(rows, ids, strict=True):
        row["id"] = item_id
    _tell("item.created", [{**row, "quantity": 0} for row in rows], by)
    _index_tags(rows)
    _enter([(row, Line("opening", row["quantity"], reason), row["quantity"]) for row in rows], moment, by)


def change_items(changes: Sequence[Change], by: Principal, reason: str) -> None:
    """Change items that are locked; a `quantity` becomes a count. Raises IntegrityError for a twin."""
    if not changes:
        return
    moment = now()
    shown = rfc3339(moment)
    rows = []
    told = []
    counts = []
    for item, values in changes:
        row = {**item, **values, "quantity": item["quantity"], "updated_at": shown}
        if values.keys() - {"quantity"}:
            row["version"] += 1
            told.append(row)
        if "quantity" in values:
            row = {**row, "version": row["version"] + 1, "quantity": values["quantity"]}
            counts.append((row, Line("count", row["quantity"], reason), row["quantity"] - item["quantity"]))
        rows.append(row)
    execute_many(db.session.connection(), _update, [_kept(row, moment) for row in rows])
    retagged = [row for row, (_, values) in zip(rows, changes, strict=True) if "tags" in values]
    if retagged:
        db.session.execute(delete(_tags).where(_tags.c.item_id.in_([row["id"] for row in retagged])))
    _index_tags(retagged)
    _tell("item.updated", told, by)
    _enter(counts, moment, by)


def discard_plans() -> None:
    """Have PostgreSQL plan anew what this connection goes on asking, the checks of foreign keys included.

    It keeps plans for as long as the statistics stay the same, and nobody counts rows that are not committed
    yet: one that read the whole table while it was small would go on doing so for every row of a large import.
    """
    if db.session.get_bind().dialect.name == "postgresql":
        db.session.execute(text("DISCARD PLANS"))


def _kept(row: Mapping[str, Any], moment: datetime) -> dict[str, Any]:
    """The row of the table that an item becomes at this moment."""
    made = derived(row["sku"], row["name"], row["description"], row["barcode"])
    return {**row, "price": Decimal(row["price"]), "updated_at": moment, **made}


def _index_tags(rows: Sequence[Mapping[str, Any]]) -> None:
    tags = [{"item_id": row["id"], "tag": tag} for row in rows for tag in row["tags"]]
    if tags:
        execute_many(db.session.connection(), _index, tags)


def _tell(type_: str, rows: Sequence[Mapping[str, Any]], by: Principal) -> None:
    Event.record_many(type_, [(Item.REPRESENTATION.of_values(row), row["id"], None) for row in rows], by)


def _enter(moved: Sequence[tuple[Mapping[str, Any], Line, int]], moment: datetime, by: Principal) -> None:
    """Enter the movements of items, each with its delta; none where there was nothing to move."""
    rows = [line.row(item["id"], delta, item["quantity"], moment, by) for item, line, delta in moved if delta]
    if rows:
        Movement.insert(rows, {item["id"]: item["sku"] for item, _, _ in moved}, by)
