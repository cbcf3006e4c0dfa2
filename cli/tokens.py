"""`token …`: the API tokens of scripts, made for their owners."""

from typing import Any

import click

from api.requests.text import Text
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
from models.database.column_types import MAX_ID
from models.database.pages import rows_of
from models.database.transactions import transactional
from models.location_codes import LocationCodes
from models.people.token import ApiToken
from models.people.user import User
from models.principal import SCOPES, SCOPES_OF_ROLE
from models.refusals import NotFound

COLUMNS = ("id", "username", "prefix", "name", "scopes", "expires_at", "last_used_at", "locations")


@click.group("token")
def token_group() -> None:
    """API tokens: create, list, revoke."""


@token_group.command("create", cls=StockCommand)
@click.argument("username")
@click.option("--name", type=Typed("name", Text(100, 1)), required=True, help="What it is for.")
@click.option("--scope", "scopes", type=click.Choice(SCOPES), multiple=True, required=True, help="Once for each.")
@click.option("--expires-in-days", type=click.IntRange(1, 3650), help="Without it, until revoked.")
@location_option
@json_option
def create(
    *,
    username: str,
    name: str,
    scopes: tuple[str, ...],
    expires_in_days: int | None,
    locations: tuple[str, ...],
    as_json: bool,
) -> None:
    """Create a token for a user. Its secret is printed this once, alone on stdout."""
    user = user_named(username)
    beyond = [scope for scope in scopes if scope not in SCOPES_OF_ROLE[user.role]]
    if beyond:
        raise CommandError(f"{user.username} is {user.role}, which does not have {', '.join(beyond)}.")
    if not user.active:
        raise CommandError(f"{user.username} is not active.")
    ids = ids_of_locations(locations)
    foreign = set(ids or ()).difference(user.location_ids) if user.location_ids else set()
    if foreign:
        codes = LocationCodes()
        raise CommandError(
            f"{user.username} is bound to {', '.join(codes.of(user.location_ids))}, not to "
            f"{', '.join(codes.of(foreign))}."
        )
    issued = _issue(
        user_id=user.id,
        name=name,
        scopes=list(dict.fromkeys(scopes)),
        expires_in_days=expires_in_days,
        location_ids=ids,
    )
    if as_json:
        print_json(issued)
        return
    click.echo(f"Token {issued['id']} of {username}; it is printed this once:", err=True)
    click.echo(issued["token"])


@token_group.command("list", cls=StockCommand)
@click.argument("username", required=False)
@json_option
def list_(username: str | None, as_json: bool) -> None:
    """List the tokens of a user, or of all, that have not been revoked."""
    users = [user_named(username)] if username else rows_of(User.matching(), User.id)
    codes = LocationCodes()
    rows = [
        {**codes.represent(ApiToken.REPRESENTATION, token), "username": user.username}
        for user in users
        for token in rows_of(ApiToken.owned(user.id), ApiToken.id)
    ]
    print_rows(rows, COLUMNS, as_json)


@token_group.command("revoke", cls=StockCommand)
@click.argument("username")
@click.argument("token_id", type=click.IntRange(1, MAX_ID))
def revoke(username: str, token_id: int) -> None:
    """Revoke a token of a user: its next request is refused."""
    _revoke(token_id, username)
    click.echo(f"Token {token_id} is revoked.", err=True)


@transactional
def _issue(**fields: Any) -> dict[str, Any]:
    issued = ApiToken.issue(**fields, by=command_line())
    return {**issued.row.to_dict(), "token": issued.secret}


@transactional
def _revoke(token_id: int, username: str) -> None:
    user = user_named(username)
    try:
        token = ApiToken.get(token_id, user.id, lock=True)
    except NotFound as error:
        raise CommandError(f"{user.username} has no token {token_id}.") from error
    token.revoke(by=command_line())
