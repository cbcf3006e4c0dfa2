"""The sender: it looks for what is due, and lets it be delivered side by side, in one process at a time.

It begins nothing while it has not got the lease, which it takes only when something is due: so where there are neither
webhooks nor subscriptions, it reads a little and writes nothing.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import timedelta
from functools import partial
from typing import Any, Protocol

from sqlalchemy.exc import SQLAlchemyError

from delivery.lease import SenderLease
from delivery.webhook_sender import WebhookSender, Working
from models.outbound import progress
from models.outbound.subscription import MOST as SUBSCRIPTIONS
from models.outbound.webhook import MOST as WEBHOOKS
from models.refusals import Refusal

log = logging.getLogger("stockroom")

# In seconds: how often it looks, after how long without anything due it leaves the lease to others, how often the log
# is purged, and how long a stop waits for deliveries before it abandons them.
EVERY = 0.5
IDLE = 30.0
PURGE_EVERY = 3600.0
GRACE = 2.0
# One for each that may hang, one for the purge, one for announcements; they are made when they are needed.
THREADS = WEBHOOKS + SUBSCRIPTIONS + 2
# What a task may end with besides success; the next look begins it again.
FAILURES = (SQLAlchemyError, Refusal, OSError, AssertionError)


class Source(Protocol):
    """What has something to be sent: tasks by name, each of which runs at most once at a time."""

    def due(self) -> dict[str, Callable[[], Any]]:
        """Return the tasks that are due now; the database may be used."""

    def close(self) -> None:
        """Abandon what runs now."""


class Webhooks:
    """The webhooks as a source of the sender."""

    def __init__(self, sender: WebhookSender, log_age: timedelta) -> None:
        self._sender = sender
        self._log_age = log_age
        self._purged = float("-inf")

    def due(self) -> dict[str, Callable[[], Any]]:
        """Return a delivery for each webhook that may have one, and the purge of their log once an hour."""
        tasks: dict[str, Callable[[], Any]] = {
            f"webhook {target.id}": partial(self._sender.deliver, target.id) for target in progress.due()
        }
        if tasks and time.monotonic() >= self._purged + PURGE_EVERY:
            self._purged = time.monotonic()
            tasks["purge"] = partial(self._sender.purge_log, self._log_age)
        self._sender.close_idle()
        return tasks

    def close(self) -> None:
        """Abandon the deliveries that run now."""
        self._sender.close()


class Sender:
    """Sends what its sources have, while this process has the lease; `begin` is called first in each of its threads."""

    def __init__(self, working: Working, held: SenderLease, begin: Callable[[], object] = lambda: None) -> None:
        self._working = working
        self._lease = held
        self._pool = ThreadPoolExecutor(THREADS, "sender", begin)
        self._sources: list[Source] = []
        self._running: dict[str, Future[Any]] = {}
        self._busy_until = float("-inf")
        self._is_stopping = False

    def add(self, source: Source) -> None:
        """Send what this source has, too."""
        self._sources.append(source)

    def may_send(self) -> bool:
        """Return whether a delivery may begin now."""
        return not self._is_stopping and self._lease.is_held()

    def look(self) -> None:
        """Begin what is due, if this process has the lease or gets it; note what has ended. To be called again."""
        passed = self._collect()
        if passed:
            progress.pass_over(passed)
        due = {name: task for source in self._sources for name, task in source.due().items()}
        if due or self._running:
            self._busy_until = time.monotonic() + IDLE
        elif time.monotonic() >= self._busy_until:
            self._lease.rest()
            return
        if not self._lease.keep():
            return
        for name, task in due.items():
            if name not in self._running:
                self._running[name] = self._pool.submit(task)

    def _collect(self) -> list[Any]:
        """Return what the tasks have to be noted that have ended; log how the others failed."""
        ended = {name: future for name, future in self._running.items() if future.done()}
        noted = []
        for name, future in ended.items():
            del self._running[name]
            error = future.exception()
            if error is None:
                noted.append(future.result())
            elif isinstance(error, FAILURES):
                defect = error if isinstance(error, AssertionError) else None
                log.warning("%s was interrupted: %s", name, type(error).__name__, exc_info=defect)
            else:
                log.error("%s failed", name, exc_info=error)
        return [each for each in noted if each is not None]

    def stop(self) -> None:
        """Begin nothing more, give what runs some time to end and abandon the rest, and leave the lease to others."""
        self._is_stopping = True
        wait(self._running.values(), GRACE)
        for source in self._sources:
            source.close()
        self._pool.shutdown(cancel_futures=True)
        with self._working() as may_work:
            if may_work:
                self._lease.release()
