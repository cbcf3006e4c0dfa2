"""Sessions as their users see them: the columns, one of them, and the query of those that are not over."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, bindparam, case, func, select

from models.database.base import table_of
from models.database.filters import BoundQuery, FilterSet
from models.database.reading import PreparedQuery
from models.json_schema import BOOLEAN, ID, TEXT, TIME, closed, nullable, one_of
from models.people.session import COOKIE, TOKEN, Session
from models.refusals import NotFound
from models.representation import Representation
from models.values import now

# Until when a session is valid if it is not used again, and when it last was, or began.
valid_until = case((Session.ends_at < Session.expires_at, Session.ends_at), else_=Session.expires_at)
last_used = func.coalesce(Session.last_used_at, Session.created_at)

REPRESENTATION = Representation(
    "Session",
    {
        "id": ID,
        "kind": one_of(TOKEN, COOKIE),
        "created_at": TIME,
        "last_used_at": TIME,
        "expires_at": TIME,
        "address": nullable(TEXT),
        "client": nullable(TEXT),
    },
)
# With `current`: whether it is the session of the request.
SCHEMA = closed("Session", {**REPRESENTATION.schema["properties"], "current": BOOLEAN})

_ALL = select(*REPRESENTATION.columns(table_of(Session), expires_at=valid_until, last_used_at=last_used))
_BY_ID = PreparedQuery(_ALL.where(Session.id == bindparam("session_id"), Session.user_id == bindparam("user_id")))
_LIVING = FilterSet(
    _ALL,
    {
        "user_id": and_(Session.user_id == bindparam("user_id"), Session.ended_at.is_(None)),
        "now": valid_until > bindparam("now"),
    },
)


def owned(user_id: int) -> BoundQuery:
    """Return the query of the sessions of a user that have neither ended nor expired."""
    return _LIVING.where(user_id=user_id, now=now())


def read_current(session_id: int, user_id: int) -> dict[str, Any]:
    """Return the session of this user that the request uses, as clients see it; raises NotFound."""
    row = _BY_ID.one_or_none(session_id=session_id, user_id=user_id)
    if row is None:
        raise NotFound(f"You have no session {session_id}.")
    return represent(row, session_id)


def represent(row: Sequence[Any], current_id: int | None) -> dict[str, Any]:
    """Return what clients see of a row of these queries; `current_id` is the session of the request, if it has one."""
    return {**REPRESENTATION.of_row(row), "current": row[0] == current_id}
