"""Any bytes at all: each reader reads them or refuses them in words, and fails on none."""

import io
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.requests.bodies import parse_json
from models.files.row_faults import Faults
from models.files.rules import EMPTY, MATCH, NEGATIVE, QUANTITY, Rules
from resources import item_rows
from resources.item_rows import rows_of
from resources.movement_rows import columns_of, lines_of
from tables.presets import PRESETS
from tables.reading import CSV, NDJSON, XLSX, Options, Table
from tables.records import InvalidOption, UnreadableFile
from tests.tables.test_xlsx import with_part, workbook

MIB = 1024 * 1024
WORKBOOK = workbook(["sku", "name", "price"], ["A", "a", 1.5], [4711, "b", None])
TEXTS = st.text(st.sampled_from("sku,;\t\"'=\r\n name\ufeffé\x00{}[]:0815.€"))
OPTIONS = st.builds(
    Options,
    extra_columns=st.sampled_from([None, "refuse", "ignore"]),
    columns=st.sampled_from([{}, {"n": "name"}, {"sku": "name", "name": "sku"}]),
    preset=st.sampled_from([None, *PRESETS]),
    encoding=st.sampled_from([None, "windows-1252", "utf-16", "gb18030", "shift_jis"]),
    decimal=st.sampled_from([None, ","]),
    currency=st.sampled_from([None, "ignore"]),
    sheet=st.sampled_from([None, "Stock"]),
)


RULES = st.builds(
    Rules,
    match=st.sampled_from(MATCH),
    quantity=st.sampled_from(QUANTITY),
    empty=st.sampled_from(EMPTY),
    negative=st.sampled_from(NEGATIVE),
)


DEFAULT_RULES = Rules()


def read(data: bytes, format_: str, options: Options, rules: Rules = DEFAULT_RULES) -> None:
    """Read all rows; whatever is wrong with them is a fault or one of the two exceptions, with words."""
    faults = Faults()
    columns = item_rows.columns_of(rules.match, locations=False)
    try:
        table = Table(io.BytesIO(data), format_, columns, options, parse_json=parse_json, max_unpacked=10 * MIB)
        rows = list(rows_of(table, rules, faults))
        json.dumps(table.read_as())
    except (UnreadableFile, InvalidOption) as error:
        assert str(error)
    else:
        assert rows or faults or table.skipped or format_ == NDJSON or data.count(b"\n") < 500
        assert all(fault.message and fault.code for fault in faults.first())
        assert table.rows >= len(rows)


@pytest.mark.parametrize("format_", [CSV, NDJSON, XLSX, None])
@given(
    data=st.binary(max_size=300) | TEXTS.map(str.encode) | TEXTS.map(lambda text: text.encode("utf-16")),
    options=OPTIONS,
    rules=RULES,
)
@settings(max_examples=150, deadline=None)
@example(data=b"sku,name\nA,a\n" + b"\xff", options=Options(), rules=Rules())
@example(data=b"PK\x03\x04", options=Options(), rules=Rules())
@example(data=b"\xff\xfe", options=Options(), rules=Rules())
def test_any_bytes_are_read_or_refused(format_, data, options, rules):
    read(data, format_, options, rules)


@given(place=st.integers(0, len(WORKBOOK) - 1), byte=st.integers(0, 255), options=OPTIONS)
@settings(max_examples=150, deadline=None)
def test_a_workbook_with_one_other_byte_is_read_or_refused(place, byte, options):
    read(WORKBOOK[:place] + bytes([byte]) + WORKBOOK[place + 1 :], XLSX, options)


CELLS = st.sampled_from(
    [
        *(
            b"",
            b"<c/>",
            b"<c r='ZZZZ9'/>",
            b"<c r='XFD1' t='n'><v>1</v></c>",
            b"<c t='s'><v>99</v></c>",
            b"<c t='b'><v>x</v></c>",
        ),
        *(b"<c t='d'><v>2026-13-40</v></c>", b"<c><v>1e999</v></c>", b"<c><v>NaN</v></c>", b"<c s='77'><v>1</v></c>"),
        *(
            b"<c t='inlineStr'/>",
            b"<c t='inlineStr'><is><t>sku</t></is></c>",
            b"<c t='e'><v>#REF!</v></c>",
            b"<x/>",
            b"<c r=''/>",
        ),
    ]
)


def with_cells(rows: bytes) -> bytes:
    """A workbook with these rows, as XML, on its first sheet."""
    name = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    sheet = b"<worksheet xmlns='%s'><sheetData>%s</sheetData></worksheet>" % (name, rows)
    return with_part(WORKBOOK, "xl/worksheets/sheet1.xml", sheet)


@given(
    rows=st.lists(st.lists(CELLS, max_size=4).map(b"".join), max_size=6),
    numbers=st.lists(st.sampled_from(["", "r='3'", "r='x'", "r='-1'", "r='2000'"]), min_size=6, max_size=6),
)
@settings(max_examples=150, deadline=None)
def test_any_cells_of_a_workbook_are_read_or_refused(rows, numbers):
    text = b"".join(b"<row %s>%s</row>" % (number.encode(), row) for number, row in zip(numbers, rows, strict=False))
    read(with_cells(text), XLSX, Options())


TEXTS_OF_CELLS = st.text(
    st.sampled_from("A,;\t\"'=\r\n\ufeffé\x00{}0815.-+eEissuereceivecount2025-01-01T00:00:00Z"), max_size=200
)


@pytest.mark.parametrize("format_", [CSV, NDJSON, None])
@given(cells=TEXTS_OF_CELLS, kind=st.sampled_from([None, "receive", "count"]))
@settings(max_examples=150, deadline=None)
def test_any_cells_are_movements_or_refused(format_, cells, kind):
    faults = Faults()
    data = f"sku,quantity,occurred_at,reason{'' if kind else ',kind'}\n{cells}".encode()
    table = Table(io.BytesIO(data), format_, columns_of(kind), Options(), parse_json=parse_json, max_unpacked=MIB)

    lines = list(lines_of(table, kind, faults))

    assert all(fault.message and fault.code for fault in faults.first())
    assert all(line.quantity >= 0 and line.kind for line in lines if line.valid and line.kind != "adjust")
    assert len(lines) <= table.rows
