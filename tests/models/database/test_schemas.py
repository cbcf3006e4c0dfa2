"""Schemas of the input types: they allow what the type takes and refuse what it refuses."""

import json
from decimal import Decimal
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from api.requests.containers import Attributes
from api.requests.text import Sku, Text
from api.requests.types import Amount, InvalidValues, Timestamp, schema_of, text_schema_of

SEPARATORS = (
    "\x00\t\n\x1f \x7f\x85\x9f\xa0\u1680\u2000\u200a\u200b\u2028\u2029\u202f\u205f\u3000\ue000\ufeff\ufffd\U0010ffff"
)
WORDS = ["", "a", "a b", "Ä/ß", "𝄞", *SEPARATORS, *(f" {word}" for word in "ab"), *(f"a{sign}b" for sign in SEPARATORS)]
AMOUNTS = [
    "0",
    "12.5",
    "12.50000",
    "1.00001",
    "999999999.9999",
    "1000000000",
    "0000000001",
    "-1",
    "",
    ".5",
    "1e3",
    "1.",
]
TIMES = [
    "2026-01-31T08:00:00Z",
    "2026-01-31t08:00:00.123456+01:00",
    "2026-01-31 08:00:00Z",
    "2026-01-31T08:00:00",
    "2026-01-31T08:00:00.1234567Z",
    "2026-13-01T08:00:00Z",
    "2026-01-31T24:00:00Z",
    "1899-12-31T08:00:00Z",
    "9999-01-01T08:00:00Z",
    "2026-01-31",
]


def allows(schema: dict[str, Any], value: Any) -> bool:
    """Whether a schema allows the value; `$` is the very end in ECMA-262, and `\\Z` in Python."""
    return Draft202012Validator(json.loads(json.dumps(schema).replace("$", r"\\Z"))).is_valid(value)


def takes(type_: Any, value: Any) -> bool:
    """Whether a type takes the value, its decimals exact as the body's reader makes them."""
    try:
        type_(json.loads(json.dumps(value), parse_float=Decimal))
    except InvalidValues:
        return False
    return True


@pytest.mark.parametrize(
    ("type_", "values"),
    [
        (Text(3), WORDS),
        (Text(3, 1), WORDS),
        (Text(3, lines=True), WORDS),
        (Text(3, 1, pattern="[^|]+", pattern_words="must not contain |"), [*WORDS, "a|b"]),
        (Sku(3), WORDS),
        (Amount(Decimal("999999999.9999")), [*AMOUNTS, 0, 12, -1, 10**9, True, None]),
        (Timestamp(), TIMES),
        (
            Attributes(),
            [{}, {"a": 2**53}, {"a": 2**53 - 1}, {"a": 0.5}, {"a": None}, {"a": []}, {" ": 1}, {"a": "\x00"}, []],
        ),
        (Attributes(merge=True), [{"a": None}, {"a": {}}]),
    ],
    ids=lambda part: type(part).__name__,
)
def test_a_schema_allows_what_its_type_takes_and_nothing_else(type_, values):
    schema = schema_of(type_)

    assert [(value, allows(schema, value)) for value in values] == [(value, takes(type_, value)) for value in values]


def test_in_a_query_an_amount_is_text():
    schema = text_schema_of(Amount(Decimal(100)))

    assert allows(schema, "12.5")
    assert not allows(schema, 12.5)


def test_a_patch_without_a_body_is_refused_and_changes_nothing(member, lamp):
    before = member.get(lamp).json

    refused = member.patch(lamp)

    assert (refused.status_code, refused.json["code"]) == (400, "malformed_json")
    assert member.get(lamp).json == before
