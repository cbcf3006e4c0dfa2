"""The deliveries to webhooks: one after the other to each, and to all of them side by side."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from delivery.batch import Batch
from delivery.deadline import Turn
from delivery.retries import GIVE_UP, delay
from delivery.signatures import signature_headers
from delivery.transport import DeliveryFailed, Transport
from models.outbound import feed, progress
from models.outbound.progress import Attempt, Requested, Retry, Target
from models.outbound.secret_box import SecretBox, SecretLost
from models.outbound.webhook import FAILING, GONE
from models.values import as_json, now, rfc3339
from urls import IpNetwork

log = logging.getLogger("stockroom")

# Within it, the database may be used, unless it yields false: then maintenance is on.
Working = Callable[[], AbstractContextManager[bool]]
# How many threads of the sender use the database at the same time: the others are for those who answer requests.
AT_THE_DATABASE = 2
# How long, in seconds, nothing is computed after a delivery at most.
LONGEST_REST = 0.02
# After how many seconds without a delivery a connection is closed.
IDLE = 60.0
TEST = "webhook.test"


# A webhook, and the event up to which there was none that it wants.
Passed = tuple[Target, int]


class WebhookSender:
    """Delivers what is due, as long as it `may_send`; `allowed` are networks to which it may go besides the internet.

    A repeated delivery has the same id, since it is that of the event. One that `shares` its process with those who
    answer requests computes no more than half of the time.
    """

    def __init__(
        self,
        working: Working,
        may_send: Callable[[], bool],
        box: SecretBox,
        allowed: Sequence[IpNetwork],
        *,
        shares: bool = True,
    ) -> None:
        self._shares = shares
        self._working = working
        self._may_send = may_send
        self._box = box
        self._allowed = allowed
        self._turn = Turn()
        self._database = threading.BoundedSemaphore(AT_THE_DATABASE)
        self._mutex = threading.Lock()
        self._is_closed = False
        self._transports: dict[int, tuple[Transport, float]] = {}  # by webhook, with the time of the last use

    def deliver(self, webhook_id: int) -> Passed | None:
        """Deliver what people have asked for, and the next events until none is left or one has failed.

        Return up to which event there was none that the webhook wants, if that is to be noted.
        """
        batch = Batch()
        while True:
            with self._working() as may_work:
                if not may_work or not self._may_send():
                    return None
                with self._database:
                    target = progress.read(webhook_id)
                    if target is None:
                        return None
                    asked = progress.requested(webhook_id) if target.is_asked else []
                    if not asked and target.may_try and not batch.find(target):
                        return None if batch.passed is None else (target, batch.passed)
                began = time.thread_time()
                if asked:
                    goes_on = self._deliver_requested(target, asked[0])
                else:
                    goes_on = target.may_try and self._deliver_next(target, batch.event_ids[0])
                if not goes_on:
                    return None
            if self._shares:
                with self._turn:
                    time.sleep(min(time.thread_time() - began, LONGEST_REST))

    def _deliver_next(self, target: Target, event_id: int) -> bool:
        with self._database:
            event = feed.read_event(event_id)
        try:
            attempt, retry_after = self._attempt(target, f"evt_{event_id}", event)
        except _Abandoned:
            return False
        with self._database:
            if attempt.error is None:
                progress.record_delivered(target, event_id, attempt)
                return True
            progress.record_failed(target, event_id, attempt, _retry(target, attempt, retry_after))
        log.warning("webhook %d: attempt %d failed: %s", target.id, target.attempts + 1, attempt.error)
        return False

    def _deliver_requested(self, target: Target, request: Requested) -> bool:
        with self._database:
            event = _test(target, request) if request.event_id is None else feed.read_event(request.event_id)
        name = f"test_{request.id}" if request.event_id is None else f"evt_{request.event_id}"
        try:
            attempt, _ = self._attempt(target, name, event)
        except _Abandoned:
            return False
        with self._database:
            is_gone = attempt.code == HTTPStatus.GONE and request.event_id is not None
            progress.record_requested(target, request, attempt, GONE if is_gone else None)
        return True

    def _attempt(self, target: Target, name: str, event: dict[str, Any]) -> tuple[Attempt, float | None]:
        """Return what became of one POST of an event, and in how many seconds the receiver wants to get it again.

        Raises _Abandoned where the service ends meanwhile.
        """
        with self._turn:
            at, began = now(), time.monotonic()
            code, error, retry_after = self._post(target, name, at, event)
            return Attempt(at, round((time.monotonic() - began) * 1000), code, error), retry_after

    def _post(
        self, target: Target, name: str, at: datetime, event: dict[str, Any]
    ) -> tuple[int | None, str | None, float | None]:
        """Return the status of the answer, why it is a failure, and its Retry-After in seconds, each if there is."""
        body = as_json(event).encode()
        try:
            headers = signature_headers(name, int(at.timestamp()), body, self._secrets(target, at))
            answer = self._transport(target.id).post(
                target.url, {"Content-Type": "application/json", **headers}, body, allowed=self._allowed
            )
        except DeliveryFailed as failure:
            if failure.code == "stopped":
                raise _Abandoned from failure
            return None, f"{failure.code}: {failure.sentence}", None
        except SecretLost:
            error = "secret_lost: SECRET_KEY was changed; set the former one in SECRET_KEY_FALLBACKS too."
            return None, error, None
        is_done = HTTPStatus(200) <= answer.status < HTTPStatus(300)
        return answer.status, None if is_done else f"answered {answer.status}", answer.retry_after_seconds

    def _secrets(self, target: Target, at: datetime) -> list[str]:
        """Return the secrets that sign then: the present one, and for some time after it was changed the former one."""
        sealed = [target.secret]
        if target.former_secret and target.former_until and target.former_until > at:
            sealed.append(target.former_secret)
        return [self._box.open(each) for each in sealed]

    def _transport(self, webhook_id: int) -> Transport:
        with self._mutex:
            if self._is_closed:
                raise _Abandoned
            transport, _ = self._transports.get(webhook_id, (None, 0.0))
            transport = transport or Transport(turn=self._turn)
            self._transports[webhook_id] = transport, time.monotonic()
            return transport

    def purge_log(self, age: timedelta) -> None:
        """Delete deliveries from the log that are older than `age`."""
        purged = True
        while purged:
            with self._working() as may_work, self._database:
                purged = may_work and bool(progress.purge_log(age))

    def close_idle(self) -> None:
        """Close the connections that had no delivery for a while."""
        with self._mutex:
            before = time.monotonic() - IDLE
            idle = [webhook_id for webhook_id, (_, used) in self._transports.items() if used < before]
            closed = [self._transports.pop(webhook_id)[0] for webhook_id in idle]
        for transport in closed:
            transport.close()

    def close(self) -> None:
        """Abandon the deliveries that run now: they are made again later, with the same ids; close all connections."""
        with self._mutex:
            self._is_closed = True
            closed = [transport for transport, _ in self._transports.values()]
            self._transports.clear()
        for transport in closed:  # all of them before one is waited for
            transport.stop()
        for transport in closed:
            transport.close()


class _Abandoned(Exception):
    """A delivery was abandoned, since the service ends; nothing is known of it, so nothing is recorded."""


def _retry(target: Target, attempt: Attempt, retry_after: float | None) -> Retry:
    """Return what follows a failed attempt."""
    if attempt.code == HTTPStatus.GONE:
        return Retry(0, GONE)
    has_lasted = attempt.at - (target.failing_since or attempt.at)
    return Retry(delay(target.attempts + 1, retry_after), FAILING if has_lasted >= GIVE_UP else None)


def _test(target: Target, request: Requested) -> dict[str, Any]:
    """Return the event of a test: with the members of all others, and the id of none."""
    data = {"webhook_id": target.id, "message": "This is a test. Nothing has changed."}
    event = {"id": 0, "type": TEST, "at": rfc3339(now()), "actor": None, "request_id": f"test_{request.id}"}
    return {**event, "trace_id": None, "item_id": None, "data": data}
