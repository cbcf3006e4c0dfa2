"""Inputs: nothing is coerced, clamped or ignored; what can't be taken is refused, and nothing is made of it.

Values stand here as JSON texts, because some of them no Python value would spell.
"""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from models.stock.item_fields import DEFAULTS
from tests.support.clients import Client
from tests.support.databases import on_one_database
from tests.support.durations import within
from tests.support.problems import assert_problem
from tests.support.shelf import path_of

JSON = "application/json"
HUGE = "9" * 5000
NO_TEXT = [
    ("5", "wrong_type"),
    ("1.9", "wrong_type"),
    ("true", "wrong_type"),
    ("[]", "wrong_type"),
    ('["a"]', "wrong_type"),
    ("{}", "wrong_type"),
    (r'"\ud800"', "bad_characters"),
    (r'"a\udfffb"', "bad_characters"),
    (r'"\u0000"', "bad_characters"),
    (r'"a\u0000b"', "bad_characters"),
    (r'"a\u0007b"', "bad_characters"),
    (r'"a\u001b[2Jb"', "bad_characters"),
    (r'"a\u007fb"', "bad_characters"),
    (r'"a\u0085b"', "bad_characters"),
]
NO_LINE = [
    *NO_TEXT,
    (r'"a\nb"', "bad_characters"),
    (r'"a\u2028b"', "bad_characters"),
    ('" a"', "bad_characters"),
    ('"a "', "bad_characters"),
    (r'"\ta"', "bad_characters"),
    (r'"\u00a0a"', "bad_characters"),
]
NO_INTEGER = [
    ('"5"', "wrong_type"),
    ('"1_000"', "wrong_type"),
    ('"٥"', "wrong_type"),
    ('""', "wrong_type"),
    ("1.9", "wrong_type"),
    ("1.0", "wrong_type"),
    ("1e2", "wrong_type"),
    ("1e400", "wrong_type"),
    ("1e999999999", "wrong_type"),
    ("true", "wrong_type"),
    ("false", "wrong_type"),
    ("[]", "wrong_type"),
    ("[5]", "wrong_type"),
    ("{}", "wrong_type"),
    ("-1", "too_small"),
    ("1000000001", "too_large"),
    ("2147483648", "too_large"),
    ("9223372036854775808", "too_large"),
    ("9" * 100, "too_large"),
]
NO_AMOUNT = [
    ("true", "wrong_type"),
    ("null", "null"),
    ("[]", "wrong_type"),
    ("{}", "wrong_type"),
    ('""', "wrong_type"),
    ('"x"', "wrong_type"),
    ('" 1"', "wrong_type"),
    ('"+1"', "wrong_type"),
    ('"1,5"', "wrong_type"),
    ('".5"', "wrong_type"),
    ('"5."', "wrong_type"),
    ('"1e2"', "wrong_type"),
    ('"1_000"', "wrong_type"),
    ('"٥"', "wrong_type"),
    ('"0x10"', "wrong_type"),
    ('"NaN"', "wrong_type"),
    ('"Infinity"', "wrong_type"),
    (r'"1\n"', "wrong_type"),
    ("-1", "too_small"),
    ("-0.01", "too_small"),
    ('"-1"', "too_small"),
    ('"-0"', "too_small"),
    ("-1e400", "too_small"),
    ("1000000000", "too_large"),
    ('"1000000000"', "too_large"),
    ("999999999.99991", "too_large"),
    ("1e400", "too_large"),
    ("1e999999999", "too_large"),
    ("9" * 100, "too_large"),
    ('"12.345678"', "too_many_decimals"),
    ("12.345678", "too_many_decimals"),
    ("0.00001", "too_many_decimals"),
    ("1e-5", "too_many_decimals"),
    ("1e-400", "too_many_decimals"),
    ("1e-999999999", "too_many_decimals"),
    ('"100000000.00010000000000000001"', "too_many_decimals"),
    ("100000000.00010000000000000001", "too_many_decimals"),
]
NO_TAGS = [
    ('"a"', "wrong_type"),
    ("{}", "wrong_type"),
    ("null", "null"),
    ("5", "wrong_type"),
]
NO_ATTRIBUTES = [
    ("[]", "wrong_type"),
    ('"a"', "wrong_type"),
    ("5", "wrong_type"),
    ("null", "null"),
]
INSIDE = [
    ("tags", "[5]", "tags[0]", "wrong_type"),
    ("tags", '["a", null]', "tags[1]", "wrong_type"),
    ("tags", '["a", ["b"]]', "tags[1]", "wrong_type"),
    ("tags", '["a", "b", "a"]', "tags[2]", "repeated"),
    ("tags", '["a|b"]', "tags[0]", "bad_format"),
    ("tags", '[""]', "tags[0]", "too_short"),
    ("tags", r'["\ud800"]', "tags[0]", "bad_characters"),
    ("attributes", '{"a": null}', "attributes.a", "wrong_type"),
    ("attributes", '{"a": []}', "attributes.a", "wrong_type"),
    ("attributes", '{"a": {}}', "attributes.a", "wrong_type"),
    ("attributes", '{"": 1}', "attributes.", "too_short"),
    ("attributes", '{" a": 1}', "attributes. a", "bad_characters"),
    ("attributes", r'{"\u0000": 1}', "attributes.\ufffd", "bad_characters"),
    ("attributes", r'{"\ud800": 1}', "attributes.\ufffd", "bad_characters"),
    ("attributes", r'{"a": "\u0000"}', "attributes.a", "bad_characters"),
    ("attributes", r'{"a": "\udead"}', "attributes.a", "bad_characters"),
    ("attributes", '{"a": 9007199254740992}', "attributes.a", "too_large"),
    ("attributes", '{"a": -9007199254740992}', "attributes.a", "too_large"),
    ("attributes", '{"a": 9223372036854775808}', "attributes.a", "too_large"),
    ("attributes", '{"a": 0.1000000000000000055}', "attributes.a", "too_many_decimals"),
    ("attributes", '{"a": 1e400}', "attributes.a", "too_many_decimals"),
    ("attributes", '{"a": 1e-400}', "attributes.a", "too_many_decimals"),
    ("attributes", '{"a": 1e999999999}', "attributes.a", "too_many_decimals"),
]
FIELDS = [
    *[("sku", *case) for case in NO_LINE],
    *[("name", *case) for case in NO_LINE],
    *[("barcode", *case) for case in NO_LINE],
    *[("bin", *case) for case in NO_LINE],
    *[("description", *case) for case in NO_TEXT],
    *[("quantity", *case) for case in NO_INTEGER],
    *[("reorder_level", *case) for case in NO_INTEGER],
    *[("price", *case) for case in NO_AMOUNT],
    *[("tags", *case) for case in NO_TAGS],
    *[("attributes", *case) for case in NO_ATTRIBUTES],
    *[(field, "null", "null") for field in ("sku", "name", "bin", "description", "quantity")],
]


def with_field(field: str, value: str, **others: Any) -> bytes:
    """The JSON text of an item whose `field` is this JSON text."""
    members = {"sku": '"A-1"', "name": '"Anvil"'} | {name: json.dumps(other) for name, other in others.items()}
    return object_of({**members, field: value})


def object_of(members: dict[str, str]) -> bytes:
    """The JSON text of an object with these members, each a JSON text."""
    return f"{{{', '.join(f'{json.dumps(name)}: {value}' for name, value in members.items())}}}".encode()


def post(client: Client, body: bytes, path: str = "/items") -> TestResponse:
    """POST this JSON text."""
    return client.post(path, data=body, content_type=JSON)


def faults(response: TestResponse) -> list[tuple[str, str]]:
    """The field and code of each fault."""
    return [(entry["field"], entry["code"]) for entry in response.json["errors"]]


def assert_nothing_made(member: Client) -> None:
    """There is not one item."""
    assert member.get("/items").json["total_items"] == 0


@pytest.mark.parametrize(("field", "value", "code"), FIELDS)
@on_one_database
def test_a_value_that_does_not_fit_is_refused_as_it_is(member, field, value, code):
    refused = post(member, with_field(field, value))

    assert_problem(refused, 422, "invalid_input")
    assert faults(refused) == [(field, code)]
    assert_nothing_made(member)


@pytest.mark.parametrize(("field", "value", "part", "code"), INSIDE)
@on_one_database
def test_a_fault_inside_a_value_names_the_place(member, field, value, part, code):
    refused = post(member, with_field(field, value))

    assert_problem(refused, 422, "invalid_input")
    assert faults(refused) == [(part, code)]
    assert_nothing_made(member)


@pytest.mark.parametrize(
    ("field", "longest"), [("sku", 64), ("name", 200), ("unit", 32), ("bin", 100), ("barcode", 64)]
)
@pytest.mark.parametrize("character", ["x", "é", "漢", "😀"])
def test_a_text_of_the_greatest_length_comes_back_and_a_longer_one_is_refused(member, field, longest, character):
    refused = post(member, with_field(field, json.dumps(character * (longest + 1))))
    assert faults(refused) == [(field, "too_long")]
    assert_nothing_made(member)

    made = post(member, with_field(field, json.dumps(character * longest)))
    assert made.status_code == 201
    assert member.get(made.headers["Location"]).json[field] == character * longest


@pytest.mark.parametrize(
    ("value", "price"),
    [
        ("0.1", "0.10"),
        ('"0.1"', "0.10"),
        ("0.0325", "0.0325"),
        ('"0.0325"', "0.0325"),
        ("12.5", "12.50"),
        ('"12.50"', "12.50"),
        ("12", "12.00"),
        ("1e2", "100.00"),
        ("1.25E+1", "12.50"),
        ("125e-1", "12.50"),
        ("12.50000000", "12.50"),
        ('"12.50000000"', "12.50"),
        ('"007.5"', "7.50"),
        ("0", "0.00"),
        ("-0", "0.00"),
        ("-0.0", "0.00"),
        ("0e99", "0.00"),
        ("0.3", "0.30"),
        ("4.35", "4.35"),
        ("1.005", "1.005"),
        ("999999999.9999", "999999999.9999"),
        ('"999999999.9999"', "999999999.9999"),
    ],
)
def test_an_amount_comes_back_as_exact_as_it_was_sent(member, value, price):
    made = post(member, with_field("price", value))

    assert made.status_code == 201, made.json
    assert made.json["price"] == price
    assert member.get(made.headers["Location"]).json["price"] == price


@pytest.mark.parametrize(
    "value",
    ["0", "-1", "9007199254740991", "-9007199254740991", "0.1", "1.5", "1e3", "-2.5e-3", "true", "false", '"1"', '""'],
)
def test_an_attribute_comes_back_as_it_was_sent(member, value):
    made = post(member, with_field("attributes", f'{{"a": {value}}}'))

    assert made.status_code == 201, made.json
    kept = member.get(made.headers["Location"]).json["attributes"]["a"]
    assert (type(kept), kept) == (type(json.loads(value)), json.loads(value))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "malformed_json"),
        (b" ", "malformed_json"),
        (b"{", "malformed_json"),
        (b'{"sku": "A-1", "name": "Anvil",}', "malformed_json"),
        (b"{'sku': 'A-1', 'name': 'Anvil'}", "malformed_json"),
        (b'{"sku": "A-1", "name": "Anvil"} {}', "malformed_json"),
        (b'{"sku": "A-1", "name": "An\nvil"}', "malformed_json"),
        (b'{"sku": "A-1", "name": "An\x00vil"}', "malformed_json"),
        (b'{"sku": "A-1", "name": "\xff"}', "malformed_json"),
        (b'{"sku": "A-1", "name": "\xc0\x80"}', "malformed_json"),
        (b'{"sku": "A-1", "name": "\xed\xa0\x80"}', "malformed_json"),
        ('{"sku": "A-1", "name": "Anvil"}'.encode("utf-16"), "malformed_json"),
        (b'{"sku": "A-1", "name": "Anvil", "sku": "A-2"}', "malformed_json"),
        (b'{"sku": "A-1", "name": "Anvil", "attributes": {"a": 1, "a": 1}}', "malformed_json"),
        (with_field("price", "NaN"), "malformed_json"),
        (with_field("price", "Infinity"), "malformed_json"),
        (with_field("price", "-Infinity"), "malformed_json"),
        (with_field("price", "01"), "malformed_json"),
        (with_field("price", "1_000"), "malformed_json"),
        (with_field("price", "0x10"), "malformed_json"),
        (with_field("price", "+1"), "malformed_json"),
        (with_field("price", ".5"), "malformed_json"),
        (with_field("price", "٥"), "malformed_json"),
        (with_field("price", "True"), "malformed_json"),
        (with_field("price", HUGE), "malformed_json"),
        (with_field("price", f"0.{HUGE}"), "malformed_json"),
        (with_field("price", f"1e{HUGE}"), "malformed_json"),
        (with_field("price", "1e9999999999999999999"), "malformed_json"),
        (with_field("price", "1e-9999999999999999999"), "malformed_json"),
        (with_field("quantity", HUGE), "malformed_json"),
        (with_field("quantity", f"-{HUGE}"), "malformed_json"),
        (with_field("attributes", f'{{"a": {HUGE}}}'), "malformed_json"),
        (with_field("attributes", "[" * 32 + "]" * 32), "malformed_json"),
        (with_field("attributes", "[" * 5000 + "]" * 5000), "malformed_json"),
        (with_field("attributes", '{"a": ' * 5000 + "1" + "}" * 5000), "malformed_json"),
        (b"[" * 200_000, "malformed_json"),
        (b"5", "not_an_object"),
        (b"true", "not_an_object"),
        (b"null", "not_an_object"),
        (b'"name"', "not_an_object"),
        (b"[]", "not_an_object"),
        (b'[{"sku": "A-1", "name": "Anvil"}]', "not_an_object"),
    ],
)
@on_one_database
def test_a_body_that_is_not_one_json_object_is_refused(member, body, code):
    assert_problem(post(member, body), 400, code)

    assert_nothing_made(member)


def test_nesting_is_read_to_32_levels_and_no_deeper(member):
    at_the_limit = post(member, with_field("attributes", "[" * 31 + "]" * 31))
    beyond = post(member, with_field("attributes", "[" * 32 + "]" * 32))

    assert_problem(at_the_limit, 422, "invalid_input")
    assert_problem(beyond, 400, "malformed_json")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'\xef\xbb\xbf{"sku": "A-1", "name": "\xc3\x84mbo\xc3\x9f"}', JSON),
        (rb'{"sku": "A-1", "name": "\u00c4mbo\u00df"}', "application/json; charset=utf-8"),
        ('\r\n\t {"name": "Ämboß", "sku": "A-1"} '.encode(), 'Application/JSON; Charset="UTF-8"'),
    ],
)
def test_utf8_with_or_without_a_mark_is_read(member, body, content_type):
    made = member.post("/items", data=body, content_type=content_type)

    assert made.status_code == 201, made.json
    assert made.json["name"] == "Ämboß"


def test_a_character_beyond_the_first_plane_comes_back(member):
    made = post(member, with_field("name", r'"\ud83d\ude00 😀"'))

    assert member.get(made.headers["Location"]).json["name"] == "😀 😀"


def test_all_faults_are_told_at_once_the_query_included(member):
    body = object_of({"sku": '" "', "price": '"x"', "nmae": '"Anvil"', "tags": '["", 5]', "quantity": "-1"})

    refused = post(member, body, "/items?dry=1")

    assert_problem(refused, 422, "invalid_input")
    assert sorted(faults(refused)) == [
        ("dry", "unknown_parameter"),
        ("name", "required"),
        ("nmae", "unknown_field"),
        ("price", "wrong_type"),
        ("quantity", "too_small"),
        ("sku", "bad_characters"),
        ("tags[0]", "too_short"),
        ("tags[1]", "wrong_type"),
    ]
    assert_nothing_made(member)


@pytest.mark.parametrize(
    ("unknown", "nearest"),
    [("nmae", "name"), ("NAME", "name"), ("Price", "price"), ("reorderlevel", "reorder_level"), ("tag", "tags")],
)
def test_an_unknown_field_names_the_nearest_known_one(member, unknown, nearest):
    refused = post(member, with_field(unknown, "1"))

    assert faults(refused) == [(unknown, "unknown_field")]
    assert f"did you mean '{nearest}'?" in refused.json["errors"][0]["message"]
    assert_nothing_made(member)


@pytest.mark.parametrize(
    ("unknown", "nearest"), [("limt", "limit"), ("Limit", "limit"), ("min-price", "min_price"), ("offset", None)]
)
def test_an_unknown_query_parameter_names_the_nearest_known_one(member, unknown, nearest):
    refused = member.get(f"/items?{unknown}=1")

    assert_problem(refused, 422, "invalid_input")
    assert faults(refused) == [(unknown, "unknown_parameter")]
    message = refused.json["errors"][0]["message"]
    assert f"did you mean '{nearest}'?" in message if nearest else "known are q, sku, " in message


@pytest.mark.parametrize("path", ["/items/1?x=1", "/users/me?x=1", "//problems/not_found?x=1"])
def test_a_query_parameter_where_there_is_none_is_refused(admin, path):
    refused = admin.get(path)

    assert_problem(refused, 422, "invalid_input")
    assert "there are none here" in refused.json["errors"][0]["message"]


@pytest.mark.parametrize("query", ["limit=5&limit=5", "limit=5&limit=6", "tag=a&tag=b", "sort=name&sort="])
def test_a_repeated_query_parameter_is_refused(member, query):
    refused = member.get(f"/items?{query}")

    assert_problem(refused, 422, "invalid_input")
    assert (query.partition("=")[0], "repeated") in faults(refused)


@pytest.mark.parametrize(
    "query",
    [
        "limit=",
        "limit=0",
        "limit=201",
        "limit=-1",
        "limit=5.0",
        "limit=05",
        "limit=%2B5",
        "limit=+5",
        "limit=1_0",
        "limit=1e1",
        "limit=true",
        "limit=%D9%A5",
        "limit=9223372036854775808",
        f"limit={HUGE}",
        "page=0",
        "page=999999999999999999999",
        "archived=1",
        "archived=True",
        "archived=yes",
        "archived=",
        "low_stock=null",
        "min_price=x",
        "min_price=1e2",
        "min_price=-1",
        "min_price=0.00001",
        "max_price=NaN",
        "updated_since=2026-01-31",
        "updated_since=yesterday",
        "updated_since=",
        "sort=colour",
        "sort=",
        "sort=--name",
        "q=%00",
        "q=a%00b",
        "sku=%00",
        "tag=%00",
        "bin=a%0Ab",
        f"q={'x' * 201}",
        "fields=",
        "fields=colour",
        "fields=id,,sku",
        "fields=id,id",
    ],
)
@on_one_database
def test_a_query_parameter_that_does_not_fit_is_refused(member, query):
    refused = member.get(f"/items?{query}")

    assert_problem(refused, 422, "invalid_input")
    assert faults(refused)[0][0].startswith(query.partition("=")[0])


@pytest.mark.parametrize("query", ["q=%FF", "%FF=1", "q=%ED%A0%80", "sku=a%C0%80"])
def test_a_query_that_is_not_utf8_is_refused(member, query):
    assert_problem(member.get(f"/items?{query}"), 400, "bad_request")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_method_that_takes_no_body_refuses_one(member, lamp, method):
    refused = member.open(method, lamp, json={"name": "Lamp"})

    assert_problem(refused, 400, "unexpected_body")
    assert member.get(lamp).json["archived"] is False


@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("DELETE", 204)])
@pytest.mark.parametrize("body", [b"", b"{}", b" {} "])
def test_an_empty_body_or_object_is_no_body(member, lamp, method, status, body):
    assert member.open(method, lamp, data=body, content_type=JSON).status_code == status


def test_a_body_with_very_many_faults_is_refused_soon_and_in_few_words(member):
    with_unknown = object_of({f"field{number}": "1" for number in range(80_000)})
    with_duplicates = object_of({f"f{number}": "1" for number in range(80_000)})[:-1] + b', "x": 1, "x": 1}'
    with_lines = b'{"movements": [' + b",".join([b'{"kid": 1}'] * 1000) + b"]}"

    unknown = within(5, lambda: post(member, with_unknown))
    duplicates = within(5, lambda: post(member, with_duplicates))
    lines = within(5, lambda: post(member, with_lines, "/movements"))

    assert_problem(unknown, 422, "invalid_input")
    assert 100 <= len(faults(unknown)) < 200
    assert_problem(duplicates, 400, "malformed_json")
    assert_problem(lines, 422, "invalid_input")
    assert len(faults(lines)) == 1000
    assert_nothing_made(member)


def test_what_is_told_of_a_long_name_is_short(member):
    name = "x" * 100_000

    for body in (with_field(name, "1"), with_field("attributes", f'{{"{name}": []}}'), b'{"%s": 1}' % name.encode()):
        refused = post(member, body)

        assert_problem(refused, 422, "invalid_input")
        assert len(refused.data) < 3000


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        *[("quantity", value, code) for value, code in NO_INTEGER if code == "wrong_type"],
        ("quantity", "0", "too_small"),
        ("quantity", "-1", "too_small"),
        ("quantity", "1000000001", "too_large"),
        ("quantity", "-9223372036854775809", "too_small"),
        ("quantity", "null", "null"),
        *[("expect_quantity", *case) for case in NO_INTEGER],
        *[("reason", *case) for case in NO_LINE],
        ("reason", '""', "too_short"),
        ("reason", json.dumps("x" * 501), "too_long"),
        *[("reference", *case) for case in NO_LINE],
        *[("kind", value, "not_a_choice") for value in ('"steal"', '"Receive"', '"opening"', "5", "[]", '["receive"]')],
        ("kind", "null", "null"),
        ("user", '"ada"', "unknown_field"),
        ("delta", "5", "unknown_field"),
    ],
)
@on_one_database
def test_a_movement_that_does_not_fit_moves_nothing(member, lamp, field, value, code):
    members = {"kind": '"receive"', "quantity": "1", "reason": '"found"', field: value}

    refused = post(member, object_of(members), f"{lamp}/movements")

    assert_problem(refused, 422, "invalid_input")
    assert faults(refused) == [(field, code)]
    assert member.get(lamp).json["quantity"] == 5
    assert member.get("/movements").json["total_items"] == 1


@pytest.mark.parametrize(
    "time",
    [
        "",
        "now",
        "2026-01-31",
        "2026-01-31T08:00",
        "2026-01-31T08:00:00",
        "2026-01-31T08:00Z",
        "20260131T080000Z",
        "2026-W05-6T08:00:00Z",
        "2026-031T08:00:00Z",
        "2026-1-31T08:00:00Z",
        "2026-02-29T08:00:00Z",
        "2026-02-30T08:00:00Z",
        "2026-13-01T08:00:00Z",
        "2026-00-01T08:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T08:60:00Z",
        "2016-12-31T23:59:60Z",
        "2026-01-31T08:00:00.Z",
        "2026-01-31T08:00:00,5Z",
        "2026-01-31T08:00:00.1234567Z",
        "2026-01-31T08:00:00.1234560000Z",
        "2026-01-31T08:00:00+1",
        "2026-01-31T08:00:00+0100",
        "2026-01-31T08:00:00+01:60",
        "2026-01-31T08:00:00+24:00",
        "2026-01-31T08:00:00+01:00:30",
        "2026-01-31T08:00:00 Z",
        " 2026-01-31T08:00:00Z",
        "2026-01-31T08:00:00Z\n",
        "٢٠٢٦-01-31T08:00:00Z",
        "0000-01-31T08:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "1899-12-31T23:59:59Z",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-23:59",
        "10000-01-01T00:00:00Z",
        "-2026-01-31T08:00:00Z",
        "2026-01-31T08:00:00Z[Europe/Berlin]",
    ],
)
@on_one_database
def test_a_time_that_is_not_rfc_3339_is_refused(member, lamp, time):
    movement = {"kind": "receive", "quantity": 1, "reason": "found", "occurred_at": time}

    refused = member.post(f"{lamp}/movements", json=movement)

    assert_problem(refused, 422, "invalid_input")
    assert faults(refused) == [("occurred_at", "bad_format")]
    assert member.get(lamp).json["quantity"] == 5


@on_one_database
def test_a_time_of_more_decimals_than_are_kept_is_told_how_many_are(member, lamp):
    movement = {"kind": "receive", "quantity": 1, "reason": "found", "occurred_at": "2026-01-31T08:00:00.1234567Z"}

    assert "at most six decimals" in member.post(f"{lamp}/movements", json=movement).json["errors"][0]["message"]


@on_one_database
def test_a_plus_that_became_a_blank_in_a_query_is_told_how_to_write_it(member):
    refused = member.get("/movements?since=2026-01-31T08:00:00+02:00")

    assert_problem(refused, 422, "invalid_input")
    assert "%2B" in refused.json["errors"][0]["message"]
    assert member.get("/movements?since=2026-01-31T08:00:00%2B02:00").status_code == 200


@pytest.mark.parametrize("time", ["5", "1e9", "true", "null", "[]", "{}"])
@on_one_database
def test_a_time_is_a_string(member, lamp, time):
    members = {"kind": '"receive"', "quantity": "1", "reason": '"found"', "occurred_at": time}

    assert_problem(post(member, object_of(members), f"{lamp}/movements"), 422, "invalid_input")

    assert member.get(lamp).json["quantity"] == 5


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        ("2026-01-31T08:00:00Z", "2026-01-31T08:00:00.000000Z"),
        ("2026-01-31t08:00:00z", "2026-01-31T08:00:00.000000Z"),
        ("2026-01-31T08:00:00.5Z", "2026-01-31T08:00:00.500000Z"),
        ("2026-01-31T08:00:00.123456Z", "2026-01-31T08:00:00.123456Z"),
        ("2026-01-31T08:00:00.1234560Z", "2026-01-31T08:00:00.123456Z"),
        ("2026-01-31T08:00:00.0000000+01:00", "2026-01-31T07:00:00.000000Z"),
        ("2026-01-31T08:00:00.500000000Z", "2026-01-31T08:00:00.500000Z"),
        ("2026-01-31T08:00:00+01:00", "2026-01-31T07:00:00.000000Z"),
        ("2026-01-31T08:00:00-00:00", "2026-01-31T08:00:00.000000Z"),
        ("2026-01-01T00:30:00+05:45", "2025-12-31T18:45:00.000000Z"),
        ("2024-02-29T23:59:59.999999-12:00", "2024-03-01T11:59:59.999999Z"),
        ("1900-01-01T00:00:00Z", "1900-01-01T00:00:00.000000Z"),
    ],
)
def test_a_time_comes_back_in_utc_to_the_microsecond(member, lamp, sent, answered):
    moved = member.post(
        f"{lamp}/movements", json={"kind": "receive", "quantity": 1, "reason": "found", "occurred_at": sent}
    )

    assert moved.status_code == 201, moved.json
    assert moved.json["occurred_at"] == answered
    assert member.get(moved.headers["Location"]).json["occurred_at"] == answered


@pytest.mark.parametrize(
    "email", ["ß" * 120 + "@" + "ß" * 120, "İ" * 120 + "@" + "İ" * 120, "\ufb03" * 120 + "@" + "\ufb03" * 120]
)
def test_a_text_that_grows_too_long_when_its_case_is_folded_is_refused(admin, email):
    refused = admin.post("/users", json={"username": "gil", "password": "long enough to be one", "email": email})

    assert_problem(refused, 422, "invalid_input")
    assert [field for field, _ in faults(refused)] == ["email"]


any_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(0, 10**9, places=4).map(str)
    | st.text(st.characters(exclude_categories=()), max_size=80),
    lambda parts: (
        st.lists(parts, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=()), max_size=10), parts, max_size=4)
    ),
    max_leaves=8,
)


def same(field: str, answered: Any, sent: Any) -> bool:
    """Whether a value came back as it went; a price does so as an exact amount."""
    if field == "price":
        return Decimal(answered) == Decimal(str(sent))
    return json.dumps(answered) == json.dumps(sent)


@given(field=st.sampled_from(["sku", "name", "quantity", "id", "nonsense", *DEFAULTS]), value=any_json)
@settings(
    derandomize=True,
    max_examples=100,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_json_value_is_taken_and_comes_back_or_is_refused(member, field, value):
    before = member.get("/items").json["total_items"]

    answer = post(member, with_field(field, json.dumps(value), sku=f"SKU-{before}"))

    if answer.status_code == 201:
        assert same(field, member.get(answer.headers["Location"]).json[field], value)
        return
    if answer.status_code == 409:
        assert_problem(answer, 409, f"{field}_taken")
        assert member.get(path_of(value)).status_code == 200
    else:
        assert_problem(answer, 422, "invalid_input")
        assert {place.partition("[")[0].partition(".")[0] for place, _ in faults(answer)} == {field}
    assert member.get("/items").json["total_items"] == before
