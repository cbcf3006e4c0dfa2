"""What a reader of a table yields, what it is asked for, and how it refuses."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Record(NamedTuple):
    """One record of a file: the line at which it begins, its row below the header, and its values by column."""

    line: int
    row: int
    values: dict[str, Any]


class RecordFault(NamedTuple):
    """An error of a record or of one of its cells; the message follows the name of the column, if there is one."""

    line: int
    row: int
    column: str
    value: str
    code: str
    message: str


Records = Iterator[Record | RecordFault]
# A function that reads one JSON text; it raises ValueError, whose message follows "The line".
JsonParser = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that a table may have, those that it must have, and those of which it must have one.

    `former` has columns by names of before.
    """

    names: tuple[str, ...]
    required: tuple[str, ...]
    former: Mapping[str, str] = field(default_factory=dict)
    one_of: tuple[str, ...] = ()


class UnreadableFile(Exception):
    """The whole file can't be read: its code, one sentence that says why, and further members of the problem."""

    def __init__(self, code: str, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.extra = extra


class InvalidOption(Exception):
    """An option does not fit the file; the message follows the name of the option."""

    def __init__(self, option: str, code: str, message: str) -> None:
        super().__init__(message)
        self.option = option
        self.code = code


class CellFault(ValueError):
    """A cell can't be read as its column demands; the message follows the name of the column."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
