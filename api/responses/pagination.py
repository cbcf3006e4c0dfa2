"""Pages of a collection: numbered and counted, or by a cursor whose cost does not grow with depth.

A cursor holds the sort keys of the row at which a page ends (keyset pagination), and a signature, so that no client can
make one up. A row that exists throughout a walk, and whose sort key does not change, appears exactly once.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any
from urllib.parse import urlencode

from flask import current_app
from flask.globals import request_ctx
from itsdangerous import BadData, Signer, URLSafeSerializer
from itsdangerous.encoding import base64_encode
from sqlalchemy import ColumnElement

from api.errors import InvalidInput, Unreadable, fault
from api.requests import types
from api.requests.fields import QueryField
from api.requests.types import Choice
from models.database.filters import BoundQuery
from models.database.pages import Key, Order, beyond, numbered
from models.values import as_json, rfc3339

MAX_LIMIT = 200
DEFAULT_LIMIT = 50
MAX_PAGE = 2**31 - 1

Answer = tuple[dict[str, Any], int, dict[str, str]]
Represent = Callable[[Any], Any]


class _CursorText:
    """The type of a cursor, which is opaque; `Paging` refuses an invalid one."""

    def from_text(self, text: str) -> str:
        return text

    def schema(self) -> dict[str, Any]:
        return {"type": "string"}


# The same for every collection.
PAGE_FIELDS = (
    QueryField("limit", types.Integer(1, MAX_LIMIT), default=DEFAULT_LIMIT, help="Rows per page."),
    QueryField("page", types.Integer(1, MAX_PAGE), help="The number of the page; the response then has totals."),
    QueryField("cursor", _CursorText(), help="The cursor of the page, without totals; empty for the first page."),
)

# Those of a list that is read by cursor alone, and always sorted by the default.
CURSOR_FIELDS = tuple(field for field in PAGE_FIELDS if field.name != "page")


class Paging:
    """How one collection is sorted and paged; `fields` are for the parser of its list.

    `sorts` maps each name by which a client may sort to its column; rows with equal values are sorted by id.
    """

    def __init__(self, id_column: Any, sorts: Mapping[str, Any], default: str = "id") -> None:
        self.id_column = id_column
        self._signer_with = lru_cache(2)(partial(_signer, salt=f"cursor of {id_column}".encode()))
        self.sorts: dict[str, ColumnElement[Any]] = {"id": id_column, **sorts}
        choices = [direction + name for name in self.sorts for direction in ("", "-")]
        self.fields = (
            QueryField(
                "sort",
                Choice(*choices),
                default=default,
                help="`-` before a name sorts in descending order; ties are sorted by id.",
            ),
            *PAGE_FIELDS,
        )
        self._default = default

    def page_of(self, selection: BoundQuery, args: Mapping[str, Any], represent: Represent) -> Answer:
        """Return the page that `args` ask for, as (body, status, headers); `represent` makes its `data`.

        Raises InvalidInput (422) for a page together with a cursor, Unreadable (400) for an invalid cursor.
        """
        sort, limit, page, cursor = args["sort"], args["limit"], args["page"], args["cursor"]
        if page is not None and cursor is not None:
            raise InvalidInput([fault("cursor", "exclusive", "can't be given together with page")])
        selection = selection.in_order_of(self.sorts[sort.removeprefix("-")])
        if cursor is not None:
            return self._by_cursor(selection, sort, limit, cursor, represent)
        return self._by_number(selection, sort, limit, page or 1, represent)

    def by_cursor(self, selection: BoundQuery, args: Mapping[str, Any], represent: Represent) -> Answer:
        """Return the page that `args` ask for in the default order, like `page_of`; the first one without a cursor."""
        selection = selection.in_order_of(self.sorts[self._default])
        return self._by_cursor(selection, self._default, args["limit"], args["cursor"] or "", represent)

    def _by_number(self, selection: BoundQuery, sort: str, limit: int, page: int, represent: Represent) -> Answer:
        rows, total = numbered(selection, self._order(sort), limit, (page - 1) * limit)
        pages = -(-total // limit)
        links = {"first": {"page": 1}, "last": {"page": max(pages, 1)}}
        if page > 1:
            links["prev"] = {"page": max(min(page - 1, pages), 1)}
        if page < pages:
            links["next"] = {"page": page + 1}
        body = {
            "data": [represent(row) for row in rows],
            "total_items": total,
            "total_pages": pages,
            "current_page": page,
            "limit": limit,
            "next_cursor": self._cursor(sort, rows[-1]) if page < pages and rows else None,
        }
        return body, 200, _link_header(links)

    def _by_cursor(self, selection: BoundQuery, sort: str, limit: int, cursor: str, represent: Represent) -> Answer:
        key, backward = self._read_cursor(sort, cursor) if cursor else (None, False)
        rows = beyond(selection, self._order(sort, backward), limit + 1, key)
        more, rows = len(rows) > limit, rows[:limit]
        if backward:
            rows.reverse()
        has_next, has_prev = (True, more) if backward else (more, key is not None)
        following = self._cursor(sort, rows[-1]) if rows and has_next else None
        links: dict[str, dict[str, Any]] = {"first": {"cursor": ""}}
        if rows and has_prev:
            links["prev"] = {"cursor": self._cursor(sort, rows[0], backward=True)}
        if following:
            links["next"] = {"cursor": following}
        body = {"data": [represent(row) for row in rows], "next_cursor": following}
        return body, 200, _link_header(links)

    def _order(self, sort: str, backward: bool = False) -> Order:
        """Return the order of this sort, or with `backward` the same from its end."""
        falling = sort.startswith("-") != backward
        return Order(self.sorts[sort.removeprefix("-")], self.id_column, falling, ids_falling=backward)

    def _signer(self) -> URLSafeSerializer:
        """Return the signer of the cursors of this collection; it verifies with the old secret keys too."""
        keys = (*(current_app.config["SECRET_KEY_FALLBACKS"] or ()), current_app.secret_key or "")
        return self._signer_with(keys)

    def _cursor(self, sort: str, row: Sequence[Any], *, backward: bool = False) -> str:
        value, row_id = row[-2:]  # what `_sorted` adds to the columns
        if isinstance(value, datetime):
            value = rfc3339(value)
        elif isinstance(value, Decimal):
            value = str(value)
        signed = self._signer().dumps([sort, backward, value, row_id])
        return signed if isinstance(signed, str) else signed.decode()

    def _read_cursor(self, sort: str, cursor: str) -> tuple[Key, bool]:
        try:
            cursor_sort, backward, value, row_id = self._signer().loads(cursor)
        except BadData:
            raise Unreadable("invalid_cursor", "The cursor is not one of this collection.") from None
        if cursor_sort != sort:
            raise Unreadable("invalid_cursor", f"The cursor belongs to sort={cursor_sort}, not sort={sort}.")
        return Key(_typed(self.sorts[sort.removeprefix("-")], value), row_id), backward


class _CursorSerializer(URLSafeSerializer):
    """Signs cursors; it does not try to compress them, which costs more than all the rest and rarely shortens one."""

    def dump_payload(self, obj: Any) -> bytes:
        return base64_encode(as_json(obj))


def _signer(keys: tuple[str, ...], salt: bytes) -> URLSafeSerializer:
    """Return a signer with keys that are derived once, as it would derive them for each cursor."""
    derived = [Signer(key, salt).derive_key() for key in keys]
    return _CursorSerializer(derived, salt=salt, signer_kwargs={"key_derivation": "none"})


def _typed(column: ColumnElement[Any], value: Any) -> Any:
    kind = column.type.python_type
    if kind is datetime:
        return datetime.fromisoformat(value)
    return Decimal(value) if kind is Decimal else value


def _link_header(links: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the Link header (RFC 8288); each target has the query of this request with another position."""
    request = request_ctx.request
    others = [(name, value) for name, value in request.args.items(multi=True) if name not in ("page", "cursor")]
    start = f"{request.path}?{urlencode(others)}&" if others else f"{request.path}?"
    # Numbers and cursors need no quoting.
    targets = {rel: f"{start}{name}={value}" for rel, position in links.items() for name, value in position.items()}
    return {"Link": ", ".join(f'<{target}>; rel="{rel}"' for rel, target in targets.items())}
