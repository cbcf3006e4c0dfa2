"""The model `Movement`: the ledger of stock, whose rows are inserted and never changed."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import CheckConstraint, ForeignKey, Index, Select, String, bindparam, func, select, text
from sqlalchemy.orm import Mapped, mapped_column

from models.database.base import Model, table_of
from models.database.column_types import LongId, Money, UtcTime, exact_text
from models.database.current_write import write_connection
from models.database.reading import PreparedQuery
from models.database.writing import insert_many
from models.event import Event
from models.json_schema import COUNT, ID, INTEGER, MONEY, TEXT, TIME, nullable, one_of
from models.people.user import User
from models.principal import Principal
from models.refusals import NotFound
from models.representation import Representation
from models.stock.item import Item
from models.stock.lines import Line, Quantities, RefusedLines
from models.stock.location import Location
from models.stock.location_rights import LocationRights
from models.stock.low_stock import changes_of, record_crossings
from models.stock.place import MAIN_ID, Place
from models.stock.reservation import Reservation
from models.stock.reserved import oversubscribed, record_oversubscribed
from models.stock.stock_rows import lock_stocks, move_stocks, move_stocks_at, moved_at
from models.stock.taking import Taken, take_lines
from models.stock.transfer import Transfer
from models.values import now

# The kinds that a client may record; the others come from other operations.
KINDS = ("receive", "issue", "adjust", "count")
ALL_KINDS = (*KINDS, "opening", "reversal", "transfer_out", "transfer_in")
AT_ANOTHER, IN_TRANSFER, RESERVED = (
    text(f"{name} IS NOT NULL") for name in ("location_id", "transfer_id", "reservation_id")
)


class Moved(NamedTuple):
    """A row to be inserted into the ledger, the SKU of its item and the code of its location."""

    row: dict[str, Any]
    sku: str
    location: str


class Movement(Model):
    """One row of the ledger: at `occurred_at` the stock changed by `delta` units.

    `quantity_after` is what the item had in all once the row was recorded, also if it is dated earlier than others.
    """

    __tablename__ = "movements"
    __table_args__ = (
        Index("ix_movements_item_id_id", "item_id", "id"),
        Index("ix_movements_item_id_occurred_at", "item_id", "occurred_at"),
        Index("ix_movements_kind_id", "kind", "id"),
        Index("ix_movements_kind_occurred_at_id", "kind", "occurred_at", "id"),
        Index("ix_movements_user_id_id", "user_id", "id"),
        Index("ix_movements_user_id_occurred_at_id", "user_id", "occurred_at", "id"),
        Index("ix_movements_occurred_at_id", "occurred_at", "id"),
        # A partial index of what is not at the main location; MariaDB has no partial indexes.
        Index("ix_movements_location_id", "location_id", "id", sqlite_where=AT_ANOTHER, postgresql_where=AT_ANOTHER),
        # Also of few rows: what transfers moved, and what was reserved.
        Index("ix_movements_transfer_id", "transfer_id", sqlite_where=IN_TRANSFER, postgresql_where=IN_TRANSFER),
        Index("ix_movements_reservation_id", "reservation_id", sqlite_where=RESERVED, postgresql_where=RESERVED),
        CheckConstraint(f"kind IN {ALL_KINDS}", name="kind"),
        CheckConstraint("quantity_after >= 0", name="quantity_after"),
        CheckConstraint("unit_cost >= 0", name="unit_cost"),
    )

    REPRESENTATION = Representation(
        "Movement",
        {
            "id": ID,
            "item_id": ID,
            "sku": {**TEXT, "description": "That of the item today; the event of the movement keeps the one of then."},
            "kind": one_of(*ALL_KINDS),
            "delta": INTEGER,
            "quantity_after": COUNT,
            "location": TEXT,
            "location_quantity_after": COUNT,
            "unit_cost": nullable(MONEY),
            "reason": TEXT,
            "reference": TEXT,
            "reverses": nullable(ID),
            "reversed_by": nullable(ID),
            "transfer_id": nullable(ID),
            "reservation_id": nullable(ID),
            "user": TEXT,
            "occurred_at": TIME,
            "created_at": TIME,
        },
    )
    SCHEMA = REPRESENTATION.schema

    id: Mapped[int] = mapped_column(LongId, primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[str] = mapped_column(String(16))
    delta: Mapped[int]
    quantity_after: Mapped[int]
    # What a count found at its time; None for other kinds, and for counts of older versions: there, `quantity_after`.
    counted: Mapped[int | None]
    reason: Mapped[str] = mapped_column(exact_text(500))
    reference: Mapped[str] = mapped_column(exact_text(100), index=True)
    reverses_id: Mapped[int | None] = mapped_column(LongId, ForeignKey("movements.id"), unique=True)
    # None: the main location.
    location_id: Mapped[int | None] = mapped_column(ForeignKey("locations.id"))
    # None in rows that are older than locations: there, `quantity_after`.
    location_quantity_after: Mapped[int | None]
    transfer_id: Mapped[int | None] = mapped_column(ForeignKey(Transfer.id))
    reservation_id: Mapped[int | None] = mapped_column(ForeignKey(Reservation.id))
    # What one unit cost, if it was received and that is known.
    unit_cost: Mapped[Decimal | None] = mapped_column(Money())
    occurred_at: Mapped[datetime] = mapped_column(UtcTime())
    created_at: Mapped[datetime] = mapped_column(UtcTime())

    @classmethod
    def record(cls, lines: Sequence[Line], by: Principal) -> list[dict[str, Any]]:
        """Record all lines in their order, or none; return the movements as clients see them.

        The items are locked in the order of their ids, so that two batches can't deadlock. Raises RefusedLines, and
        RetryTransaction as `lock_stocks` does.
        """
        connection = write_connection()
        stocks = lock_stocks(connection, lines, by)
        recorded_at = now()
        taken, refusals = take_lines(connection, stocks, lines, recorded_at)
        if refusals:
            raise RefusedLines(refusals)
        move_stocks(connection, stocks.by_id.values(), recorded_at)
        move_stocks_at(connection, moved_at(stocks))
        movements = cls.insert([_moved(each, recorded_at, by) for each in taken], by)
        record_oversubscribed(oversubscribed(taken), by)
        record_crossings(changes_of(stocks.by_id.values()), by)
        return movements

    @classmethod
    def insert(cls, moved: Sequence[Moved], by: Principal) -> list[dict[str, Any]]:
        """Insert rows into the ledger, with their events, and return them as clients see them.

        The quantities of the items and of the stocks have been updated already.
        """
        ids = insert_many(cls, [each.row for each in moved])
        movements = [
            cls.REPRESENTATION.of_values(
                {
                    **row,
                    "id": id_,
                    "sku": sku,
                    "location": location,
                    "reverses": row["reverses_id"],
                    "reversed_by": None,
                    "user": by.username,
                }
            )
            for id_, (row, sku, location) in zip(ids, moved, strict=True)
        ]
        recorded = [(movement, movement["item_id"], movement["id"]) for movement in movements]
        Event.record_many("movement.created", recorded, by)
        return movements

    @classmethod
    def open(cls, item_id: int, sku: str, quantity: int, *, at: datetime, place: Place, by: Principal) -> None:
        """Record the stock with which an item was created at a time and place, as the first row of its ledger.

        Raises Refusal `location_forbidden`.
        """
        LocationRights(by).check(place, named=False)
        opening = Line("opening", quantity, "opening stock")
        quantities = Quantities(quantity, quantity, quantity)
        row = opening.row(item_id, place, quantities, time=at, recorded_at=at, by=by)
        cls.insert([Moved(row, sku, place.code)], by)

    @classmethod
    def record_one(cls, line: Line, by: Principal) -> dict[str, Any]:
        """Record one movement and return it as clients see it.

        Raises Refusal `insufficient_stock`, `quantity_changed`, `item_archived`, `stock_limit` or another one of
        `take_lines`, or NotFound.
        """
        try:
            return cls.record([line], by)[0]
        except RefusedLines as refused:
            raise refused.refusals[0] from None

    @classmethod
    def get(cls, movement_id: int) -> dict[str, Any]:
        """Return one movement as clients see it; raises NotFound."""
        row = _BY_ID.one_or_none(movement_id=movement_id)
        if row is None:
            raise NotFound(f"There is no movement {movement_id}.")
        return cls.to_dict(row)

    @classmethod
    def to_dict(cls, row: Sequence[Any]) -> dict[str, Any]:
        """Return a row of `LEDGER` as clients see it."""
        return cls.REPRESENTATION.of_row(row)


def _moved(taken: Taken, recorded_at: datetime, by: Principal) -> Moved:
    _, line, stock, at, time, quantities = taken
    row = line.row(stock.item_id, at.place, quantities, time=time, recorded_at=recorded_at, by=by)
    return Moved(row, stock.sku, at.place.code)


def _ledger() -> Select[Any]:
    """Return the select of all movements, with the columns that clients see."""
    movements = table_of(Movement)
    reversals = movements.alias()
    columns = Movement.REPRESENTATION.columns(
        movements,
        sku=Item.sku,
        location=Location.code,
        location_quantity_after=func.coalesce(movements.c.location_quantity_after, movements.c.quantity_after),
        reverses=movements.c.reverses_id,
        reversed_by=reversals.c.id,
        user=User.username,
    )
    return (
        select(*columns)
        .select_from(movements)
        # Outer joins, although each movement has an item and a user: with inner joins, a planner may begin at those
        # tables and sort all movements.
        .outerjoin(Item, Item.id == movements.c.item_id)
        .outerjoin(Location, Location.id == func.coalesce(movements.c.location_id, MAIN_ID))
        .outerjoin(User, User.id == movements.c.user_id)
        .outerjoin(reversals, reversals.c.reverses_id == movements.c.id)
    )


# Every movement as clients see it.
LEDGER = _ledger()
_BY_ID = PreparedQuery(LEDGER.where(Movement.id == bindparam("movement_id")))
