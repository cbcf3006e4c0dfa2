"""The import of items and their quantities from one file: all rows or none.

It has three steps: `stage` stores the rows, `diff` finds what each would change and plans it, `apply` changes it. Only
`apply` writes, in one transaction, which plans anew what others have changed meanwhile; so other writers wait no longer
than the writing itself takes.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import IntegrityError

from models.database.base import db, table_of
from models.database.errors import broken_constraint
from models.database.page_cache import large_page_cache
from models.database.transactions import RetryTransaction, transactional
from models.files.bulk import Change, NewItem, Plan, discard_plans, plan
from models.files.changes import Changes
from models.files.comparison import Compared, Comparison
from models.files.existing import Unclaimed, existing_items, lock_versions
from models.files.progress import Watch, unwatched
from models.files.row_faults import VALUE_LENGTH, Faults, RefusedRows, RowFault
from models.files.rules import Rules
from models.files.staging import CHUNK, Pending, Row, Staging
from models.principal import Principal
from models.stock.item import Item
from models.stock.location import Location
from models.stock.location_rights import LocationRights

OUTCOMES = ("created", "updated", "unchanged", "skipped")
COUNTS = (*OUTCOMES, "counted", "emptied")

_items = table_of(Item)
_LOCK_BARCODES = (
    select(_items.c.id, _items.c.sku_key, _items.c.barcode)
    .where(_items.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(_items.c.id)
    .with_for_update()
)


class _Planned(NamedTuple):
    """What is to be written for some rows, what must be free for it, and the counts of outcomes."""

    plan: Plan
    unclaimed: Unclaimed
    counts: Counter[str]


class Import:
    """One import of a file; `faults` are those found so far."""

    def __init__(
        self, by: Principal, rules: Rules | None = None, *, dry_run: bool = False, watch: Watch = unwatched
    ) -> None:
        self.by = by
        self.rules = rules or Rules()
        self.dry_run = dry_run
        self.faults = Faults()
        self.counts: Counter[str] = Counter()
        self.read_as: dict[str, Any] = {}  # format, encoding and columns, as the reader of the file found them
        self._watch = watch
        self._staging = Staging()
        self._comparison = Comparison(self.rules, LocationRights(by), self._staging.sets_barcode)
        self._changes = Changes()
        self._locations: dict[int, int] = {}  # the version of each when the rows were compared

    def close(self) -> None:
        """Delete the staged rows."""
        self._staging.close()

    def left_out(self, rows: int, *, of: int) -> None:
        """Count the rows of the file, and those of them that its reader has left out."""
        self.counts["rows"] = of
        self.counts["skipped"] += rows

    def stage(self, rows: Iterable[Row]) -> None:
        """Store the rows; a row with the SKU or barcode of an earlier one is a fault."""
        self._staging.add(rows)
        for column in ("sku", "barcode"):
            for line, row, value, first in self._staging.duplicates(column):
                if self.faults.are_too_many:
                    return
                message = f"{column} {value!r} stands on line {first} already"
                self.faults.add([RowFault(line, column, value[:VALUE_LENGTH], "repeated", message, row)])

    def diff(self) -> None:
        """Compare each row with its item; collect the faults, the counts of outcomes and the plans."""
        db.session.rollback()  # the session may have read an older snapshot
        self._locations = Location.versions()
        with self._watch("Comparing", self._staging.rows) as progress:
            for chunk, rows in enumerate(self._staging.chunks()):
                if self.faults.are_too_many:
                    break
                self._diff_chunk(chunk, rows)
                progress.update(len(rows))
        self._staging.index_pending()
        db.session.rollback()

    def _diff_chunk(self, chunk: int, rows: list[Row]) -> None:
        existing = existing_items(rows, self.rules.match)
        pending: list[Compared] = []
        for row in rows:
            compared, faults = self._comparison.compare(row, existing)
            if faults:
                self.faults.add(faults)
            elif row.valid:
                compared.count_in(self.counts)
                if compared.outcome.changes or "expect_quantity" in row.stock:
                    pending.append(compared)
                if self.dry_run:
                    self._changes.add(*compared)
        if pending and not self.faults and not self.dry_run:
            unclaimed = existing.unclaimed([compared.row for compared in pending])
            self._staging.put_plan(chunk, self._plan(pending, unclaimed), map(_pending, pending))

    def apply(self) -> dict[str, Any]:
        """Write the pending rows, unless this is a dry run; return the number of rows with each outcome.

        Raises RefusedRows.
        """
        if self.faults:
            raise self._refusal(self.faults)
        counts = self.counts if self.dry_run else self._write()
        changes = {"changes": self._changes.listed} if self.dry_run else {}
        return {**self._answer(counts), "errors": [], "error_counts": {}, **changes}

    def _answer(self, counts: Counter[str]) -> dict[str, Any]:
        """Return the answer with these counts of outcomes, without the errors."""
        outcomes = {name: counts[name] for name in COUNTS}
        return {"dry_run": self.dry_run, "rows": self.counts["rows"], **outcomes, "read_as": self.read_as}

    def _refusal(self, faults: Faults) -> RefusedRows:
        return RefusedRows(faults, self._answer(Counter()))

    def _plan(self, pending: Iterable[Compared], unclaimed: Unclaimed) -> _Planned:
        """Return the plan for rows without faults."""
        counts: Counter[str] = Counter()
        new: list[NewItem] = []
        changed: list[Change] = []
        for compared in pending:
            compared.count_in(counts)
            row, item, outcome = compared
            if item is None and outcome.changes:
                new.append(NewItem({"sku": row.sku, **outcome.values}, outcome.move))
            elif item is not None and outcome.changes:
                changed.append(Change(item, outcome.values, outcome.move))
        return _Planned(plan(new, changed, self.by), unclaimed, counts)

    @transactional
    def _write(self) -> Counter[str]:
        """Write what is planned; plan anew what others have changed meanwhile. Return the counts of outcomes."""
        counts = self.counts.copy()
        with large_page_cache(db.session.connection()):
            changed = self._lock_items()
            are_locations_current = Location.versions(lock=True) == self._locations
            freed = self._free_barcodes()
            with self._watch("Writing", self._staging.pending_rows) as progress:
                for chunk, stored in self._staging.plans():
                    discard_plans()
                    is_current = are_locations_current and chunk not in changed and stored.unclaimed.is_so_still()
                    planned = stored if is_current else self._plan_anew(chunk, freed)
                    self._write_planned(planned.plan)
                    if planned is not stored:
                        counts.subtract(stored.counts)
                        counts.update(planned.counts)
                    progress.update(planned.counts.total())
        return counts

    def _lock_items(self) -> set[int]:
        """Lock the items of the pending rows, in the order of their ids; return the chunks of changed ones."""
        changed: set[int] = set()
        for versions in self._staging.versions():
            locked = lock_versions([item_id for item_id, _, _ in versions])
            changed |= {chunk for item_id, version, chunk in versions if locked.get(item_id) != version}
        return changed

    def _plan_anew(self, chunk: int, freed: dict[int, str]) -> _Planned:
        """Return the plan for a chunk as the items, which are locked, are now; raise RefusedRows for faults."""
        rows = self._staging.pending_of(chunk)
        existing = existing_items(rows, self.rules.match, lock=True, freed=freed)
        faults = Faults()
        pending: list[Compared] = []
        for row in rows:
            compared, found = self._comparison.compare(row, existing)
            pending.append(compared)
            faults.add(found)
        if faults:
            raise self._refusal(faults)
        return self._plan(pending, existing.unclaimed(rows))

    def _write_planned(self, planned: Plan) -> None:
        try:
            planned.write(self.by)
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


def _pending(compared: Compared) -> Pending:
    """Return what the staging area stores of a row that is to be written."""
    row, item, outcome = compared
    if item is None:
        return Pending(row, None, None, frees_barcode=False)
    return Pending(row, item["id"], item["version"], "barcode" in outcome.values and item["barcode"] is not None)
