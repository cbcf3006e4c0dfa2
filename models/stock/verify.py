"""The check of the whole ledger: every quantity and stock is the sum of its movements, each of which has its event.

And of its history: at no time was a stock negative, and none contradicts a count.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Row, case, func, literal, select, union_all
from sqlalchemy.orm import Session

from models.database.base import db
from models.database.reading import AnySelect
from models.event import Event
from models.stock.item import Item
from models.stock.level_faults import level_faults
from models.stock.location_stock import LocationStock
from models.stock.movement import Movement
from models.stock.reservation_faults import reservation_faults
from models.stock.transfer_check import transfer_faults
from models.values import rfc3339

ROWS_AT_A_TIME = 1000


def movements_to_verify() -> int:
    """Return how many movements `verify` will read."""
    return db.session.scalar(select(func.count()).select_from(Movement)) or 0


def verify(advance: Callable[[int], object] = lambda _: None) -> Iterator[str]:
    """Yield one sentence for every fault of the ledger, its transfers and its history; none means it is consistent."""
    yield from ledger_faults(advance)
    yield from transfer_faults()
    yield from history_faults()
    yield from reservation_faults()
    yield from level_faults()


def ledger_faults(advance: Callable[[int], object] = lambda _: None, session: Session | None = None) -> Iterator[str]:
    """Yield one sentence for every fault of the ledger as it is now.

    One statement reads all items and movements in order, so it sees one snapshot of the database whatever is written
    meanwhile, and memory use is constant; another one sums up the stocks at locations. `advance` is called for each
    item with the number of movements read; `session` may be that of another database with the same schema.
    """
    query = (
        select(
            Item.id,
            Item.sku,
            Item.quantity,
            Item.elsewhere,
            Item.moved_at,
            Movement.id.label("movement_id"),
            Movement.delta,
            Movement.quantity_after,
            Movement.location_id,
            func.coalesce(Movement.location_quantity_after, Movement.quantity_after).label("location_quantity_after"),
            Movement.occurred_at,
            Event.id.label("event_id"),
        )
        .outerjoin(Movement, Movement.item_id == Item.id)
        .outerjoin(Event, Event.movement_id == Movement.id)
        .order_by(Item.id, Movement.id)
        .execution_options(yield_per=ROWS_AT_A_TIME)
    )
    for _, rows in groupby((session or db.session).execute(query), key=lambda row: row.id):
        yield from _faults_of_item(rows, advance)
    yield from _stock_faults(session or db.session())


def _faults_of_item(rows: Iterable[Row[*tuple[Any, ...]]], advance: Callable[[int], object]) -> Iterator[str]:
    total = before = count = 0
    there: Counter[int | None] = Counter()
    latest: datetime | None = None
    for row in rows:
        if row.movement_id is None:
            break
        count += 1
        total += row.delta
        if row.quantity_after != before + row.delta:
            expected = before + row.delta
            yield f"movement {row.movement_id}: quantity_after is {row.quantity_after}, not {expected}"
        there[row.location_id] += row.delta
        if row.location_quantity_after != there[row.location_id]:
            found, expected = row.location_quantity_after, there[row.location_id]
            yield f"movement {row.movement_id}: location_quantity_after is {found}, not {expected}"
        if row.event_id is None:
            yield f"movement {row.movement_id}: has no event"
        before = row.quantity_after
        latest = max(latest or row.occurred_at, row.occurred_at)
    if row.quantity != total:
        yield f"item {row.id} ({row.sku}): quantity is {row.quantity}, its movements sum up to {total}"
    elsewhere = total - there[None]
    if row.elsewhere != elsewhere:
        yield f"item {row.id} ({row.sku}): elsewhere is {row.elsewhere}, its movements there sum up to {elsewhere}"
    if row.moved_at != latest:
        yield f"item {row.id} ({row.sku}): moved_at is {rfc3339(row.moved_at)}, its latest movement {rfc3339(latest)}"
    advance(count)


def _stock_faults(session: Session) -> Iterator[str]:
    """Yield one sentence for every stock at a location that differs from the sum of its movements, in one snapshot."""
    at_location = Movement.location_id.is_not(None)
    stocks = select(LocationStock.item_id, LocationStock.location_id, LocationStock.quantity, literal(0).label("delta"))
    moved = select(Movement.item_id, Movement.location_id, literal(0), Movement.delta).where(at_location)
    both = union_all(stocks, moved).subquery()
    quantity, delta = (func.sum(both.c[name]) for name in ("quantity", "delta"))
    query = (
        select(both.c.item_id, both.c.location_id, quantity.label("quantity"), delta.label("delta"))
        .group_by(both.c.item_id, both.c.location_id)
        .having(quantity != delta)
        .order_by(both.c.item_id, both.c.location_id)
    )
    for row in session.execute(query):
        yield (
            f"item {row.item_id}: its stock at location {row.location_id} is {row.quantity}, "
            f"its movements there sum up to {row.delta}"
        )


def history_faults() -> Iterator[str]:
    """Yield one sentence for every item whose stock was negative at a time, and for every count that is contradicted.

    Such a ledger is older than the rule that refuses this. The database sums up the history of each item and returns
    nothing but contradictions.
    """
    for at_locations in (False, True):
        rows = db.session.execute(_contradictions(at_locations).execution_options(yield_per=ROWS_AT_A_TIME))
        for _, of_stock in groupby(rows, key=lambda row: (row.item_id, row.location_id)):
            yield from _contradictions_of_stock(of_stock)


def _contradictions_of_stock(rows: Iterable[Row[*tuple[Any, ...]]]) -> Iterator[str]:
    lowest: Row[*tuple[Any, ...]] | None = None
    for row in rows:
        at = "" if row.location_id is None else f" at location {row.location_id}"
        item = f"item {row.item_id} ({row.sku}){at}"
        if row.running < 0 and (lowest is None or row.running < lowest.running):
            lowest = row
        if row.found is not None:
            time = rfc3339(row.occurred_at)
            yield f"history: {item}: count {row.id} found {row.found} at {time}, where the ledger has {row.expected}"
    if lowest is not None:
        yield f"history: {item}: below zero, {lowest.running} at {rfc3339(lowest.occurred_at)}"


def _contradictions(at_locations: bool) -> AnySelect:
    """Return the select of the movements at whose time the stock was negative, and of the counts contradicted.

    They are those at the main location, which an index has in their order, or at the others: each stock has a history.

    These have in `found` what they counted, and in `expected` what the ledger has: with all of that time, which a
    count includes, but for counts of older versions only with what was recorded until then; others share a time.
    """
    of_stock: dict[str, Any] = {
        "partition_by": (Movement.item_id, Movement.location_id) if at_locations else Movement.item_id
    }
    running = func.sum(Movement.delta).over(**of_stock, order_by=Movement.occurred_at)
    recorded = func.sum(Movement.delta).over(**of_stock, order_by=(Movement.occurred_at, Movement.id))
    found_at = Movement.location_id.is_not(None) if at_locations else Movement.location_id.is_(None)
    movements = select(
        Movement.id,
        Movement.item_id,
        Movement.location_id,
        Movement.occurred_at,
        running.label("running"),
        case((Movement.counted.is_(None), recorded), else_=running).label("expected"),
        case((Movement.kind == "count", func.coalesce(Movement.counted, Movement.quantity_after))).label("counted"),
    )
    history = movements.where(found_at).subquery()
    found = case((history.c.counted != history.c.expected, history.c.counted))
    # With a join, SQLite would hold the whole history in memory.
    sku = select(Item.sku).where(Item.id == history.c.item_id).scalar_subquery()
    return (
        select(history.c.id, history.c.item_id, history.c.location_id, sku.label("sku"))
        .add_columns(history.c.occurred_at, history.c.running, history.c.expected, found.label("found"))
        .where((history.c.running < 0) | found.is_not(None))
        .order_by(history.c.item_id, history.c.location_id, history.c.occurred_at, history.c.id)
    )
