"""The import of items and their quantities from one file: all rows or none.

It has three steps: `stage` stores the rows, `diff` finds what each would change, `apply` changes it. Only `apply`
writes, in one transaction that compares every row again; so other writers wait no longer than the writing itself takes.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import IntegrityError

from models.database.base import db, table_of
from models.database.errors import broken_constraint
from models.database.transactions import RetryTransaction, transactional
from models.files.bulk import Change, change_items, create_items, discard_plans
from models.files.staging import CHUNK, Row, Staging
from models.principal import Principal
from models.refusals import MAX_FAULTS, Refusal
from models.stock import item_query
from models.stock.item import Item
from models.stock.item_fields import same

ON_CONFLICT = ("update", "skip", "fail")
REASON = "import"
VALUE_LENGTH = 100

_items = table_of(Item)
_FIND = select(*item_query.COLUMNS, _items.c.sku_key).where(_items.c.sku_key.in_(bindparam("keys", expanding=True)))
_LOCK = _FIND.order_by(_items.c.id).with_for_update()
_FIND_HOLDERS = select(_items.c.barcode, _items.c.sku, _items.c.sku_key).where(
    _items.c.barcode.in_(bindparam("barcodes", expanding=True))
)


@dataclass(frozen=True, slots=True)
class RowFault:
    """One fault of a row, with the line of the file at which the row begins, and its number below the header."""

    line: int
    column: str
    value: str
    code: str
    message: str
    row: int = 0  # the header


class RefusedRows(Refusal):
    """Some rows can't be imported, so none was."""

    def __init__(self, faults: Iterable[RowFault], *, dry_run: bool, read_as: Mapping[str, Any]) -> None:
        listed = sorted(faults, key=lambda fault: fault.line)[:MAX_FAULTS]
        count = "1 fault" if len(listed) == 1 else f"{len(listed)} faults"
        count = f"{count} or more" if len(listed) == MAX_FAULTS else count
        super().__init__(
            "invalid_input",
            f"The file has {count}, so nothing was changed. Line {listed[0].line}: {listed[0].message}.",
            dry_run=dry_run,
            created=0,
            updated=0,
            unchanged=0,
            read_as=read_as,
            errors=[
                {
                    "field": fault.column,
                    "line": fault.line,
                    "row": fault.row,
                    "column": fault.column,
                    "value": fault.value,
                    "code": fault.code,
                    "message": fault.message,
                }
                for fault in listed
            ],
        )


class _Holder(NamedTuple):
    """The item that has a barcode."""

    barcode: str
    sku: str
    sku_key: str


@dataclass(slots=True)
class _Existing:
    """The existing items of some rows: by normalized SKU, and the holders of their barcodes by barcode."""

    items: Mapping[str, Mapping[str, Any]]
    holders: Mapping[str, _Holder]


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
            existing = _existing(rows)
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

    def _faults(self, row: Row, existing: _Existing) -> Iterator[RowFault]:
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

    def _frees_barcode(self, holder: _Holder) -> bool:
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
        self._clear_barcodes()
        for rows in self._staging.pending():
            discard_plans()
            existing = _existing(rows, lock=True)
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

    def _clear_barcodes(self) -> None:
        """Set the barcodes of items that get another one to NULL, so that two items can swap theirs."""
        ids = self._staging.items_to_free()
        for start in range(0, len(ids), CHUNK):
            chunk = _items.c.id.in_(ids[start : start + CHUNK])
            db.session.execute(select(_items.c.id).where(chunk).order_by(_items.c.id).with_for_update())
            db.session.execute(update(_items).where(chunk).values(barcode=None))


def _existing(rows: Sequence[Row], *, lock: bool = False) -> _Existing:
    """Return the existing items of some rows; with `lock`, lock them in the order of their ids."""
    found = db.session.execute(_LOCK if lock else _FIND, {"keys": [row.sku_key for row in rows]})
    items = {row.sku_key: item_query.to_dict(row) for row in found.all()}
    barcodes = [
        barcode
        for row in rows
        if (barcode := row.fields.get("barcode")) is not None
        and (row.sku_key not in items or items[row.sku_key]["barcode"] != barcode)
    ]
    holders = db.session.execute(_FIND_HOLDERS, {"barcodes": barcodes}).all() if barcodes else []
    return _Existing(items, {holder.barcode: _Holder(*holder) for holder in holders})
