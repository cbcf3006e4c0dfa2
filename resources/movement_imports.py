"""Movement imports: goods received, issued or counted, from a file, CSV, NDJSON or XLSX."""

from functools import partial
from typing import IO, Any

from flask_restful.reqparse import Namespace

from api.auth.authentication import current_principal
from api.auth.permissions import scope
from api.openapi.components import FAULT, READ_AS
from api.operation import gives, idempotent, takes
from api.requests.fields import QueryField
from api.requests.types import Choice
from api.resource import ProtectedResource
from models.files.changes import CHANGES
from models.files.movement_import import MovementImport
from models.json_schema import BOOLEAN, COUNT, closed, list_of
from models.stock.movement import KINDS
from resources.file_parser import UNREADABLE, FileParser, Watch, dry_run_field, stage_file
from resources.import_options import MOVEMENT_OPTIONS
from resources.movement_rows import columns_of, lines_of
from tables.reading import Options

OUTCOME = closed(
    "MovementImportOutcome",
    {
        "dry_run": BOOLEAN,
        "rows": COUNT,
        "recorded": COUNT,
        "read_as": READ_AS,
        "errors": {**list_of(FAULT), "maxItems": 0},
        "error_counts": {"type": "object", "maxProperties": 0},
    },
    {"changes": CHANGES},
)


def stage(
    opened: IO[bytes],
    format_: str | None,
    options: Options,
    file: MovementImport,
    *,
    charset: str | None = None,
    watch: Watch = iter,
) -> None:
    """Read the lines of a file into its import; `stage_file` says what it raises."""
    columns, rows = columns_of(file.kind), partial(lines_of, kind=file.kind, faults=file.faults)
    stage_file(opened, format_, options, file, columns=columns, rows_of=rows, charset=charset, watch=watch)


kind_field = QueryField("kind", Choice(*KINDS), help="The kind of all movements of a file that has no column for it.")
movement_import_parser = FileParser(
    dry_run_field,
    kind_field,
    *MOVEMENT_OPTIONS,
    begin=lambda args: MovementImport(current_principal(), args["kind"], dry_run=args["dry_run"]),
    stage=stage,
    in_csv="sku,kind,quantity,reference\r\nLAMP-1,receive,12,PO-4711\r\n",
    in_json='{"sku": "LAMP-1", "kind": "receive", "quantity": 12, "reference": "PO-4711"}\n',
    name="MovementFile",
)


class MovementImportResource(ProtectedResource):
    """The import of movements."""

    permissions = {"POST": scope("stock:write")}

    @takes(movement_import_parser)
    @gives(OUTCOME, name="import_movements", refuses=UNREADABLE)
    @idempotent
    def post(self, args: Namespace) -> Any:
        """Import movements from a CSV, NDJSON or XLSX file, all lines or none."""
        if args["refusal"]:
            raise args["refusal"]
        return args["file"].apply()
