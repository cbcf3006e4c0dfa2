"""The count: a list with a field for each item, what differs before it is booked, and one booking for all of it."""

from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest

from tests.support.browser import PHONE
from tests.support.network import CUT, WHOLE, Network, network
from tests.support.person import Person
from tests.support.program import PASSWORD, SOON, Program

ENTER = "\ue007"
LONG = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen" * 2
READY = "const done = arguments[0]; navigator.serviceWorker.ready.then(() => done(true))"
KEPT = """
const [name, done] = arguments;
const opened = indexedDB.open("stockroom");
opened.onsuccess = () => {
  const found = opened.result.transaction("kept").objectStore("kept").get(name);
  found.onsuccess = () => { opened.result.close(); done(Boolean(found.result)); };
};
"""


@pytest.fixture(scope="module")
def shop(service: Program) -> Program:
    """A shop with five items, and what is in them."""
    for item in (
        {"sku": "LAMP-1", "name": "Desk lamp, brass", "barcode": "4006381333931", "quantity": 12, "bin": "A 1"},
        {"sku": "LAMP-2", "name": "Desk lamp, steel", "quantity": 4, "bin": "A 2"},
        {"sku": "ROPE-1", "name": "Rope", "quantity": 0},
        {"sku": "LONG-1", "name": LONG, "quantity": 1},
        {"sku": "BAD-1", "name": "<img src=x onerror=alert(1)>", "quantity": 7},
    ):
        assert service.ask("POST", "/items", item).status == 201
    return service


@pytest.fixture
def way(shop: Program) -> Iterator[Network]:
    """The network between the browser and the shop."""
    with network(shop.address) as opened:
        yield opened


@pytest.fixture
def mia(browser: Any, way: Network) -> Person:
    person = Person(browser, way.address)
    person.resize(PHONE)
    person.sign_in("admin", PASSWORD, "/app/count")
    person.find("h1", "Count")
    return person


def scan(person: Person, code: str) -> None:
    person.write_into(person.field("Scan or write a code"), code + ENTER)


def barriers(person: Person) -> list[str]:
    """What keeps people out of the whole page at once: what stays in view covers a part of a row while one scrolls."""
    person.resize((390, 2000))
    found = person.barriers()
    person.resize(PHONE)
    return found


def stocks(shop: Program) -> dict[str, int]:
    rows = shop.ask("GET", "/items?limit=200").json["data"]
    return {row["sku"]: row["quantity"] for row in rows}


def ledger(shop: Program) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shop.ask("GET", "/movements?sort=-id&limit=200").json["data"]
    return found


def test_what_was_counted_is_compared_and_booked_at_once(mia, shop):
    before = len(ledger(shop))
    mia.find("tbody th", None)
    assert [row[1] for row in mia.rows()] == ["12", "4", "7", "1", "0"]
    mia.picture("count-phone-light")
    scan(mia, "4006381333931")
    mia.read("Desk lamp, brass: 1")
    scan(mia, "10*lamp-1")
    mia.read("Desk lamp, brass: 11")
    scan(mia, "0*lamp-1")
    mia.read("The number before * must be 1 or more.")
    mia.write("Counted of Rope", "0")
    mia.write("Counted of Desk lamp, steel", "4x")
    mia.press("Compare")
    mia.read("Desk lamp, steel: write a whole number, 0 or more.")
    mia.write("Counted of Desk lamp, steel", "4")
    mia.press("Hide what is expected")
    assert not mia.browser.find_element("css selector", "td.expected").is_displayed()
    assert barriers(mia) == []
    assert mia.overflow() <= 0

    mia.open("/app/count")
    mia.read("3 lines counted")
    assert mia.field("Counted of Desk lamp, brass").get_attribute("value") == "11"
    mia.press("Compare")
    mia.read("1 line differs. 2 lines agree.")
    assert [row[1:] for row in mia.rows()] == [["12", "11", "−1"]]
    mia.picture("count-variance-phone-light")
    assert barriers(mia) == []
    assert mia.overflow() <= 0
    mia.press("Book 3 lines")
    mia.find("h1", "Waiting")
    mia.read("Nothing waits, and nothing was refused.")

    booked = ledger(shop)[: len(ledger(shop)) - before]
    assert {(row["sku"], row["kind"], row["delta"], row["reason"]) for row in booked} == {
        ("LAMP-1", "count", -1, "stock count"),
        ("LAMP-2", "count", 0, "stock count"),
        ("ROPE-1", "count", 0, "stock count"),
    }
    assert len(booked) == 3
    assert stocks(shop) == {"LAMP-1": 11, "LAMP-2": 4, "ROPE-1": 0, "LONG-1": 1, "BAD-1": 7}
    mia.open("/app/count")
    mia.read("0 lines counted")
    assert mia.complaints() == []


def test_a_count_without_network_waits_and_what_moved_meanwhile_is_looked_at_again(mia, shop, way):
    assert mia.browser.execute_async_script(READY)
    mia.find("tbody th", None)
    way.be(CUT)
    mia.open("/app/count")
    mia.write("Counted of Desk lamp, steel", "2")
    scan(mia, f"{shop.address}/i/LAMP-2")
    mia.read("Desk lamp, steel: 3")
    mia.write("Counted of Rope", "2")
    scan(mia, "not-here")
    mia.read("not-here is not in the list, and could not be looked up.")
    mia.press("Compare")
    mia.press("Book 2 lines")
    mia.read("Count of 2 lines")
    mia.read("1 waiting")
    issue = {"kind": "issue", "quantity": 1, "reason": "sold"}
    item = shop.ask("GET", "/items?sku=LAMP-2").json["data"][0]["id"]
    assert shop.ask("POST", f"/items/{item}/movements", issue).status == 201
    before = stocks(shop)

    way.be(WHOLE)
    mia.press("Try now")
    mia.read("1 refused")
    mia.read("Desk lamp, steel: ")
    mia.picture("count-refused-phone-light")
    assert stocks(shop) == before
    mia.press("Look again: Count of 2 lines")
    mia.read("moved meanwhile: 4 → 3, look again")
    mia.picture("count-again-phone-light")
    assert barriers(mia) == []
    mia.absent(".queue a")
    mia.press("Compare")
    mia.press("Book 2 lines")
    mia.read("Nothing waits, and nothing was refused.")
    assert stocks(shop) == {**before, "ROPE-1": 2}
    assert mia.complaints() == []


def test_each_location_has_its_list_and_a_scan_adds_what_is_not_in_it(mia, shop):
    assert shop.ask("POST", "/locations", {"code": "SHOP", "name": "Mill Lane"}).status == 201
    mia.open("/app/count")
    mia.choose("Location", "SHOP")
    mia.read("There is nothing to count here yet.")
    mia.picture("count-empty-phone-light")
    scan(mia, "3*LONG-1")
    mia.read(f"{LONG}: 3")
    mia.choose("Location", "MAIN")
    mia.read("0 lines counted")
    # One walks along the bins: those of the items are at the default location.
    assert [row[0].split(" · ")[-1] for row in mia.rows()[:2]] == ["A 1", "A 2"]
    mia.choose("Location", "SHOP")
    mia.read("1 line counted")
    mia.press("Compare")
    mia.press("Book 1 line")
    mia.read("Nothing waits, and nothing was refused.")
    newest = ledger(shop)[0]
    assert (newest["sku"], newest["location"], newest["delta"]) == ("LONG-1", "SHOP", 3)

    mia.open("/app/count")
    mia.find("tbody th", None)
    scan(mia, "LAMP-1")
    mia.read("Desk lamp, brass: 1")
    mia.press("Drop the count")
    mia.find("dialog button.primary", "Drop the count").click()
    mia.read("0 lines counted")
    assert mia.complaints() == []


def test_a_list_that_comes_late_is_never_shown_as_that_of_another_location(mia, shop, way):
    assert shop.ask("POST", "/locations", {"code": "VAN"}).status == 201
    mia.open("/app/count")
    mia.find("tbody th", None)
    arrives = Event()

    def late(method: str, path: str) -> str:
        if "location=VAN" in path:
            arrives.wait(SOON)
        return WHOLE

    way.state = late
    mia.choose("Location", "VAN")
    mia.absent("tbody th")
    mia.choose("Location", "MAIN")
    mia.find("tbody th", None)
    before = mia.rows()
    arrives.set()
    mia.until(lambda: mia.browser.execute_async_script(KEPT, "list VAN"), "the list of VAN has not arrived")
    assert mia.rows() == before
    assert mia.field("Location").get_attribute("value") == "MAIN"
    assert mia.complaints() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_count_keeps_nobody_out_and_fits_every_screen(mia, scheme):
    mia.prefer(scheme)
    mia.resize((390, 600))
    scan(mia, "ROPE-1")
    mia.read("1 line counted")
    assert mia.focused().rect["y"] > mia.browser.execute_script("return scrollY")
    mia.find(".count-said p", "Rope: 1")
    assert mia.too_narrow() == []
    mia.picture(f"count-desk-{scheme}")
    assert mia.barriers() == []
