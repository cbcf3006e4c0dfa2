"""Imports: items from a file, CSV or NDJSON."""

from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any

from flask import Request, Response, after_this_request, request
from flask_restful.reqparse import Namespace

from api.auth.authentication import current_principal
from api.auth.permissions import scope
from api.media_types import CSV, MULTIPART, NDJSON
from api.openapi.components import FAULT
from api.operation import gives, idempotent, takes
from api.requests.fields import QueryField
from api.requests.parsers import RequestParser
from api.requests.tables import read_csv, read_json_lines
from api.requests.types import Boolean, Choice
from api.requests.uploads import Upload, receive
from api.resource import ProtectedResource
from api.services import current_settings
from models.files.importing import ON_CONFLICT, Import
from models.files.staging import Row
from models.json_schema import BOOLEAN, COUNT, TEXT, closed, list_of
from resources.item_rows import CELLS, COLUMNS, MEMBERS, REQUIRED, rows_of

BINARY = {"type": "string", "format": "binary"}
IN_CSV = "sku,name,quantity\r\nLAMP-1,Desk lamp,5\r\n"
OUTCOME = closed(
    "ImportOutcome",
    {
        "dry_run": BOOLEAN,
        **dict.fromkeys(("created", "updated", "unchanged"), COUNT),
        "errors": {**list_of(FAULT), "maxItems": 0},
    },
    {"skipped": COUNT},
)


def _media(schema: Any, example: Any) -> dict[str, Any]:
    """Return the content of one media type of a request body, as OpenAPI writes it."""
    return {"schema": schema, "examples": {"typical": {"value": example}}}


class ImportParser(RequestParser):
    """The parser of an import: its query, and its file, which is staged and compared before the write begins."""

    media = {
        CSV: _media(TEXT, IN_CSV),
        NDJSON: _media(TEXT, '{"sku": "LAMP-1", "name": "Desk lamp", "quantity": 5}\n'),
        MULTIPART: _media(closed("ImportFile", {"file": BINARY}), {"file": IN_CSV}),
    }

    def parse_args(self, req: Request | None = None, strict: bool = True, http_error_code: int = 422) -> Namespace:
        """Return the arguments, with the staged `file`; raise InvalidInput for the query, and what `receive` raises."""
        args = super().parse_args(req, strict, http_error_code)
        upload = receive(request, current_settings().max_import_bytes)
        args["file"] = file = Import(args["on_conflict"], dry_run=args["dry_run"])

        @after_this_request
        def close(response: Response) -> Response:
            file.close()
            return response

        stage(upload, file)
        args["digest"] = upload.digest
        return args

    def body_of(self, request: Request, arguments: Namespace | None) -> bytes:
        """Return the digest of the file, whose bytes have been read already."""
        return arguments["digest"] if arguments else super().body_of(request, arguments)

    def _check_body(self, request: Request) -> None:
        """Accept any body: `receive` reads the file."""


def stage(upload: Upload, file: Import, watch: Callable[[Iterable[Row]], Iterable[Row]] = iter) -> None:
    """Read the rows of a file into its import, compare them with the stock, and close the file.

    `watch` gets the rows and yields them again, to report the progress.
    """
    with closing(upload.text) as text:
        if upload.mimetype == CSV:
            rows = rows_of(read_csv(text, COLUMNS, REQUIRED), CELLS, file.faults)
        else:
            rows = rows_of(read_json_lines(text), MEMBERS, file.faults)
        file.stage(watch(rows))
    file.diff()


import_parser = ImportParser(
    QueryField("dry_run", Boolean(), default=False, help="Report what would happen, and change nothing."),
    QueryField("on_conflict", Choice(*ON_CONFLICT), default="update", help="What to do with a row whose SKU exists."),
)


class ItemImportResource(ProtectedResource):
    """The import of items."""

    permissions = {"POST": scope("items:write", "stock:write")}

    @takes(import_parser)
    @gives(OUTCOME, name="import_items")
    @idempotent
    def post(self, args: Namespace) -> Any:
        """Import items from a CSV or NDJSON file, all rows or none; a quantity is recorded as a count."""
        return args["file"].apply(current_principal())
