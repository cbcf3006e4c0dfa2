"""The model `Subscription`: who gets a digest of which events by mail, how often, and how far it has got."""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from models.database.base import Model
from models.database.column_types import Json, LongId, UtcTime, exact_text
from models.event_types import CHOICES
from models.json_schema import BOOLEAN, ID, TEXT, TIME, list_of, nullable, one_of
from models.representation import Representation

CHANNELS = ("mail",)
ERROR_LENGTH = 500
MOST = 100
MOST_RECIPIENTS = 50
# A year, in minutes.
MOST_MINUTES = 525_600


class Subscription(Model):
    """A digest for some recipients (none: those of the settings), every so many minutes or daily at a time of UTC.

    All events up to `last_event_id` were sent, or are none that it wants. The next digest is made at `next_at`, or at
    `next_attempt_at` if the last attempts have failed. `updated_at` is when a person, or a failed attempt, changed it.
    """

    __tablename__ = "subscriptions"
    __table_args__ = (
        CheckConstraint("(every_minutes IS NULL) <> (daily_at IS NULL)", name="rhythm"),
        CheckConstraint("attempts >= 0", name="attempts"),
        {"sqlite_autoincrement": True},  # Message-ID has its id
    )

    REPRESENTATION = Representation(
        "Subscription",
        {
            "id": ID,
            "channel": one_of(*CHANNELS),
            "recipients": list_of(TEXT),
            "types": list_of(one_of(*CHOICES)),
            "every_minutes": nullable(ID),
            "daily_at": nullable({**TEXT, "pattern": "^[0-2][0-9]:[0-5][0-9]$"}),
            "active": BOOLEAN,
            "next_at": TIME,
            "next_attempt_at": nullable(TIME),
            "failing_since": nullable(TIME),
            "last_error": nullable(TEXT),
            "created_at": TIME,
        },
    )
    SCHEMA = REPRESENTATION.schema

    id: Mapped[int] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(String(16))
    recipients: Mapped[list[str]] = mapped_column(Json())
    types: Mapped[list[str]] = mapped_column(Json())
    every_minutes: Mapped[int | None]
    daily_at: Mapped[str | None] = mapped_column(String(5))
    active: Mapped[bool] = mapped_column(Boolean())
    last_event_id: Mapped[int] = mapped_column(LongId)
    next_at: Mapped[datetime] = mapped_column(UtcTime())
    attempts: Mapped[int]
    next_attempt_at: Mapped[datetime | None] = mapped_column(UtcTime())
    failing_since: Mapped[datetime | None] = mapped_column(UtcTime())
    last_error: Mapped[str | None] = mapped_column(exact_text(ERROR_LENGTH))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(UtcTime())
    updated_at: Mapped[datetime] = mapped_column(UtcTime())

    def to_dict(self) -> dict[str, Any]:
        """Return the subscription as clients see it."""
        return self.REPRESENTATION.of(self)
