"""The reports: read, counted, saved as files that open, and printed as something for a folder."""

import base64
import io
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from tests.support.browser import PHONE
from tests.support.person import PICTURES, Person
from tests.support.program import PASSWORD, SOON, Program, program

HOSTILE = "<img src=x onerror=alert(1)>"
LONG = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen" * 2
MANY = 230


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A shop that has bought and sold: many items, some with costs, some low."""
    with program(INSTANCE_PATH=str(tmp_path_factory.mktemp("shop")), PORT="0", ADMIN_PASSWORD=PASSWORD) as running:
        fill(running)
        yield running


def fill(shop: Program) -> None:
    items = [
        {"sku": "LAMP-1", "name": "Desk lamp, brass", "price": "40.00", "reorder_level": 5},
        {"sku": "BAD-1", "name": HOSTILE, "price": "1.00", "quantity": 3, "reorder_level": 10},
        {"sku": "LONG-1", "name": LONG, "price": "2.50", "quantity": 4},
    ]
    for item in items:
        assert shop.ask("POST", "/items", item).status == 201
    lamps = [
        {"sku": "LAMP-1", "kind": "receive", "quantity": 10, "reason": "PO-1", "unit_cost": "10.00"},
        {"sku": "LAMP-1", "kind": "receive", "quantity": 10, "reason": "PO-2", "unit_cost": "12.00"},
        {"sku": "LAMP-1", "kind": "issue", "quantity": 16, "reason": "sold"},
    ]
    assert shop.ask("POST", "/movements", {"movements": lamps}).status == 201
    lines = "".join(f"SKU-{n:04},Part {n:04},2,0.5\n" for n in range(MANY - len(items)))
    text = f"sku,name,quantity,price\n{lines}".encode()
    assert shop.ask("POST", "/items/import", text, content_type="text/csv").status == 200


@pytest.fixture
def ada(browser: Any, shop: Program, tmp_path: Path) -> Person:
    behaviour = {"behavior": "allow", "downloadPath": str(tmp_path / "saved")}
    browser.execute_cdp_cmd("Page.setDownloadBehavior", behaviour)
    person = Person(browser, shop.address)
    person.sign_in("admin", PASSWORD)
    return person


def saved(folder: Path, ending: str) -> bytes:
    """Wait for a file that the browser saves."""
    end = time.monotonic() + SOON
    while time.monotonic() < end:
        found = list((folder / "saved").glob(f"*{ending}"))
        if found and found[0].stat().st_size:
            return found[0].read_bytes()
        time.sleep(0.05)
    raise AssertionError(f"no {ending} was saved")


def test_somebody_values_the_stock_reads_to_its_end_and_takes_it_along(ada, tmp_path):
    ada.press("Reports")
    ada.find("h1", "Reports")
    ada.picture("reports-desk-light")
    assert ada.barriers() == []
    ada.press("Valuation")
    ada.find("h1", "Valuation")
    # 4 lamps at 11, 3 at 1.00 and 4 at 2.50 by their prices, and the parts.
    ada.read("284.00")
    ada.read("A unit costs the moving average of its receipts. 229 items have no receipt with a cost")
    assert ada.rows()[0] == ["LAMP-1", "4", "11.00", "44.00"]
    ada.picture("valuation-desk-light")
    assert ada.barriers() == []
    ada.browser.execute_script("scrollTo(0, document.body.scrollHeight)")
    ada.find("tfoot th", "Total")
    assert len(ada.rows()) == MANY

    ada.choose("A unit costs", "what the last receipt cost")
    ada.press("Show")
    ada.read("288.00")
    assert ada.path.endswith("?method=last")
    ada.press("Valuation as XLSX")
    sheet = load_workbook(io.BytesIO(saved(tmp_path, ".xlsx"))).active
    assert [cell.value for cell in sheet[2]] == [1, "LAMP-1", 4, 12, 48]
    assert sheet.max_row == MANY + 1
    ada.press("Valuation as CSV")
    assert saved(tmp_path, ".csv").decode("utf-8-sig").splitlines()[1] == "1,LAMP-1,4,12.00,48.00"

    yesterday = (datetime.now().astimezone() - timedelta(days=1)).strftime("%m%d%Y")
    ada.field("At the end of").send_keys(yesterday)
    ada.press("Show")
    ada.read("Nothing was in stock then.")
    ada.browser.refresh()
    ada.read("Nothing was in stock then.")
    ada.picture("valuation-empty-desk-light")
    assert ada.complaints() == []


def test_somebody_sees_what_to_order_and_what_lies_idle(ada, shop):
    ada.open("/app/reports/reorder")
    ada.read("Order up to the level.")
    assert [row[:2] + row[-1:] for row in ada.rows()] == [["Desk lamp, brass", "LAMP-1", "1"], [HOSTILE, "BAD-1", "7"]]
    assert "Location" not in ada.text.replace("Locations", "")
    ada.write("Order up to", "twenty")
    ada.press("Show")
    ada.read("Write a whole number, as 12.")
    ada.write("Order up to", "0")
    ada.press("Show")
    ada.read("must be 1 or more")
    ada.write("Order up to", "20")
    ada.press("Show")
    ada.read("Order up to 20 of each.")
    assert [row[-1] for row in ada.rows()] == ["16", "17"]
    ada.picture("reorder-desk-light")

    ada.open("/app/reports/turnover")
    ada.find("h1", "Turnover")
    assert ada.rows()[0][:5] == ["Desk lamp, brass", "LAMP-1", "4", "16", "7.5 days"]
    assert ada.rows()[1][0] == f"{HOSTILE} idle"
    ada.prefer("dark")
    assert ada.too_narrow() == []
    ada.resize(PHONE)
    ada.picture("turnover-phone-dark")
    assert ada.barriers() == []
    assert ada.complaints() == []


def test_a_printed_report_has_its_title_its_date_all_rows_and_no_menu(ada):
    ada.open("/app/reports/turnover")
    ada.find("h1", "Turnover")
    ada.browser.execute_script(
        "window.print = () => { document.title = `printed ${document.querySelector('tfoot').innerText}`; };"
    )
    ada.press("Print")
    ada.until(lambda: ada.browser.title.startswith("printed Total"), "it was not printed")

    assert len(ada.rows()) == MANY
    ada.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    ada.picture("turnover-print")
    for gone in (".frame", ".parameters", ".actions"):
        ada.absent(gone)
    ada.read("Turnover")
    ada.read("Counted is what was issued")
    assert ada.find("tfoot").value_of_css_property("display") == "table-row-group"  # a footer is on every sheet
    pdf = ada.browser.execute_cdp_cmd("Page.printToPDF", {})["data"]
    assert base64.b64decode(pdf).startswith(b"%PDF")
    if PICTURES:
        (Path(PICTURES) / "turnover.pdf").write_bytes(base64.b64decode(pdf))


def test_the_stock_and_the_ledger_are_saved_as_files(ada, tmp_path):
    ada.open("/app/reports")
    ada.press("Ledger as CSV")

    ledger = saved(tmp_path, ".csv").decode("utf-8-sig").splitlines()
    assert len(ledger) == 1 + MANY - 1 + 3
    ada.press("Stock list as XLSX")
    assert load_workbook(io.BytesIO(saved(tmp_path, ".xlsx"))).active["A2"].value == "LAMP-1"
    tomorrow = (datetime.now().astimezone() + timedelta(days=1)).strftime("%m%d%Y")
    ada.field("From (day)").send_keys(tomorrow)
    assert "since=" in ada.find("a", "Ledger as XLSX").get_attribute("href")


def test_somebody_who_reads_german_reads_reports_in_german(browsers, service):
    mia = Person(browsers("de"), service.address)
    mia.sign_in("admin", PASSWORD, "/app/reports/reorder")

    mia.read("Nichts ist zu bestellen.")
    mia.open("/app/reports/valuation?at=2020-01-31")
    mia.read("Stand 31.01.2020")
    mia.open("/app/reports/constructor")
    mia.find("h1", "Diese Seite gibt es nicht")
    assert mia.complaints() == []
