"""The rows of a file of movements, converted by the request schema of a line of a batch."""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from api.requests.types import InvalidValue
from models.files.movement_staging import StagedLine
from models.files.row_faults import Faults, RowFault
from models.values import money
from resources.file_rows import (
    BLANK_CELL,
    Reader,
    Readers,
    cached,
    cell_reader,
    fields_of_records,
    null_is_empty,
    text_of_line,
)
from resources.movement_parsers import batch_line_parser, faults_of_line
from tables.cells import Cell, code_text
from tables.numbers import NumberFormat
from tables.reading import NDJSON, Table
from tables.records import Columns

NAMES_OF_ITEM = ("sku", "barcode")
COLUMNS = (
    *(*NAMES_OF_ITEM, "kind", "quantity", "reason", "reference", "location", "expect_quantity", "unit_cost"),
    "occurred_at",
)
MAX_LINES = 100_000
MAY_BE_EMPTY = {*COLUMNS} - {"kind", "quantity"}
REPETITIVE = ("kind", "quantity", "reason", "location", "expect_quantity", "unit_cost", "occurred_at")


def columns_of(kind: str | None) -> Columns:
    """Return the columns of a file; one whose movements are all of one kind has no column for it."""
    names = tuple(name for name in COLUMNS if kind is None or name != "kind")
    return Columns(names, ("quantity",) if kind else ("quantity", "kind"), one_of=NAMES_OF_ITEM)


def lines_of(table: Table, kind: str | None, faults: Faults) -> Iterator[StagedLine]:
    """Yield the lines of a table, all of one `kind` if it is given; errors are added to `faults`."""

    def given(fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields that are not empty."""
        line = {name: value for name, value in fields.items() if value is not BLANK_CELL}
        return line if kind is None else {**line, "kind": kind}

    columns = columns_of(kind)
    readers = {name: _readers(table)[name] for name in columns.names}
    records = fields_of_records(table, readers, columns.required, faults, check=lambda fields: _faults(given(fields)))
    for count, (record, fields, valid) in enumerate(records, 1):
        if count > MAX_LINES:
            message = f"A file may have {MAX_LINES} rows, and this one goes on: import it in parts"
            faults.add([RowFault(record.line, "", "", "too_many_rows", message, record.row)])
            return
        yield StagedLine(line=record.line, row=record.row, valid=valid, **given(fields))


def _faults(line: Mapping[str, Any]) -> Iterator[InvalidValue]:
    """Yield the errors of fields together."""
    if sum(name in line for name in NAMES_OF_ITEM) != 1:
        yield InvalidValue("required", "or barcode must be given, and only one of them", "sku")
    yield from faults_of_line(line)


def _readers(table: Table) -> Readers:
    return _MEMBERS if table.format == NDJSON else _cell_readers(table.numbers)


_types = {name: batch_line_parser.fields[name].type for name in COLUMNS}
_convert = {name: batch_line_parser.fields[name].convert for name in COLUMNS}
# A cost waits as text, as its line is staged.
_MEMBERS = cached(
    REPETITIVE, {**_convert, "unit_cost": null_is_empty(lambda value: money(_convert["unit_cost"](value)))}
)


@lru_cache(16)
def _cell_readers(numbers: NumberFormat) -> Readers:
    """Return the readers of the cells of a table in which numbers are written so."""
    text_of: dict[str, Callable[[Cell], str]] = {
        **dict.fromkeys((*NAMES_OF_ITEM, "location"), code_text),
        **dict.fromkeys(("quantity", "expect_quantity"), numbers.whole),
        "unit_cost": numbers.amount,
        "kind": lambda cell: text_of_line(cell).lower(),  # some spreadsheets begin a cell with a capital letter
    }
    parse: dict[str, Reader] = {
        "occurred_at": _types["occurred_at"],  # as text, and not as a parameter of a query
        "unit_cost": lambda text: money(_types["unit_cost"].from_text(text)),
    }
    readers = {
        name: cell_reader(
            text_of.get(name, text_of_line),
            parse.get(name) or _types[name].from_text,
            may_be_empty=name in MAY_BE_EMPTY,
        )
        for name in COLUMNS
    }
    return cached(REPETITIVE, readers)
