"""The parts that the operations of the OpenAPI document share: problems, headers, parameters, security schemes."""

import re
from collections.abc import Sequence
from typing import Any

from api.idempotency import HEADER, KEY
from api.problems import PROBLEMS
from models.json_schema import BOOLEAN, COUNT, ID, INTEGER, TEXT, TIME, closed, list_of, nullable, one_of

Json = dict[str, Any]

INTRODUCTION = """\
Keeps the stock of a company: no count is lost or doubled, and every change has a user, a time and a reason.

Authenticate with HTTP Basic, or with a token as `Authorization: Bearer …` or `X-API-Key: …`. A page of the service may
have a cookie instead: it counts with `Sec-Fetch-Site: same-origin`, or with the service's own `Origin`, and to change
something with `X-Stockroom: 1` too. Where that header is sent, no 401 has a challenge for HTTP Basic.

Times are RFC 3339 in UTC; amounts are exact decimals, returned as strings. An unknown field or query parameter is
refused by name.

HEAD returns what GET does, without the body; OPTIONS lists the methods of a path in `Allow`; other methods are 405.
Every response has `X-Request-ID`, the client's own if it sent one of up to 128 letters, digits, dots and hyphens.
Every error is `application/problem+json` (RFC 9457); its `type` is a path that explains it."""

# The further members of the refusal of a file.
OF_ROW = {"line": ID, "row": COUNT, "column": TEXT, "value": TEXT}
READ_AS = closed(
    "ReadAs",
    {
        "format": one_of("csv", "ndjson", "xlsx"),
        **{name: nullable(TEXT) for name in ("encoding", "delimiter", "decimal", "sheet")},
        "columns": {"type": "object", "additionalProperties": TEXT},
    },
    {"other_columns": list_of(TEXT)},
)
OF_IMPORT = {
    "dry_run": BOOLEAN,
    **dict.fromkeys(("rows", "created", "updated", "unchanged", "skipped", "counted", "emptied", "recorded"), COUNT),
    "read_as": READ_AS,
    "error_counts": {"type": "object", "additionalProperties": ID},
}
# Where a file can't be read, and in which encodings it might be.
OF_FILE = {
    "line": ID,
    "column": ID,
    "encodings": list_of(closed("LikelyEncoding", {"encoding": TEXT, "cell": TEXT})),
}

# Those of a refused movement. In the past of an old ledger `quantity` may be negative; `movement_id` is null for a
# count of the same batch.
OF_MOVEMENT = {
    "quantity": INTEGER,
    **dict.fromkeys(("reserved", "available"), COUNT),
    "location": TEXT,
    "total": COUNT,
    "at": TIME,
    "movement_id": nullable(ID),
}
# Those of a refused change of a transfer or a reservation.
OF_TRANSFER = {"outstanding": COUNT, "state": TEXT, "transfer_id": ID}
OF_RESERVATION = {"open": COUNT, "state": TEXT}

FAULT = closed(
    "Fault",
    {"field": TEXT, "code": TEXT, "message": TEXT},
    {"index": COUNT, **OF_MOVEMENT, **OF_TRANSFER, **OF_ROW},
)
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
    {
        "errors": list_of(FAULT),
        **OF_MOVEMENT,
        "reversed_by": ID,
        **OF_TRANSFER,
        **OF_RESERVATION,
        "next_event_id": nullable(ID),
        **OF_IMPORT,
        **OF_FILE,
    },
)


def _header(description: str, schema: Json, *, required: bool = False) -> Json:
    return {"description": description, "schema": schema, **({"required": True} if required else {})}


HEADERS: Json = {
    "X-Request-ID": _header("The id of this request, also in the log of the service.", TEXT, required=True),
    "RateLimit": _header(
        "For each limit, the requests that remain, `r`, and the seconds until it is reset, `t`.",
        {"type": "string", "examples": ['"requests";r=5999;t=60']},
    ),
    "RateLimit-Policy": _header(
        "For each limit, the number of requests, `q`, in a number of seconds, `w`.",
        {"type": "string", "examples": ['"requests";q=6000;w=60']},
    ),
    "X-Token-Expires-In": _header("The seconds until the API token of this request expires, in its last week.", COUNT),
    "ETag": _header("The strong entity tag of this representation (RFC 9110).", TEXT, required=True),
    "Location": _header("The absolute URL of what was created, or of a redirect.", TEXT, required=True),
    "Link": _header(
        "Absolute links to `first`, `prev` and `next`, and to `last` where there are totals (RFC 8288).", TEXT
    ),
    "Retry-After": _header("The seconds to wait before the next request.", INTEGER, required=True),
    "WWW-Authenticate": _header("The authentication schemes that are accepted.", TEXT, required=True),
    "Content-Disposition": _header("The name of the file (RFC 6266).", TEXT, required=True),
    "Idempotent-Replayed": _header("`true` when this is the stored response to an earlier request.", BOOLEAN),
}
ON_EVERY_ANSWER = ("X-Request-ID", "RateLimit", "RateLimit-Policy", "X-Token-Expires-In")
HEADERS_OF_STATUS = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}

# Entity tags or `*`, as `api.responses.conditional` reads them.
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
        "description": "A key that the client chooses; a retry with it gets the response to the first request.",
        # ECMA-262 has no named groups as `(?P<name>…)`.
        "schema": {"type": "string", "pattern": f"^({re.sub(r'[(][?]P<[a-z]+>', '(', KEY.pattern)})$"},
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": "The ETag that you read; 412 if the resource has changed since.",
        "schema": TAGS,
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "To read: the ETags that you have, 304 if one is current. To write: `*` to create only.",
        "schema": TAGS,
    },
}

SECURITY_SCHEMES: Json = {
    "basic": {"type": "http", "scheme": "basic", "description": "User name and password."},
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API token (`stk_…`), the access token of a sign-in, or a token of the OpenID provider.",
    },
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API token (`stk_…`)."},
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-stockroom",
        "description": "The cookie of `POST /api/v1/session`; on this machine without TLS its name is `stockroom`.",
    },
}


def pascal_case(name: str) -> str:
    """Return the name of a component: `sku_taken` is `SkuTaken`."""
    return "".join(word.capitalize() for word in name.split("_"))


def headers(*names: str, perhaps: Sequence[str] = ()) -> Json:
    """Return the headers of a response, by reference; `perhaps` are those that only some of its kind have."""
    rarely = {name: {**HEADERS[name], "required": False} for name in perhaps if "required" in HEADERS[name]}
    every = (*ON_EVERY_ANSWER, *names, *perhaps)
    return {name: {"$ref": f"#/components/headers/{name}"} for name in every} | rarely
