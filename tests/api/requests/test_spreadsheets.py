"""Files as spreadsheets and people make them: encodings, delimiters, line ends, quotes, formulas, broken lines."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tables.cells import escape_formula, unescape_formula
from tables.reading import CSV
from tables.writing import Layout, written
from tests.support.clients import Client
from tests.support.files import faults, imported, items, send

UMLAUTS = "sku;name;price;tags\r\nM-1;Müllgröße „XL“ – 5 €;12.50;Küche|Bad\r\n"


def only_item(client: Client) -> dict[str, object]:
    [item] = items(client).values()
    return item


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_is_read_in_what_it_is_written_in(member, encoding):
    assert imported(member, UMLAUTS.encode(encoding)) == (1, 0, 0)

    assert only_item(member)["name"] == "Müllgröße „XL“ – 5 €"
    assert only_item(member)["tags"] == ["Küche", "Bad"]


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"])
def test_excels_unicode_text_is_tabs_in_utf_16(member, mark):
    text = UMLAUTS.replace(";", "\t").encode("utf-16-le" if mark == b"\xff\xfe" else "utf-16-be")

    assert imported(member, mark + text) == (1, 0, 0)

    assert only_item(member)["price"] == "12.50"


def test_a_character_that_nobody_sees_is_refused_where_it_stands(member):
    assert faults(member, b"sku,name\nA,a\x00\n") == [(2, "name", "bad_characters")]
    assert items(member) == {}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiter_and_line_ends_are_found_out(member, delimiter, end):
    lines = ["sku,name,description,price", "A,a,,1.5", 'B,b,"the second, with; a\ttab",2', "C,c,,x"]
    lines = [line.replace(",", delimiter) for line in lines]

    assert faults(member, end.join(lines)) == [(4, "price", "wrong_type")]
    assert imported(member, end.join(lines[:3])) == (2, 0, 0)
    assert sorted(items(member)) == ["A", "B"]


def test_the_delimiter_is_the_one_that_makes_known_columns(member):
    assert imported(member, 'sku;"name"\nA;a,b,c,d\n') == (1, 0, 0)
    assert only_item(member)["name"] == "a,b,c,d"


def test_excels_own_separator_line_is_obeyed(member):
    assert faults(member, "sep=;\r\nsku;price\r\nA;x\r\n") == [(3, "price", "wrong_type")]
    assert imported(member, "sep=;\r\nsku;name\r\nA;a\r\n") == (1, 0, 0)


def test_a_file_of_one_column_has_no_delimiter(member):
    imported(member, "sku,name\nA,a\n")

    assert imported(member, "sku\nA\n") == (0, 0, 1)


@pytest.mark.parametrize(
    "file", ["sku,name,\nA,a,\n", "\n\nsku,name\n\nA,a\n,\n\n\n", "sku,name\r\nA,a\r\n,,,,\r\n \r\n"]
)
def test_what_is_blank_around_the_table_is_passed_over(member, file):
    assert imported(member, file.replace(" \r\n", "\r\n")) == (1, 0, 0)


def test_quotes_commas_and_lines_stay_inside_their_cell(member):
    assert imported(member, 'sku,name,description\nA,"a ""big"" one","1, 2\r\n3\n4"\nB,5" pipe,\n') == (2, 0, 0)

    found = items(member)
    assert (found["A"]["name"], found["A"]["description"]) == ('a "big" one', "1, 2\r\n3\n4")
    assert found["B"]["name"] == '5" pipe'


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_record_is_told_by_its_first_line_whatever_stands_in_the_cells_before(member, end):
    file = end.join(["sku,description,price", 'A,"one', 'two","1"', "", "B,,x", 'C,"three', "", 'four",y', "D,,z"])

    assert [line for line, column, _ in faults(member, file) if column == "price"] == [5, 6, 9]


@pytest.mark.parametrize("row", ['A,"never closed', 'A,"closed" too early', 'A,"' + "x" * 2_000_000 + '"'])
def test_a_quote_that_goes_wrong_is_told_with_the_line_where_it_opens(member, row):
    [fault] = faults(member, f"sku,name\nB,b\n{row}\nC,c\n")

    assert fault == (3, "", "malformed_csv")
    assert items(member) == {}


def test_a_line_without_an_end_does_not_fill_the_memory(member):
    assert faults(member, "sku,name\nA," + "x," * 3_000_000) == [(2, "", "malformed_csv")]
    assert faults(member, '{"a": "' + "x" * 5_000_000, content_type="application/x-ndjson") == [
        (1, "", "malformed_json")
    ]


def test_a_byte_order_mark_is_no_part_of_the_first_name(member):
    assert send(member, "\ufeffname;sku\na;A\n".encode()).json["created"] == 1


# --- formulas -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "formula", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0", "\n=1", "＝1"]
)
def test_no_cell_begins_a_formula(formula):
    cell = escape_formula(formula)

    assert cell == "'" + formula
    assert unescape_formula(cell) == formula


@pytest.mark.parametrize("text", ["", "'", "it's", "'quoted'", "plain", "1-1", "''", "'=1", "''=1"])
def test_an_apostrophe_of_ones_own_is_kept(text):
    assert unescape_formula(escape_formula(text)) == text


@pytest.mark.parametrize("text", ["", "'", "'90s", "plain", "1-1"])
def test_what_is_no_formula_is_written_as_it_is(text):
    assert escape_formula(text) == text


@given(st.text())
@example("'\t")
def test_any_text_comes_back_from_its_cell(text):
    assert unescape_formula(escape_formula(text)) == text
    assert not escape_formula(text).startswith(tuple("=+-@\t\r"))


def test_numbers_are_written_as_numbers():
    row = {"delta": -5, "price": "12.50", "gone": None, "yes": True}

    assert b"".join(written(Layout(CSV, list(row), "x"), [[row]])) == b"delta,price,gone,yes\r\n-5,12.50,,true\r\n"


def test_rows_end_with_crlf_and_quote_what_needs_it():
    batches = [[{"a": "a", "b": 'b"c'}], [{"a": "d,e", "b": "f\ng"}]]

    assert b"".join(written(Layout(CSV, ["a", "b"], "x"), batches)) == b'a,b\r\na,"b""c"\r\n"d,e","f\ng"\r\n'
