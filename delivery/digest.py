"""What a digest says: what is low in the end, what is so no longer, and what else happened; in so many lines."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from delivery.rendering import one_line
from models.event_types import is_wanted
from models.outbound import digest_events
from models.outbound.digest_events import CROSSINGS
from models.outbound.feed import end_of_feed

LOW, BACK = CROSSINGS
# How many lines a digest has; what is more is counted.
MOST_LINES = 200
# How many items it keeps in mind; what comes after that many have become low, or cease to be, is for the next digest.
MOST_ITEMS = 100_000
# To how many characters a text of one line is truncated.
LONGEST = 120


@dataclass(frozen=True)
class Line:
    """An item that is low, or is so no longer, as it was then; `location` is "" for all locations together."""

    sku: str
    name: str
    location: str
    available: int
    reorder_level: int
    at: datetime


@dataclass(frozen=True)
class OtherLine:
    """Another event: what happened, to what, by whom."""

    what: str
    item: str
    by: str
    at: datetime


@dataclass
class Digest:
    """What happened after one event, up to another; the counts are those of everything, with lines or without."""

    first_event_id: int = 0  # that it is about; 0 if there is none
    until: int = 0
    low: list[Line] = field(default_factory=list)
    back: list[Line] = field(default_factory=list)
    others: list[OtherLine] = field(default_factory=list)
    low_count: int = 0
    back_count: int = 0
    others_count: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to say."""
        return not (self.low_count or self.back_count or self.others_count)

    @property
    def more(self) -> int:
        """How much of it has no line."""
        return self.low_count + self.back_count + self.others_count - len(self.low) - len(self.back) - len(self.others)

    @property
    def has_places(self) -> bool:
        """Whether one of the items is low at a location of its own."""
        return any(line.location for line in (*self.low, *self.back))


def read_digest(types: Collection[str], after: int) -> Digest:
    """Return the digest of the events of these types after one, up to the end of the feed."""
    end = end_of_feed()
    last: dict[tuple[int, str], tuple[int, bool]] = {}  # the last crossing of each item, or of each stock
    first: list[int] = []
    wants = [is_wanted(each, types) for each in CROSSINGS]
    others: list[int] = []
    digest = Digest(until=max(after, end))
    for start, until in digest_events.windows(after, end):
        if any(wants):
            crossings = digest_events.crossings(start, until)
            last |= {(each.item_id, each.data.get("location") or ""): (each.id, each.type == LOW) for each in crossings}
            first += [each.id for each in crossings if wants[CROSSINGS.index(each.type)]][: 1 - len(first)]
        found = digest_events.other_ids(start, until, types)
        others += found[: MOST_LINES - len(others)]
        digest.others_count += len(found)
        if len(last) >= MOST_ITEMS:
            digest.until = until
            break
    low = sorted(id_ for id_, is_low in last.values() if is_low and wants[0])
    back = sorted(id_ for id_, is_low in last.values() if not is_low and wants[1])
    digest.low_count, digest.back_count = len(low), len(back)
    digest.first_event_id = min([*first, *others[:1]], default=0)
    low, back = low[:MOST_LINES], back[: MOST_LINES - min(len(low), MOST_LINES)]
    _fill(digest, low, back, others[: MOST_LINES - len(low) - len(back)])
    return digest


def _fill(digest: Digest, low: list[int], back: list[int], others: list[int]) -> None:
    """Read the events that have lines, and write these."""
    events = {event["id"]: event for event in digest_events.read_events([*low, *back, *others])}
    names = digest_events.names_of_items({each["item_id"] for each in events.values() if each["item_id"] is not None})
    digest.low = [_line(events[each], names) for each in low if each in events]
    digest.back = [_line(events[each], names) for each in back if each in events]
    digest.others = [_other_line(events[each], names) for each in others if each in events]


def _line(event: Mapping[str, Any], names: Mapping[int, tuple[str, str]]) -> Line:
    data = event["data"]
    sku, name = names.get(event["item_id"], (data.get("sku", ""), ""))
    place = data.get("location") or ""
    return Line(
        one_line(sku, LONGEST),
        one_line(name, LONGEST),
        one_line(place, LONGEST),
        data.get("available", 0),
        data.get("reorder_level", 0),
        event["at"],
    )


def _other_line(event: Mapping[str, Any], names: Mapping[int, tuple[str, str]]) -> OtherLine:
    data = event["data"]
    sku, name = names.get(event["item_id"], (data.get("sku", ""), ""))
    item = " ".join(filter(None, (sku, name))) or data.get("code", "")
    return OtherLine(
        _what(event["type"], data), one_line(item, LONGEST), one_line(event["actor"] or "", LONGEST), event["at"]
    )


def _what(type_: str, data: Mapping[str, Any]) -> str:
    """Return in words what happened: "Issue: -2 at MAIN (order 7)", "Reservation created: 2 at MAIN (web order)"."""
    noun, _, verb = type_.partition(".")
    said, units = f"{noun} {verb}".replace("_", " "), None
    if noun == "movement":
        said, units = str(data.get("kind", said)), f"{data.get('delta', 0):+,}"
    elif noun == "reservation":
        units = f"{data.get('quantity', 0):,}"
    details = [
        units,
        f"at {data['location']}" if units and data.get("location") else None,
        f"({data['reason']})" if data.get("reason") else None,
    ]
    more = " ".join(filter(None, details))
    return one_line(f"{said.capitalize()}: {more}" if more else said.capitalize(), LONGEST)
