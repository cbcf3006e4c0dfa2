"""Tables in a response: CSV (RFC 4180), whose cells no spreadsheet runs as formulas."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flask import Response
from flask_restful.utils import unpack

from api.media_types import CSV
from tables.cells import escape_code, escape_formula

# The columns whose texts a spreadsheet would take for numbers.
CODES = ("sku", "barcode")


def cells(row: Mapping[str, Any], columns: Iterable[str]) -> list[str]:
    """Return one row as cells: empty for null, tags separated by `|`, objects as JSON."""
    return [
        escape_code(value) if column in CODES and isinstance(value := row[column], str) else _cell(row[column])
        for column in columns
    ]


def _cell(value: Any) -> str:
    match value:
        case str():
            return escape_formula(value)
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list():
            return escape_formula("|".join(value))
        case dict():
            return json.dumps(value, ensure_ascii=False)
    return str(value)


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    """Return rows of cells as CSV, with CRLF at the end of each (RFC 4180)."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def csv_page(page: Any, columns: Sequence[str]) -> Response:
    """Return the rows of a page, as `Paging.page_of` makes it, in these columns as CSV, with its status and headers."""
    body, status, headers = unpack(page)
    text = csv_text([list(columns), *(cells(row, columns) for row in body["data"])])
    return Response(text, status, headers, content_type=f"{CSV}; charset=utf-8")
