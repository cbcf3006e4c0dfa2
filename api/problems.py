"""The catalogue of problems: every `code` an error can carry, its status, title and explanation.

The error shape is RFC 9457; `GET /problems/<code>` serves the explanation that `type` points to.
"""

from typing import Any, NamedTuple


class Problem(NamedTuple):
    """One kind of problem; `explanation` tells a client what to do about it."""

    status: int
    title: str
    explanation: str


PROBLEMS = {
    # 400: it can't be read
    "bad_request": Problem(400, "Bad request", "The request could not be read; `detail` says where."),
    "malformed_json": Problem(400, "Malformed JSON", "The body is not one JSON text in UTF-8 (RFC 8259)."),
    "not_an_object": Problem(400, "Not an object", "The body must be a JSON object: `{…}`."),
    "unexpected_body": Problem(400, "Unexpected body", "This method takes no body; send none."),
    "invalid_cursor": Problem(
        400,
        "Invalid cursor",
        "Pass `next_cursor` of the previous page as it came, with the same `sort`; an empty cursor begins.",
    ),
    "invalid_header": Problem(400, "Invalid header", "A header can't be read; `detail` names it."),
    "invalid_state": Problem(
        400, "Not this sign-in", "The answer of the OpenID provider is late, or to another browser: sign in anew."
    ),
    # 401, 403: who, and may they
    "unauthorized": Problem(
        401,
        "Credentials needed",
        "Sign in with HTTP Basic, or send a token as `Authorization: Bearer …` or `X-API-Key: …`.",
    ),
    "invalid_credentials": Problem(
        401, "Invalid credentials", "The user name, password or token is wrong, expired, revoked or inactive."
    ),
    "address_not_allowed": Problem(
        401, "Address not allowed", "This token may be used from the networks in its `allowed_ips` only."
    ),
    "sign_in_refused": Problem(
        401, "Sign-in refused", "The OpenID provider did not let you in; `detail` has its reason. Sign in anew."
    ),
    "forbidden": Problem(403, "Forbidden", "Your role does not allow this; `detail` names the one that does."),
    "insufficient_scope": Problem(
        403, "Insufficient scope", "The token lacks the scope that `detail` names; make one that has it."
    ),
    "password_required": Problem(
        403, "Password required", "A token may not do this: use the password or a sign-in of the user."
    ),
    "sign_in_required": Problem(403, "Sign-in required", "Only the access token of a sign-in can ask this."),
    "registration_closed": Problem(403, "Registration closed", "Ask an administrator of this service for an account."),
    "token_required": Problem(403, "Token required", "Only a request that carries an API token can ask this."),
    # 404 to 415: the request and what it names do not fit
    "not_found": Problem(404, "Not found", "Nothing is here; check the path and the id."),
    "method_not_allowed": Problem(405, "Method not allowed", "The header `Allow` lists the methods of this path."),
    "not_acceptable": Problem(406, "Not acceptable", "`Accept` must admit what `detail` names: JSON, mostly."),
    "content_too_large": Problem(
        413, "Content too large", "Send less at a time: `MAX_BODY_MB` is the limit, or `MAX_IMPORT_MB`."
    ),
    "uri_too_long": Problem(414, "URI too long", "Shorten the query."),
    "unsupported_media_type": Problem(
        415, "Unsupported media type", "Send `Content-Type: application/json`, in UTF-8."
    ),
    "headers_too_large": Problem(431, "Header fields too large", "Send fewer or shorter headers."),
    # 409: the state of things is in the way
    "conflict": Problem(409, "Conflict", "The state of things does not allow this; `detail` says why."),
    "sku_taken": Problem(409, "SKU taken", "Another item, perhaps an archived one, has this SKU, whatever its case."),
    "barcode_taken": Problem(409, "Barcode taken", "Another item, perhaps an archived one, has this barcode."),
    "username_taken": Problem(409, "User name taken", "Another user has this name, whatever its case."),
    "email_taken": Problem(409, "Email taken", "Another user has this email address."),
    "last_admin": Problem(
        409, "Last admin", "The last active admin can't be demoted or deactivated; name another first."
    ),
    "no_password": Problem(
        409, "No password", "Who signs in at the OpenID provider has no password here and can't be given one."
    ),
    "insufficient_stock": Problem(
        409, "Insufficient stock", "Stock never goes below zero; `quantity` is what there is now."
    ),
    "stock_limit": Problem(409, "Stock limit", "The stock of one item can't exceed 1,000,000,000 units."),
    "quantity_changed": Problem(
        409, "Quantity changed", "`expect_quantity` does not hold; `quantity` is what there is now."
    ),
    "item_archived": Problem(409, "Item archived", "Restore the item before changing it or its stock."),
    "already_reversed": Problem(409, "Already reversed", "A movement is reversed once; `reversed_by` is its reversal."),
    "not_reversible": Problem(
        409, "Not reversible", "A reversal can't be reversed itself; record a new movement instead."
    ),
    "idempotency_in_progress": Problem(
        409,
        "Still running",
        "The first request with this Idempotency-Key has not been answered yet; retry after `Retry-After`.",
    ),
    # 412, 428: conditional requests (RFC 9110 section 13, RFC 6585 section 3)
    "precondition_failed": Problem(
        412, "Precondition failed", "The thing has changed since you read it: read it again and repeat."
    ),
    "precondition_required": Problem(
        428, "Precondition required", "This service wants `If-Match` with the `ETag` that you read."
    ),
    # 422, 429: understood and refused
    "invalid_input": Problem(422, "Invalid input", "`errors` lists every fault with its field."),
    "idempotency_key_reused": Problem(
        422,
        "Idempotency-Key reused",
        "This key was used for another method, path or body; use a new key for a new request.",
    ),
    "too_many_requests": Problem(429, "Too many requests", "Wait as long as `Retry-After` says."),
    # 5xx: not your fault
    "internal_error": Problem(
        500, "Internal error", "The service failed; its log tells more under the `request_id`. Nothing was changed."
    ),
    "not_implemented": Problem(501, "Not implemented", "The server does not know this kind of request."),
    "issuer_unreachable": Problem(
        503,
        "Issuer unreachable",
        "The OpenID provider is needed for this token and can't be reached; other credentials work on. "
        "Retry after `Retry-After`.",
    ),
    "unavailable": Problem(
        503,
        "Unavailable",
        "The database can't take the request now. Nothing was changed unless `detail` says that this is not known; "
        "retry after `Retry-After`, with the same Idempotency-Key.",
    ),
    "maintenance": Problem(
        503, "Maintenance", "The service is being maintained; nothing was changed. Retry after `Retry-After`."
    ),
}

CODE_OF_STATUS = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    409: "conflict",
    412: "precondition_failed",
    413: "content_too_large",
    414: "uri_too_long",
    415: "unsupported_media_type",
    422: "invalid_input",
    428: "precondition_required",
    429: "too_many_requests",
    431: "headers_too_large",
    500: "internal_error",
    501: "not_implemented",
    503: "unavailable",
}


def document(code: str, detail: str, request_id: str, **extra: Any) -> dict[str, Any]:
    """The body of one error answer (RFC 9457 section 3); `extra` holds its extension members."""
    problem = PROBLEMS[code]
    return {
        "type": f"/problems/{code}",
        "title": problem.title,
        "status": problem.status,
        "detail": detail,
        "code": code,
        "request_id": request_id,
        **extra,
    }
