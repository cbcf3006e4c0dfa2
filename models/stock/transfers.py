"""Transfers: goods leave one location and arrive at another, at once or later, and never half.

Each act writes the ledger first, under the locks of the items, and then what has become of the lines. What is on its
way lies at a location of the service, `IN_TRANSIT`, and remains a part of the item's quantity.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import bindparam, select, update

from models.database.base import db, table_of
from models.database.current_write import write_connection
from models.database.writing import execute_many, insert_many
from models.event import Event
from models.principal import Principal
from models.refusals import NotFound, Refusal
from models.stock import transfer_query
from models.stock.lines import Line, RefusedLines
from models.stock.location import Location
from models.stock.movement import Movement
from models.stock.place import IN_TRANSIT, IN_TRANSIT_ID
from models.stock.stock_rows import lock_stocks
from models.stock.transfer import Transfer, TransferLine
from models.stock.transfer_moves import ARRIVED, Arrival, Goods, TransferMoves
from models.values import normalized, now

_lines = table_of(TransferLine)
_insert_lines = _lines.insert().values({column.name: bindparam(column.name) for column in _lines.columns})
_arrive = (
    update(_lines)
    .where(_lines.c.transfer_id == bindparam("of_transfer"), _lines.c.line == bindparam("of_line"))
    .values({name: _lines.c[name] + bindparam(f"more_{name}") for name in ARRIVED})
)


def send(
    goods: Sequence[Goods], *, sender: str, receiver: str, at_once: bool, reason: str, reference: str, by: Principal
) -> dict[str, Any]:
    """Send goods from one location to another, all or none, and return the transfer.

    They arrive at once, or are on their way until they are received. Raises Refusal `same_location`,
    `unknown_location` or `location_archived`, or RefusedLines.
    """
    _lock_items(goods, by, sender, receiver)
    ends = _lock_ends(sender, receiver)
    created_at = now()
    row = {"from_id": ends[0], "to_id": ends[1], "reason": reason, "reference": reference, "user_id": by.user_id}
    times = {"created_at": created_at, "updated_at": created_at}
    state = "received" if at_once else "in_transit"
    [transfer_id] = insert_many(Transfer, [{**row, **times, "state": state, "reversed": False}])
    act = TransferMoves(transfer_id, sender, receiver, reason, reference)
    destination = receiver if at_once else IN_TRANSIT
    moves = [act.moves(each, sender, destination) for each in goods]
    movements = _record(moves, by)
    sent = movements[::2]  # the one that left, of each line
    rows = [
        {
            "transfer_id": transfer_id,
            "line": number,
            "item_id": movement["item_id"],
            "quantity": -movement["delta"],
            "received": -movement["delta"] if at_once else 0,
            "returned": 0,
            "damaged": 0,
        }
        for number, movement in enumerate(sent, 1)
    ]
    execute_many(write_connection(), _insert_lines, rows)
    return _recorded("transfer.created", transfer_id, by)


def receive(
    transfer_id: int, arrivals: Sequence[Arrival], *, reason: str | None, reference: str, by: Principal
) -> dict[str, Any]:
    """Record what has become of goods on their way, all or none, and return the transfer.

    `reason` is that of what is damaged. Raises Refusal `transfer_state` where nothing is on its way, RefusedLines with
    `unknown_line` or `over_receipt`, or NotFound.
    """
    transfer = _lock(transfer_id)
    _check_on_its_way(transfer)
    lines = {line["line"]: line for line in transfer["lines"]}
    _check_arrivals(lines, arrivals)
    act = _moves_of(transfer, reference or transfer["reference"], transfer["reason"])
    loss = reason or f"damaged on the way, transfer {transfer_id}"
    moves = []
    for arrival in arrivals:
        arrived, returned, damaged = (
            Goods(quantity, lines[arrival.line]["item_id"])
            for quantity in (arrival.received + arrival.damaged, arrival.returned, arrival.damaged)
        )
        moves.append(
            [
                *act.moves(arrived, IN_TRANSIT, act.receiver),
                *act.loss(damaged, loss),
                *act.moves(returned, IN_TRANSIT, act.sender),
            ]
        )
    _record(moves, by)
    _note(transfer_id, arrivals)
    return _recorded("transfer.received", transfer_id, by)


def reverse(transfer_id: int, *, reason: str | None, reference: str, by: Principal) -> dict[str, Any]:
    """Bring back what a transfer has sent, what is on its way too, and return the transfer.

    What has arrived damaged is gone; what is reserved goes back too, since it is no new decision. Raises Refusal
    `already_reversed`, or `transfer_state` where nothing is left to be brought back, RefusedLines where the destination
    does not have it any more, or NotFound.
    """
    transfer = _lock(transfer_id)
    if transfer["reversed"]:
        raise Refusal("already_reversed", f"Transfer {transfer_id} was reversed before.")
    reason = reason or f"reversal of transfer {transfer_id}"
    act = _moves_of(transfer, reference or transfer["reference"], reason, undoes=True)
    moves, arrivals = [], []
    for line in transfer["lines"]:
        on_its_way, received = _outstanding(line), line["received"]
        moves.append(
            [
                *act.moves(Goods(on_its_way, line["item_id"]), IN_TRANSIT, act.sender),
                *act.moves(Goods(received, line["item_id"]), act.receiver, act.sender),
            ]
        )
        arrivals.append(Arrival(line["line"], -received, on_its_way + received))
    if not any(moves):
        raise Refusal(
            "transfer_state", f"Nothing of transfer {transfer_id} is left to bring back.", state=transfer["state"]
        )
    _record(moves, by)
    _note(transfer_id, arrivals, reversed=True)
    return _recorded("transfer.reversed", transfer_id, by)


def _lock_items(goods: Iterable[Goods], by: Principal, *codes: str) -> None:
    """Lock items and then these locations, in the order of everybody who locks both, so that none can deadlock."""
    lines = [Line("transfer_out", reason="", location=code, **each._asdict()) for each in goods for code in codes]
    lock_stocks(write_connection(), lines, by)


def _lock_ends(sender: str, receiver: str) -> tuple[int, int]:
    """Return the ids of two locations, neither of which is archived before the transaction ends."""
    keys = normalized(sender), normalized(receiver)
    if keys[0] == keys[1]:
        raise Refusal("same_location", f"Goods can't go from {sender!r} to {receiver!r}: that is one location.")
    query = select(Location.id, Location.code_key, Location.code, Location.archived).where(
        Location.code_key.in_(keys), Location.id != IN_TRANSIT_ID
    )
    found = {row.code_key: row for row in db.session.execute(query.order_by(Location.id).with_for_update(read=True))}
    for key, code in zip(keys, (sender, receiver), strict=True):
        if key not in found:
            raise Refusal("unknown_location", f"There is no location with the code {code!r}.")
        if found[key].archived:
            raise Refusal("location_archived", f"Location {found[key].code!r} is archived; restore it first.")
    return found[keys[0]].id, found[keys[1]].id


def _lock(transfer_id: int) -> dict[str, Any]:
    """Return a transfer that nobody else changes before the transaction ends; raises NotFound."""
    locked = select(Transfer.id).where(Transfer.id == transfer_id).with_for_update()
    if db.session.scalar(locked) is None:
        raise NotFound(f"There is no transfer {transfer_id}.")
    return transfer_query.read(transfer_id)


def _moves_of(transfer: dict[str, Any], reference: str, reason: str, *, undoes: bool = False) -> TransferMoves:
    return TransferMoves(transfer["id"], transfer["from"], transfer["to"], reason, reference, undoes)


def on_their_way(transfer: dict[str, Any]) -> list[Arrival]:
    """Return the arrival of all that is on its way."""
    return [Arrival(line["line"], _outstanding(line)) for line in transfer["lines"] if _outstanding(line)]


def _outstanding(line: dict[str, Any]) -> int:
    """Return how many units of a line are on their way."""
    outstanding: int = line["quantity"] - sum(line[name] for name in ARRIVED)
    return outstanding


def _check_on_its_way(transfer: dict[str, Any]) -> None:
    if transfer["state"] == "received":
        raise Refusal("transfer_state", f"Nothing of transfer {transfer['id']} is on its way.", state="received")


def _check_arrivals(lines: dict[int, dict[str, Any]], arrivals: Iterable[Arrival]) -> None:
    """Raise RefusedLines for lines that there are not, and for those of which more arrives than is on its way."""
    outstanding = {number: _outstanding(line) for number, line in lines.items()}
    refusals: dict[int, Refusal] = {}
    for index, arrival in enumerate(arrivals):
        left = outstanding.get(arrival.line)
        if left is None:
            refusals[index] = Refusal("unknown_line", f"This transfer has no line {arrival.line}.")
        elif sum(arrival[1:]) > left:
            text = f"Of line {arrival.line}, {left} are on their way; {sum(arrival[1:])} can't arrive."
            refusals[index] = Refusal("over_receipt", text, outstanding=left)
        else:
            outstanding[arrival.line] = left - sum(arrival[1:])
    if refusals:
        raise RefusedLines(refusals, "lines")


def _record(moves: Sequence[Sequence[Line]], by: Principal) -> list[dict[str, Any]]:
    """Record the movements of each line of a transfer; raises RefusedLines by the index of the line."""
    of_line = [index for index, lines in enumerate(moves) for _ in lines]
    try:
        return Movement.record([line for lines in moves for line in lines], by)
    except RefusedLines as refused:
        refusals: dict[int, Refusal] = {}
        for number, refusal in refused.refusals.items():
            refusals.setdefault(of_line[number], refusal)
        raise RefusedLines(refusals, "lines") from None


def _note(transfer_id: int, arrivals: Iterable[Arrival], *, reversed: bool = False) -> None:  # noqa: A002
    """Write what has become of the lines, and the state that the transfer has by that."""
    rows = [
        {"of_transfer": transfer_id, "of_line": arrival.line}
        | {f"more_{name}": getattr(arrival, name) for name in ARRIVED}
        for arrival in arrivals
    ]
    execute_many(write_connection(), _arrive, rows)
    on_its_way = _lines.c.quantity > _lines.c.received + _lines.c.returned + _lines.c.damaged
    rest = db.session.scalar(select(_lines.c.line).where(_lines.c.transfer_id == transfer_id, on_its_way).limit(1))
    state = "received" if rest is None else "partly_received"
    values = {"state": state, "reversed": reversed, "updated_at": now()}
    db.session.execute(update(Transfer).where(Transfer.id == transfer_id).values(**values))


def _recorded(event_type: str, transfer_id: int, by: Principal) -> dict[str, Any]:
    transfer = transfer_query.read(transfer_id)
    Event.record(event_type, transfer, by)
    return transfer
