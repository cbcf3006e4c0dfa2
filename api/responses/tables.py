"""Tables in a response: the parameters that say how they are written, and pages as tables."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from flask import Response
from flask_restful.utils import unpack

from api.errors import InvalidInput, fault
from api.media_types import CSV
from api.requests.fields import QueryField
from api.requests.types import Boolean, Choice, InvalidValue
from api.responses.negotiation import TABLE_FORMATS, representation
from models.json_schema import Schema
from tables import reading
from tables.records import InvalidOption
from tables.writing import Layout, Row, written


class Delimiter:
    """What stands between the cells of a CSV; a tab may be spelled, which is easier to type."""

    CHOICES: Mapping[str, str] = {",": ",", ";": ";", "|": "|", "tab": "\t", "\t": "\t"}

    def from_text(self, text: str) -> str:
        if text not in self.CHOICES:
            raise InvalidValue("not_a_choice", "must be a comma, ; or | or tab")
        return self.CHOICES[text]

    def schema(self) -> Schema:
        return {"type": "string", "enum": list(self.CHOICES)}


# The parameters of every operation that answers tables.
TABLE_FIELDS = (
    QueryField("format", Choice(*TABLE_FORMATS), help="The format of the table; it comes before `Accept`."),
    QueryField("delimiter", Delimiter(), help="What stands between the cells of a CSV; a comma if not given."),
    QueryField(
        "bom", Boolean(), default=False, help="Begin the CSV with a byte order mark, which Excel needs to read UTF-8."
    ),
)


def layout_of(args: Mapping[str, Any], title: str, columns: Sequence[str]) -> Layout:
    """Return how the table of this response is written, in `columns` or the asked `fields`.

    Raises InvalidInput for a parameter that says nothing about its format.
    """
    format_ = next((name for name, media_type in TABLE_FORMATS.items() if media_type == representation()), "json")
    idle = [] if format_ == reading.CSV else [name for name in ("delimiter", "bom") if args[name]]
    if idle:
        words = f"says nothing about an answer that is {format_}; add format=csv"
        raise InvalidInput([fault(name, "not_applicable", words) for name in idle])
    return Layout(format_, args.get("fields") or columns, title, args["delimiter"] or ",", args["bom"])


def content_type() -> str:
    """Return the Content-Type of the table of this response."""
    return f"{CSV}; charset=utf-8" if representation() == CSV else representation()


def parts_of(layout: Layout, batches: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    """Yield the parts of a table; raise InvalidInput, before the first, for rows that no workbook can hold."""
    try:
        yield from written(layout, batches)
    except InvalidOption as error:
        raise InvalidInput([fault(error.option, error.code, str(error))]) from error


def table_page(page: Any, layout: Layout) -> Response:
    """Return the rows of a page, as `Paging.page_of` makes it, as a table with its status and headers."""
    body, status, headers = unpack(page)
    return Response(b"".join(parts_of(layout, [body["data"]])), status, headers, content_type=content_type())
