"""The import of movements from one file: all lines or none, by the rules of a batch.

It has three steps: `stage` stores the lines, `diff` applies them to the stock as it is and plans what is to be written,
`apply` writes it, in one transaction that applies again what others have changed meanwhile; so other writers wait no
longer than the writing itself takes.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import starmap
from typing import Any, NamedTuple

from sqlalchemy import Connection

from models.database.base import db
from models.database.page_cache import large_page_cache
from models.database.transactions import RetryTransaction, transactional
from models.files.bulk import discard_plans
from models.files.changes import StockChanges
from models.files.existing import lock_versions
from models.files.movement_staging import AppliedLine, Items, MovementStaging, StagedLine
from models.files.moves import Move, Moves, plan_moves
from models.files.progress import Watch, unwatched
from models.files.row_faults import VALUE_LENGTH, Faults, RefusedRows, RowFault
from models.principal import Principal
from models.refusals import NotFound, Refusal
from models.stock.lines import Quantities
from models.stock.location import Location
from models.stock.low_stock import Change, changes_of, record_crossings
from models.stock.place import Place
from models.stock.reserved import oversubscribed, record_oversubscribed
from models.stock.stock_rows import (
    MovedAt,
    ids_by_barcode,
    ids_by_sku_key,
    move_prepared,
    move_stocks_at,
    moved_at,
    prepare_moves,
    read_places,
    read_stocks,
)
from models.stock.taking import Taken, take_lines
from models.values import now, rfc3339

# The column that a refusal is about; the others are about the item.
COLUMN_OF = {
    "quantity_changed": "expect_quantity",
    "counted_since": "occurred_at",
    **dict.fromkeys(("insufficient_stock", "stock_limit", "location_required"), "quantity"),
    **dict.fromkeys(("location_archived", "location_forbidden", "unknown_location"), "location"),
}
IDS_BY_NAME = {"sku_key": ids_by_sku_key, "barcode": ids_by_barcode}


class _StockMoves(NamedTuple):
    """What is to be written of the stocks of some items, and what events may follow from it."""

    of_items: Any
    at_locations: list[MovedAt]
    oversubscribed: list[dict[str, Any]]
    near_levels: list[Change]


class _Planned(NamedTuple):
    """What is to be written of a part of the file: the movements, and the ids of their items."""

    item_ids: list[int]
    moves: Moves


class MovementImport:
    """One import of a file, whose movements are all of one `kind` if it is given; `faults` are those found so far."""

    def __init__(
        self, by: Principal, kind: str | None = None, *, dry_run: bool = False, watch: Watch = unwatched
    ) -> None:
        self.by = by
        self.kind = kind
        self.dry_run = dry_run
        self.faults = Faults()
        self.read_as: dict[str, Any] = {}  # format, encoding and columns, as the reader of the file found them
        self._rows = 0
        self._watch = watch
        self._staging = MovementStaging()
        self._changes = StockChanges()
        self._locations: dict[int, int] = {}  # the version of each when the lines were applied
        self._near_levels: list[Change] = []  # that may cross one, of the items that were moved
        self._are_renamed = False  # whether an item has got another name since the lines have found it

    def close(self) -> None:
        """Delete the staged lines."""
        self._staging.close()

    def left_out(self, rows: int, *, of: int) -> None:
        """Count the rows of the file; its reader leaves none out."""
        self._rows = of - rows

    def stage(self, lines: Iterable[StagedLine]) -> None:
        """Store the lines."""
        self._staging.add(lines)

    def diff(self) -> None:
        """Find the items of the lines and apply these to the stocks, which changes nothing; collect faults or plans."""
        db.session.rollback()  # the session may have read an older snapshot
        self._locations = Location.versions()
        connection = db.session.connection()
        self.faults.add(self._find_items(connection))
        with self._watch("Checking", self._staging.count) as progress:
            for items in self._staging.items():
                lines = self._staging.lines_of(items)
                self.faults.add(starmap(_fault, self._apply_lines(connection, items, lines, lock=False)))
                progress.update(len(lines))
        if not self.faults and not self.dry_run:
            with self._watch("Preparing", self._staging.count) as progress:
                for part in self._staging.parts():
                    planned = self._plan(part)
                    self._staging.put_plan(part, planned)
                    progress.update(len(planned.item_ids))
        db.session.rollback()

    def _find_items(self, connection: Connection) -> Iterator[RowFault]:
        """Find the item of each line by its name; yield the fault of each line that has none."""
        self._staging.forget_items()
        for column, ids_of in IDS_BY_NAME.items():
            for names in self._staging.names(column):
                self._staging.set_items(column, ids_of(connection, names))
        self._staging.group_items()
        for line in self._staging.without_item():
            column, name = _name(line)
            message = f"there is no item with the {column} {name!r}"
            yield RowFault(line.line, column, name[:VALUE_LENGTH], "not_found", message, line.row)

    def _apply_lines(
        self, connection: Connection, items: Items, lines: list[StagedLine], *, lock: bool
    ) -> list[tuple[StagedLine, Refusal]]:
        """Apply all lines of some items to their stocks, and store what they do; return those that are refused."""
        stocks = read_stocks(connection, self._staging.item_ids(items), self.by, lock=lock)
        to_take = [line.to_line() for line in lines]
        read_places(connection, stocks, to_take, lock=lock)
        taken, refusals = take_lines(connection, stocks, to_take, now())
        if not refusals:
            versions = {stock.item_id: stock.version for stock in stocks.by_id.values()}
            moved = {each.stock.item_id: each.stock for each in taken}.values()
            applied = [_applied(lines[each.number], each) for each in taken]
            moves = _StockMoves(prepare_moves(moved, now()), moved_at(stocks), oversubscribed(taken), changes_of(moved))
            self._staging.put_applied(items, applied, versions, moves)
            if self.dry_run:
                self._changes.add(applied)
        return [(lines[number], refusal) for number, refusal in refusals.items()]

    def _plan(self, part: int) -> _Planned:
        """Return what is to be written of a part of the file."""
        lines = self._staging.applied(part)
        moves = [
            Move(
                number,
                {"sku": line.item_sku, "moved_at": line.time},
                line.line.to_line(),
                Place(line.location_id, line.location),
                Quantities(line.delta, line.quantity_after, line.location_quantity_after),
            )
            for number, line in enumerate(lines)
        ]
        return _Planned([line.item_id for line in lines], plan_moves(moves, now(), self.by))

    def apply(self) -> dict[str, Any]:
        """Record the lines, unless this is a dry run; return the outcome.

        Raises RefusedRows.
        """
        if self.faults:
            raise self._refusal(self.faults)
        if not self.dry_run:
            self._write()
        changes = {"changes": self._changes.listed()} if self.dry_run else {}
        return {**self._answer(self._staging.count), "errors": [], "error_counts": {}, **changes}

    def _answer(self, recorded: int) -> dict[str, Any]:
        """Return the answer with this number of movements, without the errors."""
        return {"dry_run": self.dry_run, "rows": self._rows, "recorded": recorded, "read_as": self.read_as}

    def _refusal(self, faults: Faults) -> RefusedRows:
        return RefusedRows(faults, self._answer(0))

    @transactional
    def _write(self) -> None:
        """Lock the items in the order of their ids and move their stocks, then record the lines in that of the file.

        Raises RefusedRows, or RetryTransaction where an item has got another name since its lines have found it.
        """
        connection = db.session.connection()
        with large_page_cache(connection):
            self._move_items(connection)
            with self._watch("Writing", self._staging.count) as progress:
                for part, stored in self._staging.plans():
                    discard_plans()
                    item_ids, moves = stored or self._plan(part)
                    moves.write(item_ids, self.by)
                    progress.update(len(item_ids))
            record_crossings(self._near_levels, self.by)

    def _move_items(self, connection: Connection) -> None:
        faults, self._near_levels = Faults(), []
        if self._are_renamed:
            faults.add(self._find_items(connection))
        for items in self._staging.items():
            faults.add(self._move(connection, items))
        if faults:
            raise self._refusal(faults)

    def _move(self, connection: Connection, items: Items) -> Iterator[RowFault]:
        """Lock some items and move their stocks, or yield faults; lines are applied again if others changed an item."""
        discard_plans()
        versions = self._staging.versions(items)
        is_current = bool(versions) and lock_versions(list(versions)) == versions
        if not is_current or Location.versions(lock=True) != self._locations:
            refused = self._apply_lines(connection, items, self._staging.lines_of(items), lock=True)
            if any(isinstance(refusal, NotFound) for _, refusal in refused):
                self._are_renamed = True
                raise RetryTransaction
            if refused:
                yield from starmap(_fault, refused)
                return
        of_items, at_locations, short, near = self._staging.moves(items)
        move_prepared(connection, of_items)
        move_stocks_at(connection, at_locations)
        record_oversubscribed(short, self.by)
        self._near_levels += near


def _applied(line: StagedLine, taken: Taken) -> AppliedLine:
    return AppliedLine(line, taken.stock.item_id, taken.stock.sku, *taken.at.place[:2], *taken.quantities, taken.time)


def _name(line: StagedLine) -> tuple[str, str]:
    """Return the column that names the item of a line, and its value."""
    return ("barcode", line.barcode) if line.barcode is not None else ("sku", line.sku or "")


def _fault(line: StagedLine, refusal: Refusal) -> RowFault:
    """Return the fault of a line that was refused."""
    column, value = _name(line)
    if refusal.code in COLUMN_OF:
        column = COLUMN_OF[refusal.code]
        cell = getattr(line, column)
        value = rfc3339(cell) or "" if isinstance(cell, datetime) else "" if cell is None else str(cell)
    message = refusal.detail.removesuffix(".")
    return RowFault(line.line, column, value[:VALUE_LENGTH], refusal.code, message, line.row, refusal.extra)
