"""The name that a bin had before, `location`: requests are corrected, and files of before are read."""

import json

import pytest

from tests.support.databases import on_one_database
from tests.support.files import CSV, NDJSON, imported, items, send
from tests.support.shelf import add
from tests.tables.test_presets import FILES
from tests.tables.test_xlsx import XLSX, workbook

pytestmark = on_one_database
CALLED = "it is called 'bin' now, because locations are things of their own"


def file_of(format_, *rows):
    """These rows, of which the first has the names, as a file."""
    if format_ == XLSX:
        return workbook(*map(list, rows))
    if format_ == NDJSON:
        return "\n".join(json.dumps(dict(zip(rows[0], row, strict=True))) for row in rows[1:])
    return "\n".join(map(",".join, rows))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/items"),
        ("PUT", "/items/1"),
        ("PATCH", "/items/1"),
        ("PUT", "/items/by-sku/A"),
        ("PUT", "/items/by-sku/NEW"),
        ("PATCH", "/items/by-sku/A"),
    ],
)
def test_a_body_with_the_former_name_is_refused_with_that_of_today(member, method, path):
    before = add(member, "A", bin="A-1")
    sku = "A" if path.endswith(("1", "A")) else "NEW"

    refused = member.open(method, path, json={"sku": sku, "name": "a", "location": "B-2"})

    assert (refused.status_code, refused.json["code"]) == (422, "invalid_input")
    [error] = refused.json["errors"]
    assert (error["field"], error["code"]) == ("location", "unknown_field")
    assert error["message"].endswith(CALLED)
    assert items(member) == {"A": before}


@pytest.mark.parametrize("format_", [CSV, NDJSON, XLSX])
def test_a_file_of_before_is_read(member, format_):
    file = file_of(format_, ["sku", "name", "location"], ["A", "a", "A-1"], ["B", "b", "B-2"])

    sent = send(member, file, content_type=format_)

    assert (sent.status_code, sent.json["created"]) == (200, 2), sent.json
    assert {sku: item["bin"] for sku, item in items(member).items()} == {"A": "A-1", "B": "B-2"}
    ours = {} if format_ == NDJSON else {"sku": "sku", "name": "name"}
    assert sent.json["read_as"]["columns"] == {**ours, "location": "bin"}
    assert send(member, file, content_type=format_).json["unchanged"] == 2


@pytest.mark.parametrize("format_", [CSV, NDJSON, XLSX])
@pytest.mark.parametrize("query", ["", "?extra_columns=ignore"])
def test_a_file_with_both_names_is_refused(member, format_, query):
    file = file_of(format_, ["sku", "name", "location", "bin"], ["A", "a", "A-1", "A-1"])

    refused = send(member, file, query, format_)

    assert (refused.status_code, refused.json["code"]) == (422, "invalid_input")
    assert [error["code"] for error in refused.json["errors"]] == ["repeated"]
    assert items(member) == {}


def test_json_lines_may_change_from_the_former_name_to_that_of_today(member):
    lines = ['{"sku": "A", "name": "a", "location": "A-1"}', '{"sku": "B", "name": "b", "bin": "B-2"}']

    assert imported(member, "\n".join(lines), content_type=NDJSON) == (2, 0, 0)

    assert {sku: item["bin"] for sku, item in items(member).items()} == {"A": "A-1", "B": "B-2"}


def test_a_fault_in_a_column_of_before_has_its_name_in_the_file(member):
    [error] = send(member, f"sku,name,location\nA,a,{'l' * 101}\n").json["errors"]

    assert (error["column"], error["code"]) == ("bin", "too_long")
    assert error["message"].startswith("'location': bin ")


def test_what_the_client_names_as_the_bin_comes_before_the_former_name(member):
    file = "sku,name,location,shelf\nA,a,Berlin,A-1\n"

    assert imported(member, file, "?columns=shelf:bin&extra_columns=ignore") == (1, 0, 0)

    assert items(member)["A"]["bin"] == "A-1"


def test_a_location_of_another_product_is_not_a_bin(member):
    assert ",Location," in FILES["snipe-it"].read_text(encoding="utf-8")

    sent = send(member, FILES["snipe-it"].read_bytes(), "?preset=snipe-it")

    assert sent.status_code == 200
    assert {item["bin"] for item in items(member).values()} == {""}
