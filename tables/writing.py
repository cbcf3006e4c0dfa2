"""Writing rows as a table: CSV, JSON lines or XLSX, in parts, so that a table of any size takes little memory."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import orjson

from tables.cells import CODES, escape_code, escape_formula, text_of
from tables.reading import NDJSON, XLSX

BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
# One row as clients see it, by the names of its columns.
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """How a table is written: its format, its columns in their order, its title, and what only CSV has."""

    format: str
    columns: Sequence[str]
    title: str
    delimiter: str = ","
    bom: bool = False


def written(layout: Layout, batches: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    """Yield the parts of a table with these rows.

    Raises InvalidOption before the first part for rows that a workbook can't hold.
    """
    if layout.format == XLSX:
        from tables.xlsx_writer import workbook  # noqa: PLC0415 - memory that most processes never need

        return workbook(layout.title, layout.columns, batches)
    return _json_lines(layout.columns, batches) if layout.format == NDJSON else _csv(layout, batches)


def _csv(layout: Layout, batches: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    """Yield the header with the first batch, and then a part for each other; CRLF ends each line (RFC 4180)."""
    columns = layout.columns
    head: list[Sequence[str]] = [columns]
    batches = iter(batches)
    for batch in chain([next(batches, ())], batches):
        text = io.StringIO()
        if head and layout.bom:
            text.write(BOM)
        lines = csv.writer(text, delimiter=layout.delimiter, lineterminator="\r\n")
        lines.writerows([*head, *(cells(row, columns) for row in batch)])
        yield text.getvalue().encode()
        head = []


def cells(row: Row, columns: Iterable[str]) -> list[str]:
    """Return one row as the cells of a CSV, which no spreadsheet runs as formulas."""
    return [
        escape_code(value) if column in CODES and isinstance(value := row[column], str) else _cell(row[column])
        for column in columns
    ]


def _cell(value: Any) -> str:
    return escape_formula(text_of(value)) if isinstance(value, str | list) else text_of(value)


def _json_lines(columns: Sequence[str], batches: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    for batch in batches:
        yield b"".join(
            orjson.dumps({column: row[column] for column in columns}, option=orjson.OPT_APPEND_NEWLINE) for row in batch
        )
