"""The parts of the OpenAPI document that every operation shares: problems, headers, parameters, schemes."""

import re
from collections.abc import Sequence
from typing import Any

from api import media_types
from api.idempotency import HEADER, KEPT_REFUSALS, KEY
from api.problems import PROBLEMS
from models.json_schema import BOOLEAN, COUNT, ID, INTEGER, TEXT, closed, list_of, one_of

Json = dict[str, Any]

INTRODUCTION = """\
Keeps the stock of a company's things: a count is never lost, never doubled, and every change says who, when and why.

Sign in with HTTP Basic, or send a token as `Authorization: Bearer …` or `X-API-Key: …`. Times are RFC 3339 in UTC;
amounts are exact decimals, answered as strings. Nothing is ignored in silence: what is unknown is refused by name.

HEAD answers as GET without the body; OPTIONS lists the methods of a path in `Allow`, any other method is answered 405.
A response carries `X-Request-ID`, the client's own if it sent one of up to 128 letters, digits, dots and hyphens.
Every refusal is `application/problem+json` (RFC 9457); its `type` is a path that explains it."""

# What the refusal of a file tells besides.
OF_ROW = {"line": ID, "column": TEXT, "value": TEXT}
OF_IMPORT = {"dry_run": BOOLEAN, **dict.fromkeys(("created", "updated", "unchanged"), COUNT)}

FAULT = closed("Fault", {"field": TEXT, "code": TEXT, "message": TEXT}, {"index": COUNT, "quantity": COUNT, **OF_ROW})
PROBLEM = closed(
    "Problem",
    {
        "type": {"type": "string", "pattern": "^/problems/[a-z_]+$"},
        "title": TEXT,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": TEXT,
        "code": {"type": "string", "enum": sorted(PROBLEMS)},
        "request_id": TEXT,
    },
    {"errors": list_of(FAULT), "quantity": COUNT, "reversed_by": ID, **OF_IMPORT},
)

HEADERS: Json = {
    "X-Request-ID": {"description": "The id of this request in the log.", "required": True, "schema": TEXT},
    "RateLimit": {
        "description": "What is left of each limit, `r`, and the seconds until it begins anew, `t`.",
        "schema": {"type": "string", "examples": ['"requests";r=5999;t=60']},
    },
    "RateLimit-Policy": {
        "description": "The limits: so many, `q`, in so many seconds, `w`.",
        "schema": {"type": "string", "examples": ['"requests";q=6000;w=60']},
    },
    "X-Token-Expires-In": {
        "description": "In the last week of the API token that was sent: the seconds until it ends.",
        "schema": COUNT,
    },
    "ETag": {"description": "The strong tag of this state (RFC 9110).", "required": True, "schema": TEXT},
    "Location": {"description": "What was created, or where to go.", "required": True, "schema": TEXT},
    "Link": {"description": "`first`, `prev`, `next`, and `last` when counted (RFC 8288).", "schema": TEXT},
    "Retry-After": {"description": "Seconds to wait.", "required": True, "schema": INTEGER},
    "WWW-Authenticate": {"description": "The credentials that would do.", "required": True, "schema": TEXT},
    "Content-Disposition": {"description": "A name for the file (RFC 6266).", "required": True, "schema": TEXT},
    "Idempotent-Replayed": {"description": "`true` when this repeats an earlier answer.", "schema": BOOLEAN},
}
ON_EVERY_ANSWER = ("X-Request-ID", "RateLimit", "RateLimit-Policy", "X-Token-Expires-In")
HEADERS_OF_STATUS = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}

# Entity tags or `*`, as `api.conditional` reads them.
TAG = '(W/)?"[!#-~]*"'
TAGS: Json = {
    "type": "string",
    "pattern": rf"^(\*|{TAG}(, ?{TAG})*)$",
    "examples": ['"1aced3bfb818e59d9fd454f2"'],
}
PARAMETERS: Json = {
    "IdempotencyKey": {
        "name": HEADER,
        "in": "header",
        "description": "A key of your own making: a retry with it is answered as the first request was.",
        # ECMA-262 has no (?P<name>…).
        "schema": {"type": "string", "pattern": f"^({re.sub(r'[(][?]P<[a-z]+>', '(', KEY.pattern)})$"},
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": "The ETag that you read; refused with 412 when the thing has changed since.",
        "schema": TAGS,
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "Reading: ETags that you have, answered with 304. Writing: `*` to create only.",
        "schema": TAGS,
    },
}

SECURITY_SCHEMES: Json = {
    "basic": {"type": "http", "scheme": "basic", "description": "User name and password."},
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API token (`stk_…`), a sign-in's access token, or a token of the OpenID provider.",
    },
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API token (`stk_…`)."},
}


def headers(*names: str, perhaps: Sequence[str] = ()) -> Json:
    """The headers of one response, and those that only some of its kind have."""
    some = {name: {**HEADERS[name], "required": False} for name in perhaps}
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*ON_EVERY_ANSWER, *names)} | some


def problem_response(status: int, codes: Sequence[str], *, kept: bool = False) -> Json:
    """The response of one status, which names the problems that it may tell of; `kept` if under an Idempotency-Key."""
    perhaps = ["WWW-Authenticate"] if "insufficient_scope" in codes else []
    if kept and status in KEPT_REFUSALS:
        perhaps.append("Idempotent-Replayed")
    return {
        "description": "\n".join(f"- `{code}`: {PROBLEMS[code].explanation}" for code in codes),
        "headers": headers(*HEADERS_OF_STATUS.get(status, ()), perhaps=perhaps),
        "content": {media_types.PROBLEM: {"schema": {"allOf": [PROBLEM, {"properties": {"code": one_of(*codes)}}]}}},
    }
