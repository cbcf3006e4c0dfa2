"""The parser of an import: its parameters, and its file, which is staged and checked before the write begins."""

from collections.abc import Callable, Iterable, Mapping
from typing import IO, Any, Protocol

from flask import Request, Response, after_this_request, request
from flask_restful.reqparse import Namespace
from werkzeug.datastructures import MultiDict

from api.errors import InvalidInput, fault
from api.media_types import CSV, MULTIPART, NDJSON, OLD_EXCEL, PLAIN, TSV, XLSX
from api.requests.bodies import parse_json
from api.requests.fields import QueryField
from api.requests.parsers import RequestParser
from api.requests.types import Boolean
from api.requests.uploads import form_of, receive
from api.services import current_settings
from models.json_schema import BINARY, TEXT, closed
from models.refusals import Refusal
from resources.import_options import conflicts, options_of
from tables.reading import Options, Table
from tables.records import Columns, InvalidOption, UnreadableFile

# A workbook may unpack to so many times the size that a file may have.
MOST_UNPACKED = 10
# What gets the rows of a file and yields them again, to report the progress.
Watch = Callable[[Iterable[Any]], Iterable[Any]]
# The problems that only a file has.
UNREADABLE = ("bad_encoding", "encoding_needed", "not_a_table")

dry_run_field = QueryField("dry_run", Boolean(), default=False, help="Report what would happen, and change nothing.")


class StagedFile(Protocol):
    """An import of the models, which is given the rows of a file and finds what they would do."""

    read_as: dict[str, Any]

    def stage(self, rows: Iterable[Any], /) -> None: ...
    def left_out(self, rows: int, *, of: int) -> None: ...
    def diff(self) -> None: ...
    def close(self) -> None: ...


class Stage(Protocol):
    """The function that reads a file into its import, as `stage_file` does."""

    def __call__(
        self,
        opened: IO[bytes],
        format_: str | None,
        options: Options,
        file: Any,
        *,
        charset: str | None = None,
        watch: Watch = iter,
    ) -> None: ...


class FileParser(RequestParser):
    """The parser of an import, whose parameters stand in the query or in the fields of a form.

    `begin` returns the import for the arguments, `stage` reads the file into it; `in_csv` and `in_json` are examples
    of a file, and `name` is that of the schema of the form.
    """

    def __init__(
        self,
        *arguments: QueryField,
        begin: Callable[[Namespace], StagedFile],
        stage: Stage,
        in_csv: str,
        in_json: str,
        name: str,
    ) -> None:
        super().__init__(*arguments, check=conflicts)
        self._begin, self._stage = begin, stage
        form = closed(name, {"file": BINARY}, dict.fromkeys(self.query, TEXT))
        self.media = {
            CSV: _media(TEXT, in_csv),
            NDJSON: _media(TEXT, in_json),
            MULTIPART: _media(form, {"file": in_csv}),
            XLSX: {"schema": BINARY},
            **{media_type: {"schema": TEXT} for media_type in (TSV, PLAIN, OLD_EXCEL)},
        }

    def parse_args(self, req: Request | None = None, strict: bool = True, http_error_code: int = 422) -> Namespace:
        """Return the arguments, with the staged `file` or the `refusal` of an unreadable one.

        Raises InvalidInput for the parameters, and what `receive` raises.
        """
        args = super().parse_args(req, strict, http_error_code)
        upload = receive(request, current_settings().max_import_bytes)
        args["file"] = file = self._begin(args)

        @after_this_request
        def close(response: Response) -> Response:
            file.close()
            return response

        args["digest"], args["refusal"] = upload.digest, None
        with upload.file:
            try:
                self._stage(upload.file, upload.format, options_of(args), file, charset=upload.encoding)
                file.diff()
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


def _media(schema: Any, example: Any) -> Mapping[str, Any]:
    """Return the content of one media type of a request body, as OpenAPI writes it."""
    return {"schema": schema, "examples": {"typical": {"value": example}}}


def stage_file(
    opened: IO[bytes],
    format_: str | None,
    options: Options,
    file: StagedFile,
    *,
    columns: Columns,
    rows_of: Callable[[Table], Iterable[Any]],
    charset: str | None = None,
    watch: Watch = iter,
) -> None:
    """Read the rows of a file, which may have these columns, into its import; `rows_of` converts its records.

    Raises Refusal for a file that is no table, or InvalidInput for an option that does not fit it.
    """
    try:
        table = Table(
            opened,
            format_,
            columns,
            options,
            parse_json=parse_json,
            max_unpacked=MOST_UNPACKED * current_settings().max_import_bytes,
            charset=charset,
        )
        file.stage(watch(rows_of(table)))
    except UnreadableFile as error:
        raise Refusal(error.code, error.detail, **error.extra) from error
    except InvalidOption as error:
        raise InvalidInput([fault(error.option, error.code, str(error))]) from error
    file.read_as = table.read_as()
    file.left_out(table.skipped, of=table.rows)
