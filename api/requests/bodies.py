"""Reading a JSON body strictly: UTF-8, one object, no key twice, numbers exact (RFC 8259, RFC 7493)."""

import json
from collections import Counter
from decimal import Decimal, InvalidOperation
from typing import Any

from flask import Request
from flask.globals import app_ctx
from werkzeug.exceptions import UnsupportedMediaType

from api.errors import HttpRefusal, Unreadable
from api.media_types import JSON, MERGE_PATCH
from api.requests.text import truncate

MAX_DEPTH = 32
MAX_DIGITS = 100  # characters of one number


def json_body(request: Request) -> dict[str, Any]:
    """Return the JSON body as a dict, with Decimal for floats, and `{}` for an empty body (see `has_body`).

    Raises UnsupportedMediaType (415), Unreadable (400) or RequestEntityTooLarge (413).
    """
    g = app_ctx.g
    body: dict[str, Any] | None = g.get("json_body")
    if body is None:
        body = g.json_body = _read(request) if has_body(request) else {}
    return body


def check_encoding(request: Request) -> None:
    """Raise HttpRefusal (415) for a body that is compressed: no coding is read (RFC 9110 section 15.5.16)."""
    sent = request.environ.get("HTTP_CONTENT_ENCODING")
    if sent is not None and sent.strip().lower() not in ("", "identity"):
        detail = f"The body must be sent as it is, without a Content-Encoding; it has {truncate(sent)!r}."
        raise HttpRefusal("unsupported_media_type", detail, {"Accept-Encoding": "identity"})


def has_body(request: Request) -> bool:
    """Return whether the client sent a body."""
    has_length = request.environ.get("CONTENT_LENGTH") or "HTTP_TRANSFER_ENCODING" in request.environ
    return bool(has_length and request.get_data())


def _read(request: Request) -> dict[str, Any]:
    accepted = (JSON, MERGE_PATCH) if request.method == "PATCH" else (JSON,)
    charset = request.mimetype_params.get("charset", "utf-8")
    if request.mimetype not in accepted or charset.lower() not in ("utf-8", "utf8"):
        sent = truncate(request.headers.get("Content-Type", "")) or "none"
        raise UnsupportedMediaType(f"The Content-Type must be {' or '.join(accepted)} in UTF-8; it is {sent}.")
    try:
        body = parse_json(request.get_data().decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Unreadable("malformed_json", "The body is not UTF-8.") from None
    except InvalidJson as error:
        raise Unreadable("malformed_json", f"The body {error}.") from None
    if not isinstance(body, dict):
        raise Unreadable("not_an_object", 'The body must be a JSON object, as {"name": "value"}.')
    return body


class InvalidJson(ValueError):
    """A text that is not JSON that can be stored exactly; the message follows the name of what holds it."""


def parse_json(text: str) -> Any:
    """Return the value of one JSON text, with Decimal for floats; raise InvalidJson."""
    try:
        value = _decoder.decode(text)
    except json.JSONDecodeError as error:
        raise InvalidJson(f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise _too_deep() from None
    if text.count("[") + text.count("{") > MAX_DEPTH:  # fewer brackets can't be nested deeper
        _check_depth(value, MAX_DEPTH)
    return value


def _number(text: str) -> int | Decimal:
    """Return the exact number: an int, or a Decimal where the text has a point or an exponent."""
    try:
        if len(text) <= MAX_DIGITS:
            return int(text) if text.lstrip("-").isdigit() else Decimal(text)
    except InvalidOperation:  # an exponent of twenty digits
        pass
    raise InvalidJson("has a number that is too long")


def _no_constant(name: str) -> None:
    raise InvalidJson(f"is not JSON: {name} is no JSON number")


def _object_without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        name, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise InvalidJson(f"names {truncate(name)!r} twice")
    return members


def _check_depth(value: Any, depth: int) -> None:
    if not isinstance(value, dict | list):
        return
    if depth == 0:
        raise _too_deep()
    for part in value.values() if isinstance(value, dict) else value:
        _check_depth(part, depth - 1)


def _too_deep() -> InvalidJson:
    return InvalidJson(f"is nested deeper than {MAX_DEPTH} levels")


_decoder = json.JSONDecoder(
    parse_int=_number,
    parse_float=_number,
    parse_constant=_no_constant,
    object_pairs_hook=_object_without_duplicates,
)
