"""`flask db`: Flask-Migrate for developers; whoever only runs the service has `python run.py upgrade`."""

from typing import Any

import click
from flask.cli import with_appcontext
from flask_migrate.cli import db as flask_migrate

from api.services import current_settings
from cli.application import require_database
from cli.common import reporting_errors
from startup import make_instance_folder, sqlite_file

# What its help lists; the others are for who changes the schema, and are found by their names.
LISTED = ("current", "history", "upgrade")


class _Migrations(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in super().list_commands(ctx) if name in LISTED]


@click.group("db", cls=_Migrations, commands=flask_migrate.commands, params=flask_migrate.params)
@with_appcontext
@click.pass_context
def migrations_group(context: click.Context, /, **options: Any) -> None:
    """Database migrations, for developers."""
    with reporting_errors():
        if context.invoked_subcommand != "upgrade":
            require_database(current_settings())
        elif sqlite_file(current_settings()):
            make_instance_folder(current_settings())
    context.invoke(flask_migrate.callback, **options)
