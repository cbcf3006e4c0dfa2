"""The changes that an import would make, for a dry run to report."""

from collections.abc import Mapping
from typing import Any

from models.files.bulk import BLANK
from models.files.comparison import Outcome
from models.files.staging import Row
from models.values import as_json

MAX_CHANGES = 1000
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


def _excerpt(value: Any) -> Any:
    """Return a value, or the beginning of its text if that is long."""
    text = as_json(value) if isinstance(value, list | dict) else value
    return f"{text[:LENGTH]}…" if isinstance(text, str) and len(text) > LENGTH else value
