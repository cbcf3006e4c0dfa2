"""`report …`: what the stock is worth, what has to be ordered, and what goes."""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

import click

from api.requests.text import Code
from api.requests.types import Integer, Timestamp
from api.responses.tables import parts_of
from cli.common import StockCommand, Typed, print_rows
from cli.exports import NOT_WRITTEN, write_file
from cli.files import format_by_name, is_dash
from models.reports import reorder, turnover, valuation
from models.reports.period import period
from models.stock.item_fields import MAX_QUANTITY
from models.stock.location import CODE_LENGTH
from models.values import now, rfc3339
from tables.reading import CSV, NDJSON, XLSX
from tables.writing import Layout

JSON = "json"
Rows = Iterable[Sequence[dict[str, Any]]]
time_type = Typed("time", Timestamp())


def output_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command its FILE, and the option that says its format."""
    file = click.argument("file", default="-", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
    formats = (CSV, XLSX, NDJSON, JSON)
    help_ = "By default, as FILE is named; without a FILE, a table to be read."
    return file(click.option("--format", "format_", type=click.Choice(formats), help=help_)(command))


@click.group("report")
def report_group() -> None:
    """Reports: valuation, reorder, turnover."""


@report_group.command("valuation", cls=StockCommand)
@output_options
@click.option("--at", type=time_type, metavar="TIME", help="As 2026-01-31T08:00:00Z; by default now.")
@click.option("--method", type=click.Choice(valuation.METHODS), default=valuation.AVERAGE, show_default=True)
def report_valuation(file: Path, *, format_: str | None, at: datetime | None, method: str) -> None:
    """Value the stock by the costs of its receipts."""
    rows = ([item.to_dict() for item in batch] for batch in valuation.batches(at, method))

    def head() -> dict[str, Any]:
        return {"at": rfc3339(at or now()), "method": method, **valuation.totals(at, method)}

    _report(file, format_, "valuation", valuation.COLUMNS, rows, head=head)


@report_group.command("reorder", cls=StockCommand)
@output_options
@click.option("--location", type=Typed("code", Code(CODE_LENGTH)), help="Its stocks with a level of their own.")
@click.option(
    "--reorder-to",
    type=Typed("number", Integer(1, MAX_QUANTITY).from_text),
    metavar="NUMBER",
    help="How many are to be available; by default, as many as the reorder level.",
)
def report_reorder(file: Path, *, format_: str | None, location: str | None, reorder_to: int | None) -> None:
    """List what is at or below its reorder level, and how many to order."""
    _report(file, format_, "reorder", reorder.COLUMNS, reorder.batches(location, reorder_to), head=dict)


@report_group.command("turnover", cls=StockCommand)
@output_options
@click.option("--since", type=time_type, metavar="TIME", help="By default, 30 days before the end.")
@click.option("--until", type=time_type, metavar="TIME", help="By default now.")
def report_turnover(file: Path, *, format_: str | None, since: datetime | None, until: datetime | None) -> None:
    """List what was issued of each item, for how many days its stock lasts, and its last issue."""
    since, until = period(since, until)
    if since >= until:
        raise click.UsageError("--since must be earlier than --until, which is now if it is not given.")
    head = {"since": rfc3339(since), "until": rfc3339(until)}
    _report(file, format_, "turnover", turnover.COLUMNS, turnover.batches(since, until), head=lambda: head)


def _report(
    file: Path,
    format_: str | None,
    title: str,
    columns: Sequence[str],
    rows: Rows,
    *,
    head: Callable[[], dict[str, Any]],
) -> None:
    """Write a report to a file or to stdout, as a table to be read unless a name or an option says another format.

    `head` returns what stands beside the rows, which CSV and workbooks have no place for.
    """
    if format_ is None and not is_dash(file):
        format_ = JSON if file.suffix.lower() == ".json" else format_by_name(file, NOT_WRITTEN) or CSV
    if format_ is None:
        print_rows(chain.from_iterable(rows), columns, as_json=False)
        click.echo(", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in head().items()), err=True)
    elif format_ == JSON:
        write_file(file, [json.dumps({**head(), "data": [*chain.from_iterable(rows)]}).encode(), b"\n"])
    else:
        write_file(file, parts_of(Layout(format_, columns, title), rows))
