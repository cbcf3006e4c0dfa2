"""The models `Delivery`, one attempt to deliver an event, and `RequestedDelivery`, one that a person has asked for.

The log says what happened; nothing depends on it. A webhook that is deleted leaves its log, which is purged by age.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from models.database.base import Model
from models.database.column_types import LongId, UtcTime, exact_text
from models.json_schema import COUNT, ID, TEXT, TIME, nullable, one_of
from models.representation import Representation

STATUSES = ("delivered", "failed")
ERROR_LENGTH = 500


class Delivery(Model):
    """An attempt to deliver an event, None for a test; it took `ms` milliseconds and was answered with this `code`."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("ix_webhook_deliveries_webhook_id_id", "webhook_id", "id"),
        Index("ix_webhook_deliveries_webhook_id_status_id", "webhook_id", "status", "id"),
        CheckConstraint(f"status IN {STATUSES}", name="status"),
        {"sqlite_autoincrement": True},
    )

    REPRESENTATION = Representation(
        "Delivery",
        {
            "id": ID,
            "event_id": nullable(ID),
            "attempt": ID,
            "at": TIME,
            "ms": COUNT,
            "status": one_of(*STATUSES),
            "code": nullable({"type": "integer"}),
            "error": nullable(TEXT),
        },
    )
    SCHEMA = REPRESENTATION.schema

    id: Mapped[int] = mapped_column(LongId, primary_key=True)
    webhook_id: Mapped[int]
    event_id: Mapped[int | None] = mapped_column(LongId)
    attempt: Mapped[int]
    at: Mapped[datetime] = mapped_column(UtcTime(), index=True)
    ms: Mapped[int]
    status: Mapped[str] = mapped_column(String(16))
    code: Mapped[int | None]
    error: Mapped[str | None] = mapped_column(exact_text(ERROR_LENGTH))


class RequestedDelivery(Model):
    """An event that is to be delivered once more, out of its order, or a test (no event); it goes once it was tried."""

    __tablename__ = "requested_deliveries"
    __table_args__ = (
        Index("ix_requested_deliveries_webhook_id_id", "webhook_id", "id"),
        {"sqlite_autoincrement": True},
    )

    REPRESENTATION = Representation("RequestedDelivery", {"id": ID, "event_id": nullable(ID), "requested_at": TIME})
    SCHEMA = REPRESENTATION.schema

    id: Mapped[int] = mapped_column(primary_key=True)
    webhook_id: Mapped[int]
    event_id: Mapped[int | None] = mapped_column(LongId)
    requested_at: Mapped[datetime] = mapped_column(UtcTime())

    def to_dict(self) -> dict[str, Any]:
        """Return the request as clients see it."""
        return self.REPRESENTATION.of(self)
