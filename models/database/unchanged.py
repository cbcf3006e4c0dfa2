"""Results that are remembered for as long as nothing changes, like how many rows there are.

Every change of the stock writes an event in its transaction, and the ids of events follow the order of the commits. So
while the last event is the same, the same query has the same result.
"""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

from models.database.base import db
from models.database.reading import CACHED_QUERIES, AnySelect, PreparedQuery

T = TypeVar("T")


class Unchanged:
    """The results of each database since its last event; `last_event` is a select of its id and its time."""

    def __init__(self, last_event: AnySelect) -> None:
        self._last_event = PreparedQuery(last_event)
        self._results: WeakKeyDictionary[Engine, dict[Hashable, tuple[Any, Any]]] = WeakKeyDictionary()

    def of(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return what `compute` returns; it is called only if it was not since the last event, for the same key."""
        # Before it is computed: what is written in between has another event, so it is computed again.
        last = self._last_event.one_or_none()
        if last is None:
            return compute()
        results = self._results.setdefault(db.engine, {})
        event, result = results.get(key, (None, None))
        if event != last:
            result = compute()
            if len(results) >= CACHED_QUERIES:
                results.clear()
            results[key] = last, result
        return result  # type: ignore[no-any-return]

    def forget(self) -> None:
        """Forget all results."""
        self._results.clear()
