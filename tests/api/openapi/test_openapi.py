"""The OpenAPI document: whole, valid, and true; every other test holds its answers against it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from api.openapi.document import openapi
from api.openapi.endpoints import endpoints, path_of
from api.problems import PROBLEMS
from settings import VERSION
from tests.support.databases import on_one_database
from tests.support.documented import WRITTEN, document, resolved

# What watches the service is no operation of the API, and the page is none.
BESIDE = {
    "livez",
    "readyz",
    "metrics",
    "pages.home",
    "pages.item_link",
    "pages.shell",
    "pages.worker",
    "pages.page_file",
}
PROBLEM = {"$ref": "#/components/schemas/Problem"}
FILES = {
    "text/csv",
    "application/x-ndjson",
    "text/tab-separated-values",
    "text/plain",
    "application/vnd.ms-excel",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
METHODS = {"get", "post", "put", "patch", "delete"}
# What may follow a backslash in a pattern with the flag u, with which JSON Schema compiles it (ECMA-262 22.2.1).
ESCAPED = set("dDsSwWbBfnrtvu0^$\\.*+?()[]{}|/-")


def every_operation(app: Flask) -> list[tuple[str, dict[str, Any]]]:
    """Each operation of the document, with its name for messages."""
    return [
        (f"{method.upper()} {path}", operation)
        for path, item in document(app)["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def test_the_document_is_served_to_everybody_with_a_tag_and_valid(nobody):
    answered = nobody.get("/openapi.json")

    assert answered.status_code == 200
    assert answered.json["openapi"].startswith("3.1.")
    assert answered.json["info"]["version"] == VERSION
    OpenAPIV31SpecValidator(answered.json).validate()
    again = nobody.get("/openapi.json", headers={"If-None-Match": answered.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_the_document_in_version_control_is_what_the_code_says(app):
    written = json.loads(WRITTEN.read_text(encoding="utf-8"))

    assert written == json.loads(json.dumps(openapi(app))), "write it: python -m tests.support.documented"


def test_the_document_is_made_once(app):
    assert openapi(app) is openapi(app)


def test_every_route_and_method_is_in_the_document(app):
    paths = document(app)["paths"]

    missing = [
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if rule.endpoint not in BESIDE and method.lower() not in paths.get(path_of(rule), {})
    ]

    assert missing == []


def test_every_operation_has_a_name_of_its_own_and_a_summary(app):
    found = every_operation(app)

    names = [operation["operationId"] for _, operation in found]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in names)
    assert [name for name, operation in found if not 5 < len(operation["summary"]) <= 100] == []


def test_what_clients_read_has_the_words_of_the_field_only(app):
    private = r"\b(told|tells?|doors?|shown|hangs?|fold(s|ed)?|deeds?|moments?|twins?|rivals?|stranger|anew)\b"

    assert re.findall(rf".{{30}}{private}.{{30}}", json.dumps(document(app))) == []


@pytest.mark.parametrize(
    ("name", "path", "method"),
    [
        ("list_items", "/api/v1/items", "get"),
        ("create_item", "/api/v1/items", "post"),
        ("get_item", "/api/v1/items/{item_id}", "get"),
        ("replace_item", "/api/v1/items/{item_id}", "put"),
        ("update_item", "/api/v1/items/{item_id}", "patch"),
        ("delete_item", "/api/v1/items/{item_id}", "delete"),
        ("restore_item", "/api/v1/items/{item_id}/restore", "post"),
        ("get_item_by_sku", "/api/v1/items/by-sku/{sku}", "get"),
        ("create_movements", "/api/v1/movements", "post"),
        ("create_reversal", "/api/v1/movements/{movement_id}/reversal", "post"),
    ],
)
@on_one_database
def test_names_that_clients_are_generated_with_stay(app, name, path, method):
    assert document(app)["paths"][path][method]["operationId"] == name


def test_every_method_declares_what_it_answers(app):
    undeclared = [f"{each.method} {each.rule.rule}" for each in endpoints(app) if each.operation.output is None]

    assert undeclared == []


def test_every_body_has_an_example_that_its_form_takes(app):
    examples = {}
    for each in endpoints(app):
        if each.parser.fields:
            examples[f"{each.method} {each.rule.rule}"] = each.parser.example
            assert each.parser.example is None or each.parser.read(each.parser.example)

    assert [name for name, example in examples.items() if example is None] == []


def test_examples_fit_their_schemas(app):
    components = document(app)["components"]

    for name, operation in every_operation(app):
        for media in operation.get("requestBody", {"content": {}})["content"].values():
            check = Draft202012Validator({**media["schema"], "components": components})
            for example in media.get("examples", {}).values():
                assert list(check.iter_errors(example["value"])) == [], name


def patterns(node: Any) -> Iterator[str]:
    """Yield every pattern within a part of the document."""
    if isinstance(node, dict):
        pattern = node.get("pattern")
        yield from [pattern] if isinstance(pattern, str) else []
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from patterns(each)


def test_every_pattern_is_one_that_clients_in_javascript_compile(app):
    found = set(patterns(document(app)))

    assert len(found) > 10
    assert [each for each in found if set(re.findall(r"\\(.)", each)) - ESCAPED] == []


def test_a_closed_operation_says_which_credentials_and_scope_it_needs(app):
    items = document(app)["paths"]["/api/v1/items"]

    assert items["post"]["x-required-scope"] == "items:write"
    schemes = ("basic", "bearer", "apiKey", "cookie")
    assert items["post"]["security"] == [{scheme: ["items:write"]} for scheme in schemes]
    assert {"401", "403"} <= items["post"]["responses"].keys()


def test_the_cookie_is_a_credential_wherever_a_sign_in_is_one(app):
    paths = document(app)["paths"]
    without = [
        name
        for name, operation in every_operation(app)
        if {"bearer"} <= {scheme for each in operation["security"] for scheme in each}
        and not any("cookie" in each for each in operation["security"])
    ]

    assert without == ["GET /api/v1/tokens/current"]
    assert paths["/api/v1/session"]["post"]["security"] == []
    scheme = document(app)["components"]["securitySchemes"]["cookie"]
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "cookie", "__Host-stockroom")


def test_a_patch_takes_merge_patches(app):
    body = document(app)["paths"]["/api/v1/items/{item_id}"]["patch"]["requestBody"]

    assert list(body["content"]) == ["application/merge-patch+json", "application/json"]


def test_conditional_and_keyed_writes_name_their_headers(app):
    item = document(app)["paths"]["/api/v1/items/{item_id}"]

    assert {"$ref": "#/components/parameters/IfMatch"} in item["patch"]["parameters"]
    assert {"$ref": "#/components/parameters/IdempotencyKey"} in item["patch"]["parameters"]
    assert {"412", "428"} <= item["patch"]["responses"].keys()
    assert {"$ref": "#/components/parameters/IfNoneMatch"} in item["get"]["parameters"]


def test_every_problem_of_an_operation_is_one_of_its_status(app):
    for name, operation in every_operation(app):
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                documented = resolved(app, response)
                assert documented["content"]["application/problem+json"]["schema"] == PROBLEM, name
                assert {PROBLEMS[code].status for code in documented["x-problem-codes"]} == {int(status)}, name


def test_refusals_are_shared_and_bodies_have_names(app):
    for name, operation in every_operation(app):
        assert all("$ref" in answer for status, answer in operation["responses"].items() if status[0] == "4"), name
        for media_type, media in operation.get("requestBody", {"content": {}})["content"].items():
            assert "$ref" in media["schema"] or media_type in FILES, name
    assert {"ItemInput", "ItemPatch", "NewMovement", "MovementBatch"} < document(app)["components"]["schemas"].keys()
    assert {"Problem", "Fault", "ImportOutcome"} < document(app)["components"]["schemas"].keys()


def test_a_type_can_be_made_of_every_object_and_every_list(app):
    for name, schema in document(app)["components"]["schemas"].items():
        assert schema["type"] in ("object", "string"), name
        for member in schema.get("properties", {}).values():
            assert member.get("type") != "array" or "items" in member, name
            assert "oneOf" not in member, name


def test_items_and_movements_come_first(app):
    assert [tag["name"] for tag in document(app)["tags"]][:2] == ["items", "movements"]


def test_the_document_is_small_enough_to_be_read(app, nobody):
    operations = len(list(endpoints(app)))

    # An import has a dozen options and seven formats, and so costs more.
    assert len(nobody.get("/openapi.json").data) <= 3_600 * operations
