"""The texts of cells: codes that a spreadsheet has destroyed, and a round trip that is exact for every other."""

import csv

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tables.cells import DESTROYED, Number, code_text, escape_code, exact_code, exact_text, plain_text
from tables.reading import CSV
from tables.records import CellFault
from tables.writing import Layout, written
from tests.support.databases import on_one_database
from tests.support.files import faults, imported, items, send

LOOKING_DESTROYED = (
    *("5.90124E+12", "5,90124E+12", "6E+12", "5901234123457.0", "5.0", "#####", "##", "#N/A", "#NV", "#REF!"),
    *("#DIV/0!", "#NAME?", "#VALUE!", "Err:502"),
)
REAL = ("00123", "5E12", "5E-10", "1.5", "10.00", "A.0", "#1", "#A", "Err:5", "E+12", "v5.0", "-5", "5,0", "1e3")


@pytest.mark.parametrize("code", LOOKING_DESTROYED)
@on_one_database
def test_a_destroyed_code_is_refused(member, code):
    quoted = f'"{code}"'

    assert faults(member, f"sku,name,barcode\n{quoted},a,\nB,b,{quoted}\n") == [
        (2, "sku", "shortened_by_spreadsheet"),
        (3, "barcode", "shortened_by_spreadsheet"),
    ]
    assert items(member) == {}


@pytest.mark.parametrize("code", REAL)
def test_other_codes_are_none_of_these(code):
    assert code_text(code) == code


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        *[('="00123"', "00123"), ('="5.0"', "5.0"), ("'8720000000012", "8720000000012"), ("'00123", "00123")],
        *[(" 00123\xa0", "00123"), ("''8720", "'8720"), ("'=1", "=1"), ("'", "'"), ("'abc", "'abc"), ("'5.0", "5.0")],
        *[(Number("5901234123457"), "5901234123457"), (Number("0"), "0"), ('="a""b"', 'a"b')],
    ],
)
def test_a_code_is_the_text_that_the_spreadsheet_shows(cell, code):
    assert code_text(cell) == code


@pytest.mark.parametrize("number", ["5.5", "1234567890123456", "123456789012346000"])
def test_a_number_of_a_workbook_is_a_code_only_if_whole_and_not_rounded(number):
    with pytest.raises(CellFault) as refused:
        code_text(Number(number))

    assert refused.value.code == "shortened_by_spreadsheet"


@given(st.text(min_size=1).map(str.strip).filter(bool))
@example("'5")
@example("''5")
@example('="5.0"')
@example("'=5")
def test_any_code_comes_back_from_its_cell(text):
    assert code_text(escape_code(text)) == text
    assert code_text(exact_code(text)) == text


@given(st.text(st.sampled_from("'=+-@\t\r\nab5.0＝")))
def test_any_text_comes_back_from_the_cell_of_a_workbook(text):
    assert plain_text(exact_text(text)) == text


@pytest.mark.parametrize("text", ["=1+1", "+49 30", "-5", "@home", "it's", "＝1"])
def test_in_a_workbook_a_text_stands_as_it_is(text):
    assert (exact_text(text), exact_code(text)) == (text, text)


@given(st.from_regex(DESTROYED, fullmatch=True))
def test_a_code_that_looks_destroyed_comes_back_too(text):
    assert code_text(escape_code(text)) == text
    assert code_text(exact_code(text)) == text


@on_one_database
def test_what_looks_destroyed_and_is_not_is_exported_and_imported_unchanged(member):
    hostile = (*LOOKING_DESTROYED, *REAL, "'8720", "''1", '="5.0"', "=1+1", "'=2", "@x", "+49")
    rows = [[sku, f"name of {sku}"[:200], sku] for sku in hostile]
    lines = [{"sku": sku, "name": name, "barcode": barcode} for sku, name, barcode in rows]
    for line in lines:
        assert member.post("/items", json=line).status_code == 201, line

    exported = member.get("/items/export").text

    assert '="5.0"' in [row[0] for row in csv.reader(exported.splitlines())]
    assert imported(member, exported) == (0, 0, len(hostile))
    again = send(member, member.get("/items/export").text, "?dry_run=true")
    assert again.json["unchanged"] == len(hostile)


def test_only_codes_are_written_as_formulas():
    row = {"sku": "5.0", "name": "5.0", "barcode": None}

    [table] = written(Layout(CSV, list(row), "items"), [[row]])

    assert table == b'sku,name,barcode\r\n"=""5.0""",5.0,\r\n'
