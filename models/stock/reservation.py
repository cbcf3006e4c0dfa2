"""The model `Reservation`: units of an item at a location that are promised, and still there."""

from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    String,
    and_,
    cast,
    func,
    literal_column,
    or_,
    select,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from models.database.base import Model, db
from models.database.clock import StatementNow
from models.database.column_types import UtcTime, exact_text

STATES = ("open", "fulfilled", "released", "expired")
IS_OPEN = text("state = 'open'")


class Reservation(Model):
    """A promise of some units of an item at a location; `open` of them are not yet issued.

    One that is past `expires_at` promises nothing, whatever its `state` still says.
    """

    __tablename__ = "reservations"
    __table_args__ = (
        # What sums up the open ones reads no other. MariaDB has no partial indexes, and SQLite would take another one
        # that begins with the item: so the state is in it.
        Index(
            "ix_reservations_open",
            "item_id",
            "state",
            "location_id",
            sqlite_where=IS_OPEN,
            postgresql_where=IS_OPEN,
        ),
        Index("ix_reservations_expires_at", "state", "expires_at"),
        Index("ix_reservations_item_id_id", "item_id", "id"),
        CheckConstraint(f"state IN {STATES}", name="state"),
        CheckConstraint("open >= 0 AND open <= quantity", name="open"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"))
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    quantity: Mapped[int]
    open: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    expires_at: Mapped[datetime | None] = mapped_column(UtcTime())
    reason: Mapped[str] = mapped_column(exact_text(500))
    reference: Mapped[str] = mapped_column(exact_text(100), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(UtcTime())
    updated_at: Mapped[datetime] = mapped_column(UtcTime())

    @classmethod
    def is_open_at(cls, location_id: int) -> bool:
        """Return whether anything is reserved at a location."""
        return db.session.scalar(select(cls.id).where(cls.location_id == location_id, IS_VALID).limit(1)) is not None


# What its state says, without a parameter: so it matches the partial index, and costs nobody who reserves nothing.
STATE_IS_OPEN: ColumnElement[bool] = Reservation.state == literal_column("'open'")
# Whether it is past its time, whatever its state says, and whether it promises anything now.
IS_DUE: ColumnElement[bool] = and_(STATE_IS_OPEN, Reservation.expires_at <= StatementNow())
LASTS: ColumnElement[bool] = or_(Reservation.expires_at.is_(None), Reservation.expires_at > StatementNow())
IS_VALID: ColumnElement[bool] = and_(STATE_IS_OPEN, LASTS)
# How many units of some valid ones are promised.
RESERVED: ColumnElement[int] = cast(func.sum(Reservation.open), Integer)
