"""Signing in and out: who is not signed in sees the sign-in at every address, and then the page that was asked for."""

import pytest

from tests.support.browser import PHONE
from tests.support.item_page import act, make, submit
from tests.support.person import Person
from tests.support.program import PASSWORD

MESSAGE = """
const [problem, done] = arguments;
const base = document.querySelector("script").src.replace("main.js", "core/");
import(base + "status.js").then(({ messageOf }) => done(messageOf(problem)));
"""


@pytest.fixture
def ada(browser, service):
    return Person(browser, service.address)


def test_somebody_signs_in_where_they_wanted_to_go_and_signs_out(ada, service):
    ada.resize(PHONE)
    ada.open("/app/reports")
    assert "Stockroom" in ada.read("Sign in")
    ada.absent(".notice.bad")
    ada.picture("sign-in-phone-light")
    assert ada.barriers() == []
    ada.write("User name", "admin")
    ada.write("Password", "wrong")
    ada.press("Sign in")
    ada.read("The user name, password or token is wrong")
    assert ada.path == "/app/reports"

    ada.write("Password", PASSWORD)
    ada.type("\ue007")
    ada.find("h1", "Reports")
    cookies = {each["name"]: each for each in ada.browser.get_cookies()}
    assert [(each["httpOnly"], each["sameSite"], each["path"]) for each in cookies.values()] == [(True, "Strict", "/")]
    assert ada.browser.execute_script("return document.cookie") == ""

    ada.press("Sign out")
    ada.find("h1", "Sign in")
    assert ada.browser.get_cookies() == []
    ada.open("/app/")
    ada.find("h1", "Sign in")
    assert ada.overflow() <= 0
    assert ada.complaints() == []


def test_an_address_puts_no_words_of_its_own_above_the_password(ada):
    for problem, shown in (("issuer_unreachable", True), ("Your+account+is+locked:+call+us", False)):
        ada.open(f"/app/?problem={problem}")
        ada.find("h1", "Sign in")
        assert ("issuer_unreachable" in ada.text) is shown
        assert "locked" not in ada.text


def test_who_reads_german_reads_german_and_may_change_it(browsers, service):
    mia = Person(browsers("de"), service.address)

    mia.open()
    mia.find("h1", "Anmelden")
    assert mia.browser.execute_script("return document.documentElement.lang") == "de"
    mia.press("English")
    mia.find("h1", "Sign in")


def test_who_reads_german_reads_german_when_something_is_refused(browsers, service):
    lamp = make(service, "GERMAN-1", quantity=4)
    mia = Person(browsers("de"), service.address)
    mia.open(f"/app/items/{lamp}")
    mia.write("Benutzername", "admin")
    mia.write("Passwort", "wrong")
    mia.press("Anmelden")
    mia.read("Benutzername oder Passwort ist falsch, oder die Anmeldung ist abgelaufen.")
    mia.write("Passwort", PASSWORD)
    mia.press("Anmelden")

    act(mia, "Entnahme")
    mia.write("Entnommene Menge", "5")
    submit(mia)
    mia.read("So viel ist nicht da: Bestand 4, davon reserviert 0, verfügbar 4.")
    mia.open("/app/items/new")
    mia.write("Artikelnummer", "german-1")
    mia.write("Name", "Lampe")
    mia.press("Artikel anlegen")
    mia.read("Diese Artikelnummer hat schon ein anderer Artikel, vielleicht ein archivierter.")
    # What waited, and was refused, says the same.
    mia.open("/app/scan")
    mia.press("Ausbuchen")
    mia.type("5*GERMAN-1\ue007")
    mia.read("So viel ist nicht da: Bestand 4, davon reserviert 0, verfügbar 4.")
    # Where an answer lacks what the words name, the API has the word.
    counted = {"code": "counted_since", "message": "in English", "at": "2026-11-30T12:00:00Z"}
    assert mia.browser.execute_async_script(MESSAGE, counted).startswith("Am 30.11.2026")
    assert mia.browser.execute_async_script(MESSAGE, {**counted, "at": None}) == "in English"
    assert mia.complaints() == []
