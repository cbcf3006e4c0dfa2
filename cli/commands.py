"""The commands of an administrator, as `python run.py …` and `flask …` offer them."""

import sys
from typing import Any

import click
from flask import Flask
from flask.cli import NoAppException

from cli.application import Factory, application_for_flask
from cli.errors import ConfigurationError
from cli.exports import export_command
from cli.files import import_command
from cli.instance import backup_command, maintenance_group, restore_command, upgrade_command, version_command
from cli.locations import location_group
from cli.mail import mail_group
from cli.migrations import migrations_group
from cli.reports import report_group
from cli.reservations import reservation_group
from cli.stock import stats_command, verify_command
from cli.tokens import token_group
from cli.transfers import transfer_group
from cli.users import user_group
from cli.worker import worker_command
from environment import read_settings
from models.database.base import db
from models.event import Event
from models.outbound.delivery import Delivery
from models.outbound.lease import Lease
from models.outbound.subscription import Subscription
from models.outbound.webhook import Webhook
from models.people.token import ApiToken
from models.people.user import User
from models.stock.item import Item
from models.stock.location import Location
from models.stock.movement import Movement
from models.stock.reservation import Reservation
from models.stock.transfer import Transfer
from settings import SettingsError

# What `python run.py` offers and, but for Flask's own commands, `flask` too; in this order.
COMMANDS: tuple[click.Command, ...] = (
    *(user_group, token_group, location_group, transfer_group, reservation_group),
    *(import_command, export_command, report_group, stats_command, verify_command),
    *(mail_group, worker_command),
    *(backup_command, restore_command, upgrade_command, maintenance_group, version_command),
)


def app_of_environment(create_app: Factory) -> Flask:
    """Return the application of the settings in the environment, for `flask …` or for a server such as gunicorn.

    Raises an exception of click, which `flask` prints. Where `flask` lists its commands, it prints the traceback of
    anything but a NoAppException.
    """
    context = click.get_current_context(silent=True)  # a server is no command of click
    try:
        settings = read_settings(after_flask=context is not None)
        return application_for_flask(create_app, settings, context) if context else create_app(settings)
    except SettingsError as error:
        lists = "--help" in sys.argv or len(sys.argv) == 1
        raise (NoAppException if lists else ConfigurationError)(str(error)) from error


def init_cli(app: Flask) -> None:
    """Register the commands with `flask …`."""
    for command in COMMANDS:
        app.cli.add_command(command)
    app.cli.add_command(migrations_group)
    app.shell_context_processor(_shell_names)


def _shell_names() -> dict[str, Any]:
    """Return the names that `flask shell` knows from the start."""
    stock = (Item, Location, Movement, Reservation, Transfer)
    others = (ApiToken, Delivery, Event, Lease, Subscription, User, Webhook)
    return {"db": db} | {model.__name__: model for model in (*stock, *others)}
