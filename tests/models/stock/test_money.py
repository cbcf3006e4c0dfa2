"""Money: what goes in comes out, exactly, on every database."""

import json

import pytest

from tests.support.databases import on_one_database
from tests.support.shelf import add

EXACT = [
    ("0", "0.00"),
    ("0.1", "0.10"),
    ("0.10", "0.10"),
    ("12.5", "12.50"),
    ("12.50", "12.50"),
    ("0.0325", "0.0325"),
    ("0.0001", "0.0001"),
    ("0.010", "0.01"),
    ("1.1000", "1.10"),
    ("1.230", "1.23"),
    ("1.2340", "1.234"),
    ("100", "100.00"),
    ("999999999", "999999999.00"),
    ("999999999.9999", "999999999.9999"),
    ("12345678.9012", "12345678.9012"),
    ("1.10000000", "1.10"),
]


def create(client, price):
    """Create an item whose price is written exactly like this in the JSON text."""
    text = f'{{"sku": "A", "name": "a", "price": {price}}}'
    return client.post("/items", data=text, content_type="application/json")


@pytest.mark.parametrize("quoted", [True, False], ids=["string", "number"])
@pytest.mark.parametrize(("given", "shown"), EXACT)
def test_a_price_comes_out_as_it_went_in(member, given, shown, quoted):
    created = create(member, json.dumps(given) if quoted else given)

    assert created.status_code == 201, created.json
    assert created.json["price"] == shown
    assert member.get(created.headers["Location"]).json["price"] == shown
    assert member.get("/items?fields=price").json["data"] == [{"price": shown}]


@pytest.mark.parametrize(
    ("given", "shown"), [("1e2", "100.00"), ("1E-4", "0.0001"), ("12.5e0", "12.50"), ("0e9", "0.00")]
)
def test_a_number_may_have_an_exponent(member, given, shown):
    assert create(member, given).json["price"] == shown


@pytest.mark.parametrize("quoted", [True, False], ids=["string", "number"])
@pytest.mark.parametrize(
    ("price", "code"),
    [
        ("-0.01", "too_small"),
        ("-1", "too_small"),
        ("0.00001", "too_many_decimals"),
        ("0.12345", "too_many_decimals"),
        ("1000000000", "too_large"),
        ("999999999.99999", "too_large"),
        ("999999999.99991", "too_large"),
    ],
)
@on_one_database
def test_a_price_that_can_not_be_kept_exactly_is_refused(member, price, code, quoted):
    refused = create(member, json.dumps(price) if quoted else price)

    assert refused.status_code == 422
    assert [(error["field"], error["code"]) for error in refused.json["errors"]] == [("price", code)]
    assert member.get("/items").json["total_items"] == 0


@pytest.mark.parametrize("price", ["1e400", "1e-400", "1e999999999", "9" * 50])
def test_a_number_out_of_all_bounds_is_refused(member, price):
    assert create(member, price).status_code == 422


@pytest.mark.parametrize(
    "price",
    ["true", "null", "[]", "{}", '""', '" 1"', '"1 "', '"1,5"', '"1e2"',
      '"NaN"', '"Infinity"', '"+1"', '".5"', '"5."', '"١"', '"1_0"', '"0x1"'],
)  # fmt: skip
@on_one_database
def test_what_is_no_amount_is_refused(member, price):
    refused = create(member, price)

    assert refused.status_code == 422
    assert refused.json["errors"][0]["field"] == "price"
    assert member.get("/items").json["total_items"] == 0


@pytest.mark.parametrize("price", ["NaN", "Infinity", "-Infinity", "01", "1.", ".5", "+1"])
@on_one_database
def test_a_number_that_json_does_not_have_can_not_be_read(member, price):
    refused = create(member, price)

    assert (refused.status_code, refused.json["code"]) == (400, "malformed_json")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("min_price=0", "ABCDE"),
        ("min_price=0.0001", "BCDE"),
        ("min_price=0.0002", "CDE"),
        ("min_price=0.1", "CDE"),
        ("min_price=0.1001", "DE"),
        ("min_price=999999999.9999", "E"),
        ("max_price=0", "A"),
        ("max_price=0.00", "A"),
        ("max_price=0.0001", "AB"),
        ("max_price=0.0999", "AB"),
        ("max_price=0.10", "ABC"),
        ("max_price=999999999.9998", "ABCD"),
        ("max_price=999999999.9999", "ABCDE"),
        ("min_price=0.1&max_price=0.1", "C"),
        ("min_price=0.1&max_price=12.5", "CD"),
        ("min_price=12.5&max_price=0.1", ""),
    ],
)
def test_price_bounds_include_their_edges(member, query, found):
    for sku, price in zip("ABCDE", ["0", "0.0001", "0.1", "12.50", "999999999.9999"], strict=True):
        add(member, sku, price=price)

    assert [item["sku"] for item in member.get(f"/items?{query}").json["data"]] == list(found)


@pytest.mark.parametrize(
    "query",
    ["min_price=-1", "min_price=0.00001", "max_price=1000000000", "min_price=", "max_price=1e2", "max_price=NaN"],
)  # fmt: skip
@on_one_database
def test_a_price_bound_that_is_no_price_is_refused(member, query):
    refused = member.get(f"/items?{query}")

    assert refused.status_code == 422
    assert [error["field"] for error in refused.json["errors"]] == [query.partition("=")[0]]
