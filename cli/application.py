"""The application that a command works with, and what it may create: nothing, unless the command says so.

A command that looks in the wrong place must not leave a second, empty instance there. So it works with an application
that writes nothing when it is created, and it looks for the database before it connects: SQLite would create the file.
"""

import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click
from flask import Flask

from cli.errors import ConfigurationError
from environment import misspelt
from settings import SECRET_KEY_BYTES, Settings
from startup import secret_key_file, sqlite_file

Factory = Callable[[Settings], Flask]


def application_for_commands(create_app: Factory, settings: Settings) -> Flask:
    """Create the application without writing anything; raises SettingsError.

    Where the instance has no secret key yet, the application gets one that is valid in this process only: no command
    signs anything with it. What seems to be a misspelt setting is named on stderr.
    """
    for sentence in misspelt():
        click.echo(sentence, err=True)
    if not settings.secret_key and not _exists(secret_key_file(settings)):
        settings = replace(settings, secret_key=secrets.token_hex(SECRET_KEY_BYTES))
    return create_app(settings)


def application_for_flask(create_app: Factory, settings: Settings, context: click.Context) -> Flask:
    """Create the application for a command of `flask`.

    Raises SettingsError, or ConfigurationError where the command has nothing to work on.
    """
    names = _names(context)  # none while `flask` looks for one of our commands, which check that themselves
    if names == ["run"]:
        raise ConfigurationError("flask run starts the development server, not meant for live data; use: python run.py")
    if names == ["shell"]:
        require_database(settings)
    return application_for_commands(create_app, settings)


def require_database(settings: Settings) -> None:
    """Raise ConfigurationError if the SQLite database is not there; a database server reports that itself."""
    file = sqlite_file(settings)
    if file and not _exists(file):
        raise ConfigurationError(
            f"There is no database {file.as_posix()}; set INSTANCE_PATH or DATABASE_URL as the service has them, "
            "or start with an empty one: python run.py"
        )


def require_instance_folder(settings: Settings) -> None:
    """Raise ConfigurationError if the instance folder is not there."""
    if not _exists(settings.instance_path):
        raise ConfigurationError(
            f"There is no instance folder {settings.instance_path}; set INSTANCE_PATH as the service has it."
        )


def _names(context: click.Context) -> list[str]:
    """Return the names of the command and of the groups it is in, without the program's own."""
    names: list[str] = []
    while context.parent is not None:
        names.insert(0, str(context.info_name))
        context = context.parent
    return names


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        raise ConfigurationError(f"{path} can't be read: {error.strerror}; are you the user of the service?") from error
