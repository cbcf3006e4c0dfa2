"""Conditional requests: strong entity tags, 304, 412 and 428 (RFC 9110 sections 8.8 and 13)."""

import hashlib
import re
from typing import Any

from flask import Response, request
from werkzeug.exceptions import PreconditionFailed, PreconditionRequired

from api.errors import Unreadable, json_bytes
from api.services import current_settings

Body = dict[str, Any]

TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
TAGS = re.compile(rf"\*|{TAG}(?:[ \t]*,[ \t]*{TAG})*")


def etag_of(representation: Body) -> str:
    """The strong tag of a thing as clients see it: it changes when, and only when, that does."""
    return _tag(json_bytes(representation))


def _tag(content: bytes) -> str:
    return f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'


def answer(representation: Body, status: int = 200, headers: dict[str, str] | None = None) -> Any:
    """One thing with its ETag; 304 without a body when `If-None-Match` names that tag.

    Raises Unreadable (400) when that header is malformed.
    """
    content = json_bytes(representation)
    if request.method in ("GET", "HEAD"):
        return answer_content(content, "application/json")
    return representation, status, {"ETag": _tag(content), **(headers or {})}


def answer_content(content: bytes, content_type: str) -> Response:
    """The same for content that is ready to be sent."""
    etag = _tag(content)
    if _names(_tags("If-None-Match"), etag, weakly=True):
        return Response(status=304, headers={"ETag": etag})
    return Response(content, content_type=content_type, headers={"ETag": etag})


def check_unchanged(representation: Body) -> None:
    """Refuse a write whose `If-Match` names another state; call it inside the write, the thing locked.

    Raises PreconditionFailed (412), PreconditionRequired (428) when the settings ask PUT, PATCH and
    DELETE for If-Match, or Unreadable (400) for a malformed header.
    """
    etag = etag_of(representation)
    expected, unwanted = _preconditions()
    if expected is not None and not _names(expected, etag):
        raise PreconditionFailed("The thing has changed since you read it; read it again.")
    if _names(unwanted, etag, weakly=True):
        raise PreconditionFailed("The thing is there already; If-None-Match forbids changing it.")
    if expected is None and current_settings().require_if_match and request.method in ("PUT", "PATCH", "DELETE"):
        raise PreconditionRequired("This service wants If-Match with the ETag that you read.")


def check_absent() -> None:
    """Refuse to create a thing where `If-Match` expects one.

    Raises PreconditionFailed (412), or Unreadable (400) for a malformed header.
    """
    expected, _ = _preconditions()
    if expected is not None:
        raise PreconditionFailed("There is no such thing yet; If-Match expects one.")


def _preconditions() -> tuple[set[str] | None, set[str] | None]:
    return _tags("If-Match"), _tags("If-None-Match")


def _tags(header: str) -> set[str] | None:
    """The entity tags in a header, as they were sent, or `*`; None when the client did not send it."""
    sent = request.headers.get(header)
    if sent is None:
        return None
    if not TAGS.fullmatch(sent.strip(" \t")):
        raise Unreadable("invalid_header", f"{header} must be * or entity tags in double quotes, separated by commas.")
    return set(re.findall(TAG, sent)) or {"*"}


def _names(tags: set[str] | None, etag: str, *, weakly: bool = False) -> bool:
    """Whether the tags name this state; weak tags do so in weak comparison only (RFC 9110 section 8.8.3.2)."""
    return bool((tags or set()) & {"*", etag, *([f"W/{etag}"] if weakly else [])})
