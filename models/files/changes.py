"""The changes that an import would make, for a dry run to report."""

from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any

from models.files.bulk import BLANK
from models.files.comparison import Outcome
from models.files.movement_staging import AppliedLine
from models.files.staging import Row
from models.json_schema import ID, TEXT, closed, list_of
from models.values import as_json

MAX_CHANGES = 1000
CHANGE = closed("Change", {"row": ID, "sku": TEXT, "field": TEXT, "from": {}, "to": {}})
CHANGES = {**list_of(CHANGE), "maxItems": MAX_CHANGES}
# In characters: how much is reported of a text, or of a list or an object as JSON.
LENGTH = 200


class Changes:
    """The first changes of the rows of a file, as clients see them."""

    def __init__(self) -> None:
        self.listed: list[dict[str, Any]] = []

    def add(self, row: Row, item: Mapping[str, Any] | None, outcome: Outcome) -> None:
        """Add what a row changes; of a new item, what the row gives it."""
        if len(self.listed) >= MAX_CHANGES:
            return
        before = item or {}
        after = {name: value for name, value in outcome.values.items() if item or value != BLANK.get(name)}
        if outcome.move is not None:
            after["quantity"] = before.get("quantity", 0) + outcome.move.delta
        common = {"row": row.row, "sku": before.get("sku", row.sku)}
        changes = [
            {**common, "field": name, "from": _excerpt(before.get(name)), "to": _excerpt(value)}
            for name, value in after.items()
        ]
        self.listed = [*self.listed, *changes][:MAX_CHANGES]


class StockChanges:
    """The first changes that the lines of a file of movements make to the quantities of items, as clients see them."""

    def __init__(self) -> None:
        self._first: list[tuple[int, AppliedLine]] = []

    def add(self, applied: Iterable[AppliedLine]) -> None:
        """Add the changes of some lines; they come item by item, and not in the order of the file."""
        found = [*self._first, *((each.line.row, each) for each in applied if each.delta)]
        self._first = sorted(found, key=itemgetter(0))[:MAX_CHANGES]

    def listed(self) -> list[dict[str, Any]]:
        """Return the changes in the order of the file."""
        return [
            {
                "row": row,
                "sku": each.item_sku,
                "field": "quantity",
                "from": each.quantity_after - each.delta,
                "to": each.quantity_after,
            }
            for row, each in self._first
        ]


def _excerpt(value: Any) -> Any:
    """Return a value, or the beginning of its text if that is long."""
    text = as_json(value) if isinstance(value, list | dict) else value
    return f"{text[:LENGTH]}…" if isinstance(text, str) and len(text) > LENGTH else value
