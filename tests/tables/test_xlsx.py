"""XLSX: what a workbook holds is read as its file says, and a hostile one costs little."""

import io
import tracemalloc
import zipfile
from datetime import date

import pytest
from openpyxl import Workbook

from app import create_app
from models.database.base import db
from tests.support.clients import Client
from tests.support.databases import on_one_database, settings_for
from tests.support.files import faults, imported, items, send

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
HEADER = ["SKU", "Name", "Price", "Quantity", "Barcode"]


def workbook(*rows: list, title: str = "Stock", **sheets: list) -> bytes:
    """A workbook with these rows on its first sheet."""
    made = Workbook()
    made.active.title = title
    for row in rows:
        made.active.append(row)
    for name, more in sheets.items():
        sheet = made.create_sheet(name)
        for row in more:
            sheet.append(row)
    return saved(made)


def saved(made: Workbook) -> bytes:
    file = io.BytesIO()
    made.save(file)
    return file.getvalue()


def with_part(data: bytes, name: str, text: bytes) -> bytes:
    """The same archive with another part of this name."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for part in {**dict.fromkeys(old.namelist()), name: None}:
            new.writestr(part, text if part == name else old.read(part))
    return file.getvalue()


def with_shared_strings(data: bytes, text: bytes) -> bytes:
    """The same workbook with a table of strings, as Excel writes it."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        types = archive.read("[Content_Types].xml")
    kind = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    override = b"<Override PartName='/xl/sharedStrings.xml' ContentType='%s'/></Types>" % kind
    return with_part(
        with_part(data, "[Content_Types].xml", types.replace(b"</Types>", override)), "xl/sharedStrings.xml", text
    )


@on_one_database
def test_a_workbook_is_imported_with_its_numbers_and_texts(member):
    data = workbook(
        HEADER,
        ["LAMP-1", "Desk lamp", 12.5, 5, 4006381333931],
        ["00123", 7, 0.1 + 0.2, 2.0, "0601600000017"],
        [],
        [4711, "Zero", 0, 0, None],
    )

    sent = send(member, data, content_type=XLSX)

    assert sent.status_code == 200, sent.json
    assert sent.json["read_as"] == {
        "format": "xlsx",
        "encoding": None,
        "delimiter": None,
        "decimal": ".",
        "sheet": "Stock",
        "columns": {"SKU": "sku", "Name": "name", "Price": "price", "Quantity": "quantity", "Barcode": "barcode"},
    }
    found = items(member)
    assert [
        (i["name"], i["price"], i["quantity"], i["barcode"]) for i in map(found.get, ("LAMP-1", "00123", "4711"))
    ] == [
        ("Desk lamp", "12.50", 5, "4006381333931"),
        ("7", "0.30", 2, "0601600000017"),
        ("Zero", "0.00", 0, None),
    ]
    assert send(member, data, content_type=XLSX).json["unchanged"] == 3


@pytest.mark.parametrize(("name", "content_type"), [("stock.xlsx", ""), ("x", XLSX), ("x.csv", "text/csv")])
@on_one_database
def test_a_form_with_a_workbook_does_as_well(member, name, content_type):
    part = (io.BytesIO(workbook(["sku", "name"], ["A", "a"])), name, content_type)

    sent = member.post("/items/import", data={"file": part, "dry_run": "true", "sheet": "Stock"})

    assert (sent.status_code, sent.json["created"], sent.json["dry_run"]) == (200, 1, True), sent.json


@on_one_database
def test_the_strings_of_excel_stand_in_a_table_of_their_own(member):
    name = b"xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'"
    rows = b"".join(b"<row><c t='s'><v>%d</v></c><c t='s'><v>%d</v></c></row>" % pair for pair in ((0, 1), (2, 3)))
    sheet = b"<worksheet %s><sheetData>%s</sheetData></worksheet>" % (name, rows)
    strings = b"".join(b"<si><t>%s</t></si>" % text for text in (b"sku", b"name", b"00123", b"Lamp"))
    data = with_shared_strings(workbook(["x"]), b"<sst %s>%s</sst>" % (name, strings))

    assert imported(member, with_part(data, "xl/worksheets/sheet1.xml", sheet), "", XLSX) == (1, 0, 0)
    assert items(member)["00123"]["name"] == "Lamp"


@on_one_database
def test_the_escapes_of_a_workbook_are_read_wherever_a_text_stands(member):
    name = b"xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'"
    texts = (b"sku", b"name", b"description", b"A", b"_x005F_x000D_ _xD800_ x005F_", b"one_x000D_\ntwo_x000a_")
    cells = [b"<c t='s'><v>%d</v></c>" % number for number in range(6)]
    cells[4] = b"<c t='inlineStr'><is><t>%s</t></is></c>" % texts[4]
    sheet = b"<row>%s</row><row>%s</row>" % (b"".join(cells[:3]), b"".join(cells[3:]))
    strings = b"".join(b"<si><t>%s</t></si>" % text for text in texts)
    data = with_shared_strings(workbook(["x"]), b"<sst %s>%s</sst>" % (name, strings))
    data = with_part(
        data, "xl/worksheets/sheet1.xml", b"<worksheet %s><sheetData>%s</sheetData></worksheet>" % (name, sheet)
    )

    assert imported(member, data, "", XLSX) == (1, 0, 0)
    [item] = items(member).values()
    assert item["name"] == "_x000D_ _xD800_ x005F_"
    assert item["description"] == "one\r\ntwo\n"


@on_one_database
def test_a_number_of_a_workbook_has_a_point_whatever_the_texts_have(member):
    data = workbook(["sku", "name", "price"], ["A", "a", 2.5], ["B", "b", "1.234,50"])

    assert imported(member, data, "?decimal=,", XLSX) == (2, 0, 0)
    assert {sku: item["price"] for sku, item in items(member).items()} == {"A": "2.50", "B": "1234.50"}


@on_one_database
def test_a_sheet_is_chosen_by_its_name_and_is_else_the_first(member):
    data = workbook(["notes"], title="Read me", Stock=[["sku", "name"], ["A", "a"]])

    refused = send(member, data, "?sheet=stock", XLSX)

    assert imported(member, data, "?sheet=Stock", XLSX) == (1, 0, 0)
    assert refused.json["errors"][0] == {
        "field": "sheet",
        "code": "not_a_choice",
        "message": "sheet is no sheet of this workbook, which has 'Read me', 'Stock'",
    }
    assert send(member, data, content_type=XLSX).json["errors"][0]["code"] == "required"


@on_one_database
def test_a_cell_that_no_field_can_have_is_reported_by_its_place(member):
    made = Workbook()
    made.active.append(HEADER)
    made.active.append(["A", "a", True, date(2026, 1, 31), None])
    made.active.append([date(2026, 2, 1), "b", 1, 1, None])
    made.active["E3"] = "#N/A"
    made.active["E3"].data_type = "e"

    refused = send(member, saved(made), content_type=XLSX)

    found = [(e["line"], e["row"], e["column"], e["code"]) for e in refused.json["errors"]]
    assert sorted(found) == [
        (2, 1, "price", "wrong_cell"),
        (2, 1, "quantity", "wrong_cell"),
        (3, 2, "barcode", "wrong_cell"),
        (3, 2, "sku", "wrong_cell"),
    ]
    assert "quantity has a date in the cell D2; " in " ".join(e["message"] for e in refused.json["errors"])
    assert "the error #N/A in the cell E3" in " ".join(e["message"] for e in refused.json["errors"])
    assert items(member) == {}


@on_one_database
def test_a_code_that_a_workbook_keeps_as_a_rounded_number_is_refused(member):
    data = workbook(["sku", "name"], [1234567890123456789, "a"], [5.5, "b"])

    assert [code for *_, code in faults(member, data, content_type=XLSX)] == ["shortened_by_spreadsheet"] * 2


@on_one_database
def test_a_title_above_the_header_is_reported_with_the_row_of_the_header(member):
    data = workbook(["Stock of the shop"], [], ["sku", "name"], ["A", "a"])

    [error] = send(member, data, content_type=XLSX).json["errors"]

    assert error["code"] == "title_above_header"
    assert "Line 1 is not the header, which seems to be line 3" in error["message"]


def zip_of(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


ENTITIES = b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "data",
    [
        workbook(["sku", "name"], ["A", "a"])[:-100],
        workbook(["sku", "name"], ["A", "a"])[:2000],
        zip_of(**{"word/document.xml": b"<w/>"}),
        zip_of(**{"xl/workbook.xml": b"no xml"}),
        with_part(workbook(["sku"], ["A"]), "xl/workbook.xml", ENTITIES + b"<l>&b;</l>"),
        with_part(workbook(["sku"], ["A"]), "xl/worksheets/sheet1.xml", ENTITIES + b"<l>&b;</l>"),
        with_part(workbook(["sku"], ["A"]), "xl/worksheets/sheet1.xml", b"<worksheet><sheetData><row>"),
        with_shared_strings(workbook(["sku"], ["A"]), ENTITIES + b"<sst><si><t>&b;</t></si></sst>"),
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
        b"sku,name\nA,a\n",
    ],
    ids=range(10),
)
@on_one_database
def test_what_is_no_workbook_is_refused_as_such(member, data):
    refused = send(member, data, content_type=XLSX)

    assert (refused.status_code, refused.json["code"]) == (422, "not_a_table"), refused.json
    assert items(member) == {}


@on_one_database
def test_a_workbook_that_unpacks_to_ten_times_what_a_file_may_have_is_not_unpacked(member, database_url, tmp_path):
    limited = create_app(settings_for(database_url, tmp_path, MAX_IMPORT_MB="1"))
    row = b"<row><c t='inlineStr'><is><t>A</t></is></c></row>"
    data = with_part(
        workbook(["sku"]),
        "xl/worksheets/sheet1.xml",
        b"<worksheet><sheetData>" + row * 300_000 + b"</sheetData></worksheet>",
    )
    try:
        tracemalloc.start()
        refused = send(Client(limited, member.headers), data, content_type=XLSX)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        with limited.app_context():
            db.engine.dispose()

    assert (refused.status_code, refused.json["code"]) == (422, "not_a_table")
    assert "unpacks to more than 10 MiB" in refused.json["detail"]
    assert peak < 5_000_000


@on_one_database
def test_an_archive_that_lies_about_its_sizes_is_not_believed(member):
    row = b"<row><c t='inlineStr'><is><t>A</t></is></c></row>"
    sheet = b"<worksheet><sheetData>" + row * 1_000_000 + b"</sheetData></worksheet>"
    data = bytearray(with_part(workbook(["sku"]), "xl/worksheets/sheet1.xml", sheet))
    size = len(sheet).to_bytes(4, "little")
    assert data.count(size) == 2
    lying = bytes(data.replace(size, (1000).to_bytes(4, "little")))

    tracemalloc.start()
    refused = send(member, lying, content_type=XLSX)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (refused.status_code, refused.json["code"]) == (422, "not_a_table")
    assert peak < 10_000_000
