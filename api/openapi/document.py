"""The OpenAPI 3.1 document, derived from the code: url map, converters, forms, needs, outputs and docstrings.

Each function is one rule: it looks at one thing that the code has and says what the document has for it.
"""

import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from flask import Flask

from api.media_types import JSON, MERGE_PATCH
from api.openapi.components import HEADERS, INTRODUCTION, PARAMETERS, SECURITY_SCHEMES, headers, problem_response
from api.openapi.endpoints import Endpoint, endpoints, path_of
from api.problems import PROBLEMS
from settings import VERSION

Json = dict[str, Any]

# What any request can be refused for, before its method runs or while it does.
OF_ANY_REQUEST = (
    *("bad_request", "invalid_header", "malformed_json", "not_an_object", "invalid_credentials"),
    *("address_not_allowed", "not_acceptable"),
    *("content_too_large", "unsupported_media_type", "invalid_input", "too_many_requests"),
    *("internal_error", "issuer_unreachable", "unavailable", "maintenance"),
)
SUCCESSES = {200: "Success.", 201: "Created.", 204: "Success, without a body.", 302: "A redirect to `Location`."}


def openapi(app: Flask) -> Json:
    """The document of this application; made once."""
    if "stockroom.openapi" not in app.extensions:
        app.extensions["stockroom.openapi"] = _document(list(endpoints(app)))
    document: Json = app.extensions["stockroom.openapi"]
    return document


def _document(found: list[Endpoint]) -> Json:
    schemas: Json = {}
    paths: Json = {}
    for endpoint in found:
        path = paths.setdefault(path_of(endpoint.rule), {"summary": inspect.getdoc(endpoint.resource)})
        path[endpoint.method.lower()] = _with_references(_operation(endpoint), schemas)
    modules = {endpoint.noun: inspect.getdoc(sys.modules[endpoint.resource.__module__]) for endpoint in found}
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


def _operation(endpoint: Endpoint) -> Json:
    told = inspect.getdoc(endpoint.function) or ""
    scopes = endpoint.permission.scopes if endpoint.permission else ()
    described = " ".join([told, f"Needs {' and '.join(scopes)}." if scopes else ""]).strip()
    document: Json = {
        "operationId": endpoint.name,
        "tags": [endpoint.noun],
        "summary": re.split(r"[.;:](?:\s|$)", told)[0],
        "description": described,
        "parameters": [*_path_parameters(endpoint), *_query_parameters(endpoint), *_header_parameters(endpoint)],
        "responses": {**_successes(endpoint), **_refusals(endpoint)},
        "security": _security(endpoint),
    }
    if scopes:
        document["x-required-scope"] = " ".join(scopes)
    if endpoint.parser.media:
        document["requestBody"] = {"required": True, "content": dict(endpoint.parser.media)}
    elif endpoint.parser.fields:
        document["requestBody"] = _body(endpoint)
    return document


def _path_parameters(endpoint: Endpoint) -> Iterator[Json]:
    for name, converter in endpoint.rule._converters.items():
        schema = getattr(converter, "schema", {"type": "string", "minLength": 1})
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameters(endpoint: Endpoint) -> Iterator[Json]:
    for name, field in endpoint.parser.query.items():
        parameter = {"name": name, "in": "query", "required": field.required, "schema": field.schema()}
        if field.help:
            parameter["description"] = field.help
        if parameter["schema"].get("type") == "array":
            parameter |= {"style": "form", "explode": False}
        yield parameter


def _header_parameters(endpoint: Endpoint) -> Iterator[Json]:
    if endpoint.operation.idempotent:
        yield {"$ref": "#/components/parameters/IdempotencyKey"}
    if endpoint.checked:
        yield {"$ref": "#/components/parameters/IfMatch"}
    if endpoint.method in ("GET", "PUT") and endpoint.output.tagged:
        yield {"$ref": "#/components/parameters/IfNoneMatch"}


def _security(endpoint: Endpoint) -> list[Json]:
    permission = endpoint.permission
    return [{scheme: [*permission.scopes]} for scheme in permission.schemes] if permission else []


def _body(endpoint: Endpoint) -> Json:
    parser = endpoint.parser
    media: Json = {"schema": parser.schema()}
    if parser.example:
        media["examples"] = {"typical": {"value": parser.example}}
    types = (MERGE_PATCH, JSON) if endpoint.method == "PATCH" else (JSON,)
    return {"required": parser.needs_body(endpoint.method), "content": dict.fromkeys(types, media)}


def _successes(endpoint: Endpoint) -> Json:
    output = endpoint.output
    answers = {str(status): _success(endpoint, status) for status in output.statuses}
    if endpoint.method == "GET" and output.tagged:
        answers["304"] = {
            "description": "Not modified: If-None-Match has this ETag.",
            "headers": headers("ETag"),
        }
    return answers


def _success(endpoint: Endpoint, status: int) -> Json:
    output = endpoint.output
    names = [
        name
        for name, carried in (
            ("ETag", output.tagged),
            ("Location", status in (201, 302)),
            ("Link", output.linked),
            ("Content-Disposition", output.file),
            ("Idempotent-Replayed", endpoint.operation.idempotent),
        )
        if carried
    ]
    answer: Json = {"description": SUCCESSES[status], "headers": headers(*names)}
    if output.schema is not None:
        kinds = endpoint.operation.media_types
        answer["content"] = {kind: {"schema": output.schema if kind == JSON else {"type": "string"}} for kind in kinds}
    return answer


def _refusals(endpoint: Endpoint) -> Json:
    codes: dict[int, list[str]] = {}
    for code in dict.fromkeys(_codes(endpoint)):
        codes.setdefault(PROBLEMS[code].status, []).append(code)
    return {
        str(status): problem_response(status, codes[status], kept=endpoint.operation.idempotent)
        for status in sorted(codes)
    }


def _codes(endpoint: Endpoint) -> Iterable[str]:
    """The problems this operation can answer, each for what the code has."""
    yield from OF_ANY_REQUEST
    yield from endpoint.output.refuses
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
    if endpoint.method in ("PUT", "PATCH", "DELETE"):
        yield "precondition_required"
    if endpoint.operation.idempotent:
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
