"""The errors of the models that clients see: `Refusal` and its general subclasses."""

from typing import Any

# How many validation errors of one input a refusal lists at most; nobody reads more.
MAX_FAULTS = 1000


class Refusal(Exception):
    """An operation was refused, and nothing was changed.

    `code` is a code of the problem catalogue, `detail` a sentence for the client, `extra` are further members of the
    problem document (the current quantity, for example).
    """

    def __init__(self, code: str, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.extra = extra


class NotFound(Refusal):
    """The object does not exist, or belongs to another user."""

    def __init__(self, detail: str) -> None:
        super().__init__("not_found", detail)


class LockTimeout(Refusal):
    """The write lock was not acquired in time, or every retry met a conflict; the same request may succeed later."""

    def __init__(self) -> None:
        super().__init__("unavailable", "Another write is taking long; nothing was changed. Retry.")
