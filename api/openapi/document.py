"""The OpenAPI 3.1 document, derived from the URL map, converters, parsers, permissions, outputs and docstrings.

Each function makes one part of the document from one of these.
"""

import inspect
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

from flask import Flask

from api.media_types import JSON, MERGE_PATCH
from api.openapi.components import HEADERS, INTRODUCTION, PARAMETERS, SECURITY_SCHEMES, pascal_case
from api.openapi.endpoints import Endpoint, endpoints, path_of
from api.openapi.responses import responses_of
from api.requests.converters import schema_of
from api.services import services_of
from settings import VERSION

Json = dict[str, Any]

LICENSE = {"name": "MIT", "identifier": "MIT"}


def openapi(app: Flask) -> Json:
    """Return the document of this application, which is made once."""
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
    parameters = _share_parameters(
        [item for path in paths.values() for item in path.values() if isinstance(item, dict)]
    )
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
            "parameters": PARAMETERS | parameters,
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
        "responses": responses_of(endpoint, responses),
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
        yield {"name": name, "in": "path", "required": True, "schema": schema_of(converter)}


def _query_parameters(endpoint: Endpoint) -> Iterator[Json]:
    for name, field in endpoint.parser.query.items():
        parameter: Json = {"name": name, "in": "query", "schema": field.schema()}
        if field.required:
            parameter["required"] = True
        if field.help:
            parameter["description"] = field.help
        if parameter["schema"].get("type") == "array":
            parameter |= {"style": "form", "explode": field.repeats}
        yield parameter


def _header_parameters(endpoint: Endpoint) -> Iterator[Json]:
    if endpoint.operation.idempotent:
        yield {"$ref": "#/components/parameters/IdempotencyKey"}
    if endpoint.checked and (endpoint.method != "GET" or endpoint.output.tagged):
        yield {"$ref": "#/components/parameters/IfMatch"}
    revalidated = endpoint.method == "GET" and endpoint.output.revalidated
    if endpoint.output.tagged and (endpoint.method == "PUT" or revalidated):
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


def _share_parameters(operations: list[Json]) -> Json:
    """Return the parameters that several operations have, by name, and let the operations refer to them.

    Where several have the same name and are different, the one with the most uses is shared.
    """
    written = [json.dumps(each) for operation in operations for each in operation["parameters"]]
    shared: Json = {}
    for text, uses in Counter(written).most_common():
        parameter = json.loads(text)
        if uses > 1 and "$ref" not in parameter:
            shared.setdefault(pascal_case(parameter["name"]), parameter)
    for operation in operations:
        operation["parameters"] = [
            {"$ref": f"#/components/parameters/{pascal_case(each['name'])}"}
            if "$ref" not in each and shared.get(pascal_case(each["name"])) == each
            else each
            for each in operation["parameters"]
        ]
    return dict(sorted(shared.items()))


def _with_references(part: Any, components: Json) -> Any:
    """Return the same part with a reference for each titled schema, which is moved to the components.

    Raises ValueError for two schemas with one title.
    """
    if isinstance(part, dict):
        part = {name: _with_references(value, components) for name, value in part.items()}
        if isinstance(part.get("title"), str) and "type" in part:
            description = {"description": part.pop("description")} if "description" in part else {}
            if components["schemas"].setdefault(part["title"], part) != part:
                raise ValueError(f"two schemas have the title {part['title']}")
            return {"$ref": f"#/components/schemas/{part['title']}", **description}
        return part
    return [_with_references(each, components) for each in part] if isinstance(part, list | tuple) else part
