"""The faults of the rows of a file, and the refusal that reports them."""

from collections.abc import Iterable
from dataclasses import dataclass

from models.refusals import MAX_FAULTS, Refusal

# In characters: how much of a value a fault repeats.
VALUE_LENGTH = 100


@dataclass(frozen=True, slots=True)
class RowFault:
    """One fault of a row, with the line of the file at which the row begins."""

    line: int
    column: str
    value: str
    code: str
    message: str


class RefusedRows(Refusal):
    """Some rows can't be imported, so none was."""

    def __init__(self, faults: Iterable[RowFault], *, dry_run: bool) -> None:
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
            errors=[
                {
                    "field": fault.column,
                    "line": fault.line,
                    "column": fault.column,
                    "value": fault.value,
                    "code": fault.code,
                    "message": fault.message,
                }
                for fault in listed
            ],
        )
