"""Imports: items from a file, CSV, NDJSON or XLSX."""

from functools import partial
from typing import IO, Any

from flask_restful.reqparse import Namespace

from api.auth.authentication import current_principal
from api.auth.permissions import scope
from api.openapi.components import FAULT, READ_AS
from api.operation import gives, idempotent, takes
from api.resource import ProtectedResource
from models.files.changes import CHANGES
from models.files.importing import COUNTS, Import
from models.json_schema import BOOLEAN, COUNT, TEXT, closed, list_of
from models.stock.location import Location
from resources.file_parser import UNREADABLE, FileParser, Watch, dry_run_field, stage_file
from resources.import_options import OPTIONS, rules_of
from resources.item_rows import columns_of, rows_of
from tables.presets import PRESETS
from tables.reading import Options

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
    {"changes": CHANGES},
)
PRESET = closed(
    "ImportPreset", {"name": TEXT, "title": TEXT, "columns": {"type": "object", "additionalProperties": TEXT}}
)


def stage(
    opened: IO[bytes],
    format_: str | None,
    options: Options,
    file: Import,
    *,
    charset: str | None = None,
    watch: Watch = iter,
) -> None:
    """Read the rows of a file into its import; `stage_file` says what it raises."""
    columns = columns_of(file.rules.match, locations=Location.are_several())
    rows = partial(rows_of, rules=file.rules, faults=file.faults)
    stage_file(opened, format_, options, file, columns=columns, rows_of=rows, charset=charset, watch=watch)


import_parser = FileParser(
    dry_run_field,
    *OPTIONS,
    begin=lambda args: Import(current_principal(), rules_of(args), dry_run=args["dry_run"]),
    stage=stage,
    in_csv="sku,name,quantity\r\nLAMP-1,Desk lamp,5\r\n",
    in_json='{"sku": "LAMP-1", "name": "Desk lamp", "quantity": 5}\n',
    name="ImportFile",
)


class ItemImportResource(ProtectedResource):
    """The import of items."""

    permissions = {"POST": scope("items:write", "stock:write")}

    @takes(import_parser)
    @gives(OUTCOME, name="import_items", refuses=UNREADABLE)
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
