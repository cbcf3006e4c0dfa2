"""What a method gives: declared once and hung on it, as `takes` hangs what it takes.

Nothing is checked while serving; the OpenAPI document tells clients of it, and every test holds answers against it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from models.json_schema import COUNT, ID, Schema, closed, list_of, nullable

Method = TypeVar("Method", bound=Callable[..., Any])

CURSOR: Schema = nullable({"type": "string"})


@dataclass(frozen=True)
class Output:
    """The successes of one method, and those of its refusals that nothing else tells of."""

    shape: Schema | None
    statuses: tuple[int, ...] = (200,)
    refuses: tuple[str, ...] = ()
    tagged: bool = False  # carries an ETag; a GET then answers 304 too
    linked: bool = False  # carries the Link header of a page
    checked: bool = False  # honours If-Match; PUT, PATCH and DELETE always do
    file: bool = False  # carries the name of a file
    name: str | None = None  # the operationId, where method and endpoint make no good one


def gives(
    shape: Schema | None, *statuses: int, refuses: tuple[str, ...] = (), **options: Any
) -> Callable[[Method], Method]:
    """Hang on a method what it answers: the shape of the body, its statuses (200), its own refusals."""

    def hang(method: Method) -> Method:
        method.output = Output(shape, statuses or (200,), refuses, **options)  # type: ignore[attr-defined]
        return method

    return hang


def gives_one(shape: Schema, *statuses: int, **options: Any) -> Callable[[Method], Method]:
    """The same for one thing with its ETag, as `api.conditional.answer` makes it."""
    return gives(shape, *statuses, tagged=True, **options)


def gives_page(shape: Schema, *, name: str | None = None) -> Callable[[Method], Method]:
    """The same for a page of things, as `api.pagination.Paging.page_of` makes it."""
    page = closed(
        f"{shape['title']}Page",
        {"data": list_of(shape), "next_cursor": CURSOR},
        {"total_items": COUNT, "total_pages": COUNT, "current_page": ID, "limit": ID},
    )
    return gives(page, linked=True, name=name)


def partial_of(shape: Schema) -> Schema:
    """The same thing where a client may have asked for some of its fields only."""
    return {**shape, "title": f"{shape['title']}Fields", "required": []}
