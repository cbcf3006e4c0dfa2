"""The page at an address without TLS, where an administrator has set one: all but the camera and the service worker."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.person import Person
from tests.support.program import PASSWORD, Program, program

ENTER = "\ue007"
WIDTHS = "return [...document.querySelectorAll('.sheet img')].map((image) => image.naturalWidth)"


@pytest.fixture
def lan(tmp_path: Path) -> Iterator[tuple[Program, str]]:
    """A service with an item, and the address that it has in its network."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://stock.example:{port}"
    settings = {"INSTANCE_PATH": str(tmp_path / "lan"), "PORT": str(port), "PUBLIC_URL": address}
    with program(ADMIN_PASSWORD=PASSWORD, **settings) as running:
        assert running.ask("POST", "/items", {"sku": "LAMP-1", "name": "Lamp", "quantity": 5}).status == 201
        yield running, address


@pytest.fixture
def mia(lan: tuple[Program, str], browsers: Callable[..., Any], tmp_path: Path) -> Person:
    browser = browsers("en", "host-resolver-rules=MAP stock.example 127.0.0.1")
    browser.execute_cdp_cmd("Page.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path / "saved")})
    return Person(browser, lan[1])


def test_where_there_is_no_tls_one_scans_prints_and_saves_all_the_same(mia, lan, tmp_path):
    mia.sign_in("admin", PASSWORD, "/app/scan")
    assert not mia.browser.execute_script("return isSecureContext || 'locks' in navigator")
    mia.press("Issue")
    mia.type(f"2*LAMP-1{ENTER}")
    mia.read("now 3")
    assert lan[0].ask("GET", "/items?sku=LAMP-1").json["data"][0]["quantity"] == 3

    mia.open("/app/labels?item=1")
    mia.until(lambda: all(mia.browser.execute_script(WIDTHS) or [0]), "the label is not shown")
    mia.open("/app/reports")
    mia.press("Stock list as CSV")
    folder = tmp_path / "saved"
    mia.until(lambda: list(folder.glob("*.csv")), "nothing was saved")
    assert "LAMP-1,Lamp," in next(folder.glob("*.csv")).read_text(encoding="utf-8-sig")
    assert mia.complaints() == []


def test_where_nobody_has_set_such_an_address_it_is_said_why_no_sign_in_is_kept(service, browsers):
    address = service.address.replace("127.0.0.1", "stock.example")
    mia = Person(browsers("en", "host-resolver-rules=MAP stock.example 127.0.0.1"), address)

    mia.open()
    mia.write("User name", "admin")
    mia.write("Password", PASSWORD)
    mia.press("Sign in")
    mia.read("The browser keeps no sign-in for this address, because the way to it is not encrypted.")
    assert mia.browser.get_cookies() == []
