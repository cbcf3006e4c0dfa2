"""The OpenAPI 3.1 document, derived from the code: url map, converters, forms, needs, outputs and docstrings.

Each function is one rule: it looks at one thing that the code has and says what the document has for it.
"""

import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from flask import Flask

from api.auth.permissions import any_user, password_required, session_required, token_required
from api.media_types import JSON, MERGE_PATCH
from api.openapi.components import HEADERS, INTRODUCTION, PARAMETERS, SECURITY_SCHEMES, headers, problem_response
from api.openapi.operations import Operation, operations, path_of
from api.problems import PROBLEMS
from api.services import services_of
from settings import VERSION

Json = dict[str, Any]

# What any request can be refused for, before its method runs or while it does.
ALLOWED_CPUS = (
    *("bad_request", "invalid_header", "malformed_json", "not_an_object", "invalid_credentials"),
    *("address_not_allowed", "not_acceptable"),
    *("content_too_large", "unsupported_media_type", "invalid_input", "too_many_requests"),
    *("internal_error", "issuer_unreachable", "unavailable", "maintenance"),
)
ALL_SCHEMES = ("basic", "bearer", "apiKey")
SCHEMES_OF_PERMISSION = {
    password_required: ("basic", "bearer"),
    session_required: ("bearer",),
    token_required: ("bearer", "apiKey"),
}
REFUSALS_OF_PERMISSION: dict[Any, tuple[str, ...]] = {
    password_required: ("password_required",),
    session_required: ("sign_in_required",),
    token_required: ("token_required",),
    any_user: (),
}
SUCCESSES = {200: "Done.", 201: "Created.", 204: "Done; there is no body.", 302: "Go where `Location` says."}


def openapi(app: Flask) -> Json:
    """The document of this application; made once."""
    services = services_of(app)
    if services.openapi is None:
        services.openapi = _document(list(operations(app)))
    return services.openapi


def _document(found: list[Operation]) -> Json:
    schemas: Json = {}
    paths: Json = {}
    for operation in found:
        path = paths.setdefault(path_of(operation.rule), {"summary": inspect.getdoc(operation.resource)})
        path[operation.method.lower()] = _with_references(_operation(operation), schemas)
    modules = {operation.noun: inspect.getdoc(sys.modules[operation.resource.__module__]) for operation in found}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Stockroom", "version": VERSION, "description": INTRODUCTION},
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": description} for name, description in modules.items()],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "headers": HEADERS,
            "parameters": PARAMETERS,
            "securitySchemes": SECURITY_SCHEMES,
        },
    }


def _operation(operation: Operation) -> Json:
    told = inspect.getdoc(operation.function) or ""
    scope = getattr(operation.need, "scope", None)
    described = " ".join([told, f"Needs {scope.replace(' ', ' and ')}." if scope else ""]).strip()
    document: Json = {
        "operationId": operation.name,
        "tags": [operation.noun],
        "summary": re.split(r"[.;:](?:\s|$)", told)[0],
        "description": described,
        "parameters": [*_path_parameters(operation), *_query_parameters(operation), *_header_parameters(operation)],
        "responses": {**_successes(operation), **_refusals(operation)},
        "security": _security(operation, scope),
    }
    if scope:
        document["x-required-scope"] = scope
    if operation.form.media:
        document["requestBody"] = {"required": True, "content": dict(operation.form.media)}
    elif operation.form.fields:
        document["requestBody"] = _body(operation)
    return document


def _path_parameters(operation: Operation) -> Iterator[Json]:
    for name, converter in operation.rule._converters.items():
        schema = getattr(converter, "schema", {"type": "string", "minLength": 1})
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameters(operation: Operation) -> Iterator[Json]:
    for name, field in operation.form.query.items():
        parameter = {"name": name, "in": "query", "required": field.required, "schema": field.schema()}
        if field.description:
            parameter["description"] = field.description
        if parameter["schema"].get("type") == "array":
            parameter |= {"style": "form", "explode": False}
        yield parameter


def _header_parameters(operation: Operation) -> Iterator[Json]:
    if operation.idempotent:
        yield {"$ref": "#/components/parameters/IdempotencyKey"}
    if operation.checked:
        yield {"$ref": "#/components/parameters/IfMatch"}
    if operation.method in ("GET", "PUT") and operation.output.tagged:
        yield {"$ref": "#/components/parameters/IfNoneMatch"}


def _security(operation: Operation, scope: str | None) -> list[Json]:
    if operation.need is None:
        return []
    return [{scheme: (scope or "").split()} for scheme in SCHEMES_OF_PERMISSION.get(operation.need, ALL_SCHEMES)]


def _body(operation: Operation) -> Json:
    form = operation.form
    media: Json = {"schema": form.schema()}
    if form.example:
        media["examples"] = {"typical": {"value": form.example}}
    types = (MERGE_PATCH, JSON) if operation.method == "PATCH" else (JSON,)
    return {"required": form.needs_body(operation.method), "content": dict.fromkeys(types, media)}


def _successes(operation: Operation) -> Json:
    output = operation.output
    answers = {str(status): _success(operation, status) for status in output.statuses}
    if operation.method == "GET" and output.tagged:
        answers["304"] = {"description": "As you have it: If-None-Match names it.", "headers": headers("ETag")}
    return answers


def _success(operation: Operation, status: int) -> Json:
    output = operation.output
    names = [
        name
        for name, carried in (
            ("ETag", output.tagged),
            ("Location", status in (201, 302)),
            ("Link", output.linked),
            ("Content-Disposition", output.file),
            ("Idempotent-Replayed", operation.idempotent),
        )
        if carried
    ]
    answer: Json = {"description": SUCCESSES[status], "headers": headers(*names)}
    if output.shape is not None:
        kinds = getattr(operation.function, "representations", (JSON,))
        answer["content"] = {kind: {"schema": output.shape if kind == JSON else {"type": "string"}} for kind in kinds}
    return answer


def _refusals(operation: Operation) -> Json:
    codes: dict[int, list[str]] = {}
    for code in dict.fromkeys(_codes(operation)):
        codes.setdefault(PROBLEMS[code].status, []).append(code)
    return {str(status): problem_response(status, codes[status], kept=operation.idempotent) for status in sorted(codes)}


def _codes(operation: Operation) -> Iterable[str]:
    """The problems this operation can answer, each for what the code has."""
    yield from ALLOWED_CPUS
    yield from operation.output.refuses
    if operation.need:
        yield "unauthorized"
        yield from REFUSALS_OF_PERMISSION.get(operation.need, ("forbidden", "insufficient_scope"))
    if operation.rule.arguments:
        yield "not_found"
    if not operation.form.fields and not operation.form.media:
        yield "unexpected_body"
    if {"cursor", "since"} & operation.form.query.keys():
        yield "invalid_cursor"
    if operation.checked:
        yield "precondition_failed"
    if operation.method in ("PUT", "PATCH", "DELETE"):
        yield "precondition_required"
    if operation.idempotent:
        yield from ("idempotency_in_progress", "idempotency_key_reused")


def _with_references(part: Any, schemas: Json) -> Any:
    """The same with every titled schema moved to the components, where each stands once."""
    if isinstance(part, dict):
        part = {name: _with_references(value, schemas) for name, value in part.items()}
        if isinstance(part.get("title"), str) and "type" in part:
            schemas[part["title"]] = part
            return {"$ref": f"#/components/schemas/{part['title']}"}
        return part
    return [_with_references(each, schemas) for each in part] if isinstance(part, list | tuple) else part
