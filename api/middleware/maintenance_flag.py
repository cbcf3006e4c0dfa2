"""The file that switches maintenance on, and the requests that are still under way then."""

import codecs
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from models.database.file_lock import FileLock, locked

# How often a process reads the file, in seconds.
READ_EVERY = 1.0
DEFAULT_MESSAGE = "The service is being maintained; nothing was changed."
MESSAGE_LENGTH = 500
# How long a request waits while somebody looks whether any is under way, which takes no time, in seconds.
LOOK = 5.0


class RequestsUnderWay:
    """The requests under way: while this process has any, it shares a lock that other processes look at."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = FileLock(path)
        self._mutex = threading.Lock()
        self._count = 0

    def begin(self) -> None:
        """Count a request."""
        with self._mutex:
            self._count += 1
            if self._count == 1:
                with suppress(OSError):  # without an instance folder there is no flag to wait for either
                    self._lock.acquire(exclusive=False, wait=LOOK)

    def end(self) -> None:
        """Count a request no more."""
        with self._mutex:
            self._count -= 1
            if self._count == 0:
                self._lock.release()

    def end_within(self, seconds: float) -> bool:
        """Return whether there was a moment within these seconds when no process had any."""
        with locked(self._path, exclusive=True, wait=seconds) as acquired:
            return acquired


class MaintenanceFlag:
    """The file that enables maintenance; it is read at most once a second, so it costs requests next to nothing."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._next_read = float("-inf")
        self._message: str | None = None
        self.requests = RequestsUnderWay(path.with_name(f"{path.name}-lock"))

    def message(self) -> str | None:
        """Return the message for clients while maintenance is on; None while it is off."""
        if self._clock() >= self._next_read:
            with self._lock:
                self._message = self._read()
                self._next_read = self._clock() + READ_EVERY
        return self._message

    def enable(self, message: str) -> None:
        """Turn maintenance on, in this process at once; raises OSError if the folder can't be written."""
        self._path.write_text(message, encoding="utf-8")
        self._next_read = float("-inf")

    def obeyed_within(self, seconds: float) -> bool:
        """Wait until every process has read the file and no request is under way; return whether that is so."""
        time.sleep(READ_EVERY * 1.1)
        return self.requests.end_within(seconds)

    def disable(self) -> None:
        """Turn maintenance off, if it was on; in this process at once."""
        self._path.unlink(missing_ok=True)
        self._next_read = float("-inf")

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
