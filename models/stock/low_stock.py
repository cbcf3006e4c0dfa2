"""The events of stock that becomes low, or is no longer low: once per crossing of a reorder level.

Every act hands in, under the lock of the items, by how much it has changed what is available of each stock. What there
is then is read, and what there was follows from the difference: so an act that dips and recovers writes nothing.
What is on its way is not available. A fulfilment is no change: it takes what it had reserved.

Here a reservation takes what it has open until its end is written: one that is past its time gives that back when the
sweeper writes its end, and nothing flickers before.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from models.event import Event
from models.principal import Principal
from models.stock.low_stock_query import LevelState, read_states
from models.stock.place import MAIN_ID

# How many items are read at a time.
CHUNK = 500


class Levelled(NamedTuple):
    """What has a level: the stock of an item at the location with this id, or its total where that is None."""

    item_id: int
    location_id: int | None = None


class Change(NamedTuple):
    """By how many units an act has changed what is available of a stock; the main location is None."""

    item_id: int
    location_id: int | None
    units: int


class HasLevels(Protocol):
    """A locked item, with its level; `levelled` says whether a stock of it has one."""

    @property
    def reorder_level(self) -> int | None: ...
    @property
    def levelled(self) -> bool: ...


class StockThere(Protocol):
    """What one location has of a locked item; `freed` is by how much an act has changed what is available there."""

    freed: int


class WatchedItem(HasLevels, Protocol):
    """A locked item as it is after an act; `overdue` is what is open of reservations that are past their time."""

    item_id: int
    quantity: int
    elsewhere: int
    reserved: dict[int | None, int]
    overdue: int

    @property
    def at(self) -> Mapping[int | None, StockThere]: ...


def has_levels(item: HasLevels) -> bool:
    """Return whether a locked item, or a stock of it, has a level that could be crossed."""
    return item.reorder_level is not None or item.levelled


def changes_of(items: Iterable[WatchedItem]) -> list[Change]:
    """Return what an act has changed of the locked items of which a level may be crossed; nothing is read for that."""
    return [
        Change(item.item_id, location_id, there.freed)
        for item in items
        if has_levels(item) and _may_cross(item)
        for location_id, there in item.at.items()
        if there.freed
    ]


def _may_cross(item: WatchedItem) -> bool:
    if item.levelled:
        return True
    most = item.quantity - sum(item.reserved.values()) - item.overdue
    units = sum(there.freed for there in item.at.values())
    return may_cross(item.reorder_level, item.reorder_level, most - item.elsewhere, most, units)


def may_cross(level_before: int | None, level: int | None, least: int, most: int, units: int) -> bool:
    """Return whether a level may be crossed, where between `least` and `most` are available after a change of `units`.

    How much of what is elsewhere is on its way need not be known.
    """
    before, after = _is_low(level_before, least - units, most - units), _is_low(level, least, most)
    return before is None or before is not after


def _is_low(level: int | None, least: int, most: int) -> bool | None:
    """Return whether that is at or below the level; None if it depends."""
    if level is None or least > level:
        return False
    return True if most <= level else None


def record_crossings(
    changes: Sequence[Change], by: Principal, levels: Mapping[Levelled, int | None] = MappingProxyType({})
) -> None:
    """Record the event of each level that was crossed by changes of locked items, which are written already.

    `levels` has each level that was changed as it was before; the first level of something was None.
    """
    if not changes and not levels:
        return
    units: Counter[Levelled] = Counter()
    for item_id, location_id, changed in changes:
        units[Levelled(item_id, location_id or MAIN_ID)] += changed
        units[Levelled(item_id)] += changed
    concerned = {of for of, changed in units.items() if changed} | levels.keys()
    ids = sorted({of.item_id for of in concerned})
    for start in range(0, len(ids), CHUNK):
        for found in read_states(ids[start : start + CHUNK]):
            of, level = Levelled(found.item_id, found.location_id), found.reorder_level
            if level is None or of not in concerned:
                continue
            level_before, left_before = levels.get(of, level), found.left - units[of]
            is_low, was_low = found.left <= level, level_before is not None and left_before <= level_before
            if is_low != was_low:
                Event.record("item.low_stock" if is_low else "item.restocked", _data(found), by, item_id=of.item_id)


def _data(found: LevelState) -> dict[str, Any]:
    """Return the data of the event of what has crossed its level, as `shortage` does of what has too little."""
    return {
        "item_id": found.item_id,
        "sku": found.sku,
        "location": found.location,
        "quantity": found.quantity,
        "reserved": found.reserved,
        "available": max(0, found.left),
        "reorder_level": found.reorder_level,
    }
