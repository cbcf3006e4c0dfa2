"""Counters of fixed windows: exact in the memory of one process, or in Redis for several."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

log = logging.getLogger("stockroom")

# How many windows are kept in memory; beyond them, those that began first are dropped.
REMEMBERED = 100_000
# How long one command of Redis may take, and how long after a failure none is sent, in seconds.
REDIS_TIMEOUT = 0.1
REDIS_REST = 5.0
# Atomic, in one round trip: no two clients get the same number.
ADD = """
local counted = tonumber(ARGV[1])
local number = counted == 0 and tonumber(redis.call('GET', KEYS[1]) or 0) or redis.call('INCRBY', KEYS[1], counted)
local left = redis.call('PTTL', KEYS[1])
if left < 0 and counted > 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
if left < 0 then left = tonumber(ARGV[2]) end
return {number, left}
"""


class Count(NamedTuple):
    """How many were counted in a window, and in how many seconds it ends."""

    number: int
    seconds: float


class Counter(Protocol):
    """Counts by key, in windows of a fixed length."""

    def add(self, key: str, amount: int) -> Count:
        """Add `amount` to the window of this key and return its count; 0 only reads.

        A window begins with the first amount that is added to it.
        """


class MemoryCounter:
    """Counts in the memory of this process; no two threads get the same number."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        # The number and the end by key. All windows are equally long, so they are in the order of their ends.
        self._windows: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def add(self, key: str, amount: int) -> Count:
        with self._lock:
            now = self._clock()
            while self._windows and next(iter(self._windows.values()))[1] <= now:
                self._windows.popitem(last=False)
            number, end = self._windows.get(key, (0, now + self._seconds))
            if amount:
                self._windows[key] = number + amount, end
            if len(self._windows) > REMEMBERED:
                self._windows.popitem(last=False)
        # Adding to the clock and subtracting it again may give a little more than the length, as floats are rounded.
        return Count(number + amount, min(self._seconds, end - now))


class RedisCounter:
    """Counts in Redis, for all processes that use it; while Redis does not answer, in `fallback`."""

    def __init__(
        self, redis: "Redis", name: str, seconds: float, fallback: Counter, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._add = redis.register_script(ADD)
        self._name = name
        self._seconds = seconds
        self._fallback = fallback
        self._clock = clock
        self._lock = threading.Lock()
        self._ask_again: float | None = None  # None while it answers

    def add(self, key: str, amount: int) -> Count:
        if self._may_ask():
            try:
                number, left = self._add([f"{self._name}:{key}"], [amount, int(self._seconds * 1000)])
            except RedisError as error:
                self._failed(error)
            else:
                self._answered()
                return Count(number, left / 1000)
        return self._fallback.add(key, amount)

    def _may_ask(self) -> bool:
        """Return whether to ask Redis: while it answers, and then again by one request after each rest."""
        with self._lock:
            if self._ask_again is None:
                return True
            if self._clock() < self._ask_again:
                return False
            self._ask_again = self._clock() + REDIS_REST
            return True

    def _failed(self, error: RedisError) -> None:
        with self._lock:
            was_reachable, self._ask_again = self._ask_again is None, self._clock() + REDIS_REST
        if was_reachable:
            log.warning("limits are counted in memory: Redis does not answer (%s)", type(error).__name__)

    def _answered(self) -> None:
        with self._lock:
            was_unreachable, self._ask_again = self._ask_again is not None, None
        if was_unreachable:
            log.warning("limits are counted in Redis again")


def redis_of(url: str) -> Any:
    """Return a client with short timeouts for the Redis at `url`; raises ValueError for a URL that is none.

    It does not connect yet.
    """
    return Redis.from_url(
        url, socket_timeout=REDIS_TIMEOUT, socket_connect_timeout=REDIS_TIMEOUT, retry=Retry(NoBackoff(), 0)
    )
