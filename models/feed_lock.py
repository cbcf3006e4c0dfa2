"""The model `Lock`, and the lock of the change feed."""

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, mapped_column

from models.database.base import Model

FEED_LOCK = "feed"


class Lock(Model):
    """One row that exists to be locked, by one transaction at a time."""

    __tablename__ = "locks"

    name: Mapped[str] = mapped_column(String(16), primary_key=True)


LOCK_FEED = select(Lock.name).where(Lock.name == FEED_LOCK).with_for_update()
