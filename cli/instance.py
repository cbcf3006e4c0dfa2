"""`flask backup`, `flask restore` and `flask maintenance`: the instance as a whole."""

import sqlite3
from pathlib import Path

import click
from sqlalchemy.engine import make_url

from api.middleware.maintenance import maintenance_flag
from cli.common import Command, CommandError, settings
from models.database.base import db
from models.database.schema import known, newest
from models.files.backup import DatabaseInUse, InvalidBackup, back_up, restore

TOOLS = {"postgresql": ("pg_dump", "pg_restore"), "mysql": ("mariadb-dump", "mariadb")}


@click.command("backup", cls=Command)
@click.argument("file", type=click.Path(path_type=Path))
def backup_command(file: Path) -> None:
    """Copy the SQLite database into a new file, while the service runs, and check the copy."""
    database = _database("back up", 0)
    try:
        checked = back_up(database, file, newest())
    except FileExistsError as error:
        raise CommandError(f"{file} is there already; name a new file.") from error
    except InvalidBackup as error:
        raise CommandError(f"The copy of {database} {error}; there is no backup.") from error
    except sqlite3.Error as error:
        raise CommandError(f"{database} can't be copied: {error}; there is no backup.") from error
    click.echo(f"{file} has everything up to now, checked; its schema is {checked.revision}.", err=True)


@click.command("restore", cls=Command)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def restore_command(file: Path) -> None:
    """Replace the SQLite database by a backup; the service must be stopped. The old database is kept."""
    database = _database("restore", 1)
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
        click.echo(f"Its schema is {checked.revision}; the next start, or flask db upgrade, updates it.", err=True)


def _database(operation: str, tool: int) -> Path:
    """Return the file of the SQLite database; raises CommandError for another database, naming the tool to use."""
    url = make_url(settings().database_url)
    name = url.get_backend_name()
    if name != "sqlite":
        raise CommandError(f"This is not SQLite; to {operation}, use {TOOLS[name][tool]} of the database's own tools.")
    return Path(str(url.database))


@click.group("maintenance")
def maintenance_group() -> None:
    """Maintenance mode: while it is on, the API answers 503."""


@maintenance_group.command("on", cls=Command)
@click.argument("message", nargs=-1)
def maintenance_on(message: tuple[str, ...]) -> None:
    """Switch maintenance on; clients read the MESSAGE in the `detail` of each 503."""
    maintenance_flag().enable(" ".join(message))
    click.echo("Maintenance is on; within a second, the API answers 503.", err=True)


@maintenance_group.command("off", cls=Command)
def maintenance_off() -> None:
    """Switch maintenance off."""
    maintenance_flag().disable()
    click.echo("Maintenance is off.", err=True)
