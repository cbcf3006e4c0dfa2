"""Downloads: a table of any length as a file, streamed."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from flask import Response, stream_with_context

from api.responses.tables import content_type, parts_of
from api.services import services
from models.refusals import Refusal
from models.values import now
from tables.writing import Layout, Row


def download(layout: Layout, batches: Iterable[Sequence[Row]]) -> Response:
    """Return a streamed file; an error midway breaks the connection, so that no client takes a part for the whole."""
    parts = _one_of_few(parts_of(layout, batches))
    # The first part is made here, so that one export too many, or an unreadable database, is a 503.
    parts = chain([next(parts, b"")], parts)
    response = Response(stream_with_context(parts), content_type=content_type())
    name = f"{layout.title}-{now():%Y-%m-%d}.{layout.format}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _one_of_few(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the parts of one export; raises Refusal if half of the threads are at exports already."""
    exports = services().exports
    if not exports.acquire(blocking=False):
        raise Refusal("server_busy", "Enough exports are under way. Retry.")
    try:
        yield from parts
    finally:
        exports.release()
