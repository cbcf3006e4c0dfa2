"""Transfers on their way: listed under Locations, and received there."""

from tests.support.browser import DESK, PHONE
from tests.support.person import Person
from tests.support.program import PASSWORD

ROWS_ON_THEIR_WAY = """
const table = [...document.querySelectorAll("table")].find((each) => each.caption.textContent === "On their way");
return [...table.tBodies[0].rows].map((row) => [...row.cells].slice(0, 2).map((cell) => cell.innerText.trim()));
"""
HOSTILE = "<img src=x onerror=alert(1)>"


def on_their_way(person: Person) -> list[tuple[str, str]]:
    """Return the ends of each transfer that is on its way, and how many units are."""
    person.find("h2", "On their way")
    rows = person.browser.execute_script(ROWS_ON_THEIR_WAY)
    return [(ends.split("\n")[0], units) for ends, units in rows]


def test_what_is_on_its_way_is_listed_and_received_line_by_line(browser, service):
    for sku in ("LAMP-1", "BULB-1"):
        assert service.ask("POST", "/items", {"sku": sku, "name": sku, "quantity": 20}).status == 201
    for code in ("SHOP", "VAN"):
        assert service.ask("POST", "/locations", {"code": code}).status == 201
    for to, quantities in (("VAN", (5, 12)), ("SHOP", (1, 1))):
        lines = [{"sku": sku, "quantity": n} for sku, n in zip(("LAMP-1", "BULB-1"), quantities, strict=True)]
        body = {"from": "MAIN", "to": to, "lines": lines, "reason": HOSTILE, "reference": "LS 7", "receive": "later"}
        assert service.ask("POST", "/transfers", body).status == 201
    service.ask("POST", "/users", {"username": "bo", "password": PASSWORD, "role": "member", "locations": ["SHOP"]})
    ada = Person(browser, service.address)
    ada.sign_in("admin", PASSWORD, "/app/locations")

    assert on_their_way(ada) == [("MAIN → VAN", "17"), ("MAIN → SHOP", "2")]
    ada.picture("locations-transfers-desk")
    assert ada.barriers() == []
    ada.resize(PHONE)
    assert ada.overflow() == 0
    ada.picture("locations-transfers-phone")
    ada.resize(DESK)
    receive = f"{HOSTILE}, MAIN to VAN: it has arrived"
    ada.press(receive)
    ada.write("LAMP-1", "0")
    ada.write("BULB-1", "0")
    ada.find("dialog button.primary").click()
    ada.read("Write how many have arrived")
    ada.write("BULB-1", "13")
    ada.find("dialog button.primary").click()
    assert "12" in ada.find("dialog [role=alert] .notice").text
    ada.write("BULB-1", "10")
    ada.picture("locations-transfers-received")
    assert ada.barriers() == []
    ada.find("dialog button.primary").click()
    ada.read("Recorded. 7 are still on their way.")
    assert on_their_way(ada) == [("MAIN → VAN", "7"), ("MAIN → SHOP", "2")]
    ada.press(receive)
    ada.find("dialog button.primary").click()
    ada.read("Recorded. 0 are still on their way.")
    assert on_their_way(ada) == [("MAIN → SHOP", "2")]
    stocks = service.ask("GET", "/stocks?location=VAN").json["data"]
    assert sorted((each["sku"], each["quantity"]) for each in stocks) == [("BULB-1", 12), ("LAMP-1", 5)]

    ada.press("Sign out")
    ada.find("h1", "Sign in")
    ada.sign_in("bo", PASSWORD, "/app/locations")
    assert on_their_way(ada) == [("MAIN → SHOP", "2")]
    ada.press(f"{HOSTILE}, MAIN to SHOP: it has arrived")
    ada.find("dialog button.primary").click()
    ada.read("Recorded. 0 are still on their way.")
    ada.absent("h2", "On their way")
    assert ada.complaints() == []
