"""`location …`: the places where stock lies."""

from typing import Any

import click

from api.requests.text import Code, Text
from cli.common import StockCommand, Typed, command_line, json_option, print_json, print_rows
from models.database.pages import rows_of
from models.database.transactions import transactional
from models.stock.location import CODE_LENGTH, NAME_LENGTH, Location

COLUMNS = ("id", "code", "name", "default", "archived")

code_type = Typed("code", Code(CODE_LENGTH))
code_argument = click.argument("code", type=code_type)
name_type = Typed("name", Text(NAME_LENGTH))
default_option = click.option("--default", is_flag=True, help="Movements that name no location are at this one.")


@click.group("location")
def location_group() -> None:
    """Locations: create, list, change, archive, restore."""


@location_group.command("create", cls=StockCommand)
@code_argument
@click.option("--name", type=name_type, default="")
@default_option
@json_option
def create(*, code: str, name: str, default: bool, as_json: bool) -> None:
    """Create a location."""
    _report(_create(code=code, name=name, default=default), as_json)


@location_group.command("list", cls=StockCommand)
@click.option("--archived", is_flag=True, help="Those that are archived.")
@json_option
def list_(*, archived: bool, as_json: bool) -> None:
    """List the locations that are not archived."""
    rows = rows_of(Location.matching(archived=archived), Location.code_key)
    print_rows([Location.REPRESENTATION.of_row(row) for row in rows], COLUMNS, as_json)


@location_group.command("change", cls=StockCommand)
@code_argument
@click.option("--code", "new_code", type=code_type, help="Its code from now on.")
@click.option("--name", type=name_type)
@default_option
@json_option
def change(*, code: str, new_code: str | None, name: str | None, default: bool, as_json: bool) -> None:
    """Change code or name of a location, or make it the default one."""
    if new_code is None and name is None and not default:
        raise click.UsageError("Say what is to change: --code, --name or --default.")
    _report(_change(code, code=new_code, name=name, default=default), as_json)


@location_group.command("archive", cls=StockCommand)
@code_argument
@json_option
def archive(*, code: str, as_json: bool) -> None:
    """Archive a location that has no stock. Its code remains taken."""
    _report(_set_archived(code, archived=True), as_json)


@location_group.command("restore", cls=StockCommand)
@code_argument
@json_option
def restore(*, code: str, as_json: bool) -> None:
    """Restore an archived location."""
    _report(_set_archived(code, archived=False), as_json)


@transactional
def _create(**fields: Any) -> dict[str, Any]:
    return Location.create(**fields, by=command_line()).to_dict()


@transactional
def _change(current_code: str, **changes: Any) -> dict[str, Any]:
    location = Location.by_code(current_code, lock=True)
    location.change(**changes, by=command_line())
    return location.to_dict()


@transactional
def _set_archived(code: str, *, archived: bool) -> dict[str, Any]:
    location = Location.by_code(code, lock=True)
    location.set_archived(archived, by=command_line())
    return location.to_dict()


def _report(location: dict[str, Any], as_json: bool) -> None:
    """Print the location; what is for people is on stderr."""
    if as_json:
        print_json(location)
        return
    states = [state for state in ("default", "archived") if location[state]]
    click.echo(f"{location['code']}{f' ({states[0]})' if states else ''}.", err=True)
