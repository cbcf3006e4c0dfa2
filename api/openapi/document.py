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
from api.openapi.components import (
    HEADERS,
    INTRODUCTION,
    OF_ANY_REQUEST,
    PARAMETERS,
    SECURITY_SCHEMES,
    headers,
    problem_name,
    problem_response,
)
from api.openapi.endpoints import Endpoint, endpoints, path_of
from api.problems import PROBLEMS
from api.services import services_of
from settings import VERSION

Json = dict[str, Any]

SUCCESSES = {200: "Success.", 201: "Created.", 204: "Success, without a body.", 302: "A redirect to `Location`."}
NOT_MODIFIED: Json = {"description": "Not modified: If-None-Match has this ETag.", "headers": headers("ETag")}
LICENSE = {"name": "MIT", "identifier": "MIT"}


def openapi(app: Flask) -> Json:
    """The document of this application; made once."""
    services = services_of(app)
    if services.openapi is None:
        services.openapi = _document(list(endpoints(app)))
    return services.openapi


def _document(found: list[Endpoint]) -> Json:
    components: Json = {"schemas": {}, "responses": {}}
    paths: Json = {}
    for endpoint in found:
        path = paths.setdefault(path_of(endpoint.rule), {"summary": inspect.getdoc(endpoint.resource)})
        path[endpoint.method.lower()] = _with_references(_operation(endpoint, components["responses"]), components)
    components["responses"] = _with_references(components["responses"], components)
    modules = {endpoint.noun: inspect.getdoc(sys.modules[endpoint.resource.__module__]) for endpoint in found}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Stockroom", "version": VERSION, "description": INTRODUCTION, "license": LICENSE},
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": description} for name, description in modules.items()],
        "paths": paths,
        "components": {
            **{kind: dict(sorted(parts.items())) for kind, parts in components.items()},
            "headers": HEADERS,
            "parameters": PARAMETERS,
            "securitySchemes": SECURITY_SCHEMES,
        },
    }


def _operation(endpoint: Endpoint, responses: Json) -> Json:
    docstring = inspect.getdoc(endpoint.function) or ""
    scopes = endpoint.permission.scopes if endpoint.permission else ()
    required = f"Requires the scope {' and '.join(f'`{name}`' for name in scopes)}." if scopes else ""
    summary = re.split(r"[.;:](?:\s|$)", docstring)[0]
    description = f"{docstring} {required}".strip()
    document: Json = {
        "operationId": endpoint.name,
        "tags": [endpoint.noun],
        "summary": summary,
        **({"description": description} if description != f"{summary}." else {}),
        "parameters": [*_path_parameters(endpoint), *_query_parameters(endpoint), *_header_parameters(endpoint)],
        "responses": {**_successes(endpoint, responses), **_refusals(endpoint, responses)},
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
        parameter: Json = {"name": name, "in": "query", "schema": field.schema()}
        if field.required:
            parameter["required"] = True
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


def _successes(endpoint: Endpoint, responses: Json) -> Json:
    output = endpoint.output
    answers = {str(status): _success(endpoint, status) for status in output.statuses}
    if output.statuses == (204,):
        answers = {"204": _shared("NoContent", answers["204"], responses)}
    if endpoint.method == "GET" and output.tagged:
        answers["304"] = _shared("NotModified", NOT_MODIFIED, responses)
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


def _with_references(part: Any, components: Json) -> Any:
    """Return the same with every titled schema moved to the components, where each stands once."""
    if isinstance(part, dict):
        part = {name: _with_references(value, components) for name, value in part.items()}
        if isinstance(part.get("title"), str) and "type" in part:
            beside = {"description": part.pop("description")} if "description" in part else {}
            if components["schemas"].setdefault(part["title"], part) != part:
                raise ValueError(f"two schemas have the title {part['title']}")
            return {"$ref": f"#/components/schemas/{part['title']}", **beside}
        return part
    return [_with_references(each, components) for each in part] if isinstance(part, list | tuple) else part
