"""The options of an import: files of other programs are imported as they are, and nothing in them is guessed."""

import io

import pytest

from tests.support.databases import on_one_database
from tests.support.files import CSV, NDJSON, faults, imported, items, send

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pytest.mark.parametrize("header", ["SKU,Name,Reorder Level", " sku\xa0,NAME ,reorder-level", "Sku,name,REORDER_LEVEL"])
@on_one_database
def test_a_header_is_known_without_case_outer_blanks_and_the_kind_of_gap(member, header):
    answer = send(member, f"{header}\nA,a,3\n")

    assert answer.status_code == 200, answer.json
    assert items(member)["A"]["reorder_level"] == 3
    assert list(answer.json["read_as"]["columns"].values()) == ["sku", "name", "reorder_level"]


@on_one_database
def test_a_file_tells_what_it_was_read_as(member):
    answer = send(member, "SKU;Title;Colour\r\nA;a;red\r\n", "?columns=Title:name&extra_columns=ignore&decimal=,")

    assert answer.json == {
        "dry_run": False,
        "rows": 1,
        "created": 1,
        "updated": 0,
        "unchanged": 0,
        "skipped": 0,
        "counted": 0,
        "emptied": 0,
        "read_as": {
            "format": "csv",
            "encoding": "utf-8",
            "delimiter": ";",
            "decimal": ",",
            "sheet": None,
            "columns": {"SKU": "sku", "Title": "name"},
            "other_columns": ["Colour"],
        },
        "errors": [],
        "error_counts": {},
    }
    refused = send(member, "sku,name,price\nB,b,x\n").json
    assert (refused["read_as"]["columns"], refused["errors"][0]["code"]) == (
        {"sku": "sku", "name": "name", "price": "price"},
        "wrong_type",
    )


@on_one_database
def test_extra_columns_are_reported_once_and_left_out_when_asked(member):
    file = "sku,name,Colour,nmae,,price\nA,a,red,x,y,1\n"

    [error] = send(member, file).json["errors"]

    assert (error["line"], error["row"], error["column"], error["code"]) == (1, 0, "Colour", "unknown_column")
    for words in (
        "and 2 more are not columns",
        "'Colour'",
        "'nmae'",
        "column 5 without a name",
        "extra_columns=ignore",
    ):
        assert words in error["message"]
    assert send(member, file).json["read_as"]["other_columns"] == ["Colour", "nmae"]
    assert imported(member, file, "?extra_columns=ignore") == (1, 0, 0)
    assert items(member)["A"]["price"] == "1.00"


@pytest.mark.parametrize("mapping", ["Variant SKU:sku,Title:name", " variant sku : sku , TITLE:name"])
@on_one_database
def test_columns_are_named_by_the_client(member, mapping):
    answer = member.post(
        "/items/import", query_string={"columns": mapping}, data="Variant SKU,Title\nA,a\n", content_type=CSV
    )

    assert answer.json["read_as"]["columns"] == {"Variant SKU": "sku", "Title": "name"}


@on_one_database
def test_a_name_of_a_file_may_have_commas_and_colons(member):
    file = 'sku,"Name, in full: long"\nA,a\n'

    answer = member.post(
        "/items/import", query_string={"columns": "Name, in full: long:name"}, data=file, content_type=CSV
    )

    assert (answer.status_code, items(member)["A"]["name"]) == (200, "a")


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ("columns=Title", "columns", "bad_format"),
        ("columns=Title:title", "columns", "bad_format"),
        ("columns=A:name,B:name", "columns", "repeated"),
        ("columns=Titel:name", "columns", "unknown_column"),
        ("preset=amazon", "preset", "not_a_choice"),
        ("encoding=klingon", "encoding", "not_a_choice"),
        ("decimal=;", "decimal", "not_a_choice"),
        ("decimal=,&thousands=,", "thousands", "not_a_choice"),
        ("currency=EUR", "currency", "not_a_choice"),
        ("extra_columns=drop", "extra_columns", "not_a_choice"),
        ("sheet=Stock", "sheet", "not_applicable"),
    ],
)
@on_one_database
def test_an_option_that_means_nothing_is_refused_by_name(member, query, field, code):
    refused = send(member, "sku,Title\nA,a\n", f"?{query}")

    assert (refused.status_code, refused.json["code"]) == (422, "invalid_input")
    assert [(e["field"], e["code"]) for e in refused.json["errors"]] == [(field, code)]
    assert items(member) == {}


@on_one_database
def test_options_of_tables_are_refused_for_json_lines_whose_values_are_exact(member):
    line = '{"Article": "A", "name": "a", "colour": "red"}'

    assert send(member, line, "?decimal=,", NDJSON).json["errors"][0]["code"] == "not_applicable"
    assert imported(member, line, "?columns=Article:sku&extra_columns=ignore", NDJSON) == (1, 0, 0)
    twice = '{"Article": "A", "sku": "B", "name": "a"}'
    assert faults(member, twice, "?columns=Article:sku", NDJSON) == [(1, "", "repeated")]


@on_one_database
def test_options_may_be_fields_of_the_form_and_are_given_once(member):
    def form(**fields):
        return {"file": (io.BytesIO(b"Article;name\r\nA;a\r\n"), "stock.csv"), **fields}

    path = "/items/import"
    answer = member.post(path, data=form(columns="Article:sku", dry_run="true"))
    twice = member.post(f"{path}?dry_run=true", data=form(columns="Article:sku", dry_run="true"))
    unknown = member.post(path, data=form(column="Article:sku"))

    assert (answer.status_code, answer.json["dry_run"], answer.json["created"]) == (200, True, 1)
    assert [twice.json["errors"][0]["code"], unknown.json["errors"][0]["code"]] == ["repeated", "unknown_parameter"]
    assert items(member) == {}


@on_one_database
def test_the_fields_of_a_form_belong_to_what_a_key_was_used_for(member):
    def post(**fields):
        data = {"file": (io.BytesIO(b"sku,name,x\nA,a,1\n"), "stock.csv"), **fields}
        return member.post("/items/import", data=data, headers={"Idempotency-Key": "k"})

    first, again, other = post(extra_columns="ignore"), post(extra_columns="ignore"), post()

    assert (first.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert other.json["code"] == "idempotency_key_reused"


@on_one_database
def test_an_unreadable_file_is_an_outcome_that_a_key_keeps(member):
    first = send(member, b"sku,name\nA,\xff\n", **{"Idempotency-Key": "k"})
    again = send(member, b"sku,name\nA,\xff\n", **{"Idempotency-Key": "k"})
    other = send(member, b"sku,name\nA,a\n", **{"Idempotency-Key": "k"})

    assert first.json["code"] == again.json["code"] == "encoding_needed"
    assert again.headers["Idempotent-Replayed"] == "true"
    assert other.json["code"] == "idempotency_key_reused"


@pytest.mark.parametrize(
    ("content_type", "file", "format_"),
    [
        ("text/tab-separated-values", "sku\tname\nA\ta\n", "csv"),
        ("text/plain", "sku;name\nA;a\n", "csv"),
        ("text/plain", '{"sku": "A", "name": "a"}\n', "ndjson"),
        ("application/vnd.ms-excel", "sku,name\nA,a\n", "csv"),
    ],
)
@on_one_database
def test_a_file_is_taken_for_what_it_holds(member, content_type, file, format_):
    answer = send(member, file, content_type=content_type)

    assert (answer.status_code, answer.json["read_as"]["format"]) == (200, format_)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xd0\xcf\x11\xe0" + bytes(512), "an Excel workbook of before 2007"),
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF"),
        (b"\xef\xbb\xbf \n<!DOCTYPE html><html>", "a web page"),
        (b'<?xml version="1.0"?><a/>', "XML"),
        (b"\x1f\x8b\x08\x00", "compressed with gzip"),
    ],
)
@on_one_database
def test_what_is_no_table_is_refused_with_what_it_is(member, data, words):
    refused = send(member, data)

    assert (refused.status_code, refused.json["code"]) == (422, "not_a_table")
    assert words in refused.json["detail"]


@on_one_database
def test_a_title_above_the_header_is_reported_with_the_line_of_the_header(member):
    [error] = send(member, "Stock of May;;\n\nsku;name;price\nA;a;1\n").json["errors"]

    assert (error["line"], error["code"]) == (1, "title_above_header")
    assert "Line 1 is not the header, which seems to be line 3" in error["message"]


@on_one_database
def test_a_header_that_stands_twice_is_reported_with_its_line(member):
    assert faults(member, "sku,name\nA,a\nsku,name\nB,b\n") == [(3, "", "header_repeated")]


@on_one_database
def test_a_fault_names_its_row_below_the_header_beside_its_line(member):
    refused = send(member, 'sku,name,price\nA,"two\nlines",1\nB,b,x\nC,c,1\nc,d,1\n').json["errors"]

    assert [(e["line"], e["row"], e["column"], e["code"]) for e in refused] == [
        (2, 1, "name", "bad_characters"),
        (4, 2, "price", "wrong_type"),
        (6, 4, "sku", "repeated"),
    ]
    assert refused[0]["message"] == "name has a line break"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (",a,1", "sku is empty"),
        ("A,,1", "name is empty"),
        ("A,a", "The row has 2 cells, the header 3; is a delimiter missing, or a quote?"),
        ("A,b\x07,1", "name has a character that nobody sees, a control character"),
    ],
)
@on_one_database
def test_a_fault_is_reported_in_words_of_spreadsheets(member, row, message):
    [error] = send(member, f"sku,name,price\n{row}\n").json["errors"]

    assert error["message"] == message


@on_one_database
def test_the_fault_of_a_column_of_another_name_tells_both_names(member):
    [error] = send(member, "sku,name,Variant Price\nA,a,x\n", "?columns=Variant Price:price").json["errors"]

    assert error["column"] == "price"
    assert error["message"].startswith("'Variant Price': price must be an amount")


@on_one_database
def test_amounts_of_another_country_are_read_when_they_are_announced(member):
    file = "sku;name;price;quantity\nA;a;1.234,50 €;1.200\n"

    assert [code for *_, code in faults(member, file)] == ["wrong_type"] * 2
    assert imported(member, file, "?decimal=,&currency=ignore") == (1, 0, 0)
    assert (items(member)["A"]["price"], items(member)["A"]["quantity"]) == ("1234.50", 1200)


@on_one_database
def test_a_header_of_very_many_names_is_refused_soon(member):
    names = ",".join(f"column {n}" for n in range(60_000))

    assert faults(member, f"sku,{names}\n") == [(1, "", "too_many_columns")]
