"""What the ledger says no to; each refusal has a code of the problem catalogue."""

from typing import Any

# How many faults of one input a refusal lists; nobody reads more.
MAX_FAULTS = 1000


class Refusal(Exception):
    """The state of things does not allow the deed; nothing was changed.

    `code` is a code of the problem catalogue, `detail` a sentence for the client,
    `extra` what else is to be known of it (the current quantity, say).
    """

    def __init__(self, code: str, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.extra = extra


class NotFound(Refusal):
    """The thing asked for is not there, or not the caller's."""

    def __init__(self, detail: str) -> None:
        super().__init__("not_found", detail)


class LockTimeout(Refusal):
    """The database's one writer was not free in time; the same request may succeed later."""

    def __init__(self) -> None:
        super().__init__("unavailable", "Another write is taking long; nothing was changed. Retry.")
