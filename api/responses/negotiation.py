"""Which representation a client is answered with: the one that its Accept likes best (RFC 9110 section 12.5.1)."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

from flask import Response, g, request
from flask_restful.utils import unpack
from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import NotAcceptable

from api.media_types import CSV, JSON
from api.responses.tables import cells, csv_text

Method = TypeVar("Method", bound=Callable[..., Any])


def answers(*representations: str) -> Callable[[Method], Method]:
    """Hang on a method what it can answer, the default first; one without answers JSON."""

    def hang(method: Method) -> Method:
        method.representations = representations  # type: ignore[attr-defined]
        return method

    return hang


def negotiate(method: Callable[..., Any]) -> None:
    """Choose among what a method can answer; raises NotAcceptable (406)."""
    offered: Sequence[str] = getattr(method, "representations", (JSON,))
    if request.headers.get("Accept", "*/*") == "*/*":
        g.representation = offered[0]
        return
    # The parameters, a charset say, don't narrow what is asked for.
    accept = MIMEAccept([(name.partition(";")[0], quality) for name, quality in request.accept_mimetypes])
    best = accept.best_match(offered) if accept else offered[0]
    if best is None:
        raise NotAcceptable(f"This answers {' or '.join(offered)}; Accept admits neither it nor */*.")
    g.representation = best


def representation() -> str:
    """What was chosen for this request."""
    chosen: str = g.representation
    return chosen


def or_csv(columns: Sequence[str]) -> Callable[[Method], Method]:
    """Let a method that answers a page answer it as CSV too: its `data` in these columns, or in those that
    the argument `fields` asks for; the Link header stays."""

    def hang(method: Method) -> Method:
        @wraps(method)
        def answer(self: Any, args: Any, **path: Any) -> Any:
            page = method(self, args, **path)
            return _csv_page(page, args.get("fields") or columns) if representation() == CSV else page

        return answers(JSON, CSV)(answer)  # type: ignore[return-value] # it takes what the method takes

    return hang


def _csv_page(page: Any, columns: Sequence[str]) -> Response:
    body, status, headers = unpack(page)
    text = csv_text([list(columns), *(cells(row, columns) for row in body["data"])])
    return Response(text, status, headers, content_type=f"{CSV}; charset=utf-8")
