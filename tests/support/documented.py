"""Holds every answer that a test gets against the OpenAPI document: its status, headers, media type and body."""

import functools
from typing import Any

from flask import Flask
from jsonschema import Draft202012Validator
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect
from werkzeug.test import TestResponse

from api.middleware.cors import EXPOSED
from api.openapi.document import openapi
from api.openapi.endpoints import path_of

Json = dict[str, Any]
# Every application has the same document, whatever its settings; it is made once for all tests.
_documents: list[Json] = []


def assert_documented(app: Flask, response: TestResponse) -> None:
    """Fail if the document does not know this answer; a path or method that does not exist is not in it."""
    request = response.request
    try:
        rule, _ = app.url_map.bind("localhost").match(request.path, request.method, return_rule=True)
    except (HTTPException, RequestRedirect):
        return
    where = f"{request.method} {path_of(rule)} → {response.status_code}"
    operation = document(app)["paths"].get(path_of(rule), {}).get(method_of(request.method))
    if operation is None:
        return
    documented = operation["responses"].get(str(response.status_code))
    assert documented is not None, f"{where} is not in the OpenAPI document: {response.text[:500]}"
    missing = [name for name in required_headers(app, documented) if name not in response.headers]
    assert not missing, f"{where} lacks the headers {missing}"
    unknown = [name for name in EXPOSED if name in response.headers and name not in documented["headers"]]
    assert not unknown, f"{where} has headers that are not in the OpenAPI document: {unknown}"
    if "content" not in documented:
        assert response.data == b"", f"{where} has a body, and none is in the OpenAPI document"
    elif request.method != "HEAD":
        assert response.mimetype in documented["content"], f"{where} is {response.mimetype}"
        if response.is_json:
            errors = sorted(
                validator(path_of(rule), request.method.lower(), response).iter_errors(response.json), key=str
            )
            assert not errors, f"{where}: {errors[0].json_path}: {errors[0].message}"


def document(app: Flask) -> Json:
    """The document of the service."""
    if not _documents:
        _documents.append(openapi(app))
    return _documents[0]


def method_of(method: str) -> str:
    """The method that the document has: HEAD answers as GET."""
    return "get" if method == "HEAD" else method.lower()


def required_headers(app: Flask, documented: Json) -> list[str]:
    """The headers that such an answer always has."""
    shared = document(app)["components"]["headers"]
    return [
        name
        for name, header in documented["headers"].items()
        if (shared[name] if "$ref" in header else header).get("required")
    ]


def validator(path: str, method: str, response: TestResponse) -> Draft202012Validator:
    """What checks the body of such an answer."""
    return _validator(path, method, str(response.status_code), response.mimetype)


@functools.cache
def _validator(path: str, method: str, status: str, media_type: str) -> Draft202012Validator:
    found = _documents[0]
    schema = found["paths"][path][method]["responses"][status]["content"][media_type]["schema"]
    return Draft202012Validator({**schema, "components": found["components"]})
