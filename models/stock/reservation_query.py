"""Reservations as clients see them: their representation, and the queries that only read them."""

from typing import Any

from sqlalchemy import bindparam, case, literal_column, select

from models.database.base import table_of
from models.database.filters import BoundQuery, Condition, FilterSet
from models.database.reading import PreparedQuery
from models.json_schema import COUNT, ID, TEXT, TIME, nullable, one_of
from models.people.user import User
from models.refusals import NotFound
from models.representation import Representation
from models.stock.item import Item
from models.stock.location import Location
from models.stock.reservation import IS_DUE, IS_VALID, STATES, Reservation
from models.values import normalized

REPRESENTATION = Representation(
    "Reservation",
    {
        "id": ID,
        "item_id": ID,
        "sku": TEXT,
        "location": TEXT,
        "quantity": ID,
        "open": {**COUNT, "description": "What is not fulfilled; once it is released or expired, what was given back."},
        "state": one_of(*STATES),
        "expires_at": nullable(TIME),
        "reason": TEXT,
        "reference": TEXT,
        "user": TEXT,
        "created_at": TIME,
    },
)
SCHEMA = REPRESENTATION.schema
# Makes of a row of these queries what clients see.
to_dict = REPRESENTATION.of_row

_reservations = table_of(Reservation)
# One that is past its time has expired at once, before anybody has written that.
_state = case((IS_DUE, literal_column("'expired'")), else_=_reservations.c.state)
RESERVATIONS = (
    select(
        *REPRESENTATION.columns(_reservations, sku=Item.sku, location=Location.code, state=_state, user=User.username)
    )
    .select_from(_reservations)
    # Outer joins, although each has all of them: so a planner begins at the reservations.
    .outerjoin(Item, Item.id == _reservations.c.item_id)
    .outerjoin(Location, Location.id == _reservations.c.location_id)
    .outerjoin(User, User.id == _reservations.c.user_id)
)
_BY_ID = PreparedQuery(RESERVATIONS.where(Reservation.id == bindparam("reservation_id")))
_OF_ITEM = {"id": "ix_reservations_item_id_id"}
_item = select(Item.id).where(Item.sku_key == bindparam("sku")).scalar_subquery()
_has_expired = Reservation.state.in_((literal_column("'open'"), literal_column("'expired'"))) & ~IS_VALID
# How many there are is not remembered: they expire without an event.
_LISTED = FilterSet(
    RESERVATIONS,
    {
        "item_id": Condition(Reservation.item_id == bindparam("item_id"), "item", _OF_ITEM),
        "sku": Condition(Reservation.item_id == _item, "item", _OF_ITEM),
        "location_id": Condition(Reservation.location_id == bindparam("location_id")),
        "reference": Condition(
            Reservation.reference == bindparam("reference"), "reference", {"id": "ix_reservations_reference"}
        ),
        "open": Condition(IS_VALID, "state"),
        "expired": Condition(_has_expired, "state"),
        "state": Condition(Reservation.state == bindparam("state"), "state"),
    },
    sorts={"id": "PRIMARY"},
)


def read(reservation_id: int) -> dict[str, Any]:
    """Return a reservation as clients see it; raises NotFound."""
    row = _BY_ID.one_or_none(reservation_id=reservation_id)
    if row is None:
        raise NotFound(f"There is no reservation {reservation_id}.")
    return to_dict(row)


def matching(
    *, sku: str | None = None, location: str | None = None, state: str | None = None, **others: Any
) -> BoundQuery:
    """Return the query of the reservations that meet every condition; the names are those of the query parameters."""
    by_time = {state: True} if state in ("open", "expired") else {"state": state}
    return _LISTED.where(
        sku=None if sku is None else normalized(sku),
        location_id=None if location is None else Location.id_of(location),
        **by_time,
        **others,
    )
