"""The model `Webhook`: an address that gets the events of the change feed, and how far it has got.

It is a stored cursor: everything up to `last_event_id` was delivered, or is of a type that it does not want. So nothing
is sent before its commit, left out or sent in another order, whichever operation has written it.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from models import event_types
from models.database.base import Model
from models.database.column_types import Json, LongId, UtcTime, exact_text
from models.json_schema import BOOLEAN, ID, TEXT, TIME, list_of, nullable, one_of
from models.representation import Representation

URL_LENGTH = 2000
# How many there may be; each that has something to deliver has a thread of the sender.
MOST = 100
STATES = ("running", "waiting", "paused")
# Why one was paused: its receiver is gone (410), it has failed for too long, or a person has switched it off.
GONE, FAILING, SWITCHED_OFF = "gone", "failing", "off"


class Webhook(Model):
    """An address that gets events, in their order, each at least once.

    `attempts` counts the failed ones of the next event, since `failing_since`; the next is at
    `next_attempt_at`. The secrets are encrypted; the former one signs too until `former_until`.
    """

    __tablename__ = "webhooks"
    __table_args__ = (
        CheckConstraint("last_event_id >= 0", name="last_event_id"),
        CheckConstraint("attempts >= 0", name="attempts"),
        {"sqlite_autoincrement": True},  # the log of deliveries outlives a webhook: its id is never given again
    )

    REPRESENTATION = Representation(
        "Webhook",
        {
            "id": ID,
            "url": TEXT,
            "types": list_of(event_types.SCHEMA),
            "active": BOOLEAN,
            "state": {"title": "WebhookState", **one_of(*STATES)},
            "cursor": {**TEXT, "description": "The `next_cursor` of `/events` after what was delivered."},
            "next_attempt_at": nullable(TIME),
            "failing_since": nullable(TIME),
            "last_status": nullable({"type": "integer"}),
            "created_at": TIME,
        },
    )
    SCHEMA = REPRESENTATION.schema

    id: Mapped[int] = mapped_column(primary_key=True)
    url: Mapped[str] = mapped_column(exact_text(URL_LENGTH))
    types: Mapped[list[str]] = mapped_column(Json())
    active: Mapped[bool] = mapped_column(Boolean())
    paused: Mapped[str | None] = mapped_column(String(16))
    # Whether the admins are yet to get a mail that it was paused.
    unannounced: Mapped[bool] = mapped_column(Boolean())
    last_event_id: Mapped[int] = mapped_column(LongId)
    attempts: Mapped[int]
    next_attempt_at: Mapped[datetime | None] = mapped_column(UtcTime())
    failing_since: Mapped[datetime | None] = mapped_column(UtcTime())
    last_status: Mapped[int | None]
    secret: Mapped[str] = mapped_column(Text())
    former_secret: Mapped[str | None] = mapped_column(Text())
    former_until: Mapped[datetime | None] = mapped_column(UtcTime())
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(UtcTime())
    updated_at: Mapped[datetime] = mapped_column(UtcTime())

    @property
    def state(self) -> str:
        """Whether it is `running`, `waiting` for its next attempt, or `paused`."""
        if not self.active:
            return "paused"
        return "waiting" if self.attempts else "running"

    @property
    def cursor(self) -> str:
        """How far it has got, as clients pass it to `/events`."""
        return str(self.last_event_id)

    def to_dict(self) -> dict[str, Any]:
        """Return the webhook as clients see it."""
        return self.REPRESENTATION.of(self)
