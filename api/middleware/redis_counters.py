"""Counters of fixed windows in Redis, for several processes; imported only where Redis is used: it takes memory."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from api.middleware.counters import Count, Counter

log = logging.getLogger("stockroom")

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
