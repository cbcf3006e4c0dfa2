"""What one row of an import does to its item, and why it can't: decided by the rules, and written nowhere."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from models.files.bulk import StockMove
from models.files.existing import Existing, Holder
from models.files.existing_stocks import ExistingStocks
from models.files.row_faults import VALUE_LENGTH, RowFault
from models.files.rules import Rules
from models.files.staging import Row
from models.stock.item_fields import MAX_QUANTITY, same
from models.stock.lines import Line
from models.stock.location_rights import LocationRights
from models.values import normalized

# The reason of a movement, unless its row gives one.
REASON = "import"
# The kinds of movements of which it is known what a unit cost.
COSTED = ("opening", "receive")
Item = Mapping[str, Any]
# Column, value, code and message of a fault.
Found = tuple[str, Any, str, str]


class Outcome(NamedTuple):
    """What a row does: created, updated, unchanged or skipped, with the values to set and the movement to record."""

    name: str
    values: Mapping[str, Any]
    move: StockMove | None

    @property
    def changes(self) -> bool:
        """Whether there is anything to write."""
        return self.name in ("created", "updated")


SKIPPED = Outcome("skipped", {}, None)
UNCHANGED = Outcome("unchanged", {}, None)


class Compared(NamedTuple):
    """A row, its item if there is one, and what the row does."""

    row: Row
    item: Item | None
    outcome: Outcome

    def count_in(self, counts: Counter[str]) -> None:
        """Count the outcome, and what of it people may not have meant."""
        row, item, outcome = self
        counts[outcome.name] += 1
        if item is not None:
            counts["counted"] += outcome.move is not None
            counts["emptied"] += sum(name in outcome.values for name in row.emptied)


class Comparison:
    """The rows of one file beside the existing items; `sets_barcode` returns whether a row sets that of an item."""

    def __init__(self, rules: Rules, rights: LocationRights, sets_barcode: Callable[[str], bool]) -> None:
        self._rules = rules
        self._rights = rights
        self._sets_barcode = sets_barcode

    def compare(self, row: Row, existing: Existing) -> tuple[Compared, list[RowFault]]:
        """Return what a row does, and the faults for which it can't."""
        item = existing.item_of(row)
        move, faults = self._move(row, item, existing.stocks)
        faults += self._faults_of_new(row, move) if item is None else self._faults_of(row, item, move)
        if existing.holders:
            faults += self._faults_of_holder(row, item, existing.holder_of(row))
        return Compared(row, item, self._outcome(row, item, move)), [
            RowFault(row.line, column, str(value)[:VALUE_LENGTH], code, message, row.row)
            for column, value, code, message in faults
        ]

    def _outcome(self, row: Row, item: Item | None, move: StockMove | None) -> Outcome:
        rules = self._rules
        if (rules.on_missing if item is None else rules.on_conflict) == "skip":
            return SKIPPED
        if item is None:
            return Outcome("created", row.fields, move)
        values = {
            name: value
            for name, value in row.fields.items()
            if item[name] != value or (name == "attributes" and not same(item[name], value))
        }
        if move is not None and not move.delta:
            move = None
        return Outcome("updated", values, move) if values or move else UNCHANGED

    def _move(self, row: Row, item: Item | None, stocks: ExistingStocks) -> tuple[StockMove | None, list[Found]]:
        """Return the movement that the quantity of a row means, and the faults of where it is."""
        quantity, code = row.stock.get("quantity"), row.stock.get("location")
        if quantity is None or (item is None and quantity == 0):
            return None, []
        place = stocks.place(code)
        if place is None:
            return None, [("location", code, "unknown_location", f"there is no location with the code {code!r}")]
        there = None if item is None else stocks.there(item, place)
        line = _line(row, "opening" if item is None else self._rules.quantity)
        move = StockMove(line, place, there, 0 if item is None else stocks.reserved_there(item, place))
        if place.archived:
            return move, [("location", code, "location_archived", f"location {place.code!r} is archived")]
        if item is None or code is not None or self._rules.quantity != "count" or (there or 0) == item["quantity"]:
            return move, []
        if quantity == item["quantity"]:  # as it is in all: nothing was counted
            return None, []
        message = f"item {item['sku']!r} has stock at several locations; a column location says which one this is of"
        return None, [("quantity", quantity, "location_required", message)]

    def _name(self, row: Row) -> tuple[str, str]:
        """Return the column by which a row is found, and its value."""
        return ("sku", row.sku or "") if self._rules.match == "sku" else ("barcode", row.fields["barcode"])

    def _faults_of_new(self, row: Row, move: StockMove | None) -> Iterator[Found]:
        """Yield the faults of a row that finds no item."""
        column, value = self._name(row)
        there_is_none = f"there is no item with the {column} {value!r}"
        if self._rules.on_missing == "skip":
            return
        if self._rules.on_missing == "fail":
            yield column, value, "not_found", there_is_none
            return
        for name in ("sku", "name") if row.valid else ():
            if name not in row.fields and (name != "sku" or row.sku is None):
                yield name, "", "required", f"{name} is required to create an item; {there_is_none}"
        expected = row.stock.get("expect_quantity")
        if expected:
            yield "expect_quantity", expected, "quantity_changed", f"expect_quantity is {expected}; {there_is_none}"
        if move is None:
            return
        yield from self._faults_of_rights(move)
        if self._rules.quantity == "issue":
            yield "quantity", move.line.quantity, "insufficient_stock", f"quantity can't be issued; {there_is_none}"

    def _faults_of(self, row: Row, item: Item, move: StockMove | None) -> Iterator[Found]:
        """Yield the faults of a row that finds an item."""
        column, value = self._name(row)
        if self._rules.on_conflict == "fail":
            holder = "an item" if column == "sku" else f"the item {item['sku']!r}"
            yield column, value, f"{column}_taken", f"{column} {item[column]!r} belongs to {holder} already"
        if self._rules.on_conflict != "update":
            return
        if item["archived"]:
            message = f"{column} {item[column]!r} belongs to an archived item; restore it first"
            yield column, value, "item_archived", message
        if column == "barcode" and row.sku is not None and row.sku_key != normalized(item["sku"]):
            message = f"sku {row.sku!r} is not that of the item with the barcode {value!r}, which is {item['sku']!r}"
            yield "sku", row.sku, "sku_differs", message
        yield from self._faults_of_stock(row, item, move)

    def _faults_of_stock(self, row: Row, item: Item, move: StockMove | None) -> Iterator[Found]:
        expected = row.stock.get("expect_quantity")
        found = item["quantity"] if move is None or move.line.location is None else move.there or 0
        if expected is not None and expected != found:
            yield "expect_quantity", expected, "quantity_changed", f"item {item['sku']!r} has {found}, not {expected}"
        if move is None:
            return
        yield from self._faults_of_rights(move)
        cost, kind = row.stock.get("unit_cost"), move.line.kind
        # The export of another product has the cost beside each thing, whatever the file is imported for.
        if cost is not None and kind not in COSTED and move.delta and not self._rules.of_product:
            message = f"unit_cost is of what is received; leave it empty to {kind}, or add quantity=receive"
            yield "unit_cost", cost, "not_applicable", message
        there, quantity = move.there or 0, move.line.quantity
        if move.delta < 0 and there + move.delta < move.least:
            promised = f", of which {move.least} are reserved" if move.least else ""
            message = f"item {item['sku']!r} has {there}{promised}; {quantity} can't go"
            yield "quantity", quantity, "insufficient_stock", message
        elif item["quantity"] + move.delta > MAX_QUANTITY:
            message = f"item {item['sku']!r} has {item['quantity']}; {quantity} more exceed {MAX_QUANTITY}"
            yield "quantity", quantity, "stock_limit", message

    def _faults_of_rights(self, move: StockMove) -> Iterator[Found]:
        """Yield the fault of a movement at a location whose stock others change; one that changes none is not made."""
        if move.delta and not self._rights.allow(move.place):
            code = move.line.location
            refusal = self._rights.refusal(move.place, named=code is not None)
            yield "location", code or "", refusal.code, refusal.detail.removesuffix(".")

    def _faults_of_holder(self, row: Row, item: Item | None, holder: Holder | None) -> Iterator[Found]:
        """Yield the fault of a row whose barcode another item has, or whose SKU where rows are found by barcode."""
        rules = self._rules
        if holder is None or (rules.on_missing != "create" if item is None else rules.on_conflict == "skip"):
            return
        if rules.match == "sku":
            if holder.sku_key != row.sku_key and not self._frees_barcode(holder):
                barcode = row.fields["barcode"]
                yield "barcode", barcode, "barcode_taken", f"barcode {barcode!r} belongs to the item {holder.sku!r}"
        else:
            other = "no barcode" if holder.barcode is None else f"the barcode {holder.barcode!r}"
            message = f"sku {holder.sku!r} belongs to an item with {other}; match=sku finds it"
            yield "sku", row.sku, "sku_taken", message

    def _frees_barcode(self, holder: Holder) -> bool:
        """Return whether a row of the file replaces the barcode of its holder: no two rows have the same one."""
        return self._rules.on_conflict == "update" and self._sets_barcode(holder.sku_key)


def _line(row: Row, kind: str) -> Line:
    """Return the movement that the quantity of a row means, with what a unit cost if it can be known."""
    cost = row.stock.get("unit_cost") if kind in COSTED else None
    return Line(
        kind,
        row.stock["quantity"],
        row.stock.get("reason") or REASON,
        location=row.stock.get("location"),
        unit_cost=None if cost is None else Decimal(cost),
    )
