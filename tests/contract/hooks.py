"""What no schema can say of a well-formed request; requests that are meant to be refused stay as they are."""

import uuid
from datetime import UTC, datetime
from typing import Any

import schemathesis

# The id of the account that asks: small ids are the ones that are made up most.
TESTER = 13


@schemathesis.serializer(
    "application/x-ndjson",
    "application/vnd.ms-excel",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
)
def as_text(context: Any, value: Any) -> Any:
    """A file goes out as it is."""
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Make a request that the document allows one that the service can take."""
    if case.path_parameters.get("user_id") == TESTER and case.method != "GET":
        case.path_parameters = {"user_id": TESTER - 1}  # or nobody could go on
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if "Idempotency-Key" in case.headers:  # each is another request
        case.headers["Idempotency-Key"] = uuid.uuid4().hex
    for name in {"If-Match", "If-None-Match"} & set(case.headers):
        if case.headers[name].isalnum():  # some are made up without regard to the pattern
            case.headers[name] = f'"{case.headers[name]}"'
    if "cursor" in case.query:  # opaque, and not together with a page
        case.query = {**case.query, "cursor": ""}
        case.query.pop("page", None)
    if {"delimiter", "bom"} & set(case.query):  # which only a CSV has
        case.query = {**case.query, "format": "csv"}
    if "dpi" in case.query:  # which only ZPL has
        case.query = {**case.query, "format": "zpl"}
    if isinstance(case.body, dict):
        body = takeable(case.body)
        for name in {"sku", "code"} & set(case.path_parameters):  # which the body must match
            body.pop(name, None)
        if body != case.body or repr(body) != repr(case.body):
            case.body = body


def takeable(body: Any) -> Any:
    """The body with whole numbers written as such (JSON Schema takes 5.0 for one), and nothing yet to come."""
    if isinstance(body, float) and body.is_integer() and abs(body) < 2**53:
        return int(body)
    if isinstance(body, list):
        return [takeable(part) for part in body]
    if isinstance(body, dict):
        return {name: takeable(part) for name, part in body.items() if name != "occurred_at" or not to_come(part)}
    return body


def to_come(moment: Any) -> bool:
    """Whether a time lies ahead."""
    return isinstance(moment, str) and moment[:4] >= str(datetime.now(UTC).year)
