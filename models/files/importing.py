"""The import: many items and their counts from one file, all of them or none.

It goes in three steps: `stage` stores the rows, `compare` finds what each would change, `carry_out`
changes it. Only the last one writes, in one transaction that looks at every row it changes once more;
so others wait no longer than the writing itself takes.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
    """What is wrong with one row, at the line of the file it begins at."""

    line: int
    column: str
    value: str
    code: str
    message: str


class RefusedRows(Refusal):
    """Some rows can't be imported, so none was."""

    def __init__(self, faults: Iterable[RowFault], *, dry_run: bool) -> None:
        told = sorted(faults, key=lambda fault: fault.line)[:MAX_FAULTS]
        count = "1 fault" if len(told) == 1 else f"{len(told)} faults"
        count = f"{count} or more" if len(told) == MAX_FAULTS else count
        super().__init__(
            "invalid_input",
            f"The file has {count}, so nothing was changed. Line {told[0].line}: {told[0].message}.",
            dry_run=dry_run,
            created=0,
            updated=0,
            unchanged=0,
            errors=[
                {
                    "field": fault.column,
                    "line": fault.line,
                    "column": fault.column,
                    "value": fault.value,
                    "code": fault.code,
                    "message": fault.message,
                }
                for fault in told
            ],
        )


@dataclass(slots=True)
class _Known:
    """The items that some rows are about, by SKU, and those that have their barcodes."""

    items: Mapping[str, Mapping[str, Any]]
    holders: Mapping[str, Any]


class Import:
    """One file on its way into the stock; `faults` are what was found wrong with it so far."""

    def __init__(self, on_conflict: str = "update", *, dry_run: bool = False) -> None:
        self.on_conflict = on_conflict
        self.dry_run = dry_run
        self.faults: list[RowFault] = []
        self.counts: Counter[str] = Counter()
        self._staging = Staging()

    def close(self) -> None:
        """Let go of the rows."""
        self._staging.close()

    def stage(self, rows: Iterable[Row]) -> None:
        """Store the rows; two about the same item, or with the same barcode, are a fault."""
        self._staging.add(rows)
        for column in ("sku", "barcode"):
            for line, value, first in self._staging.duplicates(column):
                words = f"{column} {value!r} stands on line {first} already"
                self.faults.append(RowFault(line, column, value[:VALUE_LENGTH], "repeated", words))
                if len(self.faults) >= MAX_FAULTS:
                    return

    def diff(self) -> None:
        """Find out what each row would change now, and what forbids it."""
        db.session.rollback()  # what was read before may be old by now
        for rows in self._staging.chunks():
            if len(self.faults) >= MAX_FAULTS:
                break
            known = _known(rows)
            pending: list[tuple[Row, int | None, bool]] = []
            for row in rows:
                faults = list(self._faults(row, known))
                self.faults += faults
                if faults or not row.valid:
                    continue
                item = known.items.get(row.sku_key)
                outcome, changes = self._outcome(row, item)
                self.counts[outcome] += 1
                if outcome in ("created", "updated"):
                    frees = item is not None and "barcode" in changes and item["barcode"] is not None
                    pending.append((row, item["id"] if item else None, frees))
            self._staging.put_pending(pending)
        self._staging.order_pending()
        db.session.rollback()

    def _faults(self, row: Row, known: _Known) -> Iterator[RowFault]:
        """What the stock as it is makes of a row."""
        item = known.items.get(row.sku_key)
        if item is None:
            if row.valid and "name" not in row.fields:
                words = f"name is required to create an item; there is none with the SKU {row.sku!r}"
                yield RowFault(row.line, "name", "", "required", words)
        elif self.on_conflict == "fail":
            words = f"sku {item['sku']!r} belongs to an item already"
            yield RowFault(row.line, "sku", row.sku, "sku_taken", words)
        elif self.on_conflict == "skip":
            return
        elif item["archived"]:
            words = f"sku {item['sku']!r} belongs to an archived item; restore it first"
            yield RowFault(row.line, "sku", row.sku, "item_archived", words)
        barcode = row.fields.get("barcode")
        holder = known.holders.get(barcode) if barcode is not None else None
        if holder is not None and holder.sku_key != row.sku_key and not self._gives_up_barcode(holder):
            words = f"barcode {barcode!r} belongs to the item {holder.sku!r}"
            yield RowFault(row.line, "barcode", str(barcode), "barcode_taken", words)

    def _gives_up_barcode(self, holder: Any) -> bool:
        """Whether a row of the file takes the barcode from its holder: no two rows have the same one."""
        return self.on_conflict == "update" and self._staging.sets_barcode(holder.sku_key)

    def _outcome(self, row: Row, item: Mapping[str, Any] | None) -> tuple[str, dict[str, Any]]:
        """What becomes of a row, and the values that differ."""
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
        """Change what is to be changed, unless this is a dry run; how many rows had which outcome.

        Raises RefusedRows.
        """
        if self.faults:
            raise RefusedRows(self.faults, dry_run=self.dry_run)
        counts = self.counts if self.dry_run else self._write(by)
        told = ("created", "updated", "unchanged", *(["skipped"] if self.on_conflict == "skip" else []))
        return {"dry_run": self.dry_run, **{name: counts[name] for name in told}, "errors": []}

    @transactional
    def _write(self, by: Principal) -> Counter[str]:
        """Write the rows that are due, each compared again once its item is locked."""
        counts = Counter({name: self.counts[name] for name in ("unchanged", "skipped")})
        self._free_barcodes()
        for rows in self._staging.pending():
            discard_plans()
            known = _known(rows, lock=True)
            faults = [fault for row in rows for fault in self._faults(row, known)]
            if faults:
                raise RefusedRows(faults, dry_run=False)
            new: list[Row] = []
            changed: list[Change] = []
            for row in rows:
                item = known.items.get(row.sku_key)
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
                    raise RetryTransaction from error  # a rival has made such an item since we looked
                raise
        return counts

    def _free_barcodes(self) -> None:
        """Take barcodes from the items that get another, so that two may swap theirs."""
        ids = self._staging.freeing()
        for start in range(0, len(ids), CHUNK):
            chunk = _items.c.id.in_(ids[start : start + CHUNK])
            db.session.execute(select(_items.c.id).where(chunk).order_by(_items.c.id).with_for_update())
            db.session.execute(update(_items).where(chunk).values(barcode=None))


def _known(rows: Sequence[Row], *, lock: bool = False) -> _Known:
    """The items as they are now; locked, in the order of their ids, until this write ends if asked to."""
    found = db.session.execute(_LOCK if lock else _FIND, {"keys": [row.sku_key for row in rows]})
    items = {row.sku_key: item_query.to_dict(row) for row in found.all()}
    barcodes = [
        barcode
        for row in rows
        if (barcode := row.fields.get("barcode")) is not None
        and (row.sku_key not in items or items[row.sku_key]["barcode"] != barcode)
    ]
    holders: Iterable[Any] = db.session.execute(_FIND_HOLDERS, {"barcodes": barcodes}) if barcodes else ()
    return _Known(items, {holder.barcode: holder for holder in holders})
