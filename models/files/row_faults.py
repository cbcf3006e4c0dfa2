"""The faults of the rows of a file, and the refusal that reports them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from models.refusals import MAX_FAULTS, Refusal

# In characters: how much of a value a fault repeats.
VALUE_LENGTH = 100


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
