"""`reservation …`: what is promised, and still there."""

from datetime import timedelta
from typing import Any

import click

from api.requests.text import Code, Text
from api.requests.types import Integer
from cli.common import StockCommand, Typed, acting_user, json_option, print_json, print_rows, user_option
from models.database.column_types import MAX_ID
from models.database.pages import rows_of
from models.database.transactions import transactional
from models.principal import Principal
from models.stock import reservation_query, reservations
from models.stock.item_fields import MAX_QUANTITY, SKU_LENGTH
from models.stock.lines import Line, RefusedLines
from models.stock.location import CODE_LENGTH
from models.stock.reservation import STATES, Reservation

COLUMNS = ("id", "sku", "location", "quantity", "open", "state", "expires_at", "reason", "reference", "user")

units_type = Typed("quantity", lambda value: Integer(1, MAX_QUANTITY).from_text(str(value)))
sku_type = Typed("sku", Text(SKU_LENGTH, 1))
code_type = Typed("location", Code(CODE_LENGTH))
reference_type = Typed("reference", Text(100))
id_argument = click.argument("reservation_id", metavar="ID", type=click.IntRange(1, MAX_ID))


@click.group("reservation")
def reservation_group() -> None:
    """Reservations: create, list, fulfil, release."""


@reservation_group.command("create", cls=StockCommand)
@click.argument("sku", type=sku_type)
@click.argument("quantity", type=units_type)
@click.option("--reason", type=Typed("reason", Text(500, 1)), required=True, help="Whom or what it is for.")
@click.option("--reference", type=reference_type, default="", help="An order, to search by.")
@click.option("--location", type=code_type, help="By default, the default one.")
@click.option("--expires-in-minutes", "minutes", type=click.IntRange(1, 525_600), help="Without it, never.")
@user_option
@json_option
def create(*, minutes: int | None, username: str | None, as_json: bool, **line: Any) -> None:
    """Reserve some units of the item with this SKU."""
    _report(_create(Line("reserve", **line), minutes, _user(username)), as_json)


@reservation_group.command("list", cls=StockCommand)
@click.option("--sku", type=sku_type)
@click.option("--location", type=code_type)
@click.option("--reference", type=reference_type)
@click.option("--state", type=click.Choice(STATES), default="open", show_default=True)
@json_option
def list_(*, as_json: bool, **conditions: Any) -> None:
    """List reservations: those that are open, or in another state."""
    rows = rows_of(reservation_query.matching(**conditions), Reservation.id)
    print_rows([reservation_query.to_dict(row) for row in rows], COLUMNS, as_json)


@reservation_group.command("fulfil", cls=StockCommand)
@id_argument
@click.option("--quantity", type=units_type, help="By default, all that is open.")
@user_option
@json_option
def fulfil(*, reservation_id: int, quantity: int | None, username: str | None, as_json: bool) -> None:
    """Issue what was reserved, or a part of it. The rest stays open."""
    by = _user(username)
    _report(_fulfil(reservation_id, quantity, by), as_json)


@reservation_group.command("release", cls=StockCommand)
@id_argument
@user_option
@json_option
def release(*, reservation_id: int, username: str | None, as_json: bool) -> None:
    """Release what is open of a reservation. It is available again."""
    by = _user(username)
    _report(transactional(reservations.release)(reservation_id, by=by), as_json)


def _user(username: str | None) -> Principal:
    return acting_user(username, {"stock:write"}, "change stock")


@transactional
def _create(line: Line, minutes: int | None, by: Principal) -> dict[str, Any]:
    expires_in = None if minutes is None else timedelta(minutes=minutes)
    try:
        [reservation] = reservations.reserve([line], expires_in=expires_in, by=by)
    except RefusedLines as refused:
        raise refused.refusals[0] from None
    return reservation


@transactional
def _fulfil(reservation_id: int, quantity: int | None, by: Principal) -> dict[str, Any]:
    _, fulfilled = reservations.fulfil(reservations.lock(reservation_id, by), quantity, by=by)
    return fulfilled


def _report(reservation: dict[str, Any], as_json: bool) -> None:
    """Print the reservation; what is for people is on stderr."""
    if as_json:
        print_json(reservation)
        return
    numbers = f"{reservation['open']} of {reservation['quantity']} {reservation['sku']} at {reservation['location']}"
    click.echo(f"Reservation {reservation['id']} ({reservation['state']}): {numbers} open.", err=True)
