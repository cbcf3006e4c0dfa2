"""The period of a report and of a history: the last 30 days, unless somebody asks for another."""

from datetime import datetime, timedelta

from models.values import now

PERIOD = timedelta(days=30)


def period(since: datetime | None, until: datetime | None) -> tuple[datetime, datetime]:
    """Return the beginning and the end of a period, of which both may be left out."""
    until = until or now()
    return since or until - PERIOD, until
