"""Limits: how many requests or failed sign-ins a client has left in a window."""

import math
from collections.abc import Callable
from typing import NamedTuple

from api.middleware.counters import Counter, MemoryCounter
from settings import Settings, SettingsError

# How many times `LOGIN_RATE_LIMIT` the sign-ins of one network may fail, whatever the names.
NAMES_A_NETWORK = 10
# Makes the counter of a name, in windows of so many seconds.
MakeCounter = Callable[[str, int], Counter]
SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


class Window(NamedTuple):
    """What a client has left of one limit: `remaining` for the next `seconds`; `exceeded` if it went beyond."""

    limit: "Limit"
    remaining: int
    seconds: int
    exceeded: bool


class Limit:
    """A number per window for each client; `rate` is as 600/minute."""

    def __init__(self, policy: str, rate: str, make_counter: MakeCounter) -> None:
        amount, _, unit = rate.partition("/")
        self.policy = policy
        self.rate = rate
        self.amount = int(amount)
        self.seconds = SECONDS[unit]
        self.field = f'"{policy}";q={self.amount};w={self.seconds}'
        self._counter = make_counter(f"stockroom:{policy}:{self.seconds}", self.seconds)

    def add(self, client: str, amount: int) -> Window:
        """Count `amount` for this client, 0 to read only, and return what it has left."""
        number, seconds = self._counter.add(client, amount)
        return Window(self, max(0, self.amount - number), max(1, math.ceil(seconds)), number > self.amount)


class Limits:
    """The limits of one process, None for one that is off; raises SettingsError if the URL is not that of a Redis."""

    def __init__(self, settings: Settings) -> None:
        counter = _make_counter(settings.rate_limit_storage_url)
        self.requests = Limit("requests", settings.rate_limit, counter) if settings.rate_limit else None
        self.sign_ins = Limit("sign-ins", settings.login_rate_limit, counter) if settings.login_rate_limit else None
        by_network = _times(NAMES_A_NETWORK, settings.login_rate_limit)
        self.sign_ins_by_network = Limit("sign-ins-by-network", by_network, counter) if by_network else None


def _times(factor: int, rate: str) -> str:
    """Return a rate that is `factor` times as high; that of no limit is none."""
    amount, slash, unit = rate.partition("/")
    return f"{factor * int(amount)}{slash}{unit}" if rate else ""


def _make_counter(url: str) -> MakeCounter:
    if url.startswith("memory:"):
        return lambda _, seconds: MemoryCounter(seconds)
    from api.middleware.redis_counters import RedisCounter, redis_of  # noqa: PLC0415 - memory that few processes need

    try:
        redis = redis_of(url)
    except ValueError as error:
        raise SettingsError(f"RATE_LIMIT_STORAGE_URL names no Redis: {error}.") from error
    return lambda name, seconds: RedisCounter(redis, name, seconds, MemoryCounter(seconds))
