"""`transfer …`: goods that go from one location to another."""

import re
from collections.abc import Iterable
from typing import Any

import click

from api.requests.text import Code, Text
from api.requests.types import Integer, InvalidValue
from cli.common import StockCommand, Typed, acting_user, json_option, print_json, print_rows, user_option
from models.database.column_types import MAX_ID
from models.database.pages import rows_of
from models.database.transactions import transactional
from models.stock import transfer_query, transfers
from models.stock.item_fields import MAX_QUANTITY, SKU_LENGTH
from models.stock.location import CODE_LENGTH
from models.stock.transfer import STATES, Transfer
from models.stock.transfer_moves import Arrival, Goods

COLUMNS = ("id", "state", "from", "to", "reference", "reason", "created_at")
LINE_COLUMNS = ("line", "sku", "quantity", "received", "returned", "damaged")

sku_type, quantity_type = Text(SKU_LENGTH, 1), Integer(1, MAX_QUANTITY)
code_type = Typed("code", Code(CODE_LENGTH))
id_argument = click.argument("transfer_id", metavar="ID", type=click.IntRange(1, MAX_ID))
reference_option = click.option("--reference", type=Typed("reference", Text(100)), default="")


def _pair(text: str) -> tuple[str, int]:
    """Return what stands before and behind the last `=` of a text, a quantity; raises InvalidValue."""
    name, equals, quantity = text.rpartition("=")
    if not equals or not re.fullmatch(r"[0-9]{1,10}", quantity):
        raise InvalidValue("malformed", "must be written NAME=QUANTITY, as LAMP-1=2")
    return name, int(quantity_type(int(quantity)))


def _goods(text: str) -> Goods:
    sku, quantity = _pair(text)
    return Goods(quantity, sku=sku_type(sku))


def _line(text: str) -> tuple[int, int]:
    """Return the number of a line and a quantity; raises InvalidValue."""
    line, quantity = _pair(text)
    if not re.fullmatch(r"[0-9]{1,4}", line):
        raise InvalidValue("malformed", "must be written LINE=QUANTITY, as 1=2")
    return int(line), quantity


_line_options = {
    name: click.option(f"--{name}", metavar="LINE=QUANTITY", multiple=True, type=Typed("line", _line), help=words)
    for name, words in {
        "received": "Units that are now at the destination.",
        "returned": "Units that went back to where they came from.",
        "damaged": "Units that arrived and can't be used.",
    }.items()
}


@click.group("transfer")
def transfer_group() -> None:
    """Transfers: send, receive, list, show, reverse."""


@transfer_group.command("send", cls=StockCommand)
@click.argument("sender", metavar="FROM", type=code_type)
@click.argument("receiver", metavar="TO", type=code_type)
@click.argument("goods", metavar="SKU=QUANTITY…", nargs=-1, required=True, type=Typed("goods", _goods))
@click.option("--reason", type=Typed("reason", Text(500, 1)), required=True)
@reference_option
@click.option("--later", is_flag=True, help="They are on their way until they are received.")
@user_option
@json_option
def send(
    *,
    sender: str,
    receiver: str,
    goods: tuple[Goods, ...],
    reason: str,
    reference: str,
    later: bool,
    username: str | None,
    as_json: bool,
) -> None:
    """Send goods from one location to another, all of them or none."""
    made = transactional(transfers.send)(
        goods,
        sender=sender,
        receiver=receiver,
        at_once=not later,
        reason=reason,
        reference=reference,
        by=acting_user(username, {"stock:write"}, "send"),
    )
    _report(made, as_json)


@transfer_group.command("receive", cls=StockCommand)
@id_argument
@_line_options["received"]
@_line_options["returned"]
@_line_options["damaged"]
@click.option("--reason", type=Typed("reason", Text(500, 1)), help="Why what is damaged is issued.")
@reference_option
@user_option
@json_option
def receive(
    *, transfer_id: int, reason: str | None, reference: str, username: str | None, as_json: bool, **arrived: Any
) -> None:
    """Receive goods of a transfer; without a line, all that are on their way."""
    by = acting_user(username, {"stock:write"}, "receive")
    changed = _receive(transfer_id, arrived, reason=reason, reference=reference, by=by)
    _report(changed, as_json)


@transfer_group.command("list", cls=StockCommand)
@click.option("--state", type=click.Choice(STATES))
@click.option("--location", type=code_type, help="Those from or to this one.")
@json_option
def list_(*, state: str | None, location: str | None, as_json: bool) -> None:
    """List transfers, the latest first."""
    rows = rows_of(transfer_query.matching(state=state, location=location), Transfer.id.desc())
    print_rows([Transfer.HEAD.of_row(row) for row in rows], COLUMNS, as_json)


@transfer_group.command("show", cls=StockCommand)
@id_argument
@json_option
def show(*, transfer_id: int, as_json: bool) -> None:
    """Show a transfer and what has become of its lines."""
    transfer = transfer_query.read(transfer_id)
    _report(transfer, as_json)
    if not as_json:
        print_rows(transfer["lines"], LINE_COLUMNS, as_json)


@transfer_group.command("reverse", cls=StockCommand)
@id_argument
@click.option("--reason", type=Typed("reason", Text(500, 1)))
@reference_option
@user_option
@json_option
def reverse(*, transfer_id: int, reason: str | None, reference: str, username: str | None, as_json: bool) -> None:
    """Bring back what a transfer has sent; once."""
    by = acting_user(username, {"stock:write"}, "reverse")
    changed = transactional(transfers.reverse)(transfer_id, reason=reason, reference=reference, by=by)
    _report(changed, as_json)


@transactional
def _receive(transfer_id: int, arrived: dict[str, Iterable[tuple[int, int]]], **others: Any) -> dict[str, Any]:
    arrivals = [Arrival(line, **{name: quantity}) for name, lines in arrived.items() for line, quantity in lines]
    if not arrivals:
        arrivals = transfers.on_their_way(transfer_query.read(transfer_id))
    return transfers.receive(transfer_id, arrivals, **others)


def _report(transfer: dict[str, Any], as_json: bool) -> None:
    """Print the transfer; what is for people is on stderr."""
    if as_json:
        print_json(transfer)
        return
    words = f"from {transfer['from']} to {transfer['to']}, {transfer['state'].replace('_', ' ')}"
    click.echo(f"Transfer {transfer['id']}: {words}{', reversed' if transfer['reversed'] else ''}.", err=True)
