"""Exports: items and movements as a file, CSV or NDJSON."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from flask import Response, stream_with_context
from flask_restful.reqparse import Namespace

from api.auth.permissions import scope
from api.media_types import CSV, NDJSON
from api.operation import answers, gives, takes
from api.requests.fields import QueryField
from api.requests.parsers import RequestParser
from api.requests.types import Boolean
from api.resource import ProtectedResource
from api.responses.negotiation import representation
from api.responses.tables import cells, csv_text
from api.services import services
from models.json_schema import TEXT
from models.refusals import Refusal
from models.stock import item_query
from models.stock.movement import Movement
from models.values import as_json, now
from resources import item_parsers, movement_parsers
from resources.item_rows import COLUMNS

BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
bom_field = QueryField(
    "bom", Boolean(), default=False, help="Begin the CSV with a byte order mark, which Excel needs to read UTF-8."
)
item_export_parser = RequestParser(*item_parsers.filters, bom_field)
movement_export_parser = RequestParser(
    *(field for field in movement_parsers.ledger_parser.query.values() if field not in movement_parsers.paging.fields),
    bom_field,
)


class ItemExportResource(ProtectedResource):
    """The export of items."""

    cacheable = True
    permissions = {"GET": scope("items:read")}

    @takes(item_export_parser)
    @gives(TEXT, file=True)
    @answers(CSV, NDJSON)
    def get(self, args: Namespace) -> Any:
        """Export all items that match the filters, by id, in the columns of the import."""
        bom = args.pop("bom")
        return _download("items", COLUMNS, item_query.batches(**args), bom)


class MovementExportResource(ProtectedResource):
    """The export of movements."""

    cacheable = True
    permissions = {"GET": scope("items:read")}

    @takes(movement_export_parser)
    @gives(TEXT, file=True)
    @answers(CSV, NDJSON)
    def get(self, args: Namespace) -> Any:
        """Export all movements that match the filters, in the order they were recorded."""
        bom = args.pop("bom")
        return _download("movements", movement_parsers.COLUMNS, Movement.batches(**args), bom)


def _download(name: str, columns: Sequence[str], rows: Iterator[list[dict[str, Any]]], bom: bool) -> Response:
    """Return a streamed file; an error midway breaks the connection, so that no client takes a part for the whole."""
    is_csv = representation() == CSV
    text = _one_of_few(csv_chunks(columns, rows, bom) if is_csv else json_chunks(columns, rows))
    # The first chunk is made here, so that one export too many, or an unreadable database, is a 503.
    text = chain([next(text, "")], text)
    response = Response(stream_with_context(text), content_type=f"{CSV}; charset=utf-8" if is_csv else NDJSON)
    extension = "csv" if is_csv else "ndjson"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}-{now():%Y-%m-%d}.{extension}"'
    return response


def _one_of_few(text: Iterator[str]) -> Iterator[str]:
    """Yield the chunks of one export; raises Refusal if half of the threads are at exports already."""
    exports = services().exports
    if not exports.acquire(blocking=False):
        raise Refusal("server_busy", "Enough exports are under way. Retry.")
    try:
        yield from text
    finally:
        exports.release()


def csv_chunks(columns: Sequence[str], rows: Iterator[list[dict[str, Any]]], bom: bool) -> Iterator[str]:
    """Yield rows as CSV, one chunk at a time, below the names of their columns."""
    head = [list(columns)]
    for chunk in chain([next(rows, [])], rows):
        text = csv_text([*head, *(cells(row, columns) for row in chunk)])
        yield BOM + text if head and bom else text
        head = []


def json_chunks(columns: Sequence[str], rows: Iterator[list[dict[str, Any]]]) -> Iterator[str]:
    """Yield rows as JSON lines, one chunk at a time."""
    for chunk in rows:
        yield "".join(as_json({column: row[column] for column in columns}) + "\n" for row in chunk)
