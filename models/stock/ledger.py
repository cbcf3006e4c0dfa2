"""The ledger as a list: the movements that meet some conditions."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import bindparam, select

from models.database.filters import BoundQuery, Condition, FilterSet
from models.database.pages import batches_by_id
from models.database.reading import PreparedQuery
from models.event import UNCHANGED
from models.people.user import User
from models.stock.item import Item
from models.stock.location import Location
from models.stock.movement import LEDGER, Movement
from models.stock.place import MAIN_ID
from models.values import normalized

# The indexes of the movements of one item, one user and one kind, by the column in whose order they have them.
_OF_ITEM = {"id": "ix_movements_item_id_id", "occurred_at": "ix_movements_item_id_occurred_at"}
_OF_USER = {"id": "ix_movements_user_id_id", "occurred_at": "ix_movements_user_id_occurred_at_id"}
_OF_KIND = {"id": "ix_movements_kind_id", "occurred_at": "ix_movements_kind_occurred_at_id"}
_BY_TIME = {"occurred_at": "ix_movements_occurred_at_id"}
_item = select(Item.id).where(Item.sku_key == bindparam("sku")).scalar_subquery()
# Looked up before: PostgreSQL's planner knows how many movements an id has, and nothing of the one in a subquery.
_USER_ID = PreparedQuery(select(User.id).where(User.username_key == bindparam("key")))
NOBODY = 0
_MOVEMENTS = FilterSet(
    LEDGER,
    {
        "item_id": Condition(Movement.item_id == bindparam("item_id"), "item", _OF_ITEM),
        "sku": Condition(Movement.item_id == _item, "item", _OF_ITEM),
        "user": Condition(Movement.user_id == bindparam("user"), "user", _OF_USER),
        "kind": Condition(Movement.kind == bindparam("kind"), "kind", _OF_KIND),
        "reference": Condition(
            Movement.reference == bindparam("reference"), "reference", {"id": "ix_movements_reference"}
        ),
        "at_main": Condition(Movement.location_id.is_(None)),
        "at_location": Condition(
            Movement.location_id == bindparam("at_location"), "location", {"id": "ix_movements_location_id"}
        ),
        "since": Condition(Movement.occurred_at >= bindparam("since"), "time", _BY_TIME),
        "until": Condition(Movement.occurred_at < bindparam("until"), "time", _BY_TIME),
    },
    UNCHANGED,
    {"id": "PRIMARY", **_BY_TIME},
)


def matching(
    *, sku: str | None = None, user: str | None = None, location: str | None = None, **others: Any
) -> BoundQuery:
    """Return the query of the movements that meet every condition; the names are those of the query parameters.

    They occurred at `since` or later, and before `until`.
    """
    location_id = None if location is None else Location.id_of(location)
    return _MOVEMENTS.where(
        sku=None if sku is None else normalized(sku),
        user=None if user is None else _id_of(user),
        at_main=location_id == MAIN_ID or None,
        at_location=None if location_id == MAIN_ID else location_id,
        **others,
    )


def _id_of(user: str) -> int:
    """Return the id of the user of this name in any case, or one that nobody has."""
    found = _USER_ID.one_or_none(key=normalized(user))
    return NOBODY if found is None else int(found.id)


def batches(**conditions: Any) -> Iterator[list[dict[str, Any]]]:
    """Yield all movements that meet the conditions of `matching`, by id, in batches."""
    for rows in batches_by_id(matching(**conditions), Movement.id):
        yield [Movement.to_dict(row) for row in rows]
