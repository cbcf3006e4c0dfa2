"""Maintenance: while the instance folder has a file named `maintenance`, the API answers 503."""

import codecs
import threading
import time
from collections.abc import Callable
from pathlib import Path

from flask import Flask, request

from api.errors import HttpRefusal
from api.paths import API
from api.services import services

# How often a process reads the file, and after which time clients are to retry, in seconds.
READ_EVERY = 1.0
RETRY_AFTER = 30
DEFAULT_MESSAGE = "The service is being maintained; nothing was changed."
MESSAGE_LENGTH = 500


class UnderMaintenance(HttpRefusal):
    """503: an administrator has closed the API for a while."""

    def __init__(self, message: str) -> None:
        super().__init__("maintenance", message, {"Retry-After": str(RETRY_AFTER)})


class MaintenanceFlag:
    """The file that enables maintenance; it is read at most once a second, so it costs requests next to nothing."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._next_read = float("-inf")
        self._message: str | None = None

    def message(self) -> str | None:
        """Return the message for clients while maintenance is on; None while it is off."""
        if self._clock() >= self._next_read:
            with self._lock:
                self._message = self._read()
                self._next_read = self._clock() + READ_EVERY
        return self._message

    def enable(self, message: str) -> None:
        """Turn maintenance on; raises OSError if the folder can't be written."""
        self._path.write_text(message, encoding="utf-8")

    def disable(self) -> None:
        """Turn maintenance off, if it was on."""
        self._path.unlink(missing_ok=True)

    def _read(self) -> str | None:
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError:  # it exists, but this process may not read it: on is the safe assumption
            return DEFAULT_MESSAGE
        # `echo … > maintenance` in Windows PowerShell writes UTF-16.
        utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        text = content.decode("utf-16" if utf_16 else "utf-8-sig", errors="replace")
        return " ".join(text.split())[:MESSAGE_LENGTH] or DEFAULT_MESSAGE


def init_maintenance(app: Flask) -> None:
    """Refuse requests to the API during maintenance; health, metrics and the pages for people still answer."""
    app.before_request(_refuse_during_maintenance)


def _refuse_during_maintenance() -> None:
    # The preflight request of a browser (OPTIONS) is answered, or its page could not read the refusal.
    if not request.path.startswith(API) or request.method == "OPTIONS":
        return
    message = services().maintenance.message()
    if message is not None:
        raise UnderMaintenance(message)
