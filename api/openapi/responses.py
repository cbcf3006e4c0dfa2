"""The responses of an operation: its successes, and for each status of a refusal the problems that it can have.

Those with a name are shared: they are components, to which operations refer.
"""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any

from api import media_types
from api.media_types import JSON, XLSX
from api.openapi.components import HEADERS_OF_STATUS, PROBLEM, headers, pascal_case
from api.openapi.endpoints import Endpoint
from api.problems import PROBLEMS
from models.json_schema import BINARY, TEXT

Json = dict[str, Any]

# The problems that every operation can have.
OF_ANY_REQUEST = (
    *("bad_request", "invalid_header", "malformed_json", "not_an_object", "invalid_credentials"),
    *("address_not_allowed", "not_acceptable", "content_too_large", "unsupported_media_type", "invalid_input"),
    *("too_many_requests", "headers_too_large", "internal_error", "unavailable", "server_busy", "maintenance"),
    "issuer_unreachable",
)
SUCCESSES = {
    200: "Success.",
    201: "Created.",
    202: "Accepted; it is done soon.",
    204: "Success, without a body.",
    302: "A redirect to `Location`.",
}
KINDS_OF_SUCCESS = {201: "Created", 202: "Accepted"}
NOT_MODIFIED: Json = {"description": "Not modified: If-None-Match has this ETag.", "headers": headers("ETag")}


def responses_of(endpoint: Endpoint, responses: Json) -> Json:
    """Return the responses of an operation by status; those that are shared are added to `responses` by name."""
    return {**_successes(endpoint, responses), **_refusals(endpoint, responses)}


def _successes(endpoint: Endpoint, responses: Json) -> Json:
    output = endpoint.output
    answers = {str(status): _success(endpoint, status, responses) for status in output.statuses}
    if endpoint.method == "GET" and output.tagged and output.revalidated:
        answers["304"] = _shared("NotModified", NOT_MODIFIED, responses)
    return answers


def _success(endpoint: Endpoint, status: int, responses: Json) -> Json:
    output = endpoint.output
    or_json = JSON in endpoint.operation.media_types
    names = [
        name
        for name, carried in (
            ("ETag", output.tagged),
            ("Location", status in (201, 302)),
            ("Link", output.linked),
            ("Content-Disposition", output.file and not or_json),
            ("Idempotent-Replayed", endpoint.operation.idempotent),
        )
        if carried
    ]
    answer: Json = {
        "description": SUCCESSES[status],
        "headers": headers(*names, perhaps=["Content-Disposition"] * (output.file and or_json)),
    }
    if output.schema is None or status == HTTPStatus.FOUND:
        return _shared("NoContent", answer, responses) if status == 204 else answer
    kinds = endpoint.operation.media_types
    schemas = {JSON: output.schema, XLSX: BINARY}
    answer["content"] = {kind: {"schema": schemas.get(kind, TEXT)} for kind in kinds}
    if "title" not in output.schema:
        return answer
    kind, keyed = KINDS_OF_SUCCESS.get(status, ""), "WithKey" * endpoint.operation.idempotent
    name = f"{kind}{output.schema['title']}{keyed}"
    return _shared(name, answer, responses)


def _refusals(endpoint: Endpoint, responses: Json) -> Json:
    codes: dict[int, list[str]] = {}
    for code in dict.fromkeys(_codes(endpoint)):
        codes.setdefault(PROBLEMS[code].status, []).append(code)
    return {
        str(status): _shared(problem_name(codes[status]), problem_response(codes[status]), responses)
        for status in sorted(codes)
    }


def _shared(name: str, response: Json, responses: Json) -> Json:
    """Add a response to those that are shared, and return the reference to it; raise ValueError for a second one."""
    if responses.setdefault(name, response) != response:
        raise ValueError(f"two responses have the name {name}")
    return {"$ref": f"#/components/responses/{name}"}


def _codes(endpoint: Endpoint) -> Iterable[str]:
    """Yield the codes of the problems that this operation can have."""
    yield from OF_ANY_REQUEST
    yield from endpoint.output.refuses
    if endpoint.method != "GET":
        yield "cross_site"
    if endpoint.permission:
        yield "unauthorized"
        yield from endpoint.permission.refusals
    if endpoint.rule.arguments:
        yield "not_found"
    if not endpoint.parser.fields and not endpoint.parser.media:
        yield "unexpected_body"
    if {"cursor", "since"} & endpoint.parser.query.keys():
        yield "invalid_cursor"
    if endpoint.checked:
        yield "precondition_failed"
    if endpoint.checked and endpoint.method in ("PUT", "PATCH", "DELETE"):
        yield "precondition_required"
    if endpoint.operation.idempotent:
        yield from ("idempotency_in_progress", "idempotency_key_reused")


def problem_name(codes: Sequence[str]) -> str:
    """Return the name of the response with these problems, which have one status: `SkuTakenOrBarcodeTaken`.

    Of the problems that any request can have, the first stands for all.
    """
    common = [code for code in codes if code in OF_ANY_REQUEST]
    own = [code for code in codes if code not in OF_ANY_REQUEST]
    return "Or".join(map(pascal_case, (*common[:1], *own)))


def problem_response(codes: Sequence[str]) -> Json:
    """Return the response with these problems, which have one status."""
    status = PROBLEMS[codes[0]].status
    perhaps = ["WWW-Authenticate"] if "insufficient_scope" in codes else []
    if {"idempotency_in_progress", "idempotency_key_reused"} & {*codes}:  # then the refusal was perhaps stored
        perhaps.append("Idempotent-Replayed")
    return {
        "description": "\n".join(f"- `{code}`: {PROBLEMS[code].explanation}" for code in codes),
        "headers": headers(*HEADERS_OF_STATUS.get(status, ()), perhaps=perhaps),
        "content": {media_types.PROBLEM: {"schema": PROBLEM}},
        "x-problem-codes": [*codes],
    }
