"""A lock that processes share: a file that many hold together, or one alone; it ends with the process that holds it."""

import ctypes
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# How often it is tried again while somebody else holds it, in seconds.
TRY_EVERY = 0.02
# The same where processes take turns of a few milliseconds.
TRY_TURN_EVERY = 0.0005


class FileLock:
    """One holder of the lock that the file at `path` is; the file is made on first use and stays.

    It is kept open between two times that the lock is held, because opening it costs more than locking it. No process
    may fork once it is open: the lock belongs to the open file, which both would have.
    """

    def __init__(self, path: Path, try_every: float = TRY_EVERY) -> None:
        self._path = path
        self._try_every = try_every
        self._descriptor: int | None = None
        self.is_held = False

    def __del__(self) -> None:
        self.close()

    def acquire(self, *, exclusive: bool, wait: float) -> bool:
        """Acquire the lock within `wait` seconds, to share it or alone; return whether it was acquired.

        Raises OSError if the file can't be opened.
        """
        if self._descriptor is None:
            self._descriptor = _open(self._path)
        deadline = time.monotonic() + wait
        while not _try_lock(self._descriptor, exclusive):
            if time.monotonic() >= deadline:
                return False
            time.sleep(self._try_every)
        self.is_held = True
        return True

    def release(self) -> None:
        """Release the lock, if it is held."""
        if self.is_held and self._descriptor is not None:
            self.is_held = False
            _unlock(self._descriptor)

    def close(self) -> None:
        """Release the lock, if it is held, and close the file."""
        self.release()
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


class FairFileLock:
    """A lock that processes hold in turn: none gets it again while another one waits for it.

    There are two locks. The first to wait holds one, `…-queue`, until it has the other. So whoever has just released
    that other one finds the queue locked, and comes after it.
    """

    def __init__(self, path: Path) -> None:
        self._queue = FileLock(path.with_name(f"{path.name}-queue"), try_every=TRY_TURN_EVERY)
        self._turn = FileLock(path, try_every=TRY_TURN_EVERY)

    def acquire(self, wait: float) -> bool:
        """Acquire the lock within `wait` seconds; return whether it was acquired. Raises OSError as FileLock does."""
        deadline = time.monotonic() + wait
        if not self._queue.acquire(exclusive=True, wait=wait):
            return False
        try:
            return self._turn.acquire(exclusive=True, wait=deadline - time.monotonic())
        finally:
            self._queue.release()

    def release(self) -> None:
        """Release the lock, if it is held."""
        self._turn.release()


def writer_lock_of(database: Path) -> Path:
    """Return the file that is the lock of the writers of an SQLite database, where several processes serve it."""
    return database.with_name(f"{database.name}-writer")


def lock_of(database: Path) -> Path:
    """Return the file that is the lock of an SQLite database: who has it open shares it, who replaces it is alone."""
    return database.with_name(f"{database.name}-lock")


@contextmanager
def locked(path: Path, *, exclusive: bool, wait: float) -> Iterator[bool]:
    """Hold the lock within the `with` block; yields False, and holds nothing, if somebody else has it for too long."""
    lock = FileLock(path)
    acquired = lock.acquire(exclusive=exclusive, wait=wait)
    try:
        yield acquired
    finally:
        lock.close()


def _open(path: Path) -> int:
    """Open the file, which need not be there; one that root makes belongs to the owner of the folder."""
    try:
        return os.open(path, os.O_RDWR)
    except FileNotFoundError:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if sys.platform != "win32" and os.geteuid() == 0:
        folder = path.parent.stat()
        os.chown(descriptor, folder.st_uid, folder.st_gid)
    return descriptor


if sys.platform == "win32":
    import msvcrt

    class _Overlapped(ctypes.Structure):
        """Where the locked bytes begin: at 0."""

        _fields_ = (
            ("internal", ctypes.c_void_p),
            ("internal_high", ctypes.c_void_p),
            ("offset", ctypes.c_ulong),
            ("offset_high", ctypes.c_ulong),
            ("event", ctypes.c_void_p),
        )

    _kernel: Any = ctypes.WinDLL("kernel32")
    _FAIL_AT_ONCE, _EXCLUSIVE = 1, 2

    def _try_lock(descriptor: int, exclusive: bool) -> bool:
        flags = _FAIL_AT_ONCE | (_EXCLUSIVE if exclusive else 0)
        handle = ctypes.c_void_p(msvcrt.get_osfhandle(descriptor))
        return bool(_kernel.LockFileEx(handle, flags, 0, 1, 0, ctypes.byref(_Overlapped())))

    def _unlock(descriptor: int) -> None:
        handle = ctypes.c_void_p(msvcrt.get_osfhandle(descriptor))
        _kernel.UnlockFileEx(handle, 0, 1, 0, ctypes.byref(_Overlapped()))

else:
    import fcntl

    def _try_lock(descriptor: int, exclusive: bool) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_NB | (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH))
        except BlockingIOError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
