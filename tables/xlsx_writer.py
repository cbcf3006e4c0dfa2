"""Writing an XLSX workbook of one sheet, whose rows wait on disk: a workbook can be sent only when it is complete.

Its cells are typed: codes are texts, so that no spreadsheet shortens them, numbers are numbers as long as a spreadsheet
keeps them exactly, and no text is a formula or a link.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, Any

from xlsxwriter import Workbook
from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.worksheet import Worksheet

from tables.cells import AMOUNTS, CODES, EXACT_DIGITS, exact_code, exact_text, text_of
from tables.records import InvalidOption

CHUNK = 64 * 1024
# What a cell of Excel may have, in UTF-16 units, and a sheet, with its header.
LONGEST_TEXT, MAX_ROWS = 32_767, 1_048_576
WIDTH = 16


class _Sheet(Worksheet):  # type: ignore[misc] # XlsxWriter has no py.typed
    """A sheet that writes each text as it is; XlsxWriter takes `<r>…</r>` for XML of its own."""

    def _xml_rich_inline_string(self, string: str, attributes: Any = ()) -> None:
        self._xml_inline_string(string, False, attributes)


def workbook(title: str, columns: Sequence[str], batches: Iterable[Sequence[Mapping[str, Any]]]) -> Iterator[bytes]:
    """Yield the parts of a workbook with these rows.

    Raises InvalidOption, before the first part, for rows that no workbook can hold. The files are gone when the
    iterator ends or is closed.
    """
    with TemporaryFile() as file:
        with TemporaryDirectory(prefix="stockroom-", ignore_cleanup_errors=True) as folder:
            _write(file, folder, title, columns, chain.from_iterable(batches))
        file.seek(0)
        yield from iter(partial(file.read, CHUNK), b"")


def _write(file: IO[bytes], folder: str, title: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a workbook into a file; the rows wait in files of the folder, none of which is left open."""
    book = Workbook(file, {"constant_memory": True, "tmpdir": folder, "use_zip64": True})
    sheet = book.add_worksheet(title, worksheet_class=_Sheet)
    try:
        header = book.add_format({"bold": True})
        formats = {
            **dict.fromkeys(CODES, book.add_format({"num_format": "@"})),
            **dict.fromkeys(AMOUNTS, book.add_format({"num_format": "0.00##"})),
        }
        for place, column in enumerate(columns):
            sheet.set_column(place, place, WIDTH, formats.get(column))
            sheet.write_string(0, place, column, header)
        sheet.freeze_panes(1, 0)
        sheet.ignore_errors({"number_stored_as_text": f"A1:XFD{MAX_ROWS}"})
        for line, row in enumerate(rows, 1):
            if line == MAX_ROWS:
                raise InvalidOption(
                    "format", "too_long", f"must be csv or ndjson: a sheet has {MAX_ROWS - 1:,} rows below its header"
                )
            for place, column in enumerate(columns):
                _write_cell(sheet, line, place, column, row[column])
        book.close()
    except FileCreateError as error:  # XlsxWriter's own name for what the system said
        raise error.args[0] from None
    finally:
        sheet._opt_close()


def _write_cell(sheet: Worksheet, line: int, place: int, column: str, value: Any) -> None:
    """Write one value; raise InvalidOption for a text that no cell can hold."""
    match value:
        case None | "":
            return
        case bool():
            sheet.write_boolean(line, place, value)
        case int() | float() if abs(value) < 10**EXACT_DIGITS:
            sheet.write_number(line, place, value)
        case str() if column in AMOUNTS and len(value) <= EXACT_DIGITS:
            sheet.write_number(line, place, float(value))
        case _:
            text = exact_code(text_of(value)) if column in CODES else exact_text(text_of(value))
            if text and sheet.write_string(line, place, text) != 0:
                raise InvalidOption(
                    "format",
                    "too_long",
                    f"must be csv or ndjson: a cell of a workbook has at most {LONGEST_TEXT:,} characters, {column} in "
                    f"row {line} has {len(text):,}; or leave that column out with fields",
                )
