"""The catalogue of problems: every `code` an error can carry, its status, title and explanation.

The error shape is RFC 9457; `GET /problems/<code>` serves the explanation that `type` points to.
"""

from typing import Any, NamedTuple


class Problem(NamedTuple):
    """One kind of problem; `explanation` says what a client can do about it."""

    status: int
    title: str
    explanation: str


PROBLEMS = {
    # 400: malformed requests
    "bad_request": Problem(400, "Bad request", "The request could not be read; `detail` says where."),
    "malformed_json": Problem(400, "Malformed JSON", "The body is not one JSON text in UTF-8 (RFC 8259)."),
    "not_an_object": Problem(400, "Not an object", "The body must be a JSON object: `{…}`."),
    "unexpected_body": Problem(400, "Unexpected body", "This method takes no body; send none."),
    "invalid_cursor": Problem(
        400,
        "Invalid cursor",
        "Pass `next_cursor` of the previous page unchanged, with the same `sort`; an empty cursor is the first page.",
    ),
    "invalid_header": Problem(400, "Invalid header", "A header is malformed; `detail` names it."),
    "invalid_state": Problem(
        400, "Invalid state", "The response of the OpenID provider is late, or for another browser: sign in again."
    ),
    # 401, 403: authentication and authorization
    "unauthorized": Problem(
        401,
        "Credentials required",
        "Send HTTP Basic credentials, or a token as `Authorization: Bearer …` or `X-API-Key: …`, or sign in.",
    ),
    "invalid_credentials": Problem(
        401,
        "Invalid credentials",
        "The user name, password, token or cookie is wrong, expired or revoked, or the user is inactive.",
    ),
    "address_not_allowed": Problem(
        401, "Address not allowed", "This token may only be used from the networks in its `allowed_ips`."
    ),
    "sign_in_expired": Problem(
        401, "Sign-in expired", "A sign-in at the OpenID provider ends after `OIDC_SESSION_HOURS`; sign in there again."
    ),
    "sign_in_refused": Problem(
        401, "Sign-in refused", "The OpenID provider refused the sign-in; `detail` has its reason."
    ),
    "cross_site": Problem(
        403, "Cross-site request", "A page of another site may change nothing; `CORS_ORIGINS` names the sites that may."
    ),
    "forbidden": Problem(403, "Forbidden", "Your role does not allow this; `detail` names the roles that do."),
    "location_forbidden": Problem(
        403,
        "Location forbidden",
        "The user or the token is bound to other locations than `location`: name one of those in `locations` of "
        "`GET /users/me` and `GET /tokens/current`, or ask an administrator.",
    ),
    "insufficient_scope": Problem(
        403, "Insufficient scope", "The token lacks the scope that `detail` names; create one that has it."
    ),
    "password_required": Problem(
        403, "Password required", "An API token may not do this: use the password or a sign-in of the user."
    ),
    "sign_in_required": Problem(403, "Sign-in required", "This requires a sign-in: its access token or its cookie."),
    "registration_closed": Problem(403, "Registration closed", "Ask an administrator of this service for an account."),
    "token_required": Problem(403, "Token required", "This requires an API token."),
    # 404 to 431: the request does not fit the resource
    "not_found": Problem(404, "Not found", "Nothing exists at this path; check the path and the id."),
    "method_not_allowed": Problem(405, "Method not allowed", "The header `Allow` lists the methods of this path."),
    "not_acceptable": Problem(406, "Not acceptable", "`Accept` must allow one of the media types that `detail` names."),
    "content_too_large": Problem(
        413, "Content too large", "Send less at a time: `MAX_BODY_MB` is the limit, or `MAX_IMPORT_MB` for a file."
    ),
    "uri_too_long": Problem(414, "URI too long", "Shorten the query string."),
    "unsupported_media_type": Problem(
        415, "Unsupported media type", "Send one of the media types that `detail` names, in UTF-8."
    ),
    "headers_too_large": Problem(431, "Header fields too large", "Send fewer or shorter headers."),
    # 409: the current state does not allow it
    "conflict": Problem(409, "Conflict", "The current state does not allow this; `detail` says why."),
    "sku_taken": Problem(409, "SKU taken", "Another item, possibly an archived one, has this SKU; case is ignored."),
    "barcode_taken": Problem(409, "Barcode taken", "Another item, possibly an archived one, has this barcode."),
    "username_taken": Problem(409, "User name taken", "Another user has this name; case is ignored."),
    "email_taken": Problem(409, "Email taken", "Another user has this email address."),
    "last_admin": Problem(
        409, "Last admin", "The last active admin can't be demoted or deactivated; make another user an admin first."
    ),
    "no_password": Problem(
        409, "No password", "A user of the OpenID provider has no password in this service and can't be given one."
    ),
    "insufficient_stock": Problem(
        409,
        "Insufficient stock",
        "Stock can't go below zero, nor below what is reserved; `quantity` is the current stock at the `location`, "
        "`reserved` what is promised of it, `available` the rest, and `total` the stock of all locations. "
        "For a movement in the past, `at` is the first time at which too little is left, and `quantity` the stock "
        "there.",
    ),
    "code_taken": Problem(409, "Code taken", "Another location, possibly an archived one, has this code."),
    "location_in_use": Problem(
        409, "Location in use", "`detail` says what is to be done before this location can be archived."
    ),
    "location_archived": Problem(409, "Location archived", "Restore the location, or name another one."),
    "counted_since": Problem(
        409,
        "Counted since",
        "The item was counted at `at`, by the movement `movement_id` or an earlier line of the same batch, and what "
        "happened before is in that count already. What it lacks can be recorded without `occurred_at`.",
    ),
    "in_transit": Problem(409, "In transit", "Receive what is on its way before you archive the item."),
    "transfer_state": Problem(
        409, "Transfer state", "`state` is what the transfer has come to; nothing of it is left for this operation."
    ),
    "over_receipt": Problem(409, "Over-receipt", "More can't arrive than is on its way, which is `outstanding`."),
    "part_of_transfer": Problem(
        409, "Part of a transfer", "A transfer is reversed as a whole: `POST /transfers/{transfer_id}/reversal`."
    ),
    "reserved": Problem(
        409, "Reserved", "The item has open reservations, `reserved` units in all; fulfil or release them first."
    ),
    "over_fulfilment": Problem(
        409, "Over-fulfilment", "No more than what is `open` of the reservation can be fulfilled."
    ),
    "reservation_closed": Problem(
        409, "Reservation closed", "Only an open reservation can be changed; `state` says what has become of it."
    ),
    "stock_limit": Problem(409, "Stock limit", "The stock of one item can't exceed 1,000,000,000 units."),
    "quantity_changed": Problem(
        409, "Quantity changed", "The stock is not `expect_quantity`; `quantity` is the current stock."
    ),
    "item_archived": Problem(409, "Item archived", "Restore the item before you change it or its stock."),
    "already_reversed": Problem(
        409, "Already reversed", "A movement can be reversed once; `reversed_by` is the id of its reversal."
    ),
    "not_reversible": Problem(409, "Not reversible", "A reversal can't be reversed; record a new movement instead."),
    "too_many_webhooks": Problem(409, "Too many webhooks", "There can be 100 webhooks; delete one that is not needed."),
    "too_many_requested": Problem(409, "Too many requested", "100 tests and deliveries wait already; wait for them."),
    "not_next": Problem(409, "Not next", "Only the event at which a webhook stands can be skipped: `next_event_id`."),
    "mail_not_configured": Problem(
        409, "Mail not configured", "An administrator names the mail server in the setting `SMTP_URL` first."
    ),
    "too_many_subscriptions": Problem(
        409, "Too many subscriptions", "There can be 100 subscriptions; delete one that is not needed."
    ),
    "idempotency_in_progress": Problem(
        409,
        "Request in progress",
        "The first request with this Idempotency-Key is still running; retry after `Retry-After`.",
    ),
    # 412, 428: conditional requests (RFC 9110 section 13, RFC 6585 section 3)
    "precondition_failed": Problem(
        412, "Precondition failed", "The resource has changed since you read it; read it again and repeat the request."
    ),
    "precondition_required": Problem(
        428, "Precondition required", "This service requires `If-Match` with the `ETag` that you read."
    ),
    # 422, 429: well-formed, and refused
    "invalid_input": Problem(422, "Invalid input", "`errors` lists every validation error with its field."),
    "bad_encoding": Problem(
        422,
        "Bad encoding",
        "A byte of the file is wrong in its encoding; `line` and `column` say where. Save it as UTF-8, or mend it.",
    ),
    "encoding_needed": Problem(
        422,
        "Encoding needed",
        "The file is neither UTF-8 nor UTF-16: add `encoding=`; `encodings` has the likeliest, and what they read.",
    ),
    "not_a_table": Problem(422, "Not a table", "The file is no CSV, NDJSON or XLSX; `detail` says what it is."),
    "location_required": Problem(
        422, "Location required", "The item has stock at several locations: name the one that was counted."
    ),
    "same_location": Problem(422, "Same location", "A transfer goes from one location to another."),
    "unknown_line": Problem(422, "Unknown line", "`GET /transfers/{id}` has the lines of the transfer."),
    "url_not_allowed": Problem(
        422, "URL not allowed", "Webhooks go to `https` at global addresses, or into `WEBHOOK_ALLOW_NETS`."
    ),
    "unknown_location": Problem(422, "Unknown location", "No location has this code; `GET /locations` lists them."),
    "idempotency_key_reused": Problem(
        422,
        "Idempotency-Key reused",
        "This key was used for another method, path or body; use a new key for a new request.",
    ),
    "too_many_requests": Problem(429, "Too many requests", "Wait for the seconds in `Retry-After`."),
    # 5xx: failures of the service
    "internal_error": Problem(
        500, "Internal error", "The service failed and changed nothing; its log has the details under the `request_id`."
    ),
    "not_implemented": Problem(501, "Not implemented", "The server does not support this kind of request."),
    "issuer_unreachable": Problem(
        503,
        "Issuer unreachable",
        "The OpenID provider is needed to check this token and can't be reached; other credentials still work. "
        "Retry after `Retry-After`.",
    ),
    "unavailable": Problem(
        503,
        "Unavailable",
        "The database or the disk can't serve the request now. Nothing was changed, unless `detail` says that this is "
        "unknown; retry after `Retry-After`, with the same Idempotency-Key.",
    ),
    "server_busy": Problem(
        503,
        "Server busy",
        "As much of this kind is under way as the server takes on at once; nothing was changed. "
        "Retry after `Retry-After`.",
    ),
    "maintenance": Problem(
        503, "Maintenance", "The service is under maintenance; nothing was changed. Retry after `Retry-After`."
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
    """Return the body of an error response (RFC 9457 section 3); `extra` holds its extension members."""
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
