"""The commands of an administrator: `flask verify` and its neighbours."""

import sys
from collections.abc import Callable
from typing import Any

import click
from flask import Flask
from flask.cli import NoAppException

from api.cli_common import StockCommand, Unusable, json_option, print_json, progress
from api.cli_files import export_command, import_command
from api.cli_instance import backup_command, maintenance_group, restore_command
from api.cli_tokens import token_group
from api.cli_users import user_group
from models.base import db
from models.event import Event
from models.item import Item
from models.movement import Movement
from models.stats import stats
from models.token import ApiToken
from models.user import User
from models.verify import movements_to_verify, verify
from settings import Settings, SettingsError


def app_of_environment(create_app: Callable[[Settings], Flask]) -> Flask:
    """The application of the settings in the environment; a fault is told as `flask` tells those of a call.

    Where `flask` lists its commands, it shows a traceback of anything but a NoAppException.
    """
    try:
        return create_app(Settings.from_env())
    except SettingsError as error:
        lists = "--help" in sys.argv or len(sys.argv) == 1
        raise (NoAppException if lists else Unusable)(str(error)) from error


def init_cli(app: Flask) -> None:
    """Hang the commands on `flask …`."""
    for command in (
        *(user_group, token_group, import_command, export_command, stats_command, verify_command),
        *(backup_command, restore_command, maintenance_group),
    ):
        app.cli.add_command(command)
    app.shell_context_processor(_at_hand)


def _at_hand() -> dict[str, Any]:
    """What `flask shell` knows by name."""
    return {"db": db} | {model.__name__: model for model in (ApiToken, Event, Item, Movement, User)}


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
    """Check that every quantity equals its ledger; the exit status is 1, with the list, where one does not."""
    with progress("Verifying", movements_to_verify()) as bar:
        faults = list(verify(bar.update))
    if as_json:
        print_json({"movements": bar.length, "faults": faults})
    elif faults:
        for fault in faults:
            click.echo(fault)
    else:
        click.echo(f"All is well: {bar.length} movements verified.")
    if faults:
        raise SystemExit(1)
