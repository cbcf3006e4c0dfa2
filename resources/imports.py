"""Imports: items from a file, CSV, NDJSON or XLSX."""

from collections.abc import Callable, Iterable
from typing import IO, Any

from flask import Request, Response, after_this_request, request
from flask_restful.reqparse import Namespace
from werkzeug.datastructures import MultiDict

from api.auth.authentication import current_principal
from api.auth.permissions import scope
from api.errors import InvalidInput, fault
from api.media_types import CSV, MULTIPART, NDJSON, OLD_EXCEL, PLAIN, TSV, XLSX
from api.openapi.components import FAULT, READ_AS
from api.operation import gives, idempotent, takes
from api.requests.bodies import parse_json
from api.requests.fields import QueryField
from api.requests.parsers import RequestParser
from api.requests.types import Boolean
from api.requests.uploads import form_of, receive
from api.resource import ProtectedResource
from api.services import current_settings
from models.files.changes import MAX_CHANGES
from models.files.importing import COUNTS, Import
from models.files.staging import Row
from models.json_schema import BOOLEAN, COUNT, ID, TEXT, closed, list_of
from models.refusals import Refusal
from resources.import_options import OPTIONS, conflicts, options_of, rules_of
from resources.item_rows import TABLES, rows_of
from tables.presets import PRESETS
from tables.reading import Options, Table
from tables.records import InvalidOption, UnreadableFile

BINARY = {"type": "string", "format": "binary"}
IN_CSV = "sku,name,quantity\r\nLAMP-1,Desk lamp,5\r\n"
# A workbook may unpack to so many times the size that a file may have.
MOST_UNPACKED = 10
CHANGE = closed("Change", {"row": ID, "sku": TEXT, "field": TEXT, "from": {}, "to": {}})
OUTCOME = closed(
    "ImportOutcome",
    {
        "dry_run": BOOLEAN,
        "rows": COUNT,
        **dict.fromkeys(COUNTS, COUNT),
        "read_as": READ_AS,
        "errors": {**list_of(FAULT), "maxItems": 0},
        "error_counts": {"type": "object", "maxProperties": 0},
    },
    {"changes": {**list_of(CHANGE), "maxItems": MAX_CHANGES}},
)
PRESET = closed(
    "ImportPreset", {"name": TEXT, "title": TEXT, "columns": {"type": "object", "additionalProperties": TEXT}}
)


def _media(schema: Any, example: Any) -> dict[str, Any]:
    """Return the content of one media type of a request body, as OpenAPI writes it."""
    return {"schema": schema, "examples": {"typical": {"value": example}}}


class ImportParser(RequestParser):
    """The parser of an import: its parameters, and its file, which is staged and compared before the write begins.

    The parameters stand in the query or in the fields of a form.
    """

    def parse_args(self, req: Request | None = None, strict: bool = True, http_error_code: int = 422) -> Namespace:
        """Return the arguments, with the staged `file` or the `refusal` of an unreadable one.

        Raises InvalidInput for the parameters, and what `receive` raises.
        """
        args = super().parse_args(req, strict, http_error_code)
        upload = receive(request, current_settings().max_import_bytes)
        args["file"] = file = Import(current_principal(), rules_of(args), dry_run=args["dry_run"])

        @after_this_request
        def close(response: Response) -> Response:
            file.close()
            return response

        args["digest"], args["refusal"] = upload.digest, None
        with upload.file:
            try:
                stage(upload.file, upload.format, options_of(args), file, charset=upload.encoding)
            except Refusal as refusal:  # an outcome like any other, which an Idempotency-Key keeps
                args["refusal"] = refusal
        return args

    def body_of(self, request: Request, arguments: Namespace | None) -> bytes:
        """Return the digest of the file, whose bytes have been read already."""
        return arguments["digest"] if arguments else super().body_of(request, arguments)

    def _parameters(self, request: Request) -> MultiDict[str, str]:
        """Return the parameters of the query and of the form."""
        parameters = MultiDict(super()._parameters(request))
        parameters.update(form_of(request, current_settings().max_import_bytes))
        return parameters

    def _check_body(self, request: Request) -> None:
        """Accept any body: `receive` reads the file."""


def stage(
    opened: IO[bytes],
    format_: str | None,
    options: Options,
    file: Import,
    *,
    charset: str | None = None,
    watch: Callable[[Iterable[Row]], Iterable[Row]] = iter,
) -> None:
    """Read the rows of a file into its import, and compare them with the stock.

    `watch` gets the rows and yields them again, to report the progress. Raises Refusal for a file that is no table,
    or InvalidInput for an option that does not fit it.
    """
    try:
        table = Table(
            opened,
            format_,
            TABLES[file.rules.match],
            options,
            parse_json=parse_json,
            max_unpacked=MOST_UNPACKED * current_settings().max_import_bytes,
            charset=charset,
        )
        file.stage(watch(rows_of(table, file.rules, file.faults)))
    except UnreadableFile as error:
        raise Refusal(error.code, error.detail, **error.extra) from error
    except InvalidOption as error:
        raise InvalidInput([fault(error.option, error.code, str(error))]) from error
    file.read_as = table.read_as()
    file.left_out(table.skipped, of=table.rows)
    file.diff()


import_parser = ImportParser(
    QueryField("dry_run", Boolean(), default=False, help="Report what would happen, and change nothing."),
    *OPTIONS,
    check=conflicts,
)
_FORM = closed("ImportFile", {"file": BINARY}, dict.fromkeys(import_parser.query, TEXT))
import_parser.media = {
    CSV: _media(TEXT, IN_CSV),
    TSV: _media(TEXT, IN_CSV.replace(",", "\t")),
    PLAIN: _media(TEXT, IN_CSV),
    NDJSON: _media(TEXT, '{"sku": "LAMP-1", "name": "Desk lamp", "quantity": 5}\n'),
    XLSX: _media(BINARY, "the bytes of a workbook"),
    OLD_EXCEL: _media(TEXT, IN_CSV),
    MULTIPART: _media(_FORM, {"file": IN_CSV}),
}


class ItemImportResource(ProtectedResource):
    """The import of items."""

    permissions = {"POST": scope("items:write", "stock:write")}

    @takes(import_parser)
    @gives(OUTCOME, name="import_items", refuses=("bad_encoding", "encoding_needed", "not_a_table"))
    @idempotent
    def post(self, args: Namespace) -> Any:
        """Import items from a CSV, NDJSON or XLSX file, all rows or none; a quantity becomes a movement."""
        if args["refusal"]:
            raise args["refusal"]
        return args["file"].apply()


class ImportPresetListResource(ProtectedResource):
    """The presets of imports."""

    cacheable = True
    permissions = {"GET": scope("items:read")}

    @gives(closed("ImportPresets", {"data": list_of(PRESET)}), name="list_import_presets")
    def get(self) -> Any:
        """List the presets of imports, each with its columns."""
        return {
            "data": [
                {"name": name, "title": preset.title, "columns": preset.columns} for name, preset in PRESETS.items()
            ]
        }
