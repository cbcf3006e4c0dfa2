"""`user …`: the users of the service, for an administrator of the machine."""

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from api.auth.accounts import email_type, new_hash, new_username_type, password_type, username_type
from api.requests.types import InvalidValue
from cli.common import (
    StockCommand,
    Typed,
    command_line,
    ids_of_locations,
    json_option,
    location_option,
    print_json,
    print_rows,
    user_named,
)
from cli.errors import CommandError
from models.database.pages import rows_of
from models.database.transactions import transactional
from models.location_codes import LocationCodes
from models.people.secrets import random_letters
from models.people.user import User
from models.principal import ROLES
from startup import PASSWORD_LENGTH

COLUMNS = ("id", "username", "role", "active", "email", "locations")

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

username_argument = click.argument("username", type=Typed("username", username_type))
role_choice = click.Choice(ROLES)


def password_options(command: Decorated) -> Decorated:
    """Add the options that name a source of the password; it is never an argument, which every local user can list."""
    command = click.option("--password-stdin", is_flag=True, help="Read the password from a line of stdin.")(command)
    return click.option("--prompt", is_flag=True, help="Ask for the password, twice.")(command)


@click.group("user")
def user_group() -> None:
    """Users: create, list, change, deactivate."""


@user_group.command("create", cls=StockCommand)
@click.argument("username", type=Typed("username", new_username_type))
@click.option("--role", type=role_choice, default="guest", show_default=True)
@click.option("--email", type=Typed("email", email_type))
@location_option
@password_options
@json_option
def create(
    *, username: str, locations: tuple[str, ...], prompt: bool, password_stdin: bool, as_json: bool, **fields: Any
) -> None:
    """Create a user. Unless an option names a source, the password is random and printed this once."""
    fields["location_ids"] = ids_of_locations(locations)
    password, generated = _new_password(prompt, password_stdin)
    user = _create(username=username, password_hash=new_hash("password", password, username), **fields)
    _report(user, generated, as_json)


@user_group.command("list", cls=StockCommand)
@click.option("--role", type=role_choice)
@json_option
def list_(role: str | None, as_json: bool) -> None:
    """List the users, the inactive included."""
    rows, codes = rows_of(User.matching(role=role), User.id), LocationCodes()
    print_rows([codes.represent(User.REPRESENTATION, row) for row in rows], COLUMNS, as_json)


@user_group.command("set-role", cls=StockCommand)
@username_argument
@click.argument("role", type=role_choice)
@json_option
def set_role(username: str, role: str, as_json: bool) -> None:
    """Change the role of a user. It applies from the next request on."""
    _report(_change(username, role=role), None, as_json)


@user_group.command("set-locations", cls=StockCommand)
@username_argument
@click.argument("locations", metavar="[CODE]...", nargs=-1)
@json_option
def set_locations(username: str, locations: tuple[str, ...], as_json: bool) -> None:
    """Bind a user to the locations with these codes, or to none. It applies from the next request on."""
    _report(_change(username, location_ids=ids_of_locations(locations)), None, as_json)


@user_group.command("reset-password", cls=StockCommand)
@username_argument
@password_options
@json_option
def reset_password(username: str, prompt: bool, password_stdin: bool, as_json: bool) -> None:
    """Set another password of a user, and end their sessions."""
    name = user_named(username).username
    password, generated = _new_password(prompt, password_stdin)
    _report(_change(name, password_hash=new_hash("password", password, name)), generated, as_json)


@user_group.command("deactivate", cls=StockCommand)
@username_argument
@json_option
def deactivate(username: str, as_json: bool) -> None:
    """Refuse every credential of a user. The ledger keeps the name."""
    _report(_change(username, active=False), None, as_json)


@user_group.command("activate", cls=StockCommand)
@username_argument
@json_option
def activate(username: str, as_json: bool) -> None:
    """Accept the credentials of a deactivated user again."""
    _report(_change(username, active=True), None, as_json)


@transactional
def _create(**fields: Any) -> dict[str, Any]:
    return User.create(**fields, by=command_line()).to_dict()


@transactional
def _change(username: str, **changes: Any) -> dict[str, Any]:
    user = User.get(user_named(username).id, lock=True)
    user.change(by=command_line(), **changes)
    return user.to_dict()


def _new_password(prompt: bool, password_stdin: bool) -> tuple[str, str | None]:
    """Return the new password, and once more if it was generated here and has to be printed.

    Raises UsageError for two sources, CommandError for a password that the API would refuse.
    """
    if prompt and password_stdin:
        raise click.UsageError("Use either --prompt or --password-stdin.")
    if not prompt and not password_stdin:
        random = random_letters(PASSWORD_LENGTH)
        return random, random
    if prompt:
        given = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        given = _line_of_stdin()
    try:
        return password_type(given), None
    except InvalidValue as error:
        raise CommandError(f"The password {error}.") from error


def _line_of_stdin() -> str:
    try:
        return sys.stdin.buffer.readline().decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise CommandError("The password on stdin is not UTF-8.") from error


def _report(user: dict[str, Any], password: str | None, as_json: bool) -> None:
    """Print the user; a generated password stands alone on stdout, so that a script can read it."""
    if as_json:
        print_json({**user, "password": password} if password else user)
        return
    bound = f", bound to {', '.join(user['locations'])}" if user["locations"] else ""
    state = user["role"] + bound + ("" if user["active"] else ", inactive")
    click.echo(f"{user['username']} ({state})." + (" The password, printed this once:" if password else ""), err=True)
    if password:
        click.echo(password)
