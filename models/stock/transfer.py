"""The models `Transfer` and `TransferLine`: what was sent from one location to another, and how much has arrived."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from models.database.base import Model
from models.database.column_types import UtcTime, exact_text

IN_TRANSIT_STATE, PARTLY_RECEIVED, RECEIVED = STATES = ("in_transit", "partly_received", "received")


class Transfer(Model):
    """Goods that go from one location to another, in one act; its lines say what has become of them."""

    __tablename__ = "transfers"
    __table_args__ = (
        Index("ix_transfers_state_id", "state", "id"),
        Index("ix_transfers_from_id_id", "from_id", "id"),
        Index("ix_transfers_to_id_id", "to_id", "id"),
        CheckConstraint(f"state IN {STATES}", name="state"),
        CheckConstraint("from_id <> to_id", name="to_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    from_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    to_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    reason: Mapped[str] = mapped_column(exact_text(500))
    reference: Mapped[str] = mapped_column(exact_text(100), index=True)
    reversed: Mapped[bool]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(UtcTime())
    updated_at: Mapped[datetime] = mapped_column(UtcTime())


class TransferLine(Model):
    """How many units of an item a transfer sent, and what has become of them; the rest is on its way."""

    __tablename__ = "transfer_lines"
    __table_args__ = (
        Index("ix_transfer_lines_item_id", "item_id"),
        CheckConstraint("received >= 0 AND returned >= 0 AND damaged >= 0", name="arrived"),
        CheckConstraint("received + returned + damaged <= quantity", name="quantity"),
    )

    transfer_id: Mapped[int] = mapped_column(ForeignKey("transfers.id"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"))
    quantity: Mapped[int]
    received: Mapped[int]
    returned: Mapped[int]
    damaged: Mapped[int]
