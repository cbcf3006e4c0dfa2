"""When a delivery that has failed is tried again: soon at first, then hourly, for three days."""

import random
from datetime import timedelta

# In seconds: how long after each failed attempt the next one is made; after the last of these, hourly.
DELAYS = (5.0, 30.0, 120.0, 600.0, 1800.0)
HOURLY = 3600.0
# By how much a delay is longer or shorter, so that those that have failed together do not come back together.
SPREAD = 0.2
GIVE_UP = timedelta(hours=72)


def delay(attempts: int, retry_after: float | None = None) -> float:
    """Return in how many seconds the next attempt is made, after so many have failed, at least one.

    Where the receiver has said when (`retry_after`, in seconds), it is then, but no later than in an hour.
    """
    planned = DELAYS[attempts - 1] if attempts <= len(DELAYS) else HOURLY
    spread = planned * random.uniform(1 - SPREAD, 1 + SPREAD)  # noqa: S311 - protects no secret
    return max(spread, min(retry_after, HOURLY)) if retry_after is not None else spread
