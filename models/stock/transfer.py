"""The models `Transfer` and `TransferLine`: what was sent from one location to another, and how much has arrived."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, or_, select
from sqlalchemy.orm import Mapped, mapped_column

from models.database.base import Model, db
from models.database.column_types import UtcTime, exact_text
from models.json_schema import BOOLEAN, COUNT, ID, TEXT, TIME, closed, list_of, one_of
from models.representation import Representation

ON_THE_WAY = ("in_transit", "partly_received")
STATES = (*ON_THE_WAY, "received")


class TransferLine(Model):
    """How many units of an item a transfer sent, and what has become of them; the others are on their way."""

    __tablename__ = "transfer_lines"
    __table_args__ = (
        Index("ix_transfer_lines_item_id", "item_id"),
        CheckConstraint("received >= 0 AND returned >= 0 AND damaged >= 0", name="arrived"),
        CheckConstraint("received + returned + damaged <= quantity", name="quantity"),
    )

    REPRESENTATION = Representation(
        "TransferLine",
        {
            "line": ID,
            "item_id": ID,
            "sku": {**TEXT, "description": "That of the item today; the events of the transfer keep the one of then."},
            **dict.fromkeys(("quantity", "received", "returned", "damaged"), COUNT),
        },
    )

    transfer_id: Mapped[int] = mapped_column(ForeignKey("transfers.id"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"))
    quantity: Mapped[int]
    received: Mapped[int]
    returned: Mapped[int]
    damaged: Mapped[int]


class Transfer(Model):
    """Goods that go from one location to another, in one act; one that is `reversed` has brought them back."""

    __tablename__ = "transfers"
    __table_args__ = (
        Index("ix_transfers_state_id", "state", "id"),
        Index("ix_transfers_from_id_id", "from_id", "id"),
        Index("ix_transfers_to_id_id", "to_id", "id"),
        CheckConstraint(f"state IN {STATES}", name="state"),
        CheckConstraint("from_id <> to_id", name="to_id"),
    )

    # All but the lines, which are rows of their own.
    HEAD = Representation(
        "TransferHead",
        {
            "id": ID,
            "state": one_of(*STATES),
            "from": TEXT,
            "to": TEXT,
            "reason": TEXT,
            "reference": TEXT,
            "reversed": BOOLEAN,
            "user": TEXT,
            "created_at": TIME,
            "updated_at": TIME,
        },
    )
    SCHEMA = closed("Transfer", HEAD.schema["properties"] | {"lines": list_of(TransferLine.REPRESENTATION.schema)})

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

    @classmethod
    def is_on_its_way(cls, location_id: int) -> bool:
        """Return whether goods are on their way from or to a location."""
        ends = or_(cls.from_id == location_id, cls.to_id == location_id)
        return db.session.scalar(select(cls.id).where(ends, cls.state.in_(ON_THE_WAY)).limit(1)) is not None
