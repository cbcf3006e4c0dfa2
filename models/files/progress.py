"""The progress of the steps of an import, for whoever watches it."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Progress(Protocol):
    """What is called with the number of rows that a step has done since the last call."""

    def update(self, rows: int, /) -> object: ...


class Unwatched:
    """The progress that nobody watches."""

    def update(self, rows: int, /) -> None:
        """Do nothing."""


# Begins to watch a step, given its name and its number of rows.
Watch = Callable[[str, int], AbstractContextManager[Progress]]


def unwatched(_: str, __: int) -> AbstractContextManager[Progress]:
    """Begin a step that nobody watches."""
    return nullcontext(Unwatched())
