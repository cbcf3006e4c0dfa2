"""Exports: items and movements as a file, CSV, NDJSON or XLSX."""

from typing import Any

from flask_restful.reqparse import Namespace

from api.auth.permissions import scope
from api.media_types import CSV, NDJSON, XLSX
from api.operation import answers, gives, takes
from api.requests.containers import ListOf
from api.requests.fields import QueryField
from api.requests.parsers import RequestParser
from api.requests.types import Choice
from api.resource import ProtectedResource
from api.responses.downloads import download
from api.responses.tables import TABLE_FIELDS, layout_of
from models.json_schema import TEXT
from models.stock import item_query, ledger
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
        return download(layout_of(args, "items", COLUMNS), item_query.batches(**conditions))


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
        layout = layout_of(args, "movements", movement_parsers.COLUMNS)
        return download(layout, ledger.batches(**conditions))
