"""The media type of an answer: of those that a method offers, the one that Accept prefers (RFC 9110 section 12.5.1)."""

from collections.abc import Sequence

from flask import Request, g
from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import NotAcceptable


def negotiate(request: Request, offered: Sequence[str]) -> str:
    """Return one of the media types offered to a request, the first where the client has no preference.

    Raises NotAcceptable (406).
    """
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
