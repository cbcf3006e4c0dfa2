"""`stats` and `verify`: the stock as a whole."""

import click

from cli.common import StockCommand, json_option, print_json, progress
from models.stock.stats import stats
from models.stock.verify import movements_to_verify, verify


@click.command("stats", cls=StockCommand)
@json_option
def stats_command(as_json: bool) -> None:
    """Show the stock in a few numbers."""
    numbers = stats()
    if as_json:
        print_json(numbers)
        return
    width = max(map(len, numbers))
    for name, number in numbers.items():
        click.echo(f"{name.replace('_', ' ').ljust(width)}  {number}")


@click.command("verify", cls=StockCommand)
@json_option
def verify_command(as_json: bool) -> None:
    """Check that every quantity equals its ledger.

    No stock may ever have been negative, and no count is contradicted. What is wrong is listed, with exit status 1.
    """
    with progress("Verifying", movements_to_verify()) as bar:
        mismatches = list(verify(bar.update))
    if as_json:
        print_json({"movements": bar.length, "faults": mismatches})
    elif mismatches:
        for mismatch in mismatches:
            click.echo(mismatch)
    else:
        click.echo(f"All is well: {bar.length} movements verified.")
    if mismatches:
        raise SystemExit(1)
