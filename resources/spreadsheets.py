"""The stock as a file: the export of items and movements, and the import of items."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import chain
from typing import Any

from flask import Request, Response, after_this_request, current_app, request, stream_with_context
from flask_restful.reqparse import Namespace
from sqlalchemy import bindparam

from api.auth import current_principal
from api.idempotency import idempotent
from api.inputs import Form, QueryField, takes
from api.negotiation import CSV, NDJSON, answers, representation
from api.outputs import gives
from api.permissions import scope
from api.resource import ProtectedResource
from api.spreadsheets import cells, csv_text, read_csv, read_json_lines
from api.types import Boolean, Choice
from api.uploads import MULTIPART, Upload, receive
from models.database.base import db
from models.database.reading import AnySelect, Selection, question
from models.files.importing import ON_CONFLICT, Import
from models.files.staging import Row
from models.shapes import BOOLEAN, COUNT, closed
from models.stock import item_query
from models.stock.item import Item
from models.stock.movement import Movement
from models.values import as_json, now
from resources import items, movements
from resources.item_rows import CELLS, COLUMNS, MEMBERS, REQUIRED, rows_of
from settings import Settings

BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
ROWS_AT_A_TIME = 500
FILE = {"type": "string"}
IN_CSV = "sku,name,quantity\r\nLAMP-1,Desk lamp,5\r\n"
OUTCOME = closed(
    "ImportOutcome",
    {
        "dry_run": BOOLEAN,
        **dict.fromkeys(("created", "updated", "unchanged"), COUNT),
        "errors": {"type": "array", "maxItems": 0},
    },
    {"skipped": COUNT},
)

bom_field = QueryField("bom", Boolean(), default=False, help="Begin a CSV with a byte order mark, which Excel needs.")
item_export_form = Form(*items.filters, bom_field)
movement_export_form = Form(
    *(field for name, field in movements.ledger_form.query.items() if field not in movements.paging.fields), bom_field
)


class ItemExportResource(ProtectedResource):
    """The items as a file."""

    needs = {"GET": scope("items:read")}

    @takes(item_export_form)
    @gives(FILE, file=True)
    @answers(CSV, NDJSON)
    def get(self, args: Namespace) -> Any:
        """Export every item that matches, by id, in the columns of the import."""
        bom = args.pop("bom")
        return _download("items", COLUMNS, rows_by_id(item_query.matching(**args), Item.id, item_query.to_dict), bom)


class MovementExportResource(ProtectedResource):
    """The ledger as a file."""

    needs = {"GET": scope("items:read")}

    @takes(movement_export_form)
    @gives(FILE, file=True)
    @answers(CSV, NDJSON)
    def get(self, args: Namespace) -> Any:
        """Export every movement that matches, in the order they were recorded."""
        bom = args.pop("bom")
        rows = rows_by_id(Movement.ledger(**args), Movement.id, Movement.to_dict)
        return _download("movements", movements.COLUMNS, rows, bom)


def _shown_as(schema: Any, example: Any) -> dict[str, Any]:
    """How the document tells of one kind of body."""
    return {"schema": schema, "examples": {"typical": {"value": example}}}


class ImportForm(Form):
    """The query of an import, and its file: staged and compared before the write begins."""

    media = {
        CSV: _shown_as(FILE, IN_CSV),
        NDJSON: _shown_as(FILE, '{"sku": "LAMP-1", "name": "Desk lamp", "quantity": 5}\n'),
        MULTIPART: _shown_as({"type": "object", "properties": {"file": FILE}, "required": ["file"]}, {"file": IN_CSV}),
    }

    def parse_args(self, req: Request | None = None, strict: bool = True, http_error_code: int = 422) -> Namespace:
        """The arguments, `file` among them; raises InvalidInput for the query, and what `receive` raises."""
        args = super().parse_args(req, strict, http_error_code)
        settings: Settings = current_app.extensions["stockroom.settings"]
        upload = receive(request, settings.max_import_bytes)
        args["file"] = file = Import(args["on_conflict"], dry_run=args["dry_run"])

        @after_this_request
        def close(response: Response) -> Response:
            file.close()
            return response

        stage(upload, file)
        return args

    def _check_body(self, request: Request) -> None:
        """The body is the file."""


def stage(upload: Upload, file: Import, watch: Callable[[Iterable[Row]], Iterable[Row]] = iter) -> None:
    """Read the rows of a file into its import, compare them with the stock, and let the file go.

    `watch` sees the rows pass, for whoever shows how far it is.
    """
    with closing(upload.text) as text:
        if upload.mimetype == CSV:
            rows = rows_of(read_csv(text, COLUMNS, REQUIRED), CELLS, file.faults)
        else:
            rows = rows_of(read_json_lines(text), MEMBERS, file.faults)
        file.stage(watch(rows))
    file.compare()


import_form = ImportForm(
    QueryField("dry_run", Boolean(), default=False, help="Tell what would happen, and change nothing."),
    QueryField("on_conflict", Choice(*ON_CONFLICT), default="update", help="What to do about a SKU that is there."),
)


class ItemImportResource(ProtectedResource):
    """Items from a file."""

    needs = {"POST": scope("items:write", "stock:write")}

    @takes(import_form)
    @gives(OUTCOME, name="import_items")
    @idempotent
    def post(self, args: Namespace) -> Any:
        """Create and update items, and count them, as a CSV or NDJSON file says: all rows or none."""
        return args["file"].carry_out(current_principal())


def rows_by_id(
    selection: Selection, id_column: Any, represent: Callable[[Any], dict[str, Any]]
) -> Iterator[list[dict[str, Any]]]:
    """All rows of a selection by id, some at a time; in between, nothing of the database is held."""
    following = question(_following, selection.query, id_column)
    last = 0
    while True:
        rows = following.rows(**selection.values, last=last)
        db.session.rollback()
        if not rows:
            return
        yield [represent(row) for row in rows]
        last = rows[-1].id


def _following(query: AnySelect, id_column: Any) -> AnySelect:
    return query.where(id_column > bindparam("last")).order_by(id_column).limit(ROWS_AT_A_TIME)


def _download(name: str, columns: Sequence[str], rows: Iterator[list[dict[str, Any]]], bom: bool) -> Response:
    """A file sent while it is made; a failure midway breaks the connection, so that no part passes for the whole."""
    is_csv = representation() == CSV
    text = csv_chunks(columns, rows, bom) if is_csv else json_chunks(columns, rows)
    text = chain([next(text, "")], text)  # a database that can't be read is told before the answer begins
    response = Response(stream_with_context(text), content_type=f"{CSV}; charset=utf-8" if is_csv else NDJSON)
    extension = "csv" if is_csv else "ndjson"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}-{now():%Y-%m-%d}.{extension}"'
    return response


def csv_chunks(columns: Sequence[str], rows: Iterator[list[dict[str, Any]]], bom: bool) -> Iterator[str]:
    """Rows as CSV, some at a time, below the names of their columns."""
    head = [list(columns)]
    for chunk in chain([next(rows, [])], rows):
        text = csv_text([*head, *(cells(row, columns) for row in chunk)])
        yield BOM + text if head and bom else text
        head = []


def json_chunks(columns: Sequence[str], rows: Iterator[list[dict[str, Any]]]) -> Iterator[str]:
    """Rows as JSON lines, some at a time."""
    for chunk in rows:
        yield "".join(as_json({column: row[column] for column in columns}) + "\n" for row in chunk)
