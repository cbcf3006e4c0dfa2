"""The model `Lock`, and the lock of the change feed."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from models.database.base import Model

FEED_LOCK = "feed"


class Lock(Model):
    """One row that exists to be locked, by one transaction at a time."""

    __tablename__ = "locks"

    name: Mapped[str] = mapped_column(String(16), primary_key=True)
