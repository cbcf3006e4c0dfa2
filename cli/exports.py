"""`export`: the items as a file, without a request."""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from api.responses.tables import Delimiter, parts_of
from cli.common import StockCommand, Typed, progress
from cli.files import NOT_READ, format_by_name, format_option, is_dash
from models.stock import item_query
from resources.item_parsers import fields_field
from resources.item_rows import COLUMNS
from tables.reading import CSV, NDJSON, XLSX
from tables.writing import Layout

# Names of formats that are not written: a workbook with macros is another format than one without.
NOT_WRITTEN = (*NOT_READ, ".xlsm")
TSV = ".tsv"


@click.command("export", cls=StockCommand)
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@format_option(CSV, NDJSON, XLSX)
@click.option(
    "--fields",
    metavar="NAME,NAME",
    type=Typed("fields", fields_field.convert),
    help="Only these columns, in this order; by default those of the import.",
)
@click.option(
    "--delimiter",
    metavar="CHARACTER",
    type=Typed("delimiter", Delimiter().from_text),
    help="What stands between the cells of a CSV: , ; | or tab.",
)
@click.option("--bom", is_flag=True, help="Begin a CSV with a byte order mark, which Excel needs.")
def export_command(
    file: Path, *, format_: str | None, fields: list[str] | None, delimiter: str | None, bom: bool
) -> None:
    """Write the items to a CSV, NDJSON or XLSX FILE. Archived items are left out.

    The end of its name says which it is, .tsv a CSV with tabs, and every other name a CSV; - is stdout. A regular file
    is replaced as a whole, that behind a link too; to a pipe or a device the items are written as they come.
    """
    format_ = format_ or format_by_name(file, NOT_WRITTEN) or CSV
    if format_ != CSV and (delimiter or bom):
        raise click.UsageError(f"--delimiter and --bom say nothing about a file that is {format_}.")
    between = delimiter or ("\t" if file.suffix.lower() == TSV else ",")
    layout = Layout(format_, fields or COLUMNS, "items", between, bom)
    with progress("Exporting", item_query.count()) as bar:
        parts = parts_of(layout, _with_count(item_query.batches(), bar))
        write_file(file, parts)


def write_file(file: Path, parts: Iterable[bytes]) -> None:
    """Write a file as a whole, or to what a path stands for: stdout, a pipe or a device."""
    if is_dash(file) or _is_stdout(file):
        _write(nullcontext(sys.stdout.buffer), parts)
    elif file.exists() and not file.is_file():
        _write(file.open("wb"), parts)
    else:
        _replace(Path(os.path.realpath(file)), parts)


def _replace(file: Path, parts: Iterable[bytes]) -> None:
    """Write a regular file in one step: nobody finds half of it under this name. It keeps its permissions."""
    draft = file.with_name(f"{file.name}.{os.getpid()}.draft")
    try:
        _write(draft.open("xb"), parts)
        if file.exists():
            shutil.copymode(file, draft)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def _is_stdout(file: Path) -> bool:
    """Return whether a path, as /dev/stdout, is what stdout goes to: a file that may have other output already."""
    try:
        return os.name == "posix" and os.path.samestat(file.stat(), os.fstat(sys.stdout.fileno()))
    except OSError:  # it is not there, or stdout is no file of the system
        return False


def _write(opened: Any, parts: Iterable[bytes]) -> None:
    with opened as stream:
        for part in parts:
            stream.write(part)


def _with_count(chunks: Iterator[list[dict[str, Any]]], bar: Any) -> Iterator[list[dict[str, Any]]]:
    for chunk in chunks:
        yield chunk
        bar.update(len(chunk))
