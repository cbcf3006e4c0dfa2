"""Somebody who scans in a shop whose service can be killed, over a network that can be cut."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import PHONE
from tests.support.network import Network, network
from tests.support.person import Person
from tests.support.program import PASSWORD, program

ENTER = "\ue007"
CODES = {"LAMP-1": "4006381333931", "KETTLE-1": "2000000000008", "ROPE-1": "ROPE-1"}
# Clocks are compared by whole seconds.
PRECISION = timedelta(seconds=3)
READY = "const done = arguments[0]; navigator.serviceWorker.ready.then(() => done(true))"
ACTS = """
const done = arguments[0];
const opened = indexedDB.open("stockroom");
opened.onsuccess = () => {
  const all = opened.result.transaction("acts").objectStore("acts").getAll();
  all.onsuccess = () => { opened.result.close(); done(all.result); };
};
"""


class Shop:
    """A service that is killed, and started again at the same address with the same data; and the way to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = "0"
        self.start()
        self.port = self.service.address.rpartition(":")[2]

    def start(self) -> None:
        """Start the service."""
        self._opened = program(INSTANCE_PATH=str(self.folder), PORT=self.port, ADMIN_PASSWORD=PASSWORD)
        self.service = self._opened.__enter__()
        assert self.service.address

    def kill(self) -> None:
        """Kill the process of the service, as a power cut does."""
        self._opened.__exit__(None, None, None)

    def forget_keys(self) -> None:
        """Forget the Idempotency-Keys, as the service does after some weeks."""
        self.kill()
        with closing(sqlite3.connect(self.folder / "stockroom.sqlite3")) as database:
            assert database.execute("DELETE FROM idempotency_keys").rowcount > 0
            database.commit()
        self.start()

    def ask(self, *args: Any, **options: Any) -> Any:
        return self.service.ask(*args, **options)

    def booked(self, since: int = 0) -> list[dict[str, Any]]:
        """The movements that people booked, in their order, without those with which the items began."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while cursor is not None:
            page = self.ask("GET", f"/movements?limit=200&cursor={cursor}").json
            found += page["data"]
            cursor = page["next_cursor"]
        return [each for each in found if each["id"] > since and "scanned" in each["reason"]]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop with three items, and two members."""
    opened = Shop(tmp_path_factory.mktemp("shop"))
    for sku, code in CODES.items():
        item = {"sku": sku, "name": sku.title(), "quantity": 500, **({} if code == sku else {"barcode": code})}
        assert opened.ask("POST", "/items", item).status == 201
    for name in ("mia", "max"):
        user = {"username": name, "email": f"{name}@example.com", "password": PASSWORD, "role": "member"}
        assert opened.ask("POST", "/users", user).status == 201
    yield opened
    opened.kill()


@pytest.fixture
def way(shop: Shop) -> Iterator[Network]:
    """The network between the browser and the shop."""
    with network(shop.service.address) as opened:
        yield opened


@pytest.fixture
def last(shop: Shop) -> int:
    """The id of the last movement before this test."""
    return max((each["id"] for each in shop.ask("GET", "/movements?sort=-id&limit=1").json["data"]), default=0)


@pytest.fixture
def mia(browser: Any, way: Network) -> Person:
    person = Person(browser, way.address)
    person.resize(PHONE)
    person.sign_in("mia", PASSWORD, "/app/scan")
    person.find("h1", "Scan")
    assert browser.execute_async_script(READY)
    return person


def scan(person: Person, code: str) -> None:
    person.find(".code-form input").send_keys(f"{code}{ENTER}")


def acts(person: Person) -> list[dict[str, Any]]:
    """What this browser keeps of its scans."""
    found: list[dict[str, Any]] = person.browser.execute_async_script(ACTS)
    return found


def move_to_another_tab(person: Person, path: str = "/app/scan") -> None:
    """Open another tab of the same browser, and close the one that there was."""
    before = person.browser.current_window_handle
    person.browser.switch_to.new_window("tab")
    after = person.browser.current_window_handle
    person.browser.switch_to.window(before)
    person.browser.close()
    person.browser.switch_to.window(after)
    person.resize(PHONE)
    person.open(path)


def all_booked(person: Person) -> None:
    """Wait until nothing waits any more."""
    person.open("/app/waiting")
    person.find("h1", "Waiting")
    person.until(lambda: all(act["state"] != "waiting" for act in acts(person)) or try_now(person), "something waits")


def try_now(person: Person) -> bool:
    for button in person.browser.find_elements("css selector", ".notice button"):
        button.click()
    return False


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def sent(way: Network) -> Counter[str | None]:
    """How often the requests of each act have arrived, by their Idempotency-Key."""
    return Counter(key for method, path, key in way.seen if method == "POST" and path.endswith("/movements"))
