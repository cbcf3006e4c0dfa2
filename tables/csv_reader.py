"""CSV (RFC 4180) as spreadsheets write it: any of four delimiters, any line end, a line that names the delimiter."""

import csv
import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from typing import TextIO

from tables.header import Naming
from tables.records import RecordFault
from tables.rows import Row

DELIMITERS = ",;\t|"
# The line that Excel writes before the header to name the delimiter.
SEPARATOR_LINE = re.compile(r'"?sep=([,;\t|])"?\s*', re.IGNORECASE)
# In characters; the longest cell is that of 50 attributes of 1,000 characters each.
MAX_CELL = 1024 * 1024
MAX_LINE = 4 * MAX_CELL
# How many lines are looked at for the header.
LOOKED_AT = 10
# How much of such a line, in characters.
LOOKED_INTO = 64 * 1024

csv.field_size_limit(MAX_CELL)


class CsvTable:
    """A CSV file, opened with `newline=""`; `line` is that at which the current record begins.

    The delimiter is the one that finds most known names, in the first line or one soon below it.
    """

    def __init__(self, file: TextIO, naming: Naming) -> None:
        self._naming = naming
        self.line, self._above = 1, 0
        lines = _lines(file)
        first = next(lines, "")
        separator = SEPARATOR_LINE.fullmatch(first)
        ahead = [] if separator or not first else [first]
        self._above = 1 if separator else 0
        try:
            while len(ahead) < LOOKED_AT and (line := next(lines, "")):
                ahead.append(line)
        except csv.Error as error:
            lines = _failing(error)  # once that line is reached
        while ahead and not ahead[0].strip(" \r\n"):
            self._above += 1
            ahead.pop(0)
        self.delimiter = separator[1] if separator else self._delimiter_of(ahead)
        self._ahead = ahead
        self._reader = csv.reader(chain(ahead, lines), delimiter=self.delimiter, strict=True)

    def header(self) -> tuple[list[str], int | None]:
        """Return the names in the first line, and the line of the header if it seems to be another one."""
        names = self._next() or []
        if self._naming.is_header(names):
            return names, None
        below = (number for number, line in enumerate(self._ahead) if number and self._is_header(line))
        title = next(below, None)
        return names, None if title is None else self._above + title + 1

    def rows(self) -> Iterator[Row]:
        """Yield line and cells of each record below the header."""
        while (cells := self._next()) is not None:
            yield self.line, cells

    def fault(self, error: csv.Error, row: int) -> RecordFault:
        """Return the error of the current record, after which nothing can be read."""
        message = f"The record can't be read, nor what follows: {error}; is a double quote missing, or not doubled?"
        return RecordFault(self.line, row, "", "", "malformed_csv", message)

    def _next(self) -> list[str] | None:
        self.line = self._above + self._reader.line_num + 1
        return next(self._reader, None)

    def _delimiter_of(self, lines: Sequence[str]) -> str:
        return max(
            DELIMITERS,
            key=lambda delimiter: max((self._naming.score(_split(line, delimiter)) for line in lines), default=(0, 0)),
        )

    def _is_header(self, line: str) -> bool:
        return self._naming.is_header(_split(line, self.delimiter))


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line[:LOOKED_INTO]], delimiter=delimiter), [])
    except csv.Error:
        return line[:LOOKED_INTO].split(delimiter)


def _failing(error: csv.Error) -> Iterator[str]:
    raise error
    yield


def _lines(file: TextIO) -> Iterator[str]:
    """Yield the lines of a file; raise csv.Error for one of more than MAX_LINE characters."""
    for line in iter(partial(file.readline, MAX_LINE), ""):
        if len(line) == MAX_LINE:
            raise csv.Error(f"a line has more than {MAX_LINE} characters")
        yield line
