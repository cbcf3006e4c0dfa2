"""The faults of the rows of a file, and the refusal that reports them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from models.refusals import MAX_FAULTS, Refusal

# In characters: how much of a value a fault repeats.
VALUE_LENGTH = 100
# With so many faults a file is read no further.
MAX_COUNTED = 250_000


@dataclass(frozen=True, slots=True)
class RowFault:
    """One fault of a row, with the line of the file at which the row begins, and its number below the header.

    `extra` are further members, as a refusal has them.
    """

    line: int
    column: str
    value: str
    code: str
    message: str
    row: int = 0  # the header
    extra: Mapping[str, Any] = field(default_factory=dict)


class Faults:
    """The faults of one file: how many there are of each code, and the first of them by their lines."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._first: list[RowFault] = []

    def __bool__(self) -> bool:
        return bool(self._first)

    def add(self, faults: Iterable[RowFault]) -> None:
        """Add faults, which may be of earlier lines than those before."""
        for fault in faults:
            self.counts[fault.code] += 1
            self._first.append(fault)
        if len(self._first) > 2 * MAX_FAULTS:
            self._first = self.first()

    def first(self) -> list[RowFault]:
        """Return the faults that are listed, by their lines."""
        return sorted(self._first, key=lambda fault: fault.line)[:MAX_FAULTS]

    @property
    def are_too_many(self) -> bool:
        """Whether nobody needs to look for more."""
        return self.counts.total() >= MAX_COUNTED


class RefusedRows(Refusal):
    """Some rows can't be imported, so none was; `outcome` is the answer of an import that changed nothing."""

    def __init__(self, faults: Faults, outcome: Mapping[str, Any]) -> None:
        listed, total = faults.first(), faults.counts.total()
        count = "1 fault" if total == 1 else f"{total} faults"
        if faults.are_too_many:
            count = f"{count} or more"
        if total > len(listed):
            count = f"{count}, of which the first {len(listed)} are listed"
        super().__init__(
            "invalid_input",
            f"The file has {count}; nothing was changed. Line {listed[0].line}: {listed[0].message}.",
            **outcome,
            errors=[
                {
                    "field": fault.column,
                    "line": fault.line,
                    "row": fault.row,
                    "column": fault.column,
                    "value": fault.value,
                    "code": fault.code,
                    "message": fault.message,
                    **fault.extra,
                }
                for fault in listed
            ],
            error_counts=dict(faults.counts),
        )
