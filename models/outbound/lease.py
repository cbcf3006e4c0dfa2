"""The model `Lease`: which process sends, for some seconds at a time; whichever is left takes over when it has ended.

A process that does nothing else goes first: while one asks for the lease, those that serve leave it alone.
"""

from datetime import datetime, timedelta

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, mapped_column

from models.database.base import Model, db
from models.database.clock import DatabaseNow, database_now
from models.database.column_types import UtcTime
from models.database.reading import PreparedQuery
from models.database.transactions import transactional

SENDER = "sender"
# Less than ten seconds, so that another process has taken over by then.
LIFETIME = timedelta(seconds=9)
# Clocks are set back by some seconds now and then; within those a lease is waited for.
MUCH_LONGER = timedelta(minutes=2)


class Lease(Model):
    """The row of one lease: who has it, and until when by the clock of the database.

    Until `wanted_until`, it is only for processes that do nothing else.
    """

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(16), primary_key=True)
    holder: Mapped[str | None] = mapped_column(String(64))
    held_until: Mapped[datetime | None] = mapped_column(UtcTime())
    wanted_until: Mapped[datetime | None] = mapped_column(UtcTime())


def may_be_free(holder: str, *, dedicated: bool) -> bool:
    """Return whether `acquire` may succeed; it reads only, so whoever waits for the lease disturbs nobody."""
    [row] = _STATE.rows()
    if row.holder == holder or dedicated:
        return True
    return not (lasts(row.held_until, row.now) or lasts(row.wanted_until, row.now))


def lasts(until: datetime | None, at: datetime) -> bool:
    """Return whether a lease until then is one at this time.

    What would last for much longer than any does was written by a clock that was ahead, and must not hold up anybody.
    """
    return until is not None and at < until <= at + MUCH_LONGER


@transactional
def acquire(holder: str, *, dedicated: bool) -> bool:
    """Take the sender's lease for this holder, or renew it; return whether it has it for the next `LIFETIME`.

    A `dedicated` holder gets it before all others, once the one that has it leaves it or lets it run out.
    """
    lease, now = _locked(), database_now()
    is_free = lease.holder in (None, holder) or not lasts(lease.held_until, now)
    if dedicated:
        lease.wanted_until = now + LIFETIME
    elif lasts(lease.wanted_until, now):
        if lease.holder == holder:
            lease.holder = lease.held_until = None
        return False
    if is_free:
        lease.holder, lease.held_until = holder, now + LIFETIME
    return is_free


@transactional
def release(holder: str, *, dedicated: bool) -> None:
    """Leave the lease to others, if this holder has it."""
    lease = _locked()
    if dedicated:
        lease.wanted_until = None
    if lease.holder == holder:
        lease.holder = lease.held_until = None


_STATE = PreparedQuery(
    select(Lease.holder, Lease.held_until, Lease.wanted_until, DatabaseNow().label("now")).where(Lease.name == SENDER)
)


def _locked() -> Lease:
    return db.session.execute(select(Lease).where(Lease.name == SENDER).with_for_update()).scalar_one()
