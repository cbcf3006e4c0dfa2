"""`import` and `export`: the items as a file, without a request."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import click

from api.media_types import CSV, NDJSON
from api.requests.uploads import Source, store
from cli.common import StockCommand, command_line, json_option, print_json, progress, user_named
from cli.errors import CommandError
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
JSON_NAMES = (".ndjson", ".jsonl")


@click.command("import", cls=StockCommand)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--user", "username", help="The user whom the ledger names; by default the first active admin.")
@click.option("--dry-run", is_flag=True, help="Report what would happen, and change nothing.")
@click.option("--on-conflict", type=click.Choice(ON_CONFLICT), default="update", show_default=True)
@json_option
def import_command(file: Path, username: str | None, dry_run: bool, on_conflict: str, as_json: bool) -> None:
    """Create, update and count items by a CSV or NDJSON FILE. All rows are imported, or none."""
    by = _importer(username)
    format_ = _format_of(file)
    with closing(Import(on_conflict, dry_run=dry_run)) as rows, file.open("rb") as opened:
        upload = store(Source(format_, opened, format_ == NDJSON))
        with progress("Reading", file.stat().st_size) as bar:
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
def export_command(file: Path, bom: bool) -> None:
    """Write the items to a CSV or NDJSON FILE. Archived items are left out.

    A name that ends with .ndjson or .jsonl makes it NDJSON, every other CSV; - is stdout.
    """
    with progress("Exporting", item_query.count()) as bar:
        batches = _with_count(item_query.batches(), bar)
        texts = json_chunks(COLUMNS, batches) if _format_of(file) == NDJSON else csv_chunks(COLUMNS, batches, bom)
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
        bar.update(file.tell() - bar.pos)
        yield row


def _format_of(file: Path) -> str:
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
