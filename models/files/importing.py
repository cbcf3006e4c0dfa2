"""The import of items and their quantities from one file: all rows or none.

It has three steps: `stage` stores the rows, `diff` finds what each would change, `apply` changes it. Only `apply`
writes, in one transaction that compares every row again; so other writers wait no longer than the writing itself takes.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import IntegrityError

from models.database.base import db, table_of
from models.database.errors import broken_constraint
from models.database.transactions import RetryTransaction, transactional
from models.files.bulk import Change, change_items, create_items, discard_plans
from models.files.existing import Existing, Holder, existing_items
from models.files.row_faults import VALUE_LENGTH, RefusedRows, RowFault
from models.files.staging import CHUNK, Row, Staging
from models.principal import Principal
from models.refusals import MAX_FAULTS
from models.stock.item import Item
from models.stock.item_fields import same

ON_CONFLICT = ("update", "skip", "fail")
REASON = "import"

_items = table_of(Item)
_LOCK_BARCODES = (
    select(_items.c.id, _items.c.sku_key, _items.c.barcode)
    .where(_items.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(_items.c.id)
    .with_for_update()
)


class Import:
    """One import of a file; `faults` are those found so far."""

    def __init__(self, on_conflict: str = "update", *, dry_run: bool = False) -> None:
        self.on_conflict = on_conflict
        self.dry_run = dry_run
        self.faults: list[RowFault] = []
        self.counts: Counter[str] = Counter()
        self.read_as: dict[str, Any] = {}  # format, encoding and columns, as the reader of the file found them
        self._staging = Staging()

    def close(self) -> None:
        """Delete the staged rows."""
        self._staging.close()

    def stage(self, rows: Iterable[Row]) -> None:
        """Store the rows; a row with the SKU or barcode of an earlier one is a fault."""
        self._staging.add(rows)
        for column in ("sku", "barcode"):
            for line, row, value, first in self._staging.duplicates(column):
                message = f"{column} {value!r} stands on line {first} already"
                self.faults.append(RowFault(line, column, value[:VALUE_LENGTH], "repeated", message, row))
                if len(self.faults) >= MAX_FAULTS:
                    return

    def diff(self) -> None:
        """Compare each row with its item; collect the faults, the counts of outcomes and the pending rows."""
        db.session.rollback()  # the session may have read an older snapshot
        for rows in self._staging.chunks():
            if len(self.faults) >= MAX_FAULTS:
                break
            existing = existing_items(rows)
            pending: list[tuple[Row, int | None, bool]] = []
            for row in rows:
                faults = [replace(fault, row=row.row) for fault in self._faults(row, existing)]
                self.faults += faults
                if faults or not row.valid:
                    continue
                item = existing.items.get(row.sku_key)
                outcome, changes = self._outcome(row, item)
                self.counts[outcome] += 1
                if outcome in ("created", "updated"):
                    frees = item is not None and "barcode" in changes and item["barcode"] is not None
                    pending.append((row, item["id"] if item else None, frees))
            self._staging.put_pending(pending)
        self._staging.order_pending()
        db.session.rollback()

    def _faults(self, row: Row, existing: Existing) -> Iterator[RowFault]:
        """Yield the faults that a row has in view of the existing items."""
        item = existing.items.get(row.sku_key)
        if item is None:
            if row.valid and "name" not in row.fields:
                message = f"name is required to create an item; there is none with the SKU {row.sku!r}"
                yield RowFault(row.line, "name", "", "required", message)
        elif self.on_conflict == "fail":
            message = f"sku {item['sku']!r} belongs to an item already"
            yield RowFault(row.line, "sku", row.sku, "sku_taken", message)
        elif self.on_conflict == "skip":
            return
        elif item["archived"]:
            message = f"sku {item['sku']!r} belongs to an archived item; restore it first"
            yield RowFault(row.line, "sku", row.sku, "item_archived", message)
        barcode = row.fields.get("barcode")
        holder = existing.holders.get(barcode) if barcode is not None else None
        if holder is not None and holder.sku_key != row.sku_key and not self._frees_barcode(holder):
            message = f"barcode {barcode!r} belongs to the item {holder.sku!r}"
            yield RowFault(row.line, "barcode", str(barcode), "barcode_taken", message)

    def _frees_barcode(self, holder: Holder) -> bool:
        """Return whether a row of the file replaces the barcode of its holder: no two rows have the same one."""
        return self.on_conflict == "update" and self._staging.sets_barcode(holder.sku_key)

    def _outcome(self, row: Row, item: Mapping[str, Any] | None) -> tuple[str, dict[str, Any]]:
        """Return the outcome of a row (created, skipped, updated or unchanged) and the values to set."""
        if item is None:
            return "created", row.fields
        if self.on_conflict == "skip":
            return "skipped", {}
        changes = {
            name: value
            for name, value in row.fields.items()
            if item[name] != value or (name == "attributes" and not same(item[name], value))
        }
        return ("updated" if changes else "unchanged"), changes

    def apply(self, by: Principal) -> dict[str, Any]:
        """Write the pending rows, unless this is a dry run; return the number of rows with each outcome.

        Raises RefusedRows.
        """
        if self.faults:
            raise RefusedRows(self.faults, dry_run=self.dry_run, read_as=self.read_as)
        counts = self.counts if self.dry_run else self._write(by)
        outcomes = {name: counts[name] for name in ("created", "updated", "unchanged", "skipped")}
        return {"dry_run": self.dry_run, **outcomes, "read_as": self.read_as, "errors": []}

    @transactional
    def _write(self, by: Principal) -> Counter[str]:
        """Write the pending rows, each compared again once its item is locked; return the counts of outcomes."""
        counts = Counter({name: self.counts[name] for name in ("unchanged", "skipped")})
        freed = self._free_barcodes()
        for rows in self._staging.pending():
            discard_plans()
            existing = existing_items(rows, lock=True, freed=freed)
            faults = [replace(fault, row=row.row) for row in rows for fault in self._faults(row, existing)]
            if faults:
                raise RefusedRows(faults, dry_run=False, read_as=self.read_as)
            new: list[Row] = []
            changed: list[Change] = []
            for row in rows:
                item = existing.items.get(row.sku_key)
                outcome, changes = self._outcome(row, item)
                counts[outcome] += 1
                if item is None:
                    new.append(row)
                elif changes:
                    changed.append((item, changes))
            try:
                change_items(changed, by, REASON)
                create_items([{"sku": row.sku, **row.fields} for row in new], by, REASON)
            except IntegrityError as error:
                if broken_constraint(error) in ("uq_items_sku_key", "uq_items_barcode"):
                    raise RetryTransaction from error  # a concurrent transaction has created such an item
                raise
        return counts

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
