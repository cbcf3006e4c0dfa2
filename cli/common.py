"""What the commands share: how errors are reported, who acts, and how tables are printed.

A command ends with 0 when it did what it was asked, 1 when it said no, 2 when the call or the settings make no sense.
"""

import io
import json
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from typing import Any

import click
from click.core import ParameterSource
from flask import Flask
from flask.cli import ScriptInfo
from sqlalchemy.exc import SQLAlchemyError

from api.requests.types import InvalidValues
from api.services import current_settings
from cli.application import require_database, require_instance_folder
from cli.errors import CommandError, ConfigurationError
from cli.tables import print_table
from models.database.errors import is_unavailable
from models.database.pages import rows_of
from models.database.schema import is_current
from models.location_codes import location_ids
from models.people.user import User
from models.principal import SCOPES_OF_ROLE, SYSTEM, Principal, bound_to
from models.refusals import NotFound, Refusal
from settings import SettingsError
from startup import database_name, unusable_database


class Command(click.Command):
    """A command that runs in the context of the application and reports each error in one sentence.

    It may create what is not there; whoever may not is one of the subclasses.
    """

    def invoke(self, ctx: click.Context) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # a cp1252 console lacks most letters
        with _load_app(ctx).app_context(), reporting_errors():
            self.check(ctx)
            return super().invoke(ctx)

    def check(self, ctx: click.Context) -> None:
        """Raise an error, before anything is done, if what the command requires is not there."""


class InstanceCommand(Command):
    """A command that requires the instance folder."""

    def check(self, ctx: click.Context) -> None:
        require_instance_folder(current_settings())


class DatabaseCommand(Command):
    """A command that requires the database; it says on stderr which one it works on, but for a script with `--json`."""

    def check(self, ctx: click.Context) -> None:
        require_database(current_settings())
        if not ctx.params.get("as_json"):
            click.echo(f"Database: {database_name(current_settings())}", err=True)


class StockCommand(DatabaseCommand):
    """A command that reads or changes the stock, and so requires the newest schema."""

    def check(self, ctx: click.Context) -> None:
        super().check(ctx)
        if not is_current():
            name = database_name(current_settings())
            raise CommandError(f"{name} is not up to date, or newer than this version; run: python run.py upgrade")


def _load_app(ctx: click.Context) -> Flask:
    try:
        return ctx.ensure_object(ScriptInfo).load_app()
    except SettingsError as error:
        raise ConfigurationError(str(error)) from error


@contextmanager
def reporting_errors() -> Iterator[None]:
    """Turn the exceptions that no defect causes into a CommandError or a ConfigurationError."""
    try:
        yield
    except Refusal as refusal:
        raise CommandError(refusal.detail) from refusal
    except SettingsError as error:
        raise ConfigurationError(str(error)) from error
    except SQLAlchemyError as error:
        if is_unavailable(error):
            raise ConfigurationError(str(unusable_database(current_settings(), error))) from error
        raise
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror}" if error.filename else str(error)) from error


class Typed(click.ParamType[Any]):
    """An argument that is checked by one of the API's own types."""

    def __init__(self, name: str, check: Callable[[Any], Any]) -> None:
        self.name = name
        self._check = check

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return self._check(value)
        except InvalidValues as error:
            message = f"{value!r} {error}"
            self.fail(message if message.endswith("?") else f"{message}.", param, ctx)


def refuse_options(context: click.Context, names: Iterable[str], reason: str) -> None:
    """Raise a UsageError if one of these options of the command was given; it says the reason."""
    for parameter in context.command.params:
        source = context.get_parameter_source(str(parameter.name))
        if parameter.name in names and source is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{parameter.opts[0]} {reason}")


user_option = click.option(
    "--user", "username", help="The user whom the ledger names; by default the first active admin."
)
json_option = click.option("--json", "as_json", is_flag=True, help="For scripts: JSON, in ASCII.")
location_option = click.option(
    "--location",
    "locations",
    metavar="CODE",
    multiple=True,
    help="The only location whose stock may be changed; once for each of several.",
)


def command_line() -> Principal:
    """Return the principal that acts where a command names no user."""
    return SYSTEM._replace(username="cli", request_id=f"cli-{uuid.uuid4().hex}")


def acting_user(username: str | None, scopes: AbstractSet[str], what: str) -> Principal:
    """Return the principal whom the ledger will name: this user, or the first active admin.

    Raises CommandError for a user who may not do `what`, for which these scopes are needed.
    """
    if username:
        user = user_named(username)
    else:
        first = next(iter(rows_of(User.matching(role="admin", active=True), User.id)), None)
        if first is None:
            raise CommandError("There is no active admin; name a user with --user.")
        user = User.get(first.id)
    of_role = SCOPES_OF_ROLE[user.role]
    if not user.active or not of_role >= scopes:
        raise CommandError(
            f"{user.username} is {'' if user.active else 'inactive and '}{user.role}, and may not {what}."
        )
    request_id, location_ids = command_line().request_id, bound_to(user.location_ids)
    return Principal(
        user.id, user.username, user.role, of_role, "password", request_id=request_id, location_ids=location_ids
    )


def user_named(username: str) -> User:
    """Return the user of this name, ignoring case; raises NotFound."""
    user = User.by_name(username)
    if user is None:
        raise NotFound(f"There is no user {username!r}.")
    return user


def ids_of_locations(codes: Sequence[str]) -> list[int] | None:
    """Return the ids of the locations with these codes, sorted; None for none, which is all. Raises NotFound."""
    ids = dict(zip(codes, location_ids(codes) if codes else (), strict=True))
    for code, location_id in ids.items():
        if location_id is None:
            raise NotFound(f"There is no location with the code {code!r}.")
    return sorted(set(filter(None, ids.values()))) or None


def print_json(value: Any) -> None:
    """Print one JSON text, in ASCII."""
    click.echo(json.dumps(value))


def print_rows(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], as_json: bool) -> None:
    """Print a table, its columns as wide as their cells; or all members of the rows as JSON."""
    if as_json:
        print_json(list(rows))
        return
    print_table([list(columns), *([row[column] for column in columns] for row in rows)])


def progress(label: str, length: int) -> Any:
    """Return a progress bar of `length` steps; it is visible on a terminal only."""
    return click.progressbar(length=length, label=label, file=sys.stderr, hidden=not sys.stderr.isatty())
