"""Compares every response in the tests with the OpenAPI document: status, headers, media type and body.

`python -m tests.support.documented` writes that document to docs/openapi.json.
"""

import functools
import json
import tempfile
from pathlib import Path
from typing import Any

from flask import Flask
from jsonschema import Draft202012Validator
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect
from werkzeug.test import TestResponse

from api.middleware.cors import EXPOSED
from api.openapi.document import openapi
from api.openapi.endpoints import path_of
from app import create_app
from settings import ROOT
from tests.support.databases import settings_for

Json = dict[str, Any]
WRITTEN = ROOT / "docs" / "openapi.json"
# The document is the same for all settings, so it is made once for all tests.
_documents: list[Json] = []


def assert_documented(app: Flask, response: TestResponse) -> None:
    """Fail if a response is not as documented; those of unknown paths and methods are not checked."""
    request = response.request
    try:
        rule, _ = app.url_map.bind("localhost").match(request.path, request.method, return_rule=True)
    except (HTTPException, RequestRedirect):
        return
    where = f"{request.method} {path_of(rule)} → {response.status_code}"
    operation = document(app)["paths"].get(path_of(rule), {}).get(method_of(request.method))
    if operation is None:
        return
    documented = resolved(app, operation["responses"].get(str(response.status_code)))
    assert documented is not None, f"{where} is not in the OpenAPI document: {response.text[:500]}"
    if "x-problem-codes" in documented and request.method != "HEAD":
        assert response.json["code"] in documented["x-problem-codes"], f"{where}: {response.json['code']}"
    missing = [name for name in required_headers(app, documented) if name not in response.headers]
    assert not missing, f"{where} lacks the headers {missing}"
    unknown = [name for name in EXPOSED if name in response.headers and name not in documented["headers"]]
    assert not unknown, f"{where} has headers that are not in the OpenAPI document: {unknown}"
    if "content" not in documented:
        assert response.data == b"", f"{where} has a body, and none is in the OpenAPI document"
    elif request.method != "HEAD":
        assert response.mimetype in documented["content"], f"{where} is {response.mimetype}"
        if response.is_json:
            check = validator(app, path_of(rule), request.method.lower(), response)
            errors = sorted(check.iter_errors(response.json), key=str)
            assert not errors, f"{where}: {errors[0].json_path}: {errors[0].message}"


def document(app: Flask) -> Json:
    """Return the OpenAPI document of the service."""
    if not _documents:
        _documents.append(openapi(app))
    return _documents[0]


def resolved(app: Flask, part: Any) -> Any:
    """Return a part of the document or, if it is a `$ref`, the component that it refers to."""
    if not part or "$ref" not in part:
        return part
    kind, name = part["$ref"].removeprefix("#/components/").split("/")
    return document(app)["components"][kind][name]


def method_of(method: str) -> str:
    """Return the method under which the document has an operation: that of HEAD is GET."""
    return "get" if method == "HEAD" else method.lower()


def required_headers(app: Flask, documented: Json) -> list[str]:
    """Return the names of the headers that a documented response always has."""
    return [name for name, header in documented["headers"].items() if resolved(app, header).get("required")]


def validator(app: Flask, path: str, method: str, response: TestResponse) -> Draft202012Validator:
    """Return the validator of the body of a response."""
    responses = document(app)["paths"][path][method]["responses"]
    content = resolved(app, responses[str(response.status_code)])["content"]
    return _validator(json.dumps(content[response.mimetype]["schema"]))


@functools.cache
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator({**json.loads(schema), "components": _documents[0]["components"]})


def write() -> None:
    """Write the document of this code to `WRITTEN`; the database in its settings is never opened."""
    with tempfile.TemporaryDirectory() as folder:
        found = openapi(create_app(settings_for(f"sqlite:///{Path(folder).as_posix()}/none.sqlite3", Path(folder))))
    WRITTEN.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    write()
