"""The commands of an administrator: `flask verify` and its neighbours."""

import sys
from collections.abc import Callable
from typing import Any

from flask import Flask
from flask.cli import NoAppException

from cli.common import Unusable
from cli.files import export_command, import_command
from cli.instance import backup_command, maintenance_group, restore_command
from cli.stock import stats_command, verify_command
from cli.tokens import token_group
from cli.users import user_group
from models.database.base import db
from models.event import Event
from models.people.token import ApiToken
from models.people.user import User
from models.stock.item import Item
from models.stock.movement import Movement
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
