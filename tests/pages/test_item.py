"""The page of an item: received, issued, counted, reversed, reserved and moved, by those who may."""

from typing import Any

import pytest

from tests.support.browser import PHONE
from tests.support.item_page import HOSTILE, LONG, act, make, move, movements_of, quantity, rows, submit
from tests.support.person import Person
from tests.support.program import PASSWORD, Program

TAB, ENTER, ESCAPE = "\ue004", "\ue007", "\ue00c"
# The time of a message is over when the test says so.
HOLD_MESSAGES = """
const later = window.setTimeout;
window.over = [];
window.setTimeout = (run, ms, ...more) => ms === 6000 ? over.push(run) : later(run, ms, ...more);
"""


@pytest.fixture
def ada(browser: Any, service: Program) -> Person:
    person = Person(browser, service.address)
    person.sign_in("admin", PASSWORD)
    return person


def test_a_lamp_is_received_issued_by_keyboard_counted_and_taken_back(ada, service):
    lamp = make(service, "LAMP-1", name="Desk lamp, brass", unit="piece")
    ada.write("Search", "brass")
    ada.find("tbody th a", "Desk lamp, brass").click()
    ada.read("Nothing has moved here yet.")
    act(ada, "Receive")
    assert "Location" not in ada.find("dialog").text
    ada.write("Quantity received", "10")
    ada.write("Cost of a unit", "3,25")
    submit(ada)
    ada.read("Received 10. On hand now: 10.")
    assert service.ask("GET", f"/items/{lamp}/movements").json["data"][0]["unit_cost"] == "3.25"
    issue_by_keyboard(ada)
    count_while_another_receives(ada, service, lamp)

    received, issued, again, *_ = movements_of(service, lamp)
    ada.find("td button", f"Reverse movement {issued}").click()
    ada.read("Issue of −2 by admin")
    ada.picture("item-reverse")
    assert ada.barriers() == []
    submit(ada)
    ada.read("Reversed. On hand now: 9.")
    reversal = movements_of(service, lamp)[-1]
    ada.read(f"reversed by {reversal}")
    kinds = [row[1].split("\n")[0] for row in rows(ada, "Movements")]
    assert kinds == [f"Reversal reverses {issued}", "Count", "Receipt", f"Issue reversed by {reversal}", "Receipt"]
    assert [row[2] for row in rows(ada, "Movements")] == ["+2", "−2", "+1", "−2", "+10"]
    ada.find("td button", f"Reverse movement {received}").click()
    submit(ada)
    assert "9" in ada.find("dialog .notice.bad").text
    ada.type(ESCAPE)
    ada.find("tbody th button", "Receipt").click()
    ada.find("dialog h2", f"Movement {again}")
    assert ada.barriers() == []
    assert ada.complaints() == []


def issue_by_keyboard(ada: Person) -> None:
    """Issue two of ten without touching a mouse; the focus is back where it was."""
    ada.find("h1").click()
    for _ in range(20):
        ada.type(TAB)
        if ada.focused().accessible_name == "Issue":
            break
    ada.type(ENTER)
    ada.find("dialog h2", "Issue")
    ada.read("Available: 10 piece.")
    ada.type(f"2{ENTER}")
    ada.read("Issued 2. On hand now: 8.")
    assert ada.focused().accessible_name == "Issue"
    assert quantity(ada) == "8 piece"


def count_while_another_receives(ada: Person, service: Program, item: int) -> None:
    """Count seven of eight while one comes in: that is said, and the count stands once it is sent again."""
    act(ada, "Count")
    ada.read("On record: 8 piece.")
    ada.write("Quantity counted", "7")
    move(service, item, "receive", 1)
    submit(ada)
    ada.read("On record: 9 piece.")
    assert "9" in ada.find("dialog .error").text
    submit(ada)
    ada.read("Counted. On hand now: 7.")


def test_what_is_reserved_is_fulfilled_in_part_and_the_rest_released(ada, service):
    crate = make(service, "CRATE-1", name="Crate", quantity=10)
    ada.open(f"/app/items/{crate}")
    act(ada, "Reserve")
    ada.write("Quantity reserved", "11")
    submit(ada)
    assert "10" in ada.find("dialog .error").text
    ada.write("Quantity reserved", "4")
    ada.write("For whom or what", "Smith")
    ada.choose("Expires", "in a day")
    submit(ada)
    ada.read("Reserved 4.")
    assert rows(ada, "Open reservations")[0][:2] == ["Smith", "4"]
    ada.find("td button", "Fulfil Smith").click()
    ada.write("Quantity issued", "1")
    submit(ada)
    ada.read("Issued 1. On hand now: 9.")
    assert rows(ada, "Open reservations")[0][:2] == ["Smith", "3"]
    ada.find("td button", "Release Smith").click()
    submit(ada)
    ada.read("Released 3.")
    ada.absent("h2", "Open reservations")
    act(ada, "Adjust")
    ada.write("Change", "−2")
    ada.browser.execute_script(HOLD_MESSAGES)
    submit(ada)
    ada.read("Adjusted. On hand now: 7.")
    ada.browser.execute_script("arguments[0].focus()", ada.find(".message button", "Undo"))
    ada.browser.execute_script("for (const end of over.splice(0)) end()")
    assert ada.focused().text == "Undo"
    ada.find(".message button", "Undo").click()
    ada.read("Reversed. On hand now: 9.")
    assert ada.barriers() == []
    assert ada.complaints() == []


def test_what_is_moved_is_seen_where_it_lies_and_on_its_way(ada, service):
    service.ask("POST", "/locations", {"code": "ATTIC", "name": "The attic"})
    crate = make(service, "CRATE-2", name="Crate", quantity=9, bin="C 3")
    ada.open(f"/app/items/{crate}")
    act(ada, "Transfer")
    ada.write("Quantity moved", "3")
    ada.choose("To", "ATTIC")
    submit(ada)
    ada.read("Moved 3 from MAIN to ATTIC.")
    assert [row[:2] for row in rows(ada, "Where it lies")] == [["MAIN", "6"], ["ATTIC · The attic", "3"]]
    ada.choose("Location", "ATTIC")
    ada.absent("tbody th button", "Opening stock")
    assert [row[2:4] for row in rows(ada, "Movements")] == [["+3", "3"]]
    ada.find(".message button", "Undo").click()
    ada.read("The transfer from MAIN to ATTIC is reversed.")
    stocks = service.ask("GET", f"/items/{crate}/stocks").json["data"]
    assert [(stock["location"], stock["quantity"]) for stock in stocks] == [("MAIN", 9), ("ATTIC", 0)]
    ada.choose("Location", "All")
    ada.find("tbody th button", "Opening stock")

    act(ada, "Transfer")
    ada.write("Quantity moved", "3")
    ada.choose("To", "ATTIC")
    ada.press("It arrives later")
    submit(ada)
    ada.read("3 are on their way from MAIN to ATTIC.")
    ada.find("tbody th button", "Transfer, out").click()
    ada.press("It has arrived")
    ada.write("Arrived", "1")
    ada.write("Gone back", "1")
    submit(ada)
    ada.read("Recorded. 1 is still on its way.")
    stocks = rows(ada, "Where it lies")
    assert [row[:2] for row in stocks] == [["MAIN", "7"], ["ATTIC · The attic", "1"], ["On its way", "1"]]
    act(ada, "Receive")
    assert ada.field("Location").get_attribute("value") == "MAIN"
    ada.choose("Location", "ATTIC")
    ada.write("Quantity received", "4")
    submit(ada)
    ada.read("Received 4. On hand now: 13.")
    assert rows(ada, "Where it lies")[1][1] == "5"
    assert [row[-2] for row in rows(ada, "Where it lies")] == ["C 3", "", ""]
    ada.press("Edit ATTIC · The attic")
    ada.write("Reorder level", "6")
    ada.write("Bin", "left of the chimney")
    submit(ada)
    ada.read("Saved.")
    assert rows(ada, "Where it lies")[1][1:] == ["5", "low 5", "0", "6", "left of the chimney", "Edit"]
    assert ada.focused().accessible_name == "Edit ATTIC · The attic"
    assert service.ask("GET", f"/items/{crate}/stocks/ATTIC").json["bin"] == "left of the chimney"
    assert ada.barriers() == []
    assert ada.complaints() == []


def test_who_is_bound_to_a_location_is_offered_that_one_alone(browser, service):
    service.ask("POST", "/locations", {"code": "ATTIC"})
    service.ask("POST", "/users", {"username": "bo", "password": PASSWORD, "role": "member", "locations": ["ATTIC"]})
    item = make(service, "BOUND-1", quantity=5)
    bo = Person(browser, service.address)
    bo.sign_in("bo", PASSWORD, f"/app/items/{item}")
    bo.find("h1", "BOUND-1")
    act(bo, "Receive")
    options = bo.field("Location").find_elements("css selector", "option")
    assert [option.text.split()[0] for option in options] == ["ATTIC"]
    bo.write("Quantity received", "2")
    submit(bo)
    bo.read("Received 2. On hand now: 7.")
    assert [row[-1] for row in rows(bo, "Movements")] == ["Reverse", ""]
    assert bo.complaints() == []


def test_a_long_ledger_is_read_on_and_keeps_its_place_when_something_is_added(ada, service):
    item = make(service, "BOLT-1")
    lines = [{"item_id": item, "kind": "receive", "quantity": n, "reason": f"box {n}"} for n in range(1, 121)]
    assert service.ask("POST", "/movements", {"movements": lines}).status == 201
    ada.open(f"/app/items/{item}")
    ada.read("box 120")
    for _ in range(3):
        ada.browser.execute_script("scrollTo(0, document.body.scrollHeight)")
        ada.browser.execute_async_script("setTimeout(arguments[0], 200)")
    ada.read("box 1\n")
    first = ada.find("td button", f"Reverse movement {movements_of(service, item)[0]}")
    ada.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", first)
    place = ada.browser.execute_script("return scrollY")
    first.click()
    submit(ada)
    ada.read("Reversed. On hand now: 7,259.")
    ada.read("entered by mistake")

    changes = [row[2] for row in rows(ada, "Movements")]
    assert changes == ["−1", *(f"+{n}" for n in range(120, 0, -1))]
    assert abs(ada.browser.execute_script("return scrollY") - place) < 200
    assert ada.focused().text == "Receipt"
    assert ada.complaints() == []


def test_names_are_text_whatever_they_say_and_every_screen_has_room(ada, service):
    attributes = {HOSTILE: HOSTILE, "n" * 64: "v" * 300}
    fields = {"name": HOSTILE + LONG, "attributes": attributes, "tags": [HOSTILE, "t" * 50], "description": HOSTILE}
    item = make(service, f"{HOSTILE}/1", quantity=3, reorder_level=5, **fields)
    for page, shown in ((f"{item}", "Movements"), (f"{item}/edit", "Attributes"), ("by-sku/%3Cb%3E", "<b>")):
        ada.open(f"/app/items/{page}")
        ada.read(shown)
        assert ada.too_narrow() == [], page
        for scheme in ("dark", "light"):
            ada.prefer(scheme)
            assert ada.barriers() == [], page
        assert "<script>" in ada.text or "<b>" in ada.text or "edit" in page
    ada.open(f"/app/items/by-sku/{HOSTILE}%2F1")
    ada.read(HOSTILE)
    assert ada.path == f"/app/items/{item}"
    for name, size, scheme in (("phone", PHONE, "dark"), ("desk", (1280, 2200), "light")):
        ada.resize(size)
        ada.prefer(scheme)
        ada.find(".plot svg")
        ada.picture(f"item-hostile-{name}-{scheme}")
    assert ada.browser.execute_script("return document.querySelectorAll('main script').length") == 0
    assert ada.complaints() == []


def test_a_guest_reads_and_finds_nothing_that_is_not_theirs_to_do(browser, service):
    item = make(service, "SEEN-1", quantity=2)
    service.ask("POST", "/users", {"username": "gus", "password": PASSWORD, "role": "guest"})
    gus = Person(browser, service.address)
    gus.sign_in("gus", PASSWORD, f"/app/items/{item}")
    gus.read("Opening stock")

    gus.absent(".acts button")
    gus.absent("td button", "Reverse")
    gus.absent("a", "Edit")
    gus.find("tbody th button", "Opening stock").click()
    gus.find("dialog h2")
    gus.absent("dialog button", "Reverse")
    assert gus.complaints() == []


def test_at_the_address_of_what_is_not_there_one_reads_so_and_goes_on_to_the_stock(ada):
    for page in ("items/99999", "items/99999/edit", "admin/webhooks/99999", "nowhere"):
        ada.open(f"/app/{page}")
        ada.find("h1", "There is no such page")
        ada.absent("main button", "Try again")
    ada.find("main a", "Stock").click()
    ada.find("h1", "Stock")
    assert ada.complaints() == []
