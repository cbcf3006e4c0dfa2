"""Tables in every format: `format` beside Accept, columns, delimiters, and workbooks as a spreadsheet needs them."""

import csv
import io
import json
import tempfile
from contextlib import closing

import pytest
from openpyxl import load_workbook

from api.services import services_of
from tables import xlsx_writer
from tests.support.databases import on_one_database
from tests.support.files import CSV, HEADER, NDJSON, XLSX, imported, items
from tests.support.shelf import add

pytestmark = on_one_database

CSV_UTF8 = "text/csv; charset=utf-8"
# Names that a spreadsheet, XML or a reader of either could take for something else.
HOSTILE = [
    *(
        "=1+1",
        "+49 30",
        "-5",
        "@SUM(A1)",
        "＝1",
        '=cmd|" /C calc"!A0',
        "https://example.org",
        "mailto:a@b.c",
        "0815",
        "1E5",
    ),
    *(
        "'",
        "''",
        "'=1",
        "'90s",
        "it's",
        '="00123"',
        "5.0",
        "#N/A",
        "true",
        "2026-01-31",
        "1,5",
        "a;b",
        "a\tb" * 0 + "x|y",
    ),
    *(
        "<r><t>x</t></r>",
        "<r>",
        "<r></r>",
        "</c></row>",
        "&amp;",
        "&#0;",
        "]]>",
        "<!-- -->",
        "_x000D_",
        "_x005F_",
        "_xD800_",
    ),
    *("\ufffe", "\uffff", "x\uffffy", "\U0001f600", "e\u0301", "\u202eabc", "\u00ad"),
]


def sheet(response):
    """The one sheet of a workbook that was answered."""
    assert (response.status_code, response.headers["Content-Type"]) == (200, XLSX), response.text
    [only] = load_workbook(io.BytesIO(response.data))
    return only


# --- which format ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/items", "/movements", "/items/1/movements", "/items/export", "/movements/export"])
@pytest.mark.parametrize(("name", "content_type"), [("csv", CSV_UTF8), ("ndjson", NDJSON), ("xlsx", XLSX)])
@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html,application/xhtml+xml"])
def test_the_format_in_the_query_comes_before_accept(member, lamp, path, name, content_type, accept):
    path = path.replace("/items/1", lamp)

    answer = member.get(f"{path}?format={name}", headers={"Accept": accept})

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, content_type)


@pytest.mark.parametrize("path", ["/items", "/movements/export"])
def test_a_workbook_is_there_for_those_who_accept_it(member, lamp, path):
    assert sheet(member.get(path, headers={"Accept": f"{XLSX}, text/csv;q=0.5"})).max_row == 2


@pytest.mark.parametrize("path", ["/items", "/items/export", "/movements", "/movements/export"])
def test_a_wrong_format_is_refused_with_the_choices_and_all_other_faults(guest, path):
    refused = guest.get(f"{path}?format=excel&bom=1", headers={"Accept": "application/pdf"})

    assert (refused.status_code, refused.json["code"]) == (422, "invalid_input")
    assert {fault["field"]: fault["message"] for fault in refused.json["errors"]} == {
        "format": "format must be one of csv, xlsx, ndjson",
        "bom": "bom must be true or false",
    }


def test_where_there_is_no_table_there_is_no_format(guest, lamp):
    assert guest.get(f"{lamp}?format=csv").json["errors"][0]["code"] == "unknown_parameter"
    assert guest.get("/events?format=csv").json["errors"][0]["code"] == "unknown_parameter"


@pytest.mark.parametrize(
    ("path", "format_"),
    [("/items/export", "xlsx"), ("/movements/export", "ndjson"), ("/items", "xlsx"), ("/items", "")],
)
@pytest.mark.parametrize(("parameter", "name"), [("delimiter=;", "delimiter"), ("bom=true", "bom")])
def test_what_only_a_csv_has_is_refused_elsewhere(guest, path, format_, parameter, name):
    refused = guest.get(f"{path}?{parameter}{'&format=' * bool(format_)}{format_}")

    assert refused.status_code == 422
    assert refused.json["errors"] == [
        {
            "field": name,
            "code": "not_applicable",
            "message": f"{name} says nothing about an answer that is {format_ or 'json'}; add format=csv",
        }
    ]


# --- delimiters and columns -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "between"), [(",", ","), (";", ";"), ("%7C", "|"), ("%09", "\t"), ("tab", "\t")])
def test_a_csv_has_the_delimiter_that_was_asked_for_and_comes_back_with_it(member, asked, between):
    add(member, "A;B", name="x,y;z", description="a\tb", tags=["x", "y"], price="1.50")

    exported = member.get(f"/items/export?delimiter={asked}")
    page = member.get(f"/items?format=csv&delimiter={asked}")

    header, row = csv.reader(io.StringIO(exported.text, newline=""), delimiter=between)
    assert (header, row[:3], row[-2]) == (HEADER.split(","), ["A;B", "x,y;z", "a\tb"], "x|y")
    assert page.text.splitlines()[0].split(between)[:3] == ["sku", "name", "description"]
    assert imported(member, exported.data) == (0, 0, 1)


@pytest.mark.parametrize("delimiter", ["x", "", ":", ",;"])
def test_another_delimiter_is_refused(guest, delimiter):
    refused = guest.get(f"/items/export?delimiter={delimiter}")

    assert refused.json["errors"][0]["message"] == "delimiter must be a comma, ; or | or tab"


def test_a_page_may_begin_with_a_byte_order_mark_too(member):
    assert member.get("/items?format=csv&bom=true").data.startswith(b"\xef\xbb\xbfsku,name,")


@pytest.mark.parametrize("format_", ["csv", "ndjson", "xlsx"])
def test_an_export_has_the_columns_that_were_asked_for_in_their_order(member, format_):
    add(member, "A", name="a", price="1")

    answer = member.get(f"/items/export?format={format_}&fields=price,sku,id")

    if format_ == "csv":
        names = answer.text.splitlines()[0].split(",")
    elif format_ == "ndjson":
        names = list(json.loads(answer.text))
    else:
        names = [cell.value for cell in sheet(answer)[1]]
    assert names == ["price", "sku", "id"]


def test_an_export_without_the_quantity_counts_nothing_when_it_comes_back(member, lamp):
    exported = member.get("/items/export?fields=sku,name,price").data
    member.post(f"{lamp}/movements", json={"kind": "issue", "quantity": 2, "reason": "sale"})

    assert imported(member, exported.replace(b"12.50", b"13.00")) == (0, 1, 0)

    assert (items(member)["LAMP-1"]["price"], items(member)["LAMP-1"]["quantity"]) == ("13.00", 3)


def test_movements_have_columns_to_choose_too(member, lamp):
    assert member.get("/movements/export?fields=delta,sku").text == "delta,sku\r\n5,LAMP-1\r\n"


@pytest.mark.parametrize(
    ("path", "wrong", "near"), [("/items/export", "quantiy", "quantity"), ("/movements/export", "dela", "delta")]
)
def test_an_unknown_column_is_refused_with_the_nearest(guest, path, wrong, near):
    [error] = guest.get(f"{path}?fields=sku,{wrong}").json["errors"]

    assert (error["field"], error["code"]) == ("fields[1]", "not_a_choice")
    assert error["message"].endswith(f"; did you mean {near!r}?")


@pytest.mark.parametrize("format_", ["csv", "xlsx"])
def test_a_page_has_the_columns_of_the_import_first_in_its_order(member, format_):
    add(member, "A")

    page = member.get(f"/items?format={format_}")
    header = page.text.splitlines()[0].split(",") if format_ == "csv" else [cell.value for cell in sheet(page)[1]]

    assert ",".join(header) == f"{HEADER},id,reserved,available,archived,version,created_at,updated_at"
    assert imported(member, page.data, "?extra_columns=ignore", CSV if format_ == "csv" else XLSX) == (0, 0, 1)


# --- workbooks ------------------------------------------------------------------------------------------------------


def test_a_workbook_has_codes_as_texts_numbers_as_numbers_and_a_header_that_stays(member):
    add(member, "00123", name="=1+1", price="12.5", quantity=5, barcode="4006381333931", tags=["x", "y"])
    add(member, "B", name="b", price="999999999.9999", reorder_level=0, attributes={"w": 1})

    answer = member.get("/items/export?format=xlsx")

    table = sheet(answer)
    header, first, second = (dict(zip(HEADER.split(","), row, strict=True)) for row in table)
    assert table.title == "items"
    assert answer.headers["Content-Disposition"].endswith('.xlsx"')
    assert (table.freeze_panes, header["sku"].font.bold, first["sku"].font.bold) == ("A2", True, False)
    assert {name: (cell.value, cell.data_type) for name, cell in first.items() if cell.value is not None} == {
        "sku": ("00123", "s"),
        "name": ("=1+1", "s"),
        "price": (12.5, "n"),
        "quantity": (5, "n"),
        "barcode": ("4006381333931", "s"),
        "tags": ("x|y", "s"),
        "attributes": ("{}", "s"),
    }
    assert [first[name].number_format for name in ("sku", "barcode", "price")] == ["@", "@", "0.00##"]
    assert (second["price"].value, second["reorder_level"].value) == (999999999.9999, 0)
    assert (second["barcode"].value, second["attributes"].value) == (None, '{"w": 1}')


def test_a_movement_in_a_workbook_has_its_number_with_its_sign(member, lamp):
    member.post(f"{lamp}/movements", json={"kind": "issue", "quantity": 2, "reason": "=1+1", "reference": "-7"})

    header, _, row = sheet(member.get("/movements?format=xlsx")).values

    found = dict(zip(header, row, strict=True))
    assert (found["delta"], found["reason"], found["reference"], found["reverses"]) == (-2, "=1+1", "-7", None)


@pytest.mark.parametrize(("format_", "content_type"), [("csv", CSV), ("ndjson", NDJSON), ("xlsx", XLSX)])
def test_whatever_a_name_looks_like_it_comes_back_as_it_was(member, format_, content_type):
    for number, name in enumerate(HOSTILE):
        add(member, f"S{number}", name=name, bin=name, description=f" {name}\r\n\t{name} ", attributes={"n": name})
    before = items(member)

    exported = member.get(f"/items/export?format={format_}").data

    assert imported(member, exported, content_type=content_type) == (0, 0, len(HOSTILE))
    for item in before.values():
        member.patch(f"/items/{item['id']}", json={"name": "x", "bin": "x", "description": "x", "attributes": {}})
    assert imported(member, exported, content_type=content_type) == (0, len(HOSTILE), 0)
    own = ("version", "updated_at")
    assert [{k: v for k, v in item.items() if k not in own} for item in items(member).values()] == [
        {k: v for k, v in item.items() if k not in own} for item in before.values()
    ]


def too_long(member):
    """An item whose attributes are longer than a cell of a workbook may be."""
    return add(member, "LONG", attributes={f"a{number}": "x" * 1000 for number in range(40)})


@pytest.mark.parametrize("path", ["/items/export?format=xlsx", "/items?format=xlsx"])
def test_a_text_that_no_cell_of_a_workbook_can_hold_is_refused_with_its_place(member, path):
    add(member, "A")
    too_long(member)

    refused = member.get(path)

    assert (refused.status_code, refused.json["code"]) == (422, "invalid_input")
    [error] = refused.json["errors"]
    assert (error["field"], error["code"]) == ("format", "too_long")
    assert error["message"].startswith(
        "format must be csv or ndjson: a cell of a workbook has at most 32,767 characters, "
    )
    assert "attributes in row 2 has 40" in error["message"]
    assert sheet(member.get("/items/export?format=xlsx&fields=sku,name")).max_row == 3
    assert imported(member, member.get("/items/export").data) == (0, 0, 2)


def test_more_rows_than_a_sheet_has_are_refused(member, monkeypatch):
    monkeypatch.setattr(xlsx_writer, "MAX_ROWS", 3)
    add(member, "A")
    add(member, "B")
    assert sheet(member.get("/items/export?format=xlsx")).max_row == 3
    add(member, "C")

    refused = member.get("/items/export?format=xlsx")

    assert (refused.status_code, refused.json["errors"][0]["code"]) == (422, "too_long")
    assert "a sheet has 2 rows below its header" in refused.json["detail"]


def test_an_empty_export_is_a_workbook_with_its_header(guest):
    assert [[cell.value for cell in row] for row in sheet(guest.get("/items/export?format=xlsx"))] == [
        HEADER.split(",")
    ]


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder of temporary files, empty."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_workbook_leaves_no_file_behind_and_no_place_taken(app, member, temporary):
    imported(member, "sku,name\n" + "".join(f"S{n},{n * 7919}\n" for n in range(3000)))
    place = services_of(app).exports

    with closing(app.test_client().get("/api/v1/items/export?format=xlsx", headers=member.headers)) as answer:
        first = next(iter(answer.response))
        # The rows waited in a folder that was gone before the first byte; on Windows an open file has a name.
        assert not any(each.is_dir() for each in temporary.iterdir())
    too_long(member)
    refused = member.get("/items/export?format=xlsx")

    assert first.startswith(b"PK")
    assert refused.status_code == 422
    assert list(temporary.iterdir()) == []
    taken = [place.acquire(blocking=False) for _ in range(services_of(app).settings.threads // 2)]
    for _ in filter(None, taken):
        place.release()
    assert all(taken)


def test_a_full_disk_is_an_answer_and_leaves_nothing_behind(member, temporary, monkeypatch):
    add(member, "A")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("xlsxwriter.workbook.ZipFile", full)
    monkeypatch.setattr(member, "documented", False, raising=False)

    refused = member.get("/items/export?format=xlsx")

    assert refused.status_code == 503
    assert list(temporary.iterdir()) == []


def test_head_names_the_workbook_without_its_bytes(member, lamp):
    head = member.head("/items/export?format=xlsx")

    assert (head.status_code, head.data, head.headers["Content-Type"]) == (200, b"", XLSX)
