"""What a digest reads of the change feed: in windows of ids, so that no statement looks through a long feed."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import bindparam, or_, select

from models.database.base import db, table_of
from models.database.reading import AnySelect, prepared
from models.event import STOCK, Event
from models.event_types import STOCK_EVENTS, is_wanted
from models.stock.item import Item

# How many ids one statement looks at.
WINDOW = 1000
CROSSINGS = ("item.low_stock", "item.restocked")

_events = table_of(Event)


class Crossing(NamedTuple):
    """An item that has become low, or is so no longer; at a location, or all of it together."""

    id: int
    type: str
    item_id: int
    data: dict[str, Any]


def windows(after: int, until: int) -> Iterator[tuple[int, int]]:
    """Yield the windows of ids after one, up to another: each is after its first number, up to its last."""
    for start in range(after, until, WINDOW):
        yield start, min(start + WINDOW, until)


def crossings(after: int, until: int) -> list[Crossing]:
    """Return the events of both `CROSSINGS` in a window, by id."""
    return [Crossing(*row) for row in prepared(_select_crossings).tuples(after=after, until=until)]


def other_ids(after: int, until: int, types: Collection[str]) -> list[int]:
    """Return the ids of the other events of these types in a window, in their order."""
    wanted = tuple(each for each in STOCK_EVENTS if each not in CROSSINGS and is_wanted(each, types))
    return [id_ for (id_,) in prepared(_select_ids, wanted).tuples(after=after, until=until)] if wanted else []


def read_events(ids: Sequence[int]) -> list[dict[str, Any]]:
    """Return these events, in their order, as readers of the feed see them, but with their time as such."""
    columns = (_events.c.id, _events.c.type, _events.c.at, _events.c.actor, _events.c.item_id, _events.c.data)
    found = db.session.execute(select(*columns).where(_events.c.id.in_(ids)).order_by(_events.c.id)) if ids else ()
    return [dict(row._mapping) for row in found]


def names_of_items(ids: Collection[int]) -> dict[int, tuple[str, str]]:
    """Return SKU and name of each of these items, as they are now."""
    found = db.session.execute(select(Item.id, Item.sku, Item.name).where(Item.id.in_(sorted(ids)))) if ids else ()
    return {row.id: (row.sku, row.name) for row in found}


def _window(*columns: Any, types: Sequence[str]) -> AnySelect:
    """Return the select of the events of these types in a window; MariaDB would look through all of a type."""
    of_types = or_(*(_events.c.type == each for each in types))  # a prepared query has no lists
    return (
        select(*columns)
        .where(_events.c.id > bindparam("after"), _events.c.id <= bindparam("until"))
        .where(_events.c.stream == STOCK, of_types)
        .order_by(_events.c.id)
        .with_hint(_events, "FORCE INDEX (PRIMARY)", "mysql")
    )


def _select_crossings() -> AnySelect:
    return _window(_events.c.id, _events.c.type, _events.c.item_id, _events.c.data, types=CROSSINGS)


def _select_ids(types: Sequence[str]) -> AnySelect:
    return _window(_events.c.id, types=types)
