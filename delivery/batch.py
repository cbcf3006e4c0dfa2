"""The next events that one webhook is to get."""

from collections import deque
from collections.abc import Sequence

from models.event_types import is_wanted
from models.outbound import feed
from models.outbound.progress import Target


class Batch:
    """The next events of one webhook, by their ids in their order.

    `passed` is the last event that was looked at, where none was found.
    """

    def __init__(self) -> None:
        self.event_ids: deque[int] = deque()
        self.passed: int | None = None
        self._types: Sequence[str] = ()
        self._after = -1  # the event that the first one follows

    def find(self, target: Target) -> bool:
        """Let `event_ids` begin with the next event that this webhook wants; return False if there is none.

        What is known already is used only if the webhook stands where that begins: it may have been replayed.
        """
        if self.event_ids and self.event_ids[0] == target.last_event_id:
            self._after = self.event_ids.popleft()
        if (target.types, target.last_event_id) != (self._types, self._after):
            self.event_ids.clear()
            self._types, self._after = target.types, target.last_event_id
        if not self.event_ids:
            self._look(target)
        return bool(self.event_ids)

    def _look(self, target: Target) -> None:
        self.passed, events = None, feed.events_after(target.last_event_id)
        while events:
            self.event_ids.extend(_wanted(target, events))
            if self.event_ids:
                return
            self.passed = events[-1].id
            events = feed.events_after(self.passed) if len(events) == feed.WINDOW else []


def _wanted(target: Target, events: Sequence[feed.TypedEvent]) -> list[int]:
    """Return the ids of those events that are of the types of a webhook."""
    return [event.id for event in events if is_wanted(event.type, target.types)]
