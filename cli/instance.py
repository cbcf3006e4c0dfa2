"""`backup`, `restore`, `upgrade`, `maintenance` and `version`: the instance as a whole."""

import sqlite3
import time
from pathlib import Path

import click

from api.services import current_settings, services
from cli.common import Command, DatabaseCommand, InstanceCommand, json_option, print_json
from cli.errors import CommandError
from models.database.base import db
from models.database.schema import known, newest
from models.files.backup import DatabaseInUse, InvalidBackup, back_up, restore
from settings import VERSION
from startup import bring_up_to_date, database_name, make_instance_folder, sqlite_file

TOOLS = {"postgresql": ("pg_dump", "pg_restore"), "mysql": ("mariadb-dump", "mariadb")}


@click.command("backup", cls=DatabaseCommand)
@click.argument("file", type=click.Path(path_type=Path))
def backup_command(file: Path) -> None:
    """Copy the SQLite database into a new FILE, and check the copy. The service may run meanwhile."""
    database = _database("back up", 0)
    try:
        checked = back_up(database, file, newest())
    except FileExistsError as error:
        raise CommandError(f"{file} is there already; name a new file.") from error
    except DatabaseInUse as error:
        raise CommandError(f"{database} is being restored; there is no backup.") from error
    except InvalidBackup as error:
        raise CommandError(f"The copy of {database} {error}; there is no backup.") from error
    except sqlite3.Error as error:
        raise CommandError(f"{database} can't be copied: {error}; there is no backup.") from error
    click.echo(f"{file} has everything up to now, checked; its schema is {checked.revision}.", err=True)


@click.command("restore", cls=Command)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def restore_command(file: Path) -> None:
    """Replace the SQLite database by the backup in FILE. The service must be stopped; the old database is kept."""
    database = _database("restore", 1)
    make_instance_folder(current_settings())
    db.engine.dispose()
    try:
        checked, kept = restore(file, database, known(), newest())
    except InvalidBackup as error:
        raise CommandError(f"{file} {error}; nothing was changed.") from error
    except DatabaseInUse as error:
        raise CommandError(f"{database} is in use; stop the service first. Nothing was changed.") from error
    except sqlite3.Error as error:
        raise CommandError(f"{file} can't be read: {error}; nothing was changed.") from error
    click.echo(f"{database} is what {file} was." + (f" The old one is {kept}." if kept else ""), err=True)
    if not checked.verified:
        click.echo(f"Its schema is {checked.revision}; the next start, or python run.py upgrade, updates it.", err=True)


def _database(operation: str, tool: int) -> Path:
    """Return the file of the SQLite database; raises CommandError for another database, naming the tool to use."""
    file = sqlite_file(current_settings())
    if file is None:
        name = TOOLS[db.engine.dialect.name][tool]
        raise CommandError(f"This is not SQLite; to {operation}, use {name} of the database's own tools.")
    return file


@click.command("upgrade", cls=Command)
def upgrade_command() -> None:
    """Apply the migrations that the database lacks. Each start does so too; an empty database gets its tables."""
    bring_up_to_date(current_settings())
    click.echo(f"{database_name(current_settings())} is up to date; its schema is {', '.join(newest())}.", err=True)


@click.command("version")
def version_command() -> None:
    """Print the version of Stockroom."""
    click.echo(f"Stockroom {VERSION}")


@click.group("maintenance")
def maintenance_group() -> None:
    """Maintenance, when the API answers 503: on, off, status."""


@maintenance_group.command("on", cls=InstanceCommand)
@click.option(
    "--wait",
    "seconds",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="For how many seconds to wait for requests under way.",
)
@click.argument("message", nargs=-1)
def maintenance_on(message: tuple[str, ...], seconds: float) -> None:
    """Switch maintenance on and wait until nothing is under way. Clients read the MESSAGE in the detail of each 503."""
    began = time.monotonic()
    maintenance = services().maintenance
    maintenance.enable(" ".join(message))
    is_obeyed = maintenance.obeyed_within(seconds)
    on = f"Maintenance is on in {current_settings().instance_path}; the API answers 503"
    waited = f"{time.monotonic() - began:.1f} s"
    if not is_obeyed:
        raise CommandError(
            f"{on}, but after {waited} a request that began before is still under way; "
            "python run.py maintenance status says when none is."
        )
    click.echo(f"{on}, and nothing is under way (waited {waited}).", err=True)


@maintenance_group.command("off", cls=InstanceCommand)
def maintenance_off() -> None:
    """Switch maintenance off."""
    services().maintenance.disable()
    click.echo(f"Maintenance is off in {current_settings().instance_path}.", err=True)


@maintenance_group.command("status", cls=InstanceCommand)
@json_option
def maintenance_status(as_json: bool) -> None:
    """Print whether maintenance is on.

    If it is, what clients are answered is printed too, and whether requests are still under way.
    """
    maintenance = services().maintenance
    message = maintenance.message()
    is_under_way = None if message is None else not maintenance.requests.end_within(0)
    if as_json:
        print_json({"on": message is not None, "message": message, "under_way": is_under_way})
        return
    click.echo("Maintenance is off." if message is None else f"Maintenance is on: {message}")
    if is_under_way:
        click.echo("A request that began before is still under way.")
