"""The check of reservations: each has in its movements what it has fulfilled, and its item knows of it."""

from collections.abc import Iterator

from sqlalchemy import func, or_, select

from models.database.base import db
from models.stock.item import Item
from models.stock.movement import Movement
from models.stock.reservation import STATE_IS_OPEN, Reservation


def reservation_faults() -> Iterator[str]:
    """Yield one sentence for every reservation whose numbers or state are wrong, and for every item marked wrongly.

    Each of the two statements sees one snapshot of the database.
    """
    issued = (
        select(Movement.reservation_id, func.sum(-Movement.delta).label("units"))
        .where(Movement.reservation_id.is_not(None), Movement.kind == "issue")
        .group_by(Movement.reservation_id)
        .subquery()
    )
    fulfilled = func.coalesce(issued.c.units, 0)
    is_done = Reservation.state == "fulfilled"
    query = (
        select(Reservation.id, Reservation.quantity, Reservation.open, Reservation.state, fulfilled.label("fulfilled"))
        .outerjoin(issued, issued.c.reservation_id == Reservation.id)
        .where(
            or_(
                Reservation.open < 0,
                Reservation.open > Reservation.quantity,
                fulfilled != Reservation.quantity - Reservation.open,
                is_done & (Reservation.open != 0),
                ~is_done & (Reservation.open == 0),
            )
        )
        .order_by(Reservation.id)
    )
    for row in db.session.execute(query):
        yield (
            f"reservation {row.id}: is {row.state}, {row.open} of {row.quantity} are open, "
            f"its movements have issued {row.fulfilled}"
        )
    has_open = select(Reservation.id).where(Reservation.item_id == Item.id, STATE_IS_OPEN).exists()
    unaware = select(Item.id, Item.sku).where(Item.reserving.is_(False), has_open).order_by(Item.id)
    for row in db.session.execute(unaware):
        yield f"item {row.id} ({row.sku}): has open reservations, and is not marked as reserving"
