"""What of the change feed is delivered: which events come next, one of them as clients see it, and where it ends."""

from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import Integer, bindparam, select

from models.database.base import table_of
from models.database.reading import PreparedQuery
from models.event import STOCK, Event
from models.event_types import are_all
from models.refusals import NotFound

# How many events are looked through at a time.
WINDOW = 1000
_events = table_of(Event)


class TypedEvent(NamedTuple):
    """The id of an event of the change feed, and its type."""

    id: int
    type: str


_AFTER = PreparedQuery(
    select(_events.c.id, _events.c.type)
    .where(_events.c.stream == STOCK, _events.c.id > bindparam("event_id"))
    .order_by(_events.c.id)
    .limit(bindparam("row_limit", type_=Integer()))
    # MariaDB would begin at the first event of the stream.
    .with_hint(_events, "FORCE INDEX (ix_events_stream_id)", "mysql"),
    TypedEvent,
)
_ONE = PreparedQuery(
    select(*Event.REPRESENTATION.columns(_events)).where(
        _events.c.stream == STOCK, _events.c.id == bindparam("event_id")
    )
)
_LAST = PreparedQuery(select(_events.c.id).where(_events.c.stream == STOCK).order_by(_events.c.id.desc()).limit(1))


def events_after(event_id: int) -> list[TypedEvent]:
    """Return the next events after this one, up to `WINDOW`, by id."""
    return _AFTER.rows(event_id=event_id, row_limit=WINDOW)


def read_event(event_id: int) -> dict[str, Any]:
    """Return an event as `/events` has it; raises NotFound."""
    row = _ONE.one_or_none(event_id=event_id)
    if row is None:
        raise NotFound(f"There is no event {event_id}.")
    return Event.to_dict(row)


def end_of_feed() -> int:
    """Return the id of the latest event, 0 if there is none."""
    return next((row.id for row in _LAST.rows()), 0)


def next_event_id(after: int, types: Collection[str]) -> int | None:
    """Return the id of the first event after this one that is of one of these types, or None if there is none."""
    # A look-up for each type: the index of the type leads to it past however many events of others.
    names: Collection[str | None] = (None,) if are_all(types) else types
    return min((event.id for name in names for event in Event.after(after, 1, name)), default=None)
