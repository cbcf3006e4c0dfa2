"""What is written as a table is read as it was, whatever its cells look like, in every format."""

import io
import unicodedata
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.requests.bodies import parse_json
from models.files.row_faults import Faults
from models.files.rules import Rules
from models.stock.item_fields import MAX_PRICE
from models.values import money_of_scaled
from resources.item_rows import COLUMNS, columns_of, rows_of
from tables.reading import CSV, NDJSON, XLSX, Options, Table
from tables.writing import Layout, written
from tests.support.cells import MARKS

LETTERS = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"])
LINES = st.lists(st.sampled_from(MARKS) | LETTERS, max_size=12).map(lambda parts: "".join(parts).strip())
TEXTS = st.lists(st.sampled_from([*MARKS, "\t", "\r", "\n", "\r\n"]) | LETTERS, max_size=12).map("".join)
CODES = st.lists(st.sampled_from([mark for mark in MARKS if mark.isprintable() and mark.isascii()]), max_size=6).map(
    lambda parts: "".join(parts).strip()
)
# No path may end with these.
CODES = CODES.filter(lambda code: code not in ("", ".", ".."))
ITEMS = st.fixed_dictionaries(
    {
        "sku": CODES,
        "name": LINES.filter(bool),
        "description": TEXTS,
        "unit": LINES.map(lambda text: text[:32].strip()),
        "price": st.integers(0, int(MAX_PRICE * 10_000)).map(money_of_scaled),
        "quantity": st.integers(0, 10**9),
        "reorder_level": st.none() | st.integers(0, 10**9),
        "bin": LINES,
        "barcode": st.none() | CODES,
        "tags": st.lists(
            LINES.map(lambda text: unicodedata.normalize("NFC", text.replace("|", "")).strip()).filter(bool),
            max_size=3,
            unique=True,
        ),
        "attributes": st.dictionaries(
            LINES.filter(bool), TEXTS | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1), max_size=3
        ),
    }
)
PLAIN = dict.fromkeys(COLUMNS, "") | {
    "sku": "A",
    "name": "a",
    "price": "0.00",
    "quantity": 0,
    "tags": [],
    "attributes": {},
}
PLAIN |= {"reorder_level": None, "barcode": None}


def read(data: bytes, format_: str) -> list[dict[str, Any]]:
    """The rows of a table that has no fault."""
    faults, rules = Faults(), Rules()
    columns = columns_of(rules.match, locations=False)
    table = Table(io.BytesIO(data), format_, columns, Options(), parse_json=parse_json, max_unpacked=2**24)
    rows = [{"sku": row.sku, **row.fields, **row.stock} for row in rows_of(table, rules, faults)]
    assert list(faults.first()) == []
    return rows


@pytest.mark.parametrize(
    "layout",
    [
        Layout(CSV, COLUMNS, "items"),
        Layout(CSV, COLUMNS, "items", ";", bom=True),
        Layout(CSV, COLUMNS, "items", "\t"),
        Layout(CSV, COLUMNS, "items", "|"),
        Layout(NDJSON, COLUMNS, "items"),
        Layout(XLSX, COLUMNS, "items"),
        Layout(XLSX, tuple(reversed(COLUMNS)), "items"),
    ],
    ids=lambda layout: f"{layout.format}-{ord(layout.delimiter)}-{layout.columns[0]}",
)
@given(items=st.lists(ITEMS, max_size=3))
@settings(max_examples=30, deadline=None)
@example(items=[PLAIN | {"sku": "5.0", "barcode": "'5", "name": "<r><t>x</t></r>"}])
@example(items=[PLAIN | {"description": "\ufeff'=\r\n", "name": "\ufffe_x000D_\uffff", "tags": ["=a", "'"]}])
@example(items=[PLAIN | {"price": "999999999.9999", "sku": '="00123"'}, PLAIN | {"price": "0.0001", "sku": "'="}])
def test_any_items_are_read_as_they_were_written(layout, items):
    data = b"".join(written(layout, [items[:1], items[1:]]))

    assert read(data, layout.format) == items
