"""Exports: items and movements as a file, CSV, NDJSON or XLSX."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from flask import Response, stream_with_context
from flask_restful.reqparse import Namespace

from api.auth.permissions import scope
from api.media_types import CSV, NDJSON, XLSX
from api.operation import answers, gives, takes
from api.requests.containers import ListOf
from api.requests.fields import QueryField
from api.requests.parsers import RequestParser
from api.requests.types import Choice
from api.resource import ProtectedResource
from api.responses.tables import TABLE_FIELDS, content_type, layout_of, parts_of
from api.services import services
from models.json_schema import TEXT
from models.refusals import Refusal
from models.stock import item_query, ledger
from models.values import now
from resources import item_parsers, movement_parsers
from resources.item_rows import COLUMNS

movement_filters = (*movement_parsers.of_item, *movement_parsers.filters)
item_export_parser = RequestParser(*item_parsers.filters, item_parsers.fields_field, *TABLE_FIELDS)
movement_export_parser = RequestParser(
    *movement_filters,
    QueryField(
        "fields",
        ListOf(Choice(*movement_parsers.COLUMNS), len(movement_parsers.COLUMNS), 1),
        help="Only these, separated by commas.",
    ),
    *TABLE_FIELDS,
)


class ItemExportResource(ProtectedResource):
    """The export of items."""

    cacheable = True
    permissions = {"GET": scope("items:read")}

    @takes(item_export_parser)
    @gives(TEXT, file=True)
    @answers(CSV, NDJSON, XLSX)
    def get(self, args: Namespace) -> Any:
        """Export all items that match the filters, by id, in the columns of the import."""
        conditions = {name: args[name] for name in item_parsers.FILTERS}
        return _download(args, "items", COLUMNS, item_query.batches(**conditions))


class MovementExportResource(ProtectedResource):
    """The export of movements."""

    cacheable = True
    permissions = {"GET": scope("items:read")}

    @takes(movement_export_parser)
    @gives(TEXT, file=True)
    @answers(CSV, NDJSON, XLSX)
    def get(self, args: Namespace) -> Any:
        """Export all movements that match the filters, in the order they were recorded."""
        conditions = {field.name: args[field.name] for field in movement_filters}
        return _download(args, "movements", movement_parsers.COLUMNS, ledger.batches(**conditions))


def _download(args: Namespace, title: str, columns: Sequence[str], rows: Iterator[list[dict[str, Any]]]) -> Response:
    """Return a streamed file; an error midway breaks the connection, so that no client takes a part for the whole."""
    layout = layout_of(args, title, columns)
    parts = _one_of_few(parts_of(layout, rows))
    # The first part is made here, so that one export too many, or an unreadable database, is a 503.
    parts = chain([next(parts, b"")], parts)
    response = Response(stream_with_context(parts), content_type=content_type())
    response.headers["Content-Disposition"] = f'attachment; filename="{title}-{now():%Y-%m-%d}.{layout.format}"'
    return response


def _one_of_few(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the parts of one export; raises Refusal if half of the threads are at exports already."""
    exports = services().exports
    if not exports.acquire(blocking=False):
        raise Refusal("server_busy", "Enough exports are under way. Retry.")
    try:
        yield from parts
    finally:
        exports.release()
