"""Conditional requests: strong entity tags, 304, 412 and 428 (RFC 9110 sections 8.8 and 13, RFC 6585 section 3)."""

import hashlib
import re
from collections.abc import Collection
from typing import Any

from flask import Request, Response
from flask.globals import request_ctx
from werkzeug.datastructures import ETags
from werkzeug.exceptions import PreconditionFailed, PreconditionRequired
from werkzeug.http import parse_etags, quote_etag

from api.errors import Unreadable
from api.json_answers import json_bytes, unchanged, whole
from api.media_types import JSON
from api.services import current_settings

Body = dict[str, Any]

TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
# A list may have empty elements (RFC 9110 section 5.6.1), but here not only those.
TAGS = re.compile(rf'\*|(?=.*")(?:{TAG}[ \t]*)?(?:,[ \t]*(?:{TAG}[ \t]*)?)*')


def answer(
    representation: Body,
    status: int = 200,
    headers: dict[str, str] | None = None,
    *,
    untagged: Collection[str] = (),
) -> Any:
    """Return one resource with its ETag; 304 without a body where `If-None-Match` of a read has that tag.

    The members `untagged`, which change without anybody's request, are no part of the tag. A read of such a resource is
    never 304: the client has the tag, and may not have what these members are now.
    Raises PreconditionFailed (412) where `If-Match` of a read has another tag, and Unreadable (400) where one of these
    headers is malformed.
    """
    content = json_bytes(representation)
    request = request_ctx.request
    is_read = request.method in ("GET", "HEAD")
    if is_read and not untagged:
        return _answer_content(request, content, JSON)
    etag = _etag_of(_tagged(representation, untagged) if untagged else content)
    tagged = {"ETag": quote_etag(etag), **(headers or {})}
    if is_read:
        expected, _ = _conditions(request)
        _check_expected(expected, etag)
        return whole(content, headers=tagged)
    return representation, status, tagged


def answer_content(content: bytes, content_type: str) -> Response:
    """Return the same for content that is ready to be sent."""
    return _answer_content(request_ctx.request, content, content_type)


def _answer_content(request: Request, content: bytes, content_type: str) -> Response:
    etag = _etag_of(content)
    headers = {"ETag": quote_etag(etag)}
    expected, unwanted = _conditions(request)
    _check_expected(expected, etag)
    if unwanted is not None and unwanted.contains_weak(etag):
        return unchanged(headers)
    return whole(content, content_type, headers=headers)


def check_unchanged(representation: Body, *, untagged: Collection[str] = ()) -> None:
    """Refuse a write of a resource whose ETag is not the one in `If-Match`; `untagged` as in `answer`.

    It belongs inside the write, after the row was locked. Raises PreconditionFailed (412), PreconditionRequired (428)
    where the settings require If-Match of PUT, PATCH and DELETE, or Unreadable (400) for a malformed header.
    """
    request = request_ctx.request
    expected, unwanted = _conditions(request)
    if expected is not None or unwanted is not None:
        etag = _etag_of(_tagged(representation, untagged))
        _check_expected(expected, etag)
        if unwanted is not None and unwanted.contains_weak(etag):
            raise PreconditionFailed("The resource exists already; If-None-Match forbids changing it.")
    if expected is None and current_settings().require_if_match and request.method in ("PUT", "PATCH", "DELETE"):
        raise PreconditionRequired("This service requires If-Match with the ETag that you read.")


def check_absent() -> None:
    """Refuse to create a resource where `If-Match` expects one.

    Raises PreconditionFailed (412), or Unreadable (400) for a malformed header.
    """
    expected, _ = _conditions(request_ctx.request)
    if expected is not None:
        raise PreconditionFailed("The resource does not exist; If-Match expects it.")


def check_untagged(request: Request) -> None:
    """Refuse to read what has no ETag where `If-Match` expects one.

    Raises PreconditionFailed (412), or Unreadable (400) for a malformed header.
    """
    expected = _tags("If-Match", request.environ.get("HTTP_IF_MATCH"))
    if expected is not None and not expected.star_tag:
        raise PreconditionFailed("What is read here has no ETag, so If-Match names none that it has; leave it out.")


def refuse_conditions(request: Request) -> None:
    """Raise Unreadable (400) for a condition where it would be ignored, because the client relies on it."""
    for header, key in (("If-Match", "HTTP_IF_MATCH"), ("If-None-Match", "HTTP_IF_NONE_MATCH")):
        if key in request.environ:
            hint = "To record a movement only if the stock is what you read, send its `expect_quantity`."
            raise Unreadable("invalid_header", f"{request.method} does not honour {header} here; leave it out. {hint}")


def _check_expected(expected: ETags | None, etag: str) -> None:
    if expected is not None and not expected.contains(etag):
        raise PreconditionFailed("The resource has changed since you read it; read it again.")


def _tagged(representation: Body, untagged: Collection[str]) -> bytes:
    """Return what the tag of a representation is made of."""
    return json_bytes({name: value for name, value in representation.items() if name not in untagged})


def _etag_of(content: bytes) -> str:
    """Return the strong entity tag of a representation, without quotes: it changes when, and only when, that does."""
    return hashlib.blake2b(content, digest_size=12).hexdigest()


def _conditions(request: Request) -> tuple[ETags | None, ETags | None]:
    """Return the entity tags in If-Match and in If-None-Match; raises as `_tags` does."""
    environ = request.environ
    return (
        _tags("If-Match", environ.get("HTTP_IF_MATCH")),
        _tags("If-None-Match", environ.get("HTTP_IF_NONE_MATCH")),
    )


def _tags(header: str, sent: str | None) -> ETags | None:
    """Return the entity tags that were sent in a header, or None where the client did not send it.

    Raises Unreadable (400) for a malformed header, of which Werkzeug would read what it can.
    """
    if sent is None:
        return None
    sent = sent.strip(" \t")
    if not TAGS.fullmatch(sent):
        raise Unreadable("invalid_header", f"{header} must be * or entity tags in double quotes, separated by commas.")
    return parse_etags(sent)
