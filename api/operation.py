"""What one method of a resource takes and returns: one record, which the decorators set and `operation_of` reads.

`StrictResource` reads the record before the method runs, and the OpenAPI document is made from it. A method
without decorators takes nothing and returns JSON.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from api.media_types import CSV, JSON, NDJSON, XLSX
from api.requests.parsers import NOTHING, RequestParser
from api.responses.negotiation import representation
from api.responses.outputs import CURSOR, Output
from api.responses.tables import layout_of, table_page
from models.database.group_commit import short_write
from models.json_schema import COUNT, ID, Schema, closed, list_of

P = ParamSpec("P")
R = TypeVar("R")
Method = TypeVar("Method", bound=Callable[..., Any])


@dataclass(frozen=True)
class Operation:
    """What the decorators of one method declare."""

    parser: RequestParser = NOTHING
    output: Output | None = None  # for the OpenAPI document; nothing is checked while serving
    media_types: tuple[str, ...] = (JSON,)  # of its successes, the default first
    idempotent: bool = False  # whether it honours Idempotency-Key
    short: bool = False  # whether it is a short write

    def is_conditional(self, method: str) -> bool:
        """Return whether this operation, of this method of HTTP, honours If-Match and If-None-Match."""
        declared = self.output.checked if self.output else None
        return method != "POST" if declared is None else declared


UNDECLARED = Operation()
# The one name under which a function holds its record; `functools.wraps` copies it to a wrapper.
_ATTRIBUTE = "operation"


def operation_of(function: Callable[..., Any]) -> Operation:
    """Return what the decorators of this function declare."""
    operation: Operation = vars(function).get(_ATTRIBUTE, UNDECLARED)
    return operation


def _declare(function: Method, **changes: Any) -> Method:
    vars(function)[_ATTRIBUTE] = replace(operation_of(function), **changes)
    return function


def takes(parser: RequestParser) -> Callable[[Method], Method]:
    """Declare what a method takes; it then gets the arguments as its first parameter."""
    return lambda method: _declare(method, parser=parser)


def gives(
    schema: Schema | None, *statuses: int, refuses: tuple[str, ...] = (), **options: Any
) -> Callable[[Method], Method]:
    """Declare what a method returns: the schema of the body, its statuses (200), and the problems that only it has.

    `options` are those of `Output`.
    """
    output = Output(schema, statuses or (200,), refuses, **options)
    return lambda method: _declare(method, output=output)


def gives_one(schema: Schema, *statuses: int, **options: Any) -> Callable[[Method], Method]:
    """Declare that a method returns one resource with its ETag, as `api.responses.conditional.answer` makes it."""
    return gives(schema, *statuses, tagged=True, **options)


def gives_page(schema: Schema, **options: Any) -> Callable[[Method], Method]:
    """Declare that a method returns a page, as `api.responses.pagination.Paging.page_of` makes it."""
    page = closed(
        f"{schema['title']}Page",
        {"data": list_of(schema), "next_cursor": CURSOR},
        {"total_items": COUNT, "total_pages": COUNT, "current_page": ID, "limit": ID},
    )
    return gives(page, linked=True, **options)


def answers(*media_types: str) -> Callable[[Method], Method]:
    """Declare the media types that a method can answer in, the default first."""
    return lambda method: _declare(method, media_types=media_types)


def idempotent(method: Method) -> Method:
    """Declare that a method honours Idempotency-Key; a POST or PATCH that does not refuses the header."""
    return _declare(method, idempotent=True)


def short(method: Callable[P, R]) -> Callable[P, R]:
    """Make a method a short write, as `models.database.group_commit` explains it; its key then is one too."""
    return _declare(short_write(method), short=True)


def or_table(title: str, columns: Sequence[str]) -> Callable[[Method], Method]:
    """Let a method that returns a page, and takes TABLE_FIELDS, return it as a table too: CSV, JSON lines or XLSX.

    The table has the rows of `data` in these columns, or in those of the argument `fields`, and the same Link header.
    """

    def decorate(method: Method) -> Method:
        @wraps(method)
        def answer(self: Any, args: Any, **path: Any) -> Any:
            layout = layout_of(args, title, columns)
            page = method(self, args, **path)
            return page if representation() == JSON else table_page(page, layout)

        return answers(JSON, CSV, XLSX, NDJSON)(answer)  # type: ignore[return-value] # it takes what the method takes

    return decorate
