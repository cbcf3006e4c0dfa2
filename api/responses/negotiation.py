"""The media type of an answer: the one that `format` names, or that Accept prefers (RFC 9110 section 12.5.1)."""

from collections.abc import Sequence

from flask import Request, g
from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import NotAcceptable

from api.media_types import CSV, NDJSON, PLAIN, SVG, XLSX
from tables import reading

# The names by which a client asks for a table or a label where it can't set headers: a link, a spreadsheet.
TABLE_FORMATS = {reading.CSV: CSV, reading.XLSX: XLSX, reading.NDJSON: NDJSON}
LABEL_FORMATS = {"svg": SVG, "zpl": PLAIN}
FORMATS = TABLE_FORMATS | LABEL_FORMATS


def negotiate(request: Request, offered: Sequence[str], *, by_name: bool = False) -> str:
    """Return one of the media types offered to a request, the first where the client has no preference.

    With `by_name` the parameter `format` comes before Accept, and its parser refuses a wrong one.

    Raises NotAcceptable (406).
    """
    if by_name and "format" in request.args:
        return FORMATS.get(request.args["format"], offered[0])
    if request.environ.get("HTTP_ACCEPT", "*/*") == "*/*":
        return offered[0]
    # The parameters, as a charset, are left out of the comparison.
    accept = MIMEAccept([(name.partition(";")[0], quality) for name, quality in request.accept_mimetypes])
    best = accept.best_match(offered) if accept else offered[0]
    if best is None:
        raise NotAcceptable(f"This answers {' or '.join(offered)}; Accept admits neither it nor */*.")
    return best


def representation() -> str:
    """Return the media type that was chosen for this request."""
    chosen: str = g.representation
    return chosen
