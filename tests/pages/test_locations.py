"""The locations: made, renamed, made the default, archived and brought back, as far as the API lets one."""

from typing import Any

import pytest

from tests.support.browser import DESK, PHONE
from tests.support.person import Person
from tests.support.program import PASSWORD, Program

# Lists that are read whole come in pages of one row.
ONE_ROW_A_PAGE = """
const send = window.fetch;
window.fetch = (address, ...more) => send(address.replace("limit=200", "limit=1"), ...more);
"""
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def ada(browser: Any, service: Program) -> Person:
    person = Person(browser, service.address)
    person.sign_in("admin", PASSWORD, "/app/locations")
    return person


def places(person: Person) -> list[str]:
    """Return the codes of the locations that are shown, with what is said beside them."""
    return [row[0] for row in person.rows()]


def test_a_van_is_made_renamed_made_the_default_archived_and_brought_back(ada, service):
    ada.read("There is one location")
    ada.picture("locations-one")
    for code, name in (("main", ""), ("VAN", "The van"), ("SHOP", HOSTILE * 6)):
        ada.press("New location")
        ada.write("Code", code)
        ada.write("Name", name)
        ada.press("Save")
        if code == "main":
            assert "MAIN" in ada.find("dialog .error").text.upper()
            ada.press("Cancel")
        else:
            ada.read(f"{code} is made.")
    assert places(ada) == ["MAIN default", "SHOP", "VAN"]
    ada.press("Edit VAN")
    ada.write("Name", "The blue van")
    ada.press("Save")
    ada.read("VAN is saved.")
    ada.press("Make VAN the default")
    ada.read("VAN is the default location now.")
    assert ada.focused().tag_name == "div"
    assert places(ada) == ["MAIN", "SHOP", "VAN default"]

    service.ask("POST", "/items", {"sku": "A", "name": "A", "quantity": 3})
    ada.press("Make SHOP the default")
    ada.read("SHOP is the default location now.")
    ada.press("Archive VAN")
    ada.find("dialog button.primary", "Archive").click()
    assert "has stock" in ada.find(".message.bad").text
    assert places(ada) == ["MAIN", "SHOP default", "VAN"]
    body = {"from": "VAN", "to": "SHOP", "lines": [{"sku": "A", "quantity": 3}], "reason": "test", "receive": "now"}
    assert service.ask("POST", "/transfers", body).status == 201
    ada.press("Archive VAN")
    ada.find("dialog button.primary", "Archive").click()
    ada.read("VAN is archived.")
    assert places(ada) == ["MAIN", "SHOP default"]
    ada.picture("locations-desk")
    assert ada.barriers() == []
    assert ada.too_narrow() == []
    ada.resize(PHONE)
    ada.browser.refresh()
    here = ada.find(".frame nav a[aria-current]", "Locations")
    assert ada.find(".frame nav").size["height"] < 1.5 * here.size["height"]
    assert 0 <= here.rect["x"] < PHONE[0] - here.size["width"]
    ada.find("tbody th", "VAN")
    ada.picture("locations-phone")
    ada.resize(DESK)
    ada.press("Restore VAN")
    ada.read("VAN is restored.")
    assert places(ada) == ["MAIN", "SHOP default", "VAN"]
    assert ada.find("a", "What lies at SHOP").get_attribute("href").endswith("/app/?location=SHOP")
    assert ada.complaints() == []


def test_each_location_can_be_counted_and_chosen_however_many_there_are(ada, service):
    for code in ("SHOP", "VAN"):
        service.ask("POST", "/locations", {"code": code})
    ada.browser.refresh()
    ada.press("Count SHOP")
    ada.find("h1", "Count")
    assert ada.field("Location").get_attribute("value") == "SHOP"
    ada.browser.execute_script(ONE_ROW_A_PAGE)
    ada.press("Stock")
    ada.find("h1", "Stock")
    assert len(ada.field("Location").find_elements("css selector", "option")) == 4
    assert ada.complaints() == []


def test_a_guest_sees_the_locations_and_changes_none(browser, service):
    service.ask("POST", "/users", {"username": "gus", "password": PASSWORD, "role": "guest"})
    gus = Person(browser, service.address)
    gus.sign_in("gus", PASSWORD, "/app/locations")

    gus.find("tbody th", "MAIN")
    gus.absent("main button")
    assert gus.complaints() == []
