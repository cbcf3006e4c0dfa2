"""XLSX workbooks: the stored values of one sheet, row by row, from an archive of which nothing is believed."""

import re
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, time, timedelta
from decimal import Decimal
from itertools import chain, islice
from typing import IO, Any
from xml.etree.ElementTree import ParseError
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

from openpyxl.cell.read_only import EMPTY_CELL
from openpyxl.cell.text import Text
from openpyxl.reader.excel import ExcelReader
from openpyxl.utils import get_column_letter
from openpyxl.xml.constants import SHARED_STRINGS, SHEET_MAIN_NS
from openpyxl.xml.functions import iterparse

from tables.cells import EXACT_DIGITS, Cell, Number, WrongCell
from tables.csv_reader import LOOKED_AT, MAX_CELL
from tables.header import MAX_COLUMNS, Naming
from tables.records import InvalidOption, UnreadableFile
from tables.rows import Row

# What openpyxl and what it reads by raise on files that are no workbooks. Entities of XML are refused by defusedxml,
# which openpyxl uses where it is installed; its exceptions are a ValueError.
BROKEN = (
    *(ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, OSError, EOFError, RuntimeError),
    *(BadZipFile, ParseError, zlib.error),
)
# Of what else stands in a workbook: styles, extensions, dates out of range.
warnings.filterwarnings("ignore", category=UserWarning, module="openpyxl")
MAX_ROWS = 1024 * 1024
# How a workbook writes a character that XML can't hold (ECMA-376 part 1, 22.9.2.19). Surrogates are left alone.
ESCAPED = re.compile("_x(?![Dd][89A-Fa-f])([0-9A-Fa-f]{4})_")
STRING_TAG = f"{{{SHEET_MAIN_NS}}}si"
KINDS = ((bool, "true or false"), (date, "a date"), (time, "a time"), (timedelta, "a duration"))


class XlsxTable:
    """One sheet of a workbook; `line` is the row of the sheet that is being read."""

    def __init__(self, file: IO[bytes], sheet: str | None, max_unpacked: int, naming: Naming) -> None:
        self.line = 0
        self._naming = naming
        with _refusing():
            self._check_archive(file, max_unpacked)
            reader = _Reader(file, read_only=True, data_only=True, keep_links=False)
            reader.read()
            workbook = reader.wb
            sheets = [each for each in workbook.worksheets if each.sheet_state == "visible"] or workbook.worksheets
        if not sheets:
            raise UnreadableFile("not_a_table", "The workbook has no sheet with cells.")
        chosen = (
            sheets[0] if sheet is None else next((each for each in workbook.worksheets if each.title == sheet), None)
        )
        if chosen is None:
            names = ", ".join(repr(each.title[:64]) for each in workbook.worksheets[:20])
            raise InvalidOption("sheet", "not_a_choice", f"is no sheet of this workbook, which has {names}")
        self.sheet: str = chosen.title
        chosen.reset_dimensions()  # some programs write wrong ones
        self._rows = self._read(chosen)
        self._width = MAX_COLUMNS

    def header(self) -> tuple[list[str], int | None]:
        """Return the names in the first row with cells, and the row of the header if it seems to be another one."""
        line, cells = next((row for row in self._rows if any(row[1])), (1, []))
        names = _names(cells)
        self._width = len(names)
        self.line = line
        if self._naming.is_header(names):
            return names, None
        ahead = list(islice(self._rows, LOOKED_AT))
        self._rows = chain(ahead, self._rows)
        title = next((number for number, cells in ahead if self._naming.is_header(_names(cells))), None)
        self.line = line
        return names, title

    def rows(self) -> Iterator[Row]:
        """Yield row number and cells of each row below the header, as long as the header at least."""
        width = self._width
        for line, cells in self._rows:
            self.line = line
            yield line, [*cells, *[""] * (width - len(cells))] if len(cells) < width else cells

    def _read(self, sheet: Any) -> Iterator[Row]:
        with _refusing():
            for line, cells in enumerate(sheet.iter_rows(max_col=MAX_COLUMNS + 1), 1):
                if line > MAX_ROWS:  # openpyxl makes up the rows between two whose numbers are far apart
                    raise UnreadableFile("not_a_table", f"The sheet has a row below {MAX_ROWS}, the last of Excel.")
                if any(cell is not EMPTY_CELL for cell in cells):
                    yield line, [_cell(cell, line, place) for place, cell in enumerate(cells, 1)]
                else:
                    yield line, ()

    @staticmethod
    def _check_archive(file: IO[bytes], max_unpacked: int) -> None:
        """Raise UnreadableFile for an archive that is no workbook, or unpacks to too much.

        What is read is bounded by the same sizes: zipfile never yields more of a member than its entry says.
        """
        file.seek(0)
        with ZipFile(file) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > max_unpacked:
                raise UnreadableFile(
                    "not_a_table", f"The workbook unpacks to more than {max_unpacked // 1024**2} MiB, and was not read."
                )
            if not any(member.filename.endswith("workbook.xml") for member in members):
                raise UnreadableFile("not_a_table", "The file is a ZIP archive, but no XLSX workbook.")
            if any(member.compress_type not in (ZIP_STORED, ZIP_DEFLATED) for member in members):
                raise UnreadableFile("not_a_table", "The workbook is compressed in a way that no spreadsheet uses.")
        file.seek(0)


class _Reader(ExcelReader):  # type: ignore[misc] # openpyxl has no types
    """The reader of openpyxl, but for the texts of a workbook, which it reads with a part of their escapes undone."""

    def read_strings(self) -> None:
        """Read the table of strings as it is written."""
        part = self.package.find(SHARED_STRINGS)
        if part is None:
            return
        with self.archive.open(part.PartName[1:]) as source:
            for _, node in iterparse(source):
                if node.tag == STRING_TAG:
                    self.shared_strings.append(Text.from_tree(node).content)
                    node.clear()


@contextmanager
def _refusing() -> Iterator[None]:
    """Raise UnreadableFile where openpyxl fails."""
    try:
        yield
    except BROKEN as error:
        raise UnreadableFile("not_a_table", "The file is no XLSX workbook, or a broken one.") from error


def _cell(cell: Any, line: int, place: int) -> Cell:
    """Return the value of a cell: a text, a number, or what no column has."""
    value = cell.value
    if value is None:
        return ""
    if cell.data_type == "e":
        return WrongCell(_name(line, place), f"the error {str(value)[:64]}", str(value))
    if isinstance(value, str):
        return ESCAPED.sub(_character, value[:MAX_CELL]) if "_x" in value else value[:MAX_CELL]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Number(value if isinstance(value, int) else f"{Decimal(f'{value:.{EXACT_DIGITS}g}'):f}")
    kind = next((words for type_, words in KINDS if isinstance(value, type_)), "what is no text")
    return WrongCell(_name(line, place), kind, str(value))


def _character(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16))


def _name(line: int, place: int) -> str:
    return f"{get_column_letter(place)}{line}"


def _names(cells: Sequence[Cell]) -> list[str]:
    """Return the cells of a header as texts, without the empty ones at its end."""
    names = [cell.text if isinstance(cell, WrongCell) else str(cell) for cell in cells]
    while names and not names[-1].strip():
        names.pop()
    return names
