"""The check of the whole ledger: every quantity is the sum of its movements, and every movement has its event."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from models.database.base import db
from models.event import Event
from models.stock.item import Item
from models.stock.movement import Movement

ROWS_AT_A_TIME = 1000


def movements_to_verify() -> int:
    """Return how many movements `verify` will read."""
    return db.session.scalar(select(func.count()).select_from(Movement)) or 0


def verify(advance: Callable[[int], object] = lambda _: None, session: Session | None = None) -> Iterator[str]:
    """Yield one sentence for every fault of the ledger; none means that it is consistent.

    One statement reads everything in order, so it sees one snapshot of the database whatever is written meanwhile, and
    memory use is constant. `advance` is called for each item with the number of movements read; `session` may be that
    of another database with the same schema.
    """
    query = (
        select(
            Item.id,
            Item.sku,
            Item.quantity,
            Movement.id.label("movement_id"),
            Movement.delta,
            Movement.quantity_after,
            Event.id.label("event_id"),
        )
        .outerjoin(Movement, Movement.item_id == Item.id)
        .outerjoin(Event, Event.movement_id == Movement.id)
        .order_by(Item.id, Movement.id)
        .execution_options(yield_per=ROWS_AT_A_TIME)
    )
    for _, rows in groupby((session or db.session).execute(query), key=lambda row: row.id):
        yield from _faults_of_item(rows, advance)


def _faults_of_item(rows: Iterable[Row[*tuple[Any, ...]]], advance: Callable[[int], object]) -> Iterator[str]:
    total = before = count = 0
    for row in rows:
        if row.movement_id is None:
            break
        count += 1
        total += row.delta
        if row.quantity_after != before + row.delta:
            expected = before + row.delta
            yield f"movement {row.movement_id}: quantity_after is {row.quantity_after}, not {expected}"
        if row.event_id is None:
            yield f"movement {row.movement_id}: has no event"
        before = row.quantity_after
    if row.quantity != total:
        yield f"item {row.id} ({row.sku}): quantity is {row.quantity}, its movements sum up to {total}"
    advance(count)
