"""`import` and `export`: the items as a file, without a request."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import click

from api.requests.types import InvalidValue
from api.requests.uploads import format_of
from cli.common import StockCommand, Typed, command_line, json_option, print_json, progress, user_named
from cli.errors import CommandError
from models.database.reading import rows_of
from models.files.importing import ON_CONFLICT, Import, RefusedRows
from models.files.staging import Row
from models.people.user import User
from models.principal import SCOPES_OF_ROLE, Principal
from models.stock import item_query
from resources.exports import csv_chunks, json_chunks
from resources.import_options import OPTIONS, conflicts, mapping_of, options_of
from resources.imports import stage
from resources.item_rows import COLUMNS
from tables.reading import NDJSON

REQUIRED_SCOPES = {"items:write", "stock:write"}


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
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--user", "username", help="The user whom the ledger names; by default the first active admin.")
@click.option("--dry-run", is_flag=True, help="Report what would happen, and change nothing.")
@click.option("--on-conflict", type=click.Choice(ON_CONFLICT), default="update", show_default=True)
@file_options
@json_option
def import_command(
    file: Path, username: str | None, dry_run: bool, on_conflict: str, as_json: bool, **options: Any
) -> None:
    """Create, update and count items by a CSV, NDJSON or XLSX FILE. All rows are imported, or none."""
    for error in conflicts(options):
        raise click.UsageError(f"--{error.part} {error}.")
    by = _importer(username)
    with closing(Import(on_conflict, dry_run=dry_run)) as rows, file.open("rb") as opened:
        with progress("Reading", file.stat().st_size) as bar:
            watch = partial(_with_position, file=opened, bar=bar)
            stage(opened, format_of(file.name), options_of(options), rows, watch=watch)
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


@click.command("export", cls=StockCommand)
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--bom", is_flag=True, help="Begin a CSV with a byte order mark, which Excel needs.")
def export_command(file: Path, bom: bool) -> None:
    """Write the items to a CSV or NDJSON FILE. Archived items are left out.

    A name that ends with .ndjson or .jsonl makes it NDJSON, every other CSV; - is stdout.
    """
    with progress("Exporting", item_query.count()) as bar:
        batches = _with_count(item_query.batches(), bar)
        is_ndjson = format_of(file.name) == NDJSON
        texts = json_chunks(COLUMNS, batches) if is_ndjson else csv_chunks(COLUMNS, batches, bom)
        if str(file) == "-":
            _write(nullcontext(sys.stdout.buffer), texts)
        else:
            draft = file.with_name(f"{file.name}.{os.getpid()}.draft")
            try:
                _write(draft.open("xb"), texts)
                draft.replace(file)  # in one step: nobody finds half a file under this name
            finally:
                draft.unlink(missing_ok=True)


def _write(opened: Any, texts: Iterable[str]) -> None:
    with opened as stream:
        for text in texts:
            stream.write(text.encode())


def _with_count(chunks: Iterator[list[dict[str, Any]]], bar: Any) -> Iterator[list[dict[str, Any]]]:
    for chunk in chunks:
        yield chunk
        bar.update(len(chunk))


def _with_position(rows: Iterable[Row], file: Any, bar: Any) -> Iterator[Row]:
    """Yield the rows; the bar follows the position in the file, in bytes."""
    for row in rows:
        bar.update(max(0, file.tell() - bar.pos))  # the parts of a workbook are not read in their order
        yield row


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
