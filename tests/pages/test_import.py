"""The import of files: tried first, seen before it is done, refused as a whole, and done once."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pages.files import STATIC
from resources.item_rows import IMPORT_COLUMNS
from resources.movement_rows import COLUMNS as MOVEMENT_COLUMNS
from tables.encodings import CODECS, UTF_16
from tests.support.browser import PHONE
from tests.support.person import Person
from tests.support.program import PASSWORD, ROOT, Program, program

PRESETS = Path(__file__).parents[1] / "tables" / "presets"
SALES = ROOT.parent / "shared" / "data" / "online-retail-2010-12-01.csv"
HOSTILE = "<img src=x onerror=alert(1)>"
DROP = """
const dataTransfer = new DataTransfer();
dataTransfer.items.add(new File([arguments[1]], arguments[0], {type: "text/csv"}));
for (const type of ["dragover", "drop"]) {
    document.body.dispatchEvent(new DragEvent(type, {dataTransfer, bubbles: true, cancelable: true}));
}
"""
# The next file that is sent stays on its way until `goOn()`.
HOLD = """
const send = XMLHttpRequest.prototype.send;
XMLHttpRequest.prototype.send = function (body) {
    XMLHttpRequest.prototype.send = send;
    window.goOn = () => this.send(body);
};
"""


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., str]:
    """Writes a file of this name and returns its path."""

    def write(name: str, content: str | bytes) -> str:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(tmp_path / name)

    return write


@pytest.fixture
def ada(browser: Any, service: Program) -> Person:
    person = Person(browser, service.address)
    person.sign_in("admin", PASSWORD, "/app/import")
    person.find("h1", "Import")
    return person


def items(service: Program, **query: str) -> dict[str, Any]:
    """The items of the service by their SKU."""
    return {item["sku"]: item for item in service.ask("GET", "/items?limit=200").json["data"]}


def bring_in(person: Person) -> None:
    """Press the button, not the entry of the menu."""
    person.find("button", "Import").click()


def table(person: Person, caption: str) -> list[list[str]]:
    """The rows of the table with this caption."""
    script = """
    const region = [...document.querySelectorAll("[role=region]")].find((each) => each.ariaLabel === arguments[0]);
    const cell = (each) => each.querySelector("select")?.selectedOptions[0].text ?? each.innerText;
    return [...region.querySelectorAll("tbody tr")].map((row) => [...row.cells].map(cell));
    """
    rows: list[list[str]] = person.browser.execute_script(script, caption)
    return rows


def test_a_file_is_seen_before_it_is_brought_in_and_then_changes_nothing_more(ada, service, file):
    before = len(items(service))
    assert not ada.find("button", "Import").is_enabled()
    ada.field("File").send_keys(file("first.csv", f"sku,name,price,quantity\nIMP-1,Lamp,12.5,3\nIMP-2,{HOSTILE},,\n"))

    ada.read("nothing has been changed yet")
    assert "first.csv" in ada.text
    assert ["1", "IMP-1", "Quantity", "empty", "3"] in table(ada, "What changes")
    assert ["2", "IMP-2", "Name", "empty", HOSTILE] in table(ada, "What changes")
    assert table(ada, "Its columns")[0] == ["sku", "SKU"]
    assert "Writes 2 rows." in ada.text
    assert len(items(service)) == before
    ada.picture("import-desk")
    assert ada.barriers() == []
    assert ada.overflow() <= 0

    bring_in(ada)
    ada.read("2 rows were written.")
    assert ada.focused().text == "Imported"
    assert items(service)["IMP-1"]["quantity"] == 3
    ada.picture("import-done")
    ada.press("Import another file")
    ada.field("File").send_keys(file("first.csv", "sku,name,price,quantity\nIMP-1,Lamp,12.50,3\n"))
    ada.read("everything is already as it says")
    assert not ada.find("button", "Import").is_enabled()
    assert ada.complaints() == []


def test_a_broken_file_says_where_and_nothing_of_it_is_brought_in(ada, service, file):
    ada.resize(PHONE)
    rows = "BRK-1,Good,5,1\nBRK-2,,x,2\n,No code,1,2\nBRK-4,Much,1,-5\n"
    ada.field("File").send_keys(file("broken.csv", f"sku,name,price,quantity\n{rows}"))

    ada.read("The file has 4 faults; nothing was changed.")
    found = table(ada, "What is wrong")
    assert [(line, column, value) for line, column, value, _ in found] == [
        ("3", "name", ""),
        ("3", "price", "x"),
        ("4", "sku", ""),
        ("5", "quantity", "-5"),
    ]
    assert not ada.find("button", "Import").is_enabled()
    assert "see below what is wrong" in ada.text
    ada.picture("import-faults-phone")
    assert ada.barriers() == []
    assert ada.overflow() <= 0

    ada.prefer("dark")
    ada.press("More options")
    ada.choose("A negative quantity", "Take it for 0")
    ada.read("The file has 3 faults")
    ada.picture("import-faults-phone-dark")
    assert ada.barriers() == []
    assert "BRK-1" not in items(service)
    assert ada.complaints() == []


def test_the_letters_of_a_german_spreadsheet_are_chosen_by_eye_and_its_comma_by_name(browsers, service, file):
    eva = Person(browsers("de"), service.address)
    eva.sign_in("admin", PASSWORD, "/app/import")
    sheet = "sku;name;price\nDE-1;Müllbeutel Größe L;1,50\n".encode("cp1252")
    eva.field("Datei").send_keys(file("lager.csv", sheet))
    eva.read("Was davon ist richtig gelesen?")
    eva.picture("import-encoding")
    assert eva.barriers() == []
    right = next(each for each in eva.browser.find_elements("css selector", "button") if "Müllbeutel" in each.text)
    right.click()
    eva.read("decimal=,")
    eva.choose("Dezimalzeichen", "Komma")
    eva.read("noch ist nichts geändert")
    assert "Strichpunkt" in eva.text
    eva.picture("import-german")
    assert eva.overflow() <= 0
    eva.find("button", "Einlesen").click()
    eva.read("1 Zeile wurde geschrieben.")

    assert (items(service)["DE-1"]["name"], items(service)["DE-1"]["price"]) == ("Müllbeutel Größe L", "1.50")
    assert eva.complaints() == []


def test_a_workbook_and_the_export_of_a_shop_are_read_by_what_they_are(ada, service, file):
    from openpyxl import Workbook  # noqa: PLC0415

    book, content = Workbook(), io.BytesIO()
    book.active.append(["Code", "name", "quantity", "Colour"])
    book.active.append(["XL-1", "Cable", 7, "red"])
    book.create_sheet("Notes").append(["nothing"])
    book.save(content)
    ada.field("File").send_keys(file("stock.xlsx", content.getvalue()))
    ada.read("is missing among the columns")
    assert ["Code", "Choose what it is"] in table(ada, "Its columns")
    ada.choose("Code", "SKU")
    ada.press("Leave out the unknown columns")
    ada.read("nothing has been changed yet")
    assert ["Code", "SKU"] in table(ada, "Its columns")
    ada.write("Sheet, if not the first", "Notes\t")
    ada.read("columns names 'Code', which the file does not have")
    ada.press("Read the columns by their names again")
    ada.read("is missing among the columns")

    ada.field("File").send_keys(str(PRESETS / "shopify.csv"))
    ada.press("Read it as: Shopify product export")
    ada.read("nothing has been changed yet")
    assert "Skipped" in ada.text
    assert [row for row in table(ada, "Its columns") if row == ["Variant SKU", "SKU"]]
    assert not {"XL-1"} & items(service).keys()
    assert ada.complaints() == []


def test_goods_that_came_in_are_booked_once_even_if_the_answer_is_lost(ada, service, file):
    item = service.ask("POST", "/items", {"sku": "GOODS-1", "name": "Goods", "quantity": 1}).json
    ada.choose("What the file holds", "Goods received")
    ada.choose("What each row is", "Goods received")
    ada.field("File").send_keys(file("delivery.csv", "sku,quantity,reference\nGOODS-1,12,PO-4711\n"))
    ada.read("Writes 1 row.")
    assert table(ada, "What changes") == [["1", "GOODS-1", "Quantity", "1", "13"]]
    ada.picture("import-movements")
    ada.browser.execute_script("""
    const send = XMLHttpRequest.prototype.send;
    XMLHttpRequest.prototype.send = function (body) {
        const {onload, onerror} = this;
        this.onload = () => onerror();
        XMLHttpRequest.prototype.send = send;
        this.send(body);
    };
    """)
    bring_in(ada)
    ada.read("nothing is done twice")
    assert service.ask("GET", f"/items/{item['id']}").json["quantity"] == 13
    bring_in(ada)
    ada.read("1 row was written.")

    assert service.ask("GET", f"/items/{item['id']}").json["quantity"] == 13
    assert ada.complaints() == []


def test_a_large_file_is_sent_with_the_session_and_one_that_is_too_large_is_refused_in_words(browser, tmp_path, file):
    rows = "".join(f"BIG-{n},{'a long name ' * 16}\n" for n in range(12_000))
    with program(
        INSTANCE_PATH=str(tmp_path / "small"), PORT="0", ADMIN_PASSWORD=PASSWORD, MAX_BODY_MB="1", MAX_IMPORT_MB="3"
    ) as small:
        ada = Person(browser, small.address)
        ada.sign_in("admin", PASSWORD, "/app/import")
        ada.field("File").send_keys(file("large.csv", f"sku,name\n{rows}"))
        ada.read("Writes 12,000 rows.")
        assert len(table(ada, "What changes")) == 100
        ada.press("Show all 1,000")
        assert len(table(ada, "What changes")) == 1000
        ada.field("File").send_keys(file("larger.csv", f"sku,name\n{rows}{rows}"))
        ada.read("The body may have 3145728 bytes at most.")

        slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 300_000}
        ada.browser.execute_cdp_cmd("Network.enable", {})
        ada.browser.execute_cdp_cmd("Network.emulateNetworkConditions", slow)
        ada.field("File").send_keys(file("large.csv", f"sku,name\n{rows}"))
        ada.read("Sending the file")
        bar = ada.find("progress")
        ada.until(lambda: 0 < float(bar.get_attribute("value") or 0) < 1, "nothing is on its way")
        ada.picture("import-sending")
        assert ada.barriers() == []
        ada.press("Stop")
        ada.read("The check was stopped.")
        ada.absent("progress")

    assert not ada.find("button", "Import").is_enabled()


def test_the_sales_of_a_shop_are_read_as_movements_when_their_columns_are_named(ada, service):
    if not SALES.exists():
        pytest.skip("the sales are not here")
    with SALES.open(encoding="utf-8", newline="") as opened:
        sales = list(csv.DictReader(opened))
    lines = "".join(f"{sku},Part,9999\n" for sku in sorted({sale["StockCode"].upper() for sale in sales}))
    stock = f"sku,name,quantity\n{lines}".encode()
    assert service.ask("POST", "/items/import", stock, content_type="text/csv").status == 200
    taken_back = [sale for sale in sales if int(sale["Quantity"]) < 1]

    ada.choose("What the file holds", "Goods received")
    ada.choose("What each row is", "Goods issued")
    ada.field("File").send_keys(str(SALES))
    ada.press("Leave out the unknown columns")
    ada.choose("InvoiceNo", "Reference")
    ada.absent(".busy")
    ada.choose("StockCode", "SKU")
    ada.read(f"The file has {len(taken_back)} faults")

    assert [row[2] for row in table(ada, "What is wrong")] == [sale["Quantity"] for sale in taken_back]
    assert not ada.find("button", "Import").is_enabled()
    ada.picture("import-sales")
    assert ada.complaints() == []


def test_a_dropped_file_is_taken_and_one_that_is_written_anew_has_to_be_chosen_again(ada, file):
    ada.browser.execute_script(DROP, "dropped.csv", "sku,name\nDROP-1,Dropped\n")
    ada.read("Writes 1 row.")
    assert table(ada, "What changes") == [["1", "DROP-1", "Name", "empty", "Dropped"]]

    path = file("mended.csv", "sku,name\nMEND-1,\n")
    ada.field("File").send_keys(path)
    ada.read("The file has 1 fault")
    file("mended.csv", "sku,name\nMEND-1,Mended\n")
    ada.choose("What the quantity means", "Leave the stock alone")
    ada.read("The file has been changed or moved since you chose it.")
    ada.field("File").send_keys(path)
    ada.read("Writes 1 row.")
    assert ada.field("What the quantity means").get_attribute("value") == "ignore"
    assert ada.complaints() == []


def test_while_a_file_is_brought_in_nothing_takes_its_place(ada, service, file):
    ada.field("File").send_keys(file("first.csv", "sku,name,colour\nHELD-1,First,red\n"))
    ada.press("Leave out the unknown columns")
    ada.read("Writes 1 row.")
    ada.browser.execute_script(HOLD)
    bring_in(ada)
    ada.read("Sending the file")
    ada.browser.execute_script(DROP, "second.csv", "sku,name\nHELD-2,Second\n")
    ada.until(lambda: ada.browser.execute_script("return Boolean(window.goOn)"), "nothing is on its way")
    assert "second.csv" not in ada.text
    assert not ada.find("button", "Import").is_enabled()
    assert ada.browser.execute_script('return document.querySelector("td select").closest("[inert]") !== null')
    ada.browser.execute_script("goOn()")

    assert "first.csv" in ada.read("1 row was written.")
    assert [service.ask("GET", f"/items/by-sku/HELD-{n}").status for n in (1, 2)] == [200, 404]
    assert ada.complaints() == []


def test_who_may_only_look_is_told_so(browser, service):
    gus = {"username": "gus", "password": PASSWORD, "role": "guest"}
    assert service.ask("POST", "/users", gus).status == 201
    person = Person(browser, service.address)
    person.sign_in("gus", PASSWORD, "/app/import")

    person.read("You may look at the stock, but not bring in files.")
    assert not person.browser.find_elements("css selector", "input[type=file]")


def test_what_is_no_table_is_refused_in_the_words_of_the_service(ada, file):
    ada.field("File").send_keys(file("picture.xlsx", b"\x89PNG\r\n\x1a\n" + bytes(range(256))))

    refused = ada.find(".notice.bad").text
    assert refused == "The file is a picture."
    assert not ada.find("button", "Import").is_enabled()


def test_the_page_knows_the_columns_and_the_encodings_of_the_service():
    columns = (STATIC / "import" / "columns.js").read_text(encoding="utf-8")
    options = (STATIC / "import" / "options.js").read_text(encoding="utf-8")

    assert [name for name in {*IMPORT_COLUMNS, *MOVEMENT_COLUMNS} if f'"{name}"' not in columns] == []
    assert {"cp437", "utf-8", "big5"} <= CODECS.keys() - {UTF_16}
    assert "windows-1252" in CODECS
    assert '"shift_jis"' in options
