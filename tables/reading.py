"""Reading a file as a table: what it is, by its first bytes and by what the client says, and then its records."""

import codecs
import csv
import io
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from tables.csv_reader import CsvTable
from tables.encodings import CODECS, encoding_of
from tables.header import Header, Naming, read_header
from tables.json_lines import Members, read_json_lines
from tables.numbers import NumberFormat
from tables.presets import PRESETS, Preset
from tables.records import Columns, InvalidOption, JsonParser, RecordFault, Records, UnreadableFile
from tables.rows import Rows

if TYPE_CHECKING:
    from tables.xlsx_reader import XlsxTable

CSV, NDJSON, XLSX = "csv", "ndjson", "xlsx"
ZIP = b"PK\x03\x04"
# What files begin with that are sent instead of a table.
OTHERS = {
    b"\xd0\xcf\x11\xe0": "an Excel workbook of before 2007 (.xls): save it as .xlsx or as CSV",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"\x1f\x8b": "compressed with gzip: unpack it",
    b"{\\rtf": "a text document",
    b"<!doctype": "a web page: is it that of a sign-in?",
    b"<html": "a web page: is it that of a sign-in?",
    b"<?xml": "XML: save it as .xlsx or as CSV",
}


@dataclass(frozen=True, slots=True)
class Options:
    """What a client says about a file; `columns` has our fields by the names in the file."""

    extra_columns: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    preset: str | None = None
    encoding: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    currency: str | None = None
    sheet: str | None = None


# The options that say nothing about a file of each format.
IDLE = {
    CSV: ("sheet",),
    NDJSON: ("preset", "decimal", "thousands", "currency", "sheet"),
    XLSX: ("encoding",),
}


class Table:
    """One file as a table, and what it was read as; `file` stays open for as long as its records are read.

    `format_` and `charset` are what the client says of it with the file, `options` what it says besides.

    Raises UnreadableFile or InvalidOption, also while the records are read.
    """

    def __init__(
        self,
        file: IO[bytes],
        format_: str | None,
        columns: Columns,
        options: Options,
        *,
        parse_json: JsonParser,
        max_unpacked: int,
        charset: str | None = None,
    ) -> None:
        self._file, self._parse_json, self._max_unpacked = file, parse_json, max_unpacked
        self.format = _format_of(file, format_)
        for option in IDLE[self.format]:
            if getattr(options, option):
                raise InvalidOption(option, "not_applicable", f"says nothing about a file that is {self.format}")
        self.options = options
        self.preset: Preset | None = PRESETS[options.preset] if options.preset else None
        ignore = (options.extra_columns or ("ignore" if self.preset else "refuse")) == "ignore"
        self.naming = Naming(columns, options.columns, self.preset, ignore)
        self._members = Members(self.naming)
        self.encoding: str | None = None
        self.delimiter: str | None = None
        self.sheet: str | None = None
        if self.format != XLSX:
            self.encoding = encoding_of(file, options.encoding or charset, only_utf8=self.format == NDJSON)
        self._header: Header | None = None
        self._rows: Rows | None = None
        self._read = 0  # JSON lines

    @property
    def numbers(self) -> NumberFormat:
        """How numbers are written in the file."""
        options, preset = self.options, self.preset or Preset("", (), {})
        return NumberFormat(
            options.decimal or preset.decimal,
            options.thousands or preset.thousands,
            (options.currency or preset.currency) == "ignore",
        )

    @property
    def skipped(self) -> int:
        """How many rows the preset has left out so far."""
        return self._rows.skipped if self._rows else 0

    @property
    def rows(self) -> int:
        """How many rows of the file have been read so far, those that are left out included, but no blank ones."""
        return self._rows.row - self._rows.blank if self._rows else self._read

    @property
    def name_of(self) -> dict[str, str]:
        """The names in the file by our fields."""
        return {found: name for name, found in self._rows.header.columns.items()} if self._rows else {}

    def read_as(self) -> dict[str, Any]:
        """Return what the file was read as, once its records have been read."""
        others = self._header.others if self._header else []
        return {
            "format": self.format,
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            "decimal": None if self.format == NDJSON else self.numbers.decimal or ".",
            "sheet": self.sheet,
            "columns": self._header.columns if self._header else self._members.columns,
            **({"other_columns": others} if others else {}),
        }

    def records(self) -> Records:
        """Yield the records of the file and their errors; after an error of the header nothing more is read."""
        if self.format == XLSX:
            from tables.xlsx_reader import XlsxTable  # noqa: PLC0415 - memory that most processes never need

            table = XlsxTable(self._file, self.options.sheet, self._max_unpacked, self.naming)
            self.sheet = table.sheet
            yield from self._below(table)
            return
        text = io.TextIOWrapper(self._file, CODECS[self.encoding or "utf-8"], newline="")
        try:
            if self.format == NDJSON:
                for record in read_json_lines(text, self._members, self._parse_json):
                    self._read += 1
                    yield record
            else:
                yield from self._csv(text)
        finally:
            with suppress(ValueError):  # the file has been closed meanwhile
                text.detach()

    def _csv(self, text: io.TextIOWrapper) -> Records:
        try:
            table = CsvTable(text, self.naming)
        except csv.Error as error:
            yield RecordFault(1, 0, "", "", "malformed_csv", f"The file can't be read: {error}")
            return
        try:
            self.delimiter = table.delimiter
            yield from self._below(table)
        except csv.Error as error:
            yield table.fault(error, self._rows.row + 1 if self._rows else 0)

    def _below(self, table: "CsvTable | XlsxTable") -> Records:
        names, title = table.header()
        self._header = header = read_header(names, self.naming, table.line, title)
        yield from header.faults
        if not header.faults:
            self._rows = Rows(header, self.preset, self.naming.columns.required[0])
            yield from self._rows.records(table.rows())


def _format_of(file: IO[bytes], format_: str | None) -> str:
    """Return the format of a file, by its first bytes where they say more than `format_`; raise UnreadableFile."""
    file.seek(0)
    head = file.read(512)
    file.seek(0)
    if head.startswith(ZIP):
        return XLSX
    head = head.removeprefix(codecs.BOM_UTF8).lstrip().lower()
    for start, words in OTHERS.items():
        if head.startswith(start.lower()):
            raise UnreadableFile("not_a_table", f"The file is {words}.")
    if format_ == XLSX:
        raise UnreadableFile("not_a_table", "The file is no XLSX workbook; send CSV as text/csv.")
    return format_ or (NDJSON if head.startswith(b"{") else CSV)
