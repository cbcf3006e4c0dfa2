"""The end of reservations that are past their time: their state is written, with its event, each once.

They promise nothing from that time on, written or not; so nothing depends on when this runs, nor on how many processes
run it at the same time.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, select, update

from models.database.base import db, table_of
from models.database.reading import PreparedQuery
from models.database.transactions import transactional
from models.event import Event
from models.principal import SYSTEM
from models.stock.item import Item
from models.stock.low_stock import Change, has_levels, record_crossings
from models.stock.reservation import IS_DUE, Reservation
from models.stock.reservation_query import RESERVATIONS, to_dict
from models.stock.reservations import touch
from models.values import now

# How many are written in one transaction.
BATCH = 500
_reservations = table_of(Reservation)
_DUE = PreparedQuery(select(Reservation.item_id).where(IS_DUE).order_by(Reservation.expires_at).limit(BATCH))
_LOCK = (
    select(Item.id, Item.reorder_level, Item.levelled)
    .where(Item.id.in_(bindparam("items", expanding=True)))
    .order_by(Item.id)
)
_DUE_OF_ITEMS = (
    RESERVATIONS.add_columns(Reservation.location_id)
    .where(IS_DUE, Reservation.item_id.in_(bindparam("items", expanding=True)))
    .order_by(Reservation.id)
    .limit(BATCH)
)
_EXPIRE = (
    update(_reservations)
    .where(_reservations.c.id.in_(bindparam("ids", expanding=True)), IS_DUE)
    .values(state="expired", updated_at=bindparam("at", type_=_reservations.c.updated_at.type))
)


def expire_due() -> int:
    """Write the end of all reservations that are past their time; return how many these were.

    An item that somebody has locked waits until the others are done. If there is nothing to do, one row of an index is
    looked for, and nothing is locked.
    """
    expired = 0
    while rows := _DUE.rows():
        items = list(dict.fromkeys(row.item_id for row in rows))
        expired += _expire(items, waits=False) or _expire(items[:1], waits=True)
    return expired


@transactional
def _expire(items: Sequence[int], *, waits: bool) -> int:
    """Write the end of what is due of these items, of those that nobody has locked unless it `waits` for the lock."""
    locked: dict[int, Any] = {
        row.id: row for row in db.session.execute(_LOCK.with_for_update(skip_locked=not waits), {"items": items})
    }
    rows = db.session.execute(_DUE_OF_ITEMS, {"items": list(locked)}).all() if locked else []
    if not rows:
        return 0
    due = [to_dict(row) for row in rows]
    written = db.session.connection().execute(_EXPIRE, {"ids": [each["id"] for each in due], "at": now()})
    if written.rowcount != len(due):
        raise AssertionError(f"{written.rowcount} of {len(due)} reservations of locked items expired")
    touch({each["item_id"] for each in due})
    Event.record_many("reservation.expired", [(each, each["item_id"], None) for each in due], SYSTEM)
    freed = [Change(row.item_id, row.location_id, row.open) for row in rows if has_levels(locked[row.item_id])]
    record_crossings(freed, SYSTEM)
    return len(due)
