"""Many items created or changed at once, with the movements and events that they would have one by one.

What is written is planned before the transaction that writes it, so that others wait for the writing alone: a plan has
the parameters of the statements and the texts of the events, in which only the ids of new rows are missing. Items and
values are passed as clients see them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select, text, update

from models.database.base import db, table_of
from models.database.writing import execute_prepared, insert_prepared, prepare, prepare_inserts
from models.event import Event
from models.files.moves import Move, Moves, plan_moves
from models.principal import Principal
from models.stock.item import Item
from models.stock.item_fields import DEFAULTS, MAX_QUANTITY, NO_FLAGS, derived
from models.stock.item_lookup import LOOKUPS
from models.stock.lines import Line, Quantities
from models.stock.low_stock import Change as LevelChange
from models.stock.low_stock import Levelled, may_cross, record_crossings
from models.stock.place import Place
from models.stock.reserved import record_oversubscribed, shortage
from models.stock.stock_rows import MovedAt, move_stocks_at
from models.stock.timeline import next_time
from models.values import money, now, rfc3339


class StockMove(NamedTuple):
    """A movement to be recorded at a place that has `there`, in units; None if no row of the table is about it.

    `reserved` is what is promised there.
    """

    line: Line
    place: Place
    there: int | None = None
    reserved: int = 0

    @property
    def delta(self) -> int:
        """By how much it changes the stock."""
        return self.line.delta(self.there or 0)

    @property
    def least(self) -> int:
        """What it must leave there, in units: nothing if it records what is there."""
        return self.reserved if self.line.respects_reservations else 0

    @property
    def elsewhere(self) -> int:
        """By how much it changes what is not at the main location."""
        return 0 if self.place.location_id is None else self.delta

    def planned(self, number: int, item: Mapping[str, Any]) -> Move:
        """Return the movement of the item with this number, which is as it is after it."""
        quantities = Quantities(self.delta, item["quantity"], (self.there or 0) + self.delta)
        return Move(number, item, self.line, self.place, quantities)

    def of_item(self, item_id: int) -> MovedAt:
        """Return by how much it changes the stock of an item at the place."""
        return MovedAt(item_id, self.place.location_id, self.delta, self.there is None)

    def shortages(self, item: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the data of an event if it leaves less than is reserved of an item."""
        left = (self.there or 0) + self.delta
        if self.delta >= 0 or left >= self.reserved:
            return []
        return [shortage(item["id"], item["sku"], self.place.code, left, self.reserved)]


class NewItem(NamedTuple):
    """The fields of an item that is to be created, and its opening movement if it has stock."""

    fields: Mapping[str, Any]
    opening: StockMove | None


class Change(NamedTuple):
    """An item as it is now, with what clients do not see of it, the values to set, and the movement to record."""

    item: Mapping[str, Any]
    values: Mapping[str, Any]
    move: StockMove | None

    def may_cross(self, row: Mapping[str, Any]) -> bool:
        """Return whether it may cross a level of the item, which is `row` after it."""
        units = self.move.delta if self.move else 0
        if row["levelled"] and units:
            return True
        least = -MAX_QUANTITY if row["reserving"] else row["quantity"] - row["elsewhere"]
        return may_cross(self.item["reorder_level"], row["reorder_level"], least, row["quantity"], units)


@dataclass(slots=True)
class Plan:
    """What is to be written for some new items and some changes."""

    new: list[Any] = field(default_factory=list)
    new_texts: list[str] = field(default_factory=list)
    new_keys: dict[str, list[tuple[int, str]]] = field(default_factory=dict)  # of lookups, with the place of the item
    openings: Moves | None = None
    new_stocks: list[tuple[int, StockMove]] = field(default_factory=list)  # each with the place of its item
    changed_ids: list[int] = field(default_factory=list)
    changed: Any = None
    updated_texts: list[tuple[str, int | None, int | None]] = field(default_factory=list)
    relisted: dict[str, dict[int, Any]] = field(default_factory=dict)  # by field: the new value by the id of the item
    moves: Moves | None = None
    moved_stocks: list[MovedAt] = field(default_factory=list)
    oversubscribed: list[dict[str, Any]] = field(default_factory=list)
    near_levels: list[LevelChange] = field(default_factory=list)
    levels: dict[Levelled, int | None] = field(default_factory=dict)  # those that change, as they were

    def write(self, by: Principal) -> None:
        """Write all of it; the items to be changed are locked, and as they were when this was planned.

        Raises IntegrityError for a duplicate SKU or barcode.
        """
        self._write_changes(by)
        ids = insert_prepared(Item, self.new)
        created = zip(self.new_texts, ids, strict=True)
        texts = [(Item.REPRESENTATION.completed(text, item_id), item_id, None) for text, item_id in created]
        Event.record_texts("item.created", texts, by)
        for name, keys in self.new_keys.items():
            LOOKUPS[name].insert(db.session.connection(), [(ids[place], key) for place, key in keys])
        move_stocks_at(db.session.connection(), [move.of_item(ids[place]) for place, move in self.new_stocks])
        if self.openings:
            self.openings.write(ids, by)

    def _write_changes(self, by: Principal) -> None:
        if not self.changed_ids:
            return
        execute_prepared(db.session.connection(), _update, self.changed)
        for name, values in self.relisted.items():
            LOOKUPS[name].replace_many(db.session.connection(), values)
        Event.record_texts("item.updated", self.updated_texts, by)
        move_stocks_at(db.session.connection(), self.moved_stocks)
        if self.moves:
            self.moves.write(self.changed_ids, by)
        record_oversubscribed(self.oversubscribed, by)
        record_crossings(self.near_levels, by, self.levels)


# A new item without the fields that its creator gives, as clients see it.
BLANK = {**DEFAULTS, "price": money(DEFAULTS["price"]), "tags": []}
_items = table_of(Item)
_updated = ("name", *DEFAULTS, "quantity", "elsewhere", "moved_at", "version", "updated_at", "name_key", "search_text")
_update = update(_items).where(_items.c.id == bindparam("id")).values({name: bindparam(name) for name in _updated})
_MOVED_AT = select(_items.c.id, _items.c.moved_at).where(_items.c.id.in_(bindparam("ids", expanding=True)))


def plan(new: Sequence[NewItem], changes: Sequence[Change], by: Principal) -> Plan:
    """Return the plan that creates and changes items; each movement is the latest of its item."""
    planned, at = Plan(), now()
    if new:
        _plan_new(planned, new, at, by)
    if changes:
        _plan_changes(planned, changes, at, by)
    return planned


def _plan_new(planned: Plan, many: Sequence[NewItem], at: datetime, by: Principal) -> None:
    generated = {"archived": False, "version": 1, "created_at": rfc3339(at), "updated_at": rfc3339(at)}
    empty = dict.fromkeys(("quantity", "reserved", "available"), 0)
    rows = [{**BLANK, **new.fields, **generated, **empty} for new in many]
    planned.new_texts = [Item.REPRESENTATION.text_of(row, 1) for row in rows]
    planned.new_keys = {
        name: [(place, key) for place, row in enumerate(rows) for key in lookup.keys_of(row[name])]
        for name, lookup in LOOKUPS.items()
    }
    openings = [
        (place, row, opening) for place, (row, (_, opening)) in enumerate(zip(rows, many, strict=True)) if opening
    ]
    for _, row, opening in openings:
        row |= {"quantity": opening.delta, "elsewhere": opening.elsewhere, "moved_at": at}
    stocked = [{"elsewhere": 0, "moved_at": None, **NO_FLAGS, **_to_row(row, at), "created_at": at} for row in rows]
    planned.new = prepare_inserts(Item, stocked, ("id",))
    moves = [opening.planned(place, row) for place, row, opening in openings]
    planned.openings = plan_moves(moves, at, by) if moves else None
    planned.new_stocks = [(place, opening) for place, _, opening in openings if opening.place.location_id]


def _plan_changes(planned: Plan, changes: Sequence[Change], at: datetime, by: Principal) -> None:
    updated_at = rfc3339(at)
    ids = planned.changed_ids = [change.item["id"] for change in changes]
    moved_at = {row.id: row.moved_at for row in db.session.execute(_MOVED_AT, {"ids": ids})}
    rows = []
    moved: list[Move] = []
    for place, change in enumerate(changes):
        item, values, move = change
        row = {**item, **values, "moved_at": moved_at[item["id"]], "updated_at": updated_at}
        if values:
            row["version"] += 1
            planned.updated_texts.append((as_text(row), row["id"], None))
        for name in LOOKUPS.keys() & values:
            planned.relisted.setdefault(name, {})[row["id"]] = row[name]
        if move is not None:
            row["version"] += 1
            row["quantity"] += move.delta
            row["elsewhere"] += move.elsewhere
            row["moved_at"] = next_time(row["moved_at"], at)
            moved.append(move.planned(place, row))
            planned.moved_stocks.append(move.of_item(row["id"]))
            planned.oversubscribed += move.shortages(row)
        if change.may_cross(row):
            planned.levels[Levelled(row["id"])] = item["reorder_level"]
            if move is not None:
                planned.near_levels.append(LevelChange(row["id"], move.place.location_id, move.delta))
        rows.append(_to_row(row, at))
    planned.changed = prepare(_update, rows)
    planned.moves = plan_moves(moved, at, by) if moved else None


def as_text(row: Mapping[str, Any]) -> str:
    """Return the JSON text of an item, for its event."""
    return Item.REPRESENTATION.completed(Item.REPRESENTATION.text_of(row, 1), row["id"])


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
