"""The check of all transfers: what each location has of them is what their lines say, to the last unit."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, case, func, literal, or_, select, union_all

from models.database.base import db, table_of
from models.database.reading import AnySelect
from models.stock.movement import Movement
from models.stock.place import IN_TRANSIT_ID, MAIN_ID
from models.stock.transfer import Transfer, TransferLine

_movements, _lines = table_of(Movement), table_of(TransferLine)
# Where the goods of a transfer can be, by the name of its column.
PLACES = {"sender": "where they came from", "receiver": "where they went", "way": "on their way", "others": "elsewhere"}


def transfer_faults() -> Iterator[str]:
    """Yield one sentence for every transfer whose movements, lines and state contradict each other."""
    for row in db.session.execute(_contradictions()):
        for name, words in PLACES.items():
            more = getattr(row, name)
            if more:
                yield f"transfer {row.transfer_id}: item {row.item_id}: its movements {words} are {more} off its lines"
    for row in db.session.execute(_wrong_states()):
        yield f"transfer {row.id}: its state is {row.state}, its lines say otherwise"


def _contradictions() -> AnySelect:
    """Return the select of the items of transfers with what was moved beyond what the lines say, by place."""
    arrived = _lines.c.received + _lines.c.returned + _lines.c.damaged
    said = select(
        _lines.c.transfer_id,
        _lines.c.item_id,
        (_lines.c.quantity - _lines.c.returned).label("sender"),
        (-_lines.c.received).label("receiver"),
        (arrived - _lines.c.quantity).label("way"),
        literal(0).label("others"),
    )
    location = func.coalesce(_movements.c.location_id, MAIN_ID)
    ends = [Transfer.from_id, Transfer.to_id, literal(IN_TRANSIT_ID)]
    moved = select(
        _movements.c.transfer_id,
        _movements.c.item_id,
        *(case((location == end, _movements.c.delta), else_=0) for end in ends),
        case((or_(*(location == end for end in ends)), 0), else_=func.abs(_movements.c.delta)),
    ).join(Transfer, Transfer.id == _movements.c.transfer_id)
    both = union_all(said, moved).subquery()
    sums: list[ColumnElement[Any]] = [func.sum(both.c[name]) for name in PLACES]
    return (
        select(
            both.c.transfer_id, both.c.item_id, *(total.label(name) for total, name in zip(sums, PLACES, strict=True))
        )
        .group_by(both.c.transfer_id, both.c.item_id)
        .having(or_(*(total != 0 for total in sums)))
        .order_by(both.c.transfer_id, both.c.item_id)
    )


def _wrong_states() -> AnySelect:
    """Return the select of the transfers that are received although goods are on their way, and the other way round."""
    arrived = TransferLine.received + TransferLine.returned + TransferLine.damaged
    on_their_way = (
        select(TransferLine.line)
        .where(TransferLine.transfer_id == Transfer.id, TransferLine.quantity > arrived)
        .exists()
    )
    is_received = Transfer.state == "received"
    return select(Transfer.id, Transfer.state).where(or_(is_received & on_their_way, ~is_received & ~on_their_way))
