"""From page to page: what was left changes nothing any more, dialogs end with their page, and files may be gone."""

from typing import Any

import pytest

from tests.support.item_page import act, make, submit
from tests.support.person import Person
from tests.support.program import PASSWORD, Program

HURRY = "for (const name of arguments) [...document.querySelectorAll('nav a')].find((a) => a.text === name).click()"
END_SESSION = "fetch('/api/v1/session', {method: 'DELETE', headers: {'X-Stockroom': '1'}}).then(arguments[0])"


@pytest.fixture
def ada(browser: Any, service: Program) -> Person:
    person = Person(browser, service.address)
    person.sign_in("admin", PASSWORD)
    return person


def test_a_page_that_was_left_changes_no_address_and_hears_no_key(ada, service):
    bolt = make(service, "BOLT-1", name="Bolt")
    ada.open("/app/reports")
    ada.find("h1", "Reports")
    ada.browser.execute_script(HURRY, "Stock", "Reports")
    ada.find("h1", "Reports")
    assert ada.path == "/app/reports"

    ada.hold("/locations")
    ada.press("Stock")
    ada.held()
    ada.let_go(lost=True)
    ada.find("h1", "That did not work")
    ada.press("Reports")
    ada.find("h1:focus", "Reports")
    ada.type("/")

    ada.press("Stock")
    ada.hold(f"/items/{bolt}")
    ada.press("Bolt")
    ada.held()
    ada.write("Search", "bo")
    ada.let_go()
    ada.find("h1", "Bolt")
    assert ada.path == f"/app/items/{bolt}"
    assert ada.complaints() == []


def test_a_dialog_ends_with_its_page_and_with_the_session(ada, service):
    nut = make(service, "NUT-1", name="Nut", quantity=5)
    ada.open("/app/")
    ada.press("Nut")
    act(ada, "Issue")
    ada.browser.back()
    ada.find("h1:focus", "Stock")
    ada.absent("dialog")

    ada.press("Nut")
    act(ada, "Issue")
    ada.write("Quantity issued", "1")
    ada.browser.execute_async_script(END_SESSION)
    submit(ada)
    ada.find("h1", "Sign in")
    ada.absent("dialog")
    ada.write("User name", "admin")
    assert service.ask("GET", f"/items/{nut}").json["quantity"] == 5
    assert ada.complaints() == []


def test_a_page_whose_files_do_not_come_is_loaded_anew(ada):
    ada.browser.execute_cdp_cmd("Network.enable", {})
    ada.browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/reports/reports.js"]})
    ada.press("Reports")
    ada.read("This page could not be loaded whole.")
    assert "http" not in ada.text
    ada.browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
    ada.press("Try again")
    ada.find("h1", "Reports")
    assert ada.path == "/app/reports"
