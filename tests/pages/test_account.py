"""The account: where somebody is signed in, their password, their tokens, and the language they read."""

import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.browser import PHONE
from tests.support.person import Person
from tests.support.program import PASSWORD, Program

HOSTILE = "<img src=x onerror=alert(1)>"
MIA, NEW = "a long sentence is best", "a longer sentence is even better"


def sign_in_elsewhere(service: Program, name: str, password: str, client: str) -> None:
    """Sign in with a program that says of itself what it likes."""
    request = urllib.request.Request(  # noqa: S310 - it is our own service
        f"{service.address}/api/v1/auth/login",
        f'{{"username": "{name}", "password": "{password}"}}'.encode(),
        {"Content-Type": "application/json", "User-Agent": client},
    )
    with urllib.request.urlopen(request) as response:  # noqa: S310
        assert response.status == 200


@pytest.fixture
def mia(browser: Any, service: Program) -> Person:
    made = service.ask(
        "POST", "/users", {"username": "mia", "password": MIA, "role": "member", "email": "mia@example.com"}
    )
    assert made.status in (201, 409)
    return Person(browser, service.address)


def test_mia_ends_a_session_that_is_not_hers_and_changes_her_password(mia, service, browsers: Callable[..., Any]):
    sign_in_elsewhere(service, "mia", MIA, HOSTILE)
    sign_in_elsewhere(service, "mia", MIA, "till/3")
    mia.sign_in("mia", MIA)
    mia.press("mia")
    mia.find("h1", "Account")
    mia.read("mia@example.com")
    mia.read("Member: reads and changes stock")
    mia.find("h3", HOSTILE)
    mia.find("h3", "till/3")
    mia.read("Chrome on Linux")
    mia.picture("account-desk-light")
    assert mia.barriers() == []
    assert mia.too_narrow() == []

    sessions = mia.browser.find_elements("css selector", "li.card")
    assert len(sessions) == 3
    mia.press("End this session")
    mia.read("The session is ended.")
    mia.absent("h3", "till/3")
    mia.press("End all others")
    mia.agree()
    mia.read("You are signed in here only.")
    mia.absent("h3", HOSTILE)
    mia.read("Chrome on Linux")

    mia.write("Current password", "wrong")
    mia.write("New password", NEW)
    mia.press("Change it")
    mia.read("is not your password")
    assert mia.focused().accessible_name == "Current password"
    mia.write("Current password", MIA)
    mia.write("New password", "short")
    mia.press("Change it")
    mia.find("[aria-invalid=true]", "New password")
    mia.write("Current password", MIA)
    mia.write("New password", NEW)
    mia.press("Change it")
    mia.find("h1", "Sign in")
    mia.read("The password is changed. Sign in with the new one.")
    assert service.ask("GET", "/users/me", user=f"mia:{MIA}").status == 401
    mia.write("User name", "mia")
    mia.write("Password", NEW)
    mia.press("Sign in")
    mia.find("h1", "Account")
    assert mia.complaints() == []
    assert (
        service.ask(
            "PATCH", f"/users/{service.ask('GET', '/users/me', user=f'mia:{NEW}').json['id']}", {"password": MIA}
        ).status
        == 200
    )


def test_mia_makes_a_token_that_works_is_replaced_and_is_revoked(mia, service):
    mia.prefer("dark")
    mia.sign_in("mia", MIA, "/app/account")
    mia.read("You have no tokens.")
    mia.press("New token")
    assert "change users" not in mia.text
    mia.press("Make the token")
    assert mia.focused().accessible_name == "Name"
    mia.write("Name", HOSTILE)
    mia.write("Only from", "nowhere")
    mia.press("move stock")
    mia.press("Make the token")
    mia.find("[aria-invalid=true]", "Only from")
    mia.picture("token-form-desk-dark")
    assert mia.barriers() == []
    mia.write("Only from", "127.0.0.0/8")
    mia.press("Make the token")

    token = mia.field("Secret").get_attribute("value")
    mia.picture("token-secret-desk-dark")
    assert mia.barriers() == []
    assert f'curl -sS -H "Authorization: Bearer {token}" {service.address}/api/v1/tokens/current' in mia.text
    current = service.ask("GET", "/tokens/current", token=token)
    assert (current.json["name"], current.json["scopes"]) == (HOSTILE, ["items:read", "stock:write"])
    mia.press("Copy")
    mia.find("button", "Copied")
    mia.press("I have kept it")
    mia.find("h3", HOSTILE)
    mia.read(f"{token[:12]}…")
    mia.read("from 127.0.0.1")
    assert token not in mia.browser.page_source

    mia.press("Replace")
    mia.agree()
    successor = mia.field("Secret").get_attribute("value")
    assert successor != token
    assert [service.ask("GET", "/tokens/current", token=each).status for each in (token, successor)] == [200, 200]
    mia.press("I have kept it")
    mia.press("Revoke")
    mia.press("Cancel")
    assert service.ask("GET", "/tokens/current", token=successor).status == 200
    mia.press("Revoke")
    mia.agree()
    mia.read("The token is revoked.")
    mia.find("ul:focus")
    assert service.ask("GET", "/tokens/current", token=successor).status == 401
    mia.resize(PHONE)
    mia.picture("account-phone-dark")
    assert mia.overflow() <= 0
    assert mia.complaints() == []


def test_the_account_is_read_in_the_language_that_was_chosen(mia):
    mia.sign_in("mia", MIA, "/app/account")
    mia.press("Deutsch")

    mia.find("h1", "Konto")
    mia.read("Wo du angemeldet bist")
    assert mia.find("button[aria-pressed=true]").text == "Deutsch"
    mia.press("English")
    mia.find("h1", "Account")
    assert mia.barriers() == []
    assert PASSWORD not in mia.text
