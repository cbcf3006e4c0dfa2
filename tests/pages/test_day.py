"""The story of a day: what a colleague does with the page from morning to evening, on a phone and at a desk."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import DESK, PHONE
from tests.support.person import Person
from tests.support.program import PASSWORD, Program, program

ENTER = "\ue007"
SHEET = "SKU;Name;Quantity;Price\nLAMP-1;Schreibtischlampe, Messing;12;12,50\nROPE-1;Seil;3;0,80\n"
READY = "const done = arguments[0]; navigator.serviceWorker.ready.then(() => done(true))"


class Day:
    """A colleague, and the service that they work with, which may be stopped and started again."""

    def __init__(self, folder: Path, browser: Any) -> None:
        self.folder, self.browser = folder, browser
        self.start("0")
        self.mia = Person(browser, self.service.address)

    def start(self, port: str) -> None:
        """Start the service."""
        self._opened = program(INSTANCE_PATH=str(self.folder), PORT=port, ADMIN_PASSWORD=PASSWORD)
        self.service: Program = self._opened.__enter__()
        self.port = self.service.address.rpartition(":")[2]

    def stop(self) -> None:
        """Stop the service."""
        self._opened.__exit__(None, None, None)

    def ledger(self) -> list[tuple[str, int, str]]:
        """What was booked after the import."""
        found = self.service.ask("GET", "/movements?sort=id&limit=200").json["data"]
        return [(each["kind"], each["delta"], each["sku"]) for each in found if each["reason"] != "import"]


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_a_day_with_the_page(tmp_path: Path, browsers: Callable[..., Any], size: tuple[int, int]) -> None:
    day = Day(tmp_path / "instance", browsers())
    try:
        live(day, size, tmp_path)
    finally:
        day.stop()


def live(day: Day, size: tuple[int, int], folder: Path) -> None:
    mia = day.mia
    mia.resize(size)
    mia.sign_in("admin", PASSWORD)
    bring_in_the_sheet_of_the_supplier(day, folder / "sheet.csv")
    find_the_lamp_take_five_in_and_two_out(mia)
    count_a_shelf_in_the_cellar(day)
    see_how_it_came_about_and_make_a_label(mia)
    mia.press("Sign out")
    mia.find("h1", "Sign in")
    assert mia.overflow() <= 0
    assert mia.complaints() == []


def bring_in_the_sheet_of_the_supplier(day: Day, sheet: Path) -> None:
    mia = day.mia
    # A German spreadsheet wrote it.
    sheet.write_bytes(SHEET.encode("cp1252"))
    mia.find(".empty a", "Import").click()
    mia.find("h1", "Import")
    mia.browser.find_element("css selector", "input[type=file]").send_keys(str(sheet))
    mia.press("More options")
    mia.choose("Decimal sign", "comma")
    mia.read("Schreibtischlampe, Messing")
    assert day.service.ask("GET", "/items").json["total_items"] == 0
    mia.find("main button", "Import").click()
    mia.until(lambda: day.service.ask("GET", "/items").json["total_items"] == 2, "the sheet was not imported")


def find_the_lamp_take_five_in_and_two_out(mia: Person) -> None:
    mia.press("Stock")
    mia.write("Search", "messing")
    mia.absent("tbody th a", "Seil")
    mia.press("Scan")
    mia.find("h1", "Scan")
    mia.type(f"5*LAMP-1{ENTER}")
    mia.read("Booked: +5 Schreibtischlampe, Messing (LAMP-1)")
    mia.press("Issue")
    mia.type(f"LAMP-1{ENTER}")
    mia.read("Booked: −1 Schreibtischlampe, Messing (LAMP-1)")
    mia.type(f"LAMP-1{ENTER}")
    mia.read("now 15")


def count_a_shelf_in_the_cellar(day: Day) -> None:
    mia = day.mia
    assert mia.browser.execute_async_script(READY)
    mia.press("Count")
    mia.field("Counted of Schreibtischlampe, Messing")
    day.stop()
    mia.open("/app/count")
    mia.write("Counted of Schreibtischlampe, Messing", "14")
    mia.press("Compare")
    mia.read("1 line differs.")
    mia.press("Book 1 line")
    mia.find(".queue a", "1 waiting")
    mia.press("Scan")
    mia.find("h1", "Scan")
    mia.press("Issue")
    mia.type(f"ROPE-1{ENTER}")
    mia.find(".queue a", "2 waiting")
    day.start(day.port)
    mia.absent(".queue a", "2 waiting")
    mia.absent(".queue a", "1 waiting")
    assert day.ledger() == [
        ("receive", 5, "LAMP-1"),
        ("issue", -1, "LAMP-1"),
        ("issue", -1, "LAMP-1"),
        ("count", -1, "LAMP-1"),
        ("issue", -1, "ROPE-1"),
    ]


def see_how_it_came_about_and_make_a_label(mia: Person) -> None:
    mia.open("/i/LAMP-1")
    mia.find("h1", "Schreibtischlampe, Messing")
    assert mia.read("stock count").count("scanned") >= 2
    mia.press("Label")
    mia.find("h1", "Labels")
    mia.find(".sheet img")
