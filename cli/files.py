"""`import` and `export`: the items as a file, without a request."""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import click

from api.media_types import CSV, NDJSON
from api.requests.uploads import Source, store
from cli.common import StockCommand, command_line, json_option, print_json, progress, user_named
from cli.errors import CommandError, ConfigurationError
from models.database.reading import rows_of
from models.files.importing import ON_CONFLICT, Import
from models.files.row_faults import RefusedRows
from models.files.staging import Row
from models.people.user import User
from models.principal import SCOPES_OF_ROLE, Principal
from models.stock import item_query
from resources.exports import csv_chunks, json_chunks
from resources.imports import stage
from resources.item_rows import COLUMNS

REQUIRED_SCOPES = {"items:write", "stock:write"}
FORMATS = {"csv": CSV, "ndjson": NDJSON}
JSON_NAMES = (".ndjson", ".jsonl")
# Names of formats that there are not: a CSV with such a name would be opened as what it is not.
OTHER_NAMES = (".xlsx", ".xlsm", ".xls", ".ods", ".json", ".xml", ".html", ".parquet", ".zip", ".gz")

format_option = click.option("--format", "format_", type=click.Choice([*FORMATS]), help="By default, as FILE is named.")


@click.command("import", cls=StockCommand)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--user", "username", help="The user whom the ledger names; by default the first active admin.")
@click.option("--dry-run", is_flag=True, help="Report what would happen, and change nothing.")
@click.option("--on-conflict", type=click.Choice(ON_CONFLICT), default="update", show_default=True)
@format_option
@json_option
def import_command(
    file: Path, *, username: str | None, dry_run: bool, on_conflict: str, format_: str | None, as_json: bool
) -> None:
    """Create, update and count items by a CSV or NDJSON FILE. All rows are imported, or none.

    A name that ends with .ndjson or .jsonl says that it is NDJSON; - is stdin.
    """
    by = _importer(username)
    media_type = _media_type(file, format_)
    source = nullcontext(sys.stdin.buffer) if _is_dash(file) else file.open("rb")
    with closing(Import(on_conflict, dry_run=dry_run)) as rows, source as opened:
        upload = store(Source(media_type, opened, media_type == NDJSON))
        with progress("Reading", 0 if _is_dash(file) else file.stat().st_size) as bar:
            stage(upload, rows, lambda read: _with_position(read, upload.text.buffer, bar))
        try:
            outcome = rows.apply(by)
        except RefusedRows as refused:
            _report_errors(refused, as_json)
            raise
    if as_json:
        print_json(outcome)
    else:
        counts = ", ".join(f"{name}: {number}" for name, number in outcome.items() if isinstance(number, int))
        click.echo(counts.replace("dry_run: True", "nothing changed").removeprefix("dry_run: False, "))


@click.command("export", cls=StockCommand)
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--bom", is_flag=True, help="Begin a CSV with a byte order mark, which Excel needs.")
@format_option
def export_command(file: Path, bom: bool, format_: str | None) -> None:
    """Write the items to a CSV or NDJSON FILE. Archived items are left out.

    A name that ends with .ndjson or .jsonl makes it NDJSON, every other CSV; - is stdout. A regular file is replaced as
    a whole, that behind a link too; to a pipe or a device the items are written as they come.
    """
    media_type = _media_type(file, format_)
    with progress("Exporting", item_query.count()) as bar:
        batches = _with_count(item_query.batches(), bar)
        texts = json_chunks(COLUMNS, batches) if media_type == NDJSON else csv_chunks(COLUMNS, batches, bom)
        if _is_dash(file) or _is_stdout(file):
            _write(nullcontext(sys.stdout.buffer), texts)
        elif file.exists() and not file.is_file():
            _write(file.open("wb"), texts)
        else:
            _replace(Path(os.path.realpath(file)), texts)


def _replace(file: Path, texts: Iterable[str]) -> None:
    """Write a regular file in one step: nobody finds half of it under this name. It keeps its permissions."""
    draft = file.with_name(f"{file.name}.{os.getpid()}.draft")
    try:
        _write(draft.open("xb"), texts)
        if file.exists():
            shutil.copymode(file, draft)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def _is_dash(file: Path) -> bool:
    return str(file) == "-"


def _is_stdout(file: Path) -> bool:
    """Return whether a path, as /dev/stdout, is what stdout goes to: a file that may have other output already."""
    try:
        return os.name == "posix" and os.path.samestat(file.stat(), os.fstat(sys.stdout.fileno()))
    except OSError:  # it is not there, or stdout is no file of the system
        return False


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
        bar.update(file.tell() - bar.pos)
        yield row


def _media_type(file: Path, format_: str | None) -> str:
    """Return the media type of a file; raises ConfigurationError for the name of a format that there is not."""
    if format_:
        return FORMATS[format_]
    if file.suffix.lower() in OTHER_NAMES:
        raise ConfigurationError(
            f"{file} is named as {file.suffix[1:].upper()}, which there is not: name it .csv, or .ndjson for JSON "
            "lines, or say --format."
        )
    return NDJSON if file.suffix.lower() in JSON_NAMES else CSV


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
