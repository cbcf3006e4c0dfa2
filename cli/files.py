"""`import`: the items from a file, without a request, and what `export` needs too."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path
from typing import IO, Any

import click

from api.requests.types import InvalidValue
from api.requests.uploads import format_of
from cli.common import StockCommand, Typed, command_line, json_option, print_json, progress, user_named
from cli.errors import CommandError, ConfigurationError
from models.database.pages import rows_of
from models.files.importing import ON_CONFLICT, Import
from models.files.row_faults import RefusedRows
from models.files.staging import Row
from models.people.user import User
from models.principal import SCOPES_OF_ROLE, Principal
from resources.import_options import OPTIONS, conflicts, mapping_of, options_of
from resources.imports import stage
from resources.item_rows import COLUMNS
from tables.reading import CSV, NDJSON, XLSX

REQUIRED_SCOPES = {"items:write", "stock:write"}
# Names of formats that are not read: a CSV with such a name would be opened as what it is not.
NOT_READ = (".xls", ".ods", ".json", ".xml", ".html", ".parquet", ".zip", ".gz")


def format_option(*formats: str) -> Callable[..., Any]:
    """Return the option that says what the name of the file does not."""
    return click.option("--format", "format_", type=click.Choice(formats), help="By default, as FILE is named.")


def file_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say how a file is read, as the parameters of a request do."""
    for option in reversed([option for option in OPTIONS if option.name != "columns"]):
        name = f"--{option.name.replace('_', '-')}"
        command = click.option(name, option.name, type=Typed(option.name, option.convert), help=option.help)(command)
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
    for name, field in pairs:
        if not name or field not in COLUMNS:
            raise click.BadParameter(f'"{name}={field}" must be NAME=FIELD, with one of {", ".join(COLUMNS)}.')
    try:
        return mapping_of(pairs)
    except InvalidValue as error:
        raise click.BadParameter(f"{error}.") from error


@click.command("import", cls=StockCommand)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--user", "username", help="The user whom the ledger names; by default the first active admin.")
@click.option("--dry-run", is_flag=True, help="Report what would happen, and change nothing.")
@click.option("--on-conflict", type=click.Choice(ON_CONFLICT), default="update", show_default=True)
@format_option(CSV, NDJSON, XLSX)
@file_options
@json_option
def import_command(
    file: Path,
    *,
    username: str | None,
    dry_run: bool,
    on_conflict: str,
    format_: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Create, update and count items by a CSV, NDJSON or XLSX FILE. All rows are imported, or none.

    The end of its name says which it is; - is stdin.
    """
    for error in conflicts(options):
        raise click.UsageError(f"--{error.part} {error}.")
    by = _importer(username)
    format_ = format_ or format_by_name(file, NOT_READ)
    with closing(Import(on_conflict, dry_run=dry_run)) as rows, _opened(file) as opened:
        with progress("Reading", os.fstat(opened.fileno()).st_size) as bar:
            watch = partial(_with_position, file=opened, bar=bar)
            stage(opened, format_, options_of(options), rows, watch=watch)
        try:
            outcome = rows.apply(by)
        except RefusedRows as refused:
            _report_errors(refused, as_json)
            raise
    if as_json:
        print_json(outcome)
    else:
        numbers = {name: number for name, number in outcome.items() if isinstance(number, int)}
        if not outcome["skipped"]:
            del numbers["skipped"]
        counts = ", ".join(f"{name}: {number}" for name, number in numbers.items())
        click.echo(counts.replace("dry_run: True", "nothing changed").removeprefix("dry_run: False, "))


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


def _importer(username: str | None) -> Principal:
    """Return the principal that the ledger will name; raises CommandError for a user who may not import."""
    if username:
        user: Any = user_named(username)
    else:
        user = next(iter(rows_of(User.matching(role="admin", active=True), User.id)), None)
        if user is None:
            raise CommandError("There is no active admin; name a user with --user.")
    scopes = SCOPES_OF_ROLE[user.role]
    if not user.active or not scopes >= REQUIRED_SCOPES:
        raise CommandError(
            f"{user.username} is {'' if user.active else 'inactive and '}{user.role}, and may not import."
        )
    return Principal(user.id, user.username, user.role, scopes, "password", request_id=command_line().request_id)


def _report_errors(refused: RefusedRows, as_json: bool) -> None:
    if as_json:
        print_json(refused.extra)
        return
    for each in refused.extra["errors"]:
        click.echo(f"line {each['line']}: {each['message']}", err=True)
