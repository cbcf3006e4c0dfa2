"""The administration: users, tokens and the audit, as an admin sees them and others do not."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.browser import PHONE
from tests.support.person import Person
from tests.support.program import PASSWORD, Program, program

HOSTILE = "<img src=x onerror=alert(1)>"
MIA = "a long sentence is best"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A shop of its own."""
    with program(INSTANCE_PATH=str(tmp_path_factory.mktemp("shop")), PORT="0", ADMIN_PASSWORD=PASSWORD) as running:
        yield running


@pytest.fixture
def ada(browser: Any, shop: Program) -> Person:
    person = Person(browser, shop.address)
    person.sign_in("admin", PASSWORD)
    return person


def test_an_admin_makes_a_user_changes_them_and_can_not_lose_the_last_admin(ada, shop):
    ada.press("Administration")
    ada.find("h1", "Administration")
    ada.read("1 active user, 1 of them an admin.")
    ada.picture("admin-desk-light")
    assert ada.barriers() == []
    assert ada.too_narrow() == []
    ada.press("Users")
    ada.press("New user")
    assert "Locations" not in ada.find("dialog").text
    ada.write("User name", "ADMIN")
    ada.write("Password", MIA)
    ada.press("Create the user")
    ada.find("[aria-invalid=true]", "User name")
    ada.write("User name", "mia")
    ada.choose("Role", "Member")
    ada.write("Mail address", "mia@example.com")
    ada.picture("user-new-desk-light")
    assert ada.barriers() == []
    ada.press("Create the user")
    ada.read("mia can sign in now.")
    ada.find("tbody th", "mia")
    assert [row[:3] for row in ada.rows()][1] == ["mia", "Member: reads and changes stock", "mia@example.com"]
    assert shop.ask("GET", "/users/me", user=f"mia:{MIA}").json["role"] == "member"

    ada.press("Change admin")
    ada.choose("Role", "Guest")
    ada.press("Save")
    ada.read("admin is the last active admin; name another first.")
    ada.press("Cancel")
    assert shop.ask("GET", "/users/me").json["role"] == "admin"

    assert shop.ask("POST", "/locations", {"code": "ATTIC", "name": "Attic"}).status == 201
    ada.browser.refresh()
    ada.press("Change mia")
    ada.press("ATTIC · Attic")
    ada.press("Save")
    ada.read("mia is changed.")
    ada.find("button:focus", "Change mia")
    mia = shop.ask("GET", "/users/me", user=f"mia:{MIA}").json
    assert (mia["locations"], mia["email"]) == (["ATTIC"], "mia@example.com")
    ada.press("Change mia")
    ada.press("Active")
    ada.press("Save")
    ada.read("mia is signed out everywhere, and all API tokens of mia are revoked for good.")
    ada.press("Yes, go on")
    ada.find(".badge", "inactive")
    assert shop.ask("GET", "/users/me", user=f"mia:{MIA}").status == 401
    ada.picture("users-desk-light")
    assert ada.barriers() == []
    assert ada.too_narrow() == []
    assert ada.complaints() == []


def test_an_admin_sees_the_tokens_of_others_and_revokes_them(ada, shop):
    shop.ask("POST", "/users", {"username": "tom", "password": MIA, "role": "member"})
    made = shop.ask("POST", "/tokens", {"name": HOSTILE, "scopes": ["items:read"]}, user=f"tom:{MIA}").json

    ada.open("/app/admin/tokens")
    ada.read("You have no tokens.")
    ada.choose("Tokens of", "tom")
    ada.find("h2", HOSTILE)
    assert ada.path == "/app/admin/tokens?user=tom"
    assert "Replace" not in ada.text
    ada.picture("tokens-desk-light")
    assert ada.barriers() == []
    ada.press("Revoke")
    ada.agree()
    ada.read("tom has no tokens.")
    assert shop.ask("GET", "/tokens/current", token=made["token"]).status == 401
    assert ada.too_narrow() == []
    assert ada.complaints() == []


def test_the_audit_says_who_did_what_and_shows_hostile_names_as_text(ada, shop):
    shop.ask("POST", "/items", {"sku": "CHAIR-1", "name": HOSTILE, "quantity": 3})
    shop.ask("GET", "/users/me", user=f"{HOSTILE}:wrong")

    ada.open("/app/admin/audit")
    ada.read("Stock moved: CHAIR-1 +3")
    ada.read("Sign-in failed")
    ada.find("summary").click()
    ada.read('"request_id"')
    ada.picture("audit-desk-light")
    assert ada.barriers() == []
    ada.choose("What happened", "Item created")
    ada.write("Who", "ADMIN")
    ada.press("Show")
    ada.absent("td div", "Stock moved: CHAIR-1 +3")
    assert {row[2].split(":")[0] for row in ada.rows()} == {"Item created"}
    ada.find("td a", "CHAIR-1")
    ada.find("summary").click()
    ada.read(f'"name": "{HOSTILE}"')
    assert ada.path == "/app/admin/audit?actor=ADMIN&type=item.created"
    assert ada.too_narrow() == []
    ada.resize(PHONE)
    ada.picture("audit-phone-light")
    ada.resize()
    ada.write("Who", "nobody at all")
    ada.press("Show")
    ada.read("Nothing matches.")
    assert ada.complaints() == []


def test_a_guest_sees_no_administration_and_is_told_why(browser, service):
    service.ask("POST", "/users", {"username": "gus", "password": MIA})
    gus = Person(browser, service.address)
    gus.sign_in("gus", MIA)
    assert "Administration" not in gus.text

    for part in ("", "/users", "/tokens", "/webhooks/1", "/nothing"):
        gus.open(f"/app/admin{part}")
        gus.read("This needs the role admin; gus is guest.")
    assert gus.barriers() == []
    gus.press("Sign out")
    gus.find("h1", "Sign in")
    gus.sign_in("admin", PASSWORD, "/app/admin/webhooks/99")
    gus.read("There is no webhook 99.")
    gus.open("/app/admin/subscriptions")
    gus.press("New subscription")
    gus.write("Or every so many minutes", "5")
    gus.press("Subscribe")
    gus.read("This service sends no mail: its administrator has not set SMTP_URL.")
    assert gus.complaints() == []


def test_an_admin_who_reads_german_administers_in_german(browsers, shop):
    ida = Person(browsers("de"), shop.address)
    ida.prefer("dark")
    ida.sign_in("admin", PASSWORD, "/app/admin")
    ida.find("h1", "Verwaltung")
    for title in ("Konten", "Tokens", "Webhooks", "Mail", "Protokoll"):
        ida.press(title)
        ida.find("h1", title)
        assert ida.overflow() <= 0, title
        assert ida.barriers() == []
        ida.browser.back()
        ida.find("h1", "Verwaltung")
    ida.resize(PHONE)
    ida.picture("admin-phone-dark")
    assert ida.too_narrow() == []
    assert ida.complaints() == []
