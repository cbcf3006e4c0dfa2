"""Tables in a request: CSV (RFC 4180) and JSON lines.

A cell that a spreadsheet would run as a formula is exported with an apostrophe before it, and read without.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from functools import partial
from itertools import chain
from typing import Any, NamedTuple, TextIO

from api.requests.bodies import InvalidJson, parse_json
from api.requests.text import truncate

# The characters with which a formula begins in some spreadsheet; with an apostrophe before it, it is text.
FORMULA = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"  # the last four are their full-width forms
APOSTROPHE = "'"
DELIMITERS = ",;\t"
# The line that Excel writes before the header to name the delimiter.
SEPARATOR_LINE = re.compile(r'"?sep=([,;\t])"?\s*', re.IGNORECASE)
# In characters; the longest cell is that of 50 attributes of 1,000 characters each.
MAX_CELL = 1024 * 1024
MAX_LINE = 4 * MAX_CELL
MAX_COLUMNS = 200

csv.field_size_limit(MAX_CELL)


class Record(NamedTuple):
    """One record of a file: the line at which it begins, and its values by column."""

    line: int
    values: dict[str, Any]


class RecordFault(NamedTuple):
    """An error of a record or of one of its cells; the message follows the name of the column, if there is one."""

    line: int
    column: str
    value: str
    code: str
    message: str


Records = Iterator[Record | RecordFault]


def unescape_formula(cell: str) -> str:
    """Return the text of a cell that `escape_formula` made."""
    if cell[:1] == APOSTROPHE and cell[1:2] and cell[1] in FORMULA + APOSTROPHE:
        return cell[1:]
    return cell


def read_json_lines(file: TextIO) -> Records:
    """Yield the objects of a file that has one on each line; blank lines are skipped."""
    line = 0
    try:
        for line, text in enumerate(_lines(file), 1):
            if text.strip():
                yield _record_of(line, text.strip())
    except (csv.Error, UnicodeDecodeError) as error:
        yield RecordFault(line + 1, "", "", "malformed_json", f"The file can't be read from here on: {error}")


def _record_of(line: int, text: str) -> Record | RecordFault:
    try:
        value = parse_json(text)
    except InvalidJson as error:
        return RecordFault(line, "", text, "malformed_json", f"The line {error}")
    if isinstance(value, dict):
        return Record(line, value)
    return RecordFault(line, "", text, "not_an_object", "The line must be a JSON object")


def read_csv(file: TextIO, columns: Sequence[str], required: Sequence[str]) -> Records:
    """Yield the records of a CSV file, opened with `newline=""`, whose header has the required columns.

    The delimiter is the one that finds most columns in the header; blank records are skipped. After an
    error of the header, or a misplaced quote, nothing more is read.
    """
    table = _Table()
    try:
        names = table.open(file, columns)
        faults = list(_faults_of_header(names, columns, required, table.line))
        yield from faults
        if not faults:
            yield from table.records(names)
    except csv.Error as error:
        message = f"The record can't be read, nor what follows: {error}; is a double quote missing, or not doubled?"
        yield RecordFault(table.line, "", "", "malformed_csv", message)
    except UnicodeDecodeError as error:
        yield RecordFault(table.line, "", "", "bad_encoding", f"The text breaks off: {error.reason} ({error.encoding})")


class _Table:
    """A CSV file that is being read; `line` is that at which the current record begins."""

    def __init__(self) -> None:
        self.line = 1

    def open(self, file: TextIO, columns: Sequence[str]) -> list[str]:
        """Begin to read a file; return the names in its header, without the empty ones that spreadsheets add."""
        lines = _lines(file)
        first, separator = "", None
        self.above = -1
        while not first.strip(" \r\n") and (first := next(lines, "")):
            self.above += 1
            if self.above == 0 and (separator := SEPARATOR_LINE.fullmatch(first)):
                first = ""
        delimiter = separator[1] if separator else _delimiter_of(first, columns)
        self.above = max(self.above, 0)
        self.reader = csv.reader(chain([first], lines), delimiter=delimiter, strict=True)
        names = self._next() or []
        while names and not names[-1]:
            names.pop()
        return names

    def records(self, names: Sequence[str]) -> Records:
        width = len(names)
        while (found := self._next()) is not None:
            if not any(found):
                continue
            if len(found) < width or any(found[width:]):
                message = f"The record has {len(found)} cells, the header {width}; is a delimiter missing, or a quote?"
                yield RecordFault(self.line, "", found[0], "wrong_length", message)
            else:
                texts = [unescape_formula(cell) if cell[:1] == APOSTROPHE else cell for cell in found]
                yield Record(self.line, dict(zip(names, texts, strict=False)))

    def _next(self) -> list[str] | None:
        self.line = self.above + self.reader.line_num + 1
        return next(self.reader, None)


def _lines(file: TextIO) -> Iterator[str]:
    """Yield the lines of a file; raise csv.Error for one of more than MAX_LINE characters."""
    for line in iter(partial(file.readline, MAX_LINE), ""):
        if len(line) == MAX_LINE:
            raise csv.Error(f"a line has more than {MAX_LINE} characters")
        yield line


def _delimiter_of(header: str, columns: Sequence[str]) -> str:
    """Return the delimiter that finds most known columns in the header; if none does, the most frequent."""

    def score(delimiter: str) -> tuple[int, int]:
        names = [name.strip('" \r\n') for name in header.split(delimiter)]
        return len(set(names).intersection(columns)), len(names)

    return max(DELIMITERS, key=score)


def _faults_of_header(names: Sequence[str], columns: Sequence[str], required: Sequence[str], line: int) -> Records:
    if not names:
        yield RecordFault(line, "", "", "required", "The file is empty; its first line must name the columns")
        return
    if len(names) > MAX_COLUMNS:
        message = f"The header has {len(names)} columns; a table has at most {MAX_COLUMNS}"
        yield RecordFault(line, "", "", "wrong_length", message)
        return
    for name in required:
        if name not in names:
            yield RecordFault(line, name, "", "required", "is missing among the columns")
    before: set[str] = set()
    for name in names:
        if name not in columns:
            near = get_close_matches(name[:100].strip().lower(), columns, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(columns)}"
            yield RecordFault(line, truncate(name), name, "unknown_column", f"is not a column of this table; {hint}")
        elif name in before:
            yield RecordFault(line, name, name, "repeated", "must be named once")
        before.add(name)
