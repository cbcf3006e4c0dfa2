"""Maintenance: while the file `maintenance` lies in the instance folder, the API answers 503."""

import codecs
import threading
import time
from collections.abc import Callable
from pathlib import Path

from flask import Flask, request

from api.errors import HttpRefusal
from api.paths import API
from api.services import services

# How often a process looks for the file, and when clients are to come again, in seconds.
LOOK_EVERY = 1.0
RETRY_AFTER = 30
DEFAULT_MESSAGE = "The service is being maintained; nothing was changed."
MESSAGE_LENGTH = 500


class UnderMaintenance(HttpRefusal):
    """503: an administrator has stopped the service for a while."""

    def __init__(self, message: str) -> None:
        super().__init__("maintenance", message, {"Retry-After": str(RETRY_AFTER)})


class MaintenanceFlag:
    """The file, looked at once in a while: a request between two looks costs a comparison of numbers."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._next_look = float("-inf")
        self._message: str | None = None

    def message(self) -> str | None:
        """What clients are told while maintenance is on; None while it is off."""
        if self._clock() >= self._next_look:
            with self._lock:
                self._message = self._read()
                self._next_look = self._clock() + LOOK_EVERY
        return self._message

    def enable(self, message: str) -> None:
        """Begin the maintenance; raises OSError where the folder can't be written."""
        self._path.write_text(message, encoding="utf-8")

    def disable(self) -> None:
        """End it, if it was on."""
        self._path.unlink(missing_ok=True)

    def _read(self) -> str | None:
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError:  # it is there, and this process may not read it: on is the safe guess
            return DEFAULT_MESSAGE
        # An administrator's `echo … > maintenance` is UTF-16 in Windows PowerShell.
        utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        text = content.decode("utf-16" if utf_16 else "utf-8-sig", errors="replace")
        return " ".join(text.split())[:MESSAGE_LENGTH] or DEFAULT_MESSAGE


def init_maintenance(app: Flask) -> None:
    """Have the API refuse requests during maintenance; health, metrics and the pages for people still answer."""
    app.before_request(_refuse_during_maintenance)


def _refuse_during_maintenance() -> None:
    # The preflight request of a browser (OPTIONS) is answered, or its page could not read the refusal.
    if not request.path.startswith(API) or request.method == "OPTIONS":
        return
    message = services().maintenance.message()
    if message is not None:
        raise UnderMaintenance(message)
