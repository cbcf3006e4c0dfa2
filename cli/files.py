"""`import`: the items from a file, without a request, and what `export` needs too."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path
from typing import IO, Any

import click

from api.requests.types import InvalidValue
from api.requests.uploads import format_of
from cli.common import (
    StockCommand,
    Typed,
    acting_user,
    json_option,
    print_json,
    progress,
    refuse_options,
    user_option,
)
from cli.errors import ConfigurationError
from cli.tables import print_table
from models.files.changes import MAX_CHANGES
from models.files.importing import COUNTS, Import
from models.files.movement_import import MovementImport
from models.files.row_faults import RefusedRows
from models.files.staging import Row
from models.stock.movement import KINDS
from resources.file_parser import Stage
from resources.import_options import MOVEMENT_OPTIONS, OPTIONS, conflicts, mapping_of, options_of, rules_of
from resources.imports import stage
from resources.item_rows import IMPORT_COLUMNS
from resources.movement_imports import stage as stage_movements
from resources.movement_rows import COLUMNS as MOVEMENT_COLUMNS
from tables.reading import CSV, NDJSON, XLSX

# Names of formats that are not read: a CSV with such a name would be opened as what it is not.
NOT_READ = (".xls", ".ods", ".json", ".xml", ".html", ".parquet", ".zip", ".gz")
# The counts that are reported also if they are 0.
ALWAYS_REPORTED = ("created", "updated", "unchanged", "recorded")
# The options of an import of items alone.
OF_ITEMS = {option.name for option in OPTIONS} - {option.name for option in MOVEMENT_OPTIONS}


def format_option(*formats: str) -> Callable[..., Any]:
    """Return the option that says what the name of the file does not."""
    return click.option("--format", "format_", type=click.Choice(formats), help="By default, as FILE is named.")


def file_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say how a file is read, as the parameters of a request do."""
    for option in reversed([option for option in OPTIONS if option.name != "columns"]):
        name, type_ = f"--{option.name.replace('_', '-')}", Typed(option.name, option.convert)
        more = {"default": option.default, "show_default": True} if option.default else {}
        command = click.option(name, option.name, type=type_, help=option.help, **more)(command)
    return click.option(
        "--map",
        "columns",
        metavar='"NAME=FIELD"',
        multiple=True,
        callback=_mapping,
        help='The field of a column of the file, as "Variant SKU=sku"; may be repeated.',
    )(command)


def _mapping(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    pairs = [value.rpartition("=")[::2] for value in values]
    fields = MOVEMENT_COLUMNS if ctx.params["movements"] else IMPORT_COLUMNS
    for name, field in pairs:
        if not name or field not in fields:
            raise click.BadParameter(f'"{name}={field}" must be NAME=FIELD, with one of {", ".join(fields)}.')
    try:
        return mapping_of(pairs)
    except InvalidValue as error:
        raise click.BadParameter(f"{error}.") from error


@click.command("import", cls=StockCommand)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--movements", is_flag=True, is_eager=True, help="FILE has movements, not items.")
@click.option("--kind", type=click.Choice(KINDS), help="The kind of all movements of a FILE without such a column.")
@user_option
@click.option("--dry-run", is_flag=True, help="Report what would happen, and change nothing.")
@format_option(CSV, NDJSON, XLSX)
@file_options
@json_option
@click.pass_context
def import_command(
    context: click.Context,
    /,
    file: Path,
    *,
    movements: bool,
    kind: str | None,
    username: str | None,
    dry_run: bool,
    format_: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Create, update and count items by a CSV, NDJSON or XLSX FILE. All rows are imported, or none.

    With --movements they are movements: goods received, issued or counted. The end of the name of FILE says what it
    is; - is stdin.
    """
    if movements:
        refuse_options(context, OF_ITEMS, "says nothing about movements.")
    else:
        refuse_options(context, ("kind",), "says something about movements only.")
    for error in conflicts(options):
        raise click.UsageError(f"--{error.part} {error}.")
    by = acting_user(username, {"items:write", "stock:write"}, "import")
    format_ = format_ or format_by_name(file, NOT_READ)
    read: Stage = stage_movements if movements else stage
    rows: Import | MovementImport = (
        MovementImport(by, kind, dry_run=dry_run, watch=progress)
        if movements
        else Import(by, rules_of(options), dry_run=dry_run, watch=progress)
    )
    with closing(rows), _opened(file) as opened:
        with progress("Reading", os.fstat(opened.fileno()).st_size) as bar:
            watch = partial(_with_position, file=opened, bar=bar)
            read(opened, format_, options_of(options), rows, watch=watch)
            bar.update(max(0, bar.length - bar.pos))
        rows.diff()
        try:
            outcome = rows.apply()
        except RefusedRows as refused:
            _report_errors(refused, as_json)
            raise
    if as_json:
        print_json(outcome)
    else:
        _report_outcome(outcome)


def _with_position(rows: Iterable[Row], file: Any, bar: Any) -> Iterator[Row]:
    """Yield the rows; the bar follows the position in the file, in bytes."""
    for row in rows:
        bar.update(max(0, file.tell() - bar.pos))  # the parts of a workbook are not read in their order
        yield row


def is_dash(file: Path) -> bool:
    """Return whether a path stands for stdin or stdout."""
    return str(file) == "-"


def _opened(file: Path) -> IO[bytes]:
    """Open a file to be read; what can be read only once, as stdin and pipes, is stored before."""
    if not is_dash(file) and file.is_file():
        return file.open("rb")
    stored = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the caller
    with nullcontext(sys.stdin.buffer) if is_dash(file) else file.open("rb") as source:
        shutil.copyfileobj(source, stored)
    stored.seek(0)
    return stored


def format_by_name(file: Path, not_here: Sequence[str]) -> str | None:
    """Return the format that the end of a name says, if any; raises ConfigurationError for one of `not_here`."""
    if file.suffix.lower() in not_here:
        raise ConfigurationError(
            f"{file} is named as {file.suffix[1:].upper()}, which can't be had here: name it .csv, .xlsx, or "
            ".ndjson for JSON lines, or say --format."
        )
    return format_of(file.name)


def _report_outcome(outcome: Mapping[str, Any]) -> None:
    """Print what an import did; what a dry run would have changed is a table as wide as the console."""
    changes = outcome.get("changes", [])
    if changes:
        columns = ("row", "sku", "field", "from", "to")
        lines = [columns, *([change[column] for column in columns] for change in changes)]
        print_table(lines, shutil.get_terminal_size().columns)
    if len(changes) == MAX_CHANGES:
        click.echo(f"(the first {MAX_CHANGES} changes)")
    names = [
        name for name in (*COUNTS, "recorded") if outcome.get(name) or (name in outcome and name in ALWAYS_REPORTED)
    ]
    counts = [f"{name}: {outcome[name]}" for name in names]
    click.echo(", ".join(["nothing changed"] * outcome["dry_run"] + counts))


def _report_errors(refused: RefusedRows, as_json: bool) -> None:
    if as_json:
        print_json(refused.extra)
        return
    for each in refused.extra["errors"]:
        click.echo(f"line {each['line']}: {each['message']}", err=True)
