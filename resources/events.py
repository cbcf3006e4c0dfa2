"""The change feed of the stock, and the audit log."""

from typing import Any

from flask_restful.reqparse import Namespace

from api.auth.permissions import scope
from api.errors import Unreadable
from api.operation import gives, gives_page, takes
from api.requests.fields import QueryField
from api.requests.parsers import RequestParser
from api.requests.text import Text
from api.requests.types import Integer, Timestamp
from api.resource import ProtectedResource
from api.responses.pagination import Paging
from models.database.column_types import MAX_ID, MAX_LONG_ID
from models.event import Event
from models.json_schema import BOOLEAN, TEXT, Schema, closed, list_of
from models.people.credentials import find_by_name
from models.values import normalized


class Position(Text):
    """The type of the id of an event, as text; `_position` refuses an invalid one."""

    def schema(self) -> Schema:
        return {"type": "string", "pattern": "^[0-9]{0,18}$"}


type_type = Text(32, 1)
feed_parser = RequestParser(
    QueryField(
        "since",
        Position(19),
        default="",
        help="The `next_cursor` of the previous response; from the beginning if left out.",
    ),
    QueryField("limit", Integer(1, 1000), default=100, help="The maximum number of events."),
    QueryField("type", type_type, help="Only events of this type, as `movement.created`."),
)
paging = Paging(Event.id, {}, default="-id")
filters = (
    QueryField("actor", Text(64, 1), help="The name of the user who caused it, in any case."),
    QueryField("type", type_type, help="The type, as `item.updated` or `sign_in.failed`."),
    QueryField("item_id", Integer(1, MAX_ID)),
    QueryField("since", Timestamp(), help="At this time or later."),
    QueryField("until", Timestamp(), help="Before this time."),
)
audit_filters = [filter_.name for filter_ in filters]
audit_parser = RequestParser(*filters, *paging.fields)
FEED = closed("Feed", {"data": list_of(Event.SCHEMA), "next_cursor": TEXT, "has_more": BOOLEAN})


class EventListResource(ProtectedResource):
    """The change feed."""

    cacheable = True
    permissions = {"GET": scope("items:read")}

    @takes(feed_parser)
    @gives(FEED)
    def get(self, args: Namespace) -> Any:
        """Read changes of items and stock in the order of their commits; pass `next_cursor` as `since` next time."""
        since, limit = _position(args["since"]), args["limit"]
        rows = Event.after(since, limit + 1, args["type"])
        events = [Event.to_dict(row) for row in rows[:limit]]
        last = events[-1]["id"] if events else since
        return {"data": events, "next_cursor": str(last), "has_more": len(rows) > limit}


class AuditResource(ProtectedResource):
    """The audit log."""

    permissions = {"GET": scope("audit:read")}

    @takes(audit_parser)
    @gives_page(Event.AUDIT_SCHEMA)
    def get(self, args: Namespace) -> Any:
        """List all events, newest first; those of users, tokens, sign-ins, failures and refusals are included."""
        query = Event.audit_log(**{name: args[name] for name in audit_filters} | {"actor": _spelled(args["actor"])})
        return paging.page_of(query, args, Event.to_audit_dict)


def _spelled(actor: str | None) -> str | None:
    """Return the name of an actor as events have it, whatever its case in the query."""
    user = find_by_name(actor) if actor else None
    return user.username if user else actor and normalized(actor)


def _position(cursor: str) -> int:
    if not cursor:
        return 0
    if not cursor.isascii() or not cursor.isdigit() or int(cursor) > MAX_LONG_ID:
        raise Unreadable("invalid_cursor", "since must be the next_cursor of an earlier answer, as it came.")
    return int(cursor)
