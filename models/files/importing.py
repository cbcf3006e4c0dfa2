"""The import of items and their quantities from one file: all rows or none.

It has three steps: `stage` stores the rows, `diff` finds what each would change, `apply` changes it. Only `apply`
writes, in one transaction that compares every row again; so other writers wait no longer than the writing itself takes.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import IntegrityError

from models.database.base import db, table_of
from models.database.errors import broken_constraint
from models.database.transactions import RetryTransaction, transactional
from models.files.bulk import Change, NewItem, change_items, create_items, discard_plans
from models.files.changes import Changes
from models.files.comparison import Comparison, Outcome
from models.files.existing import existing_items
from models.files.row_faults import VALUE_LENGTH, Faults, RefusedRows, RowFault
from models.files.rules import Rules
from models.files.staging import CHUNK, Row, Staging
from models.principal import Principal
from models.stock.item import Item

OUTCOMES = ("created", "updated", "unchanged", "skipped")
COUNTS = (*OUTCOMES, "counted", "emptied")

_items = table_of(Item)
_LOCK_BARCODES = (
    select(_items.c.id, _items.c.sku_key, _items.c.barcode)
    .where(_items.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(_items.c.id)
    .with_for_update()
)


class Progress(Protocol):
    """What is called with the number of rows that a step has done since the last call."""

    def update(self, rows: int, /) -> object: ...


class Unwatched:
    """The progress that nobody watches."""

    def update(self, rows: int, /) -> None:
        """Do nothing."""


# Begins to watch a step, given its name and its number of rows.
Watch = Callable[[str, int], AbstractContextManager[Progress]]


def unwatched(_: str, __: int) -> AbstractContextManager[Progress]:
    """Begin a step that nobody watches."""
    return nullcontext(Unwatched())


class Import:
    """One import of a file; `faults` are those found so far."""

    def __init__(self, rules: Rules | None = None, *, dry_run: bool = False, watch: Watch = unwatched) -> None:
        self.rules = rules or Rules()
        self.dry_run = dry_run
        self.faults = Faults()
        self.counts: Counter[str] = Counter()
        self.read_as: dict[str, Any] = {}  # format, encoding and columns, as the reader of the file found them
        self._watch = watch
        self._staging = Staging()
        self._comparison = Comparison(self.rules, self._staging.sets_barcode)
        self._changes = Changes()
        self._settled: Counter[str] = Counter()  # the counts of the rows that are not pending

    def close(self) -> None:
        """Delete the staged rows."""
        self._staging.close()

    def left_out(self, rows: int, *, of: int) -> None:
        """Count the rows of the file, and those of them that its reader has left out."""
        self.counts["rows"] = of
        for counts in (self.counts, self._settled):
            counts["skipped"] += rows

    def stage(self, rows: Iterable[Row]) -> None:
        """Store the rows; a row with the SKU or barcode of an earlier one is a fault."""
        self._staging.add(rows)
        for column in ("sku", "barcode"):
            self.faults.add(
                RowFault(
                    line,
                    column,
                    value[:VALUE_LENGTH],
                    "repeated",
                    f"{column} {value!r} stands on line {first} already",
                    row,
                )
                for line, row, value, first in self._staging.duplicates(column)
            )

    def diff(self) -> None:
        """Compare each row with its item; collect the faults, the counts of outcomes and the pending rows."""
        db.session.rollback()  # the session may have read an older snapshot
        with self._watch("Comparing", self._staging.rows) as progress:
            for rows in self._staging.chunks():
                if self.faults.are_too_many:
                    break
                self._diff_rows(rows)
                progress.update(len(rows))
        self._staging.order_pending()
        db.session.rollback()

    def _diff_rows(self, rows: list[Row]) -> None:
        existing = existing_items(rows, self.rules.match)
        pending: list[tuple[Row, int | None, bool]] = []
        for row in rows:
            faults = self._comparison.faults(row, existing)
            self.faults.add(faults)
            if faults or not row.valid:
                continue
            item = existing.item_of(row)
            outcome = self._comparison.outcome(row, item)
            _count(self.counts, row, item, outcome)
            if outcome.changes or "expect_quantity" in row.stock:
                frees = item is not None and "barcode" in outcome.values and item["barcode"] is not None
                pending.append((row, item["id"] if item else None, frees))
            else:
                _count(self._settled, row, item, outcome)
            if self.dry_run:
                self._changes.add(row, item, outcome)
        self._staging.put_pending(pending)

    def apply(self, by: Principal) -> dict[str, Any]:
        """Write the pending rows, unless this is a dry run; return the number of rows with each outcome.

        Raises RefusedRows.
        """
        if self.faults:
            raise self._refusal(self.faults)
        counts = self.counts if self.dry_run else self._write(by)
        changes = {"changes": self._changes.listed} if self.dry_run else {}
        return {**self._answer(counts), "errors": [], "error_counts": {}, **changes}

    def _answer(self, counts: Counter[str]) -> dict[str, Any]:
        """Return the answer with these counts of outcomes, without the errors."""
        outcomes = {name: counts[name] for name in COUNTS}
        return {"dry_run": self.dry_run, "rows": self.counts["rows"], **outcomes, "read_as": self.read_as}

    def _refusal(self, faults: Faults) -> RefusedRows:
        return RefusedRows(faults, self._answer(Counter()))

    @transactional
    def _write(self, by: Principal) -> Counter[str]:
        """Write the pending rows, each compared again once its item is locked; return the counts of outcomes."""
        counts = self._settled.copy()
        freed = self._free_barcodes()
        with self._watch("Writing", self._staging.pending_rows) as progress:
            for rows in self._staging.pending():
                discard_plans()
                self._write_rows(rows, freed, by, counts)
                progress.update(len(rows))
        return counts

    def _write_rows(self, rows: list[Row], freed: dict[int, str], by: Principal, counts: Counter[str]) -> None:
        """Write some rows, and add their outcomes to the counts."""
        existing = existing_items(rows, self.rules.match, lock=True, freed=freed)
        faults = Faults()
        faults.add(fault for row in rows for fault in self._comparison.faults(row, existing))
        if faults:
            raise self._refusal(faults)
        new: list[NewItem] = []
        changed: list[Change] = []
        for row in rows:
            item = existing.item_of(row)
            outcome = self._comparison.outcome(row, item)
            _count(counts, row, item, outcome)
            if item is None and outcome.changes:
                new.append(NewItem({"sku": row.sku, **outcome.values}, outcome.line))
            elif item is not None and outcome.changes:
                changed.append(Change(item, outcome.values, outcome.line))
        try:
            change_items(changed, by)
            create_items(new, by)
        except IntegrityError as error:
            if broken_constraint(error) in ("uq_items_sku_key", "uq_items_barcode"):
                raise RetryTransaction from error  # a concurrent transaction has created such an item
            raise

    def _free_barcodes(self) -> dict[int, str]:
        """Set barcodes that the file replaces to NULL, so that two items can swap theirs; return them by item id.

        Since the rows were compared, an item may have got another SKU or barcode: it is locked and compared again.
        """
        freed: dict[int, str] = {}
        ids = self._staging.items_to_free()
        for start in range(0, len(ids), CHUNK):
            locked = db.session.execute(_LOCK_BARCODES, {"ids": ids[start : start + CHUNK]}).all()
            replaced = {
                item.id: item.barcode
                for item in locked
                if item.barcode is not None and self._staging.replaces_barcode(item.sku_key, item.barcode)
            }
            if replaced:
                db.session.execute(update(_items).where(_items.c.id.in_(replaced)).values(barcode=None))
            freed |= replaced
        return freed


def _count(counts: Counter[str], row: Row, item: Mapping[str, Any] | None, outcome: Outcome) -> None:
    """Count the outcome of a row, and what of it people may not have meant."""
    counts[outcome.name] += 1
    if item is not None:
        counts["counted"] += outcome.line is not None
        counts["emptied"] += sum(name in outcome.values for name in row.emptied)
