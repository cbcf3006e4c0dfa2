"""Webhooks and mail: where events go, how that goes, and what an admin can do about it."""

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from models.event_types import CHOICES
from pages.files import STATIC
from tests.support.person import Person
from tests.support.program import PASSWORD, SOON, Program, program
from tests.support.receivers import OK, answering, receiver

HOSTILE = "<img src=x onerror=alert(1)>"
BROKEN = b"HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A shop that may send to this machine, by webhook and by mail."""
    folder = str(tmp_path_factory.mktemp("shop"))
    mail = {"SMTP_URL": "smtp://127.0.0.1:9?tls=off", "MAIL_FROM": "stock@example.com"}
    with program(
        INSTANCE_PATH=folder, PORT="0", ADMIN_PASSWORD=PASSWORD, WEBHOOK_ALLOW_NETS="127.0.0.0/8", **mail
    ) as running:
        yield running


@pytest.fixture
def ada(browser: Any, shop: Program) -> Person:
    person = Person(browser, shop.address)
    person.sign_in("admin", PASSWORD)
    return person


def read(shop: Program, webhook: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = shop.ask("GET", f"/webhooks/{webhook['id']}").json
    return found


def becomes(shop: Program, webhook: dict[str, Any], state: str) -> None:
    """Wait until a webhook is in this state."""
    end = time.monotonic() + SOON
    while read(shop, webhook)["state"] != state:
        assert time.monotonic() < end, read(shop, webhook)
        time.sleep(0.05)


def newest_of(shop: Program, webhook: dict[str, Any]) -> dict[str, Any]:
    """Return the newest delivery of a webhook."""
    found: dict[str, Any] = shop.ask("GET", f"/webhooks/{webhook['id']}/deliveries").json["data"][0]
    return found


def make_item(shop: Program, sku: str) -> int:
    """Make an item and return the id of the event of it."""
    assert shop.ask("POST", "/items", {"sku": sku, "name": sku}).status == 201
    events = shop.ask("GET", "/events?type=item.created").json["data"]
    return int(events[-1]["id"])


def test_a_webhook_is_made_and_tried_and_an_event_that_its_receiver_can_not_take_is_skipped(ada, shop):
    ada.open("/app/admin/webhooks")
    ada.read("There are no webhooks yet.")
    with receiver(answering(BROKEN)) as broken:
        ada.press("New webhook")
        ada.write("Address (URL)", f"http://10.0.0.1/{HOSTILE}")
        ada.press("Create the webhook")
        ada.read("This is needed.")
        ada.press("Item created")
        ada.press("All events")
        ada.picture("webhook-new-desk-light")
        assert ada.barriers() == []
        ada.press("Create the webhook")
        ada.find("dialog .notice.bad")
        url = f"{broken.url}&c={HOSTILE.replace(' ', '')}"
        ada.write("Address (URL)", url)
        ada.press("Create the webhook")
        assert ada.field("Secret").get_attribute("value").startswith("whsec_")
        ada.press("I have kept it")
        ada.read("Events are sent as they happen.")
        assert "onerror" in ada.find("h1").text
        ada.read("Nothing was delivered yet.")

        ada.press("Send a test")
        ada.find("td .badge", "failed")
        assert ada.rows()[0][1:4] == ["failed", "answered 500", "test"]
        assert shop.ask("POST", "/items", {"sku": "LAMP-1", "name": HOSTILE}).status == 201
        broken.request()
        broken.request()
        event = shop.ask("GET", "/events").json["data"][-1]
        made = shop.ask("GET", "/webhooks").json["data"][0]
        becomes(shop, made, "waiting")
        ada.browser.refresh()
        ada.find(".badge.warn", "waiting")
        ada.read("The last answer was 500.")
        ada.picture("webhook-desk-light")
        assert ada.barriers() == []
        assert ada.too_narrow() == []
        ada.press("Pause")
        ada.read("Nothing is sent. Events are kept and sent when it goes on.")
        ada.press("Skip this event")
        ada.read(f"It stands at event {event['id']}: Item created LAMP-1.")
        ada.write("Reason", "the receiver is broken")
        ada.agree()
        ada.read("The event is left out.")
        assert (read(shop, made)["types"], read(shop, made)["cursor"]) == (["*"], str(event["id"]))
    assert ada.complaints() == []


def test_the_event_that_can_be_skipped_is_the_one_at_which_it_stands(ada, shop):
    with receiver(answering(BROKEN)) as broken:
        made = shop.ask("POST", "/webhooks", {"url": broken.url, "types": ["item.created"]}).json
        first = make_item(shop, "BOLT-1")
        becomes(shop, made, "waiting")
        body = {"event_id": first, "reason": "the receiver is broken"}
        assert shop.ask("POST", f"/webhooks/{made['id']}/skip", body).status == 200
        becomes(shop, made, "running")
        second = make_item(shop, "BOLT-2")
        becomes(shop, made, "waiting")
        log = shop.ask("GET", f"/webhooks/{made['id']}/deliveries").json["data"]
        old = next(each["id"] for each in log if each["event_id"] == first)
        assert shop.ask("POST", f"/webhooks/{made['id']}/deliveries/{old}/redeliver").status == 202
        ada.open(f"/app/admin/webhooks/{made['id']}")
        ada.until(lambda: newest_of(shop, made)["event_id"] == first, "it is not sent again")
        ada.browser.refresh()
        ada.press("Skip this event")
        ada.read(f"It stands at event {second}: Item created BOLT-2.")
    assert shop.ask("DELETE", f"/webhooks/{made['id']}").status == 204
    assert ada.complaints() == []


def test_a_webhook_is_changed_goes_on_and_is_removed(ada, shop):
    made = shop.ask("POST", "/webhooks", {"url": "http://127.0.0.1:9/in", "types": ["*"], "active": False}).json
    assert shop.ask("POST", "/items", {"sku": "DESK-1", "name": "Desk"}).status == 201
    event = shop.ask("GET", "/events").json["data"][-1]
    ada.open(f"/app/admin/webhooks/{made['id']}")
    ada.read("Nothing is sent. Events are kept and sent when it goes on.")
    ada.press("Go on")
    ada.read("It goes on where it stood.")
    becomes(shop, made, "waiting")
    ada.browser.refresh()
    ada.read("connection_refused")

    with receiver(answering(OK)) as working:
        ada.press("Edit")
        ada.write("Address (URL)", working.url)
        ada.press("All events")
        ada.press("Item created")
        ada.press("Item changed")
        ada.press("Save")
        ada.find("h1", working.url)
        assert working.request().headers["webhook-id"] == f"evt_{event['id']}"
        becomes(shop, made, "running")
        ada.press("Send again")
        ada.find("td .badge", "delivered")
        assert working.request().headers["webhook-id"] == f"evt_{event['id']}"
    ada.choose("Status", "failed")
    ada.absent("td .badge", "delivered")
    assert read(shop, made)["types"] == ["item.created", "item.updated"]
    ada.press("Replay")
    ada.write("Send again what came after event", "one")
    ada.agree()
    ada.find("[aria-invalid=true]", "Send again what came after event")
    ada.write("Send again what came after event", "0")
    ada.agree()
    ada.read("They are sent again.")
    ada.press("New secret")
    ada.agree()
    assert ada.field("Secret").get_attribute("value").startswith("whsec_")
    ada.press("I have kept it")
    ada.press("Remove")
    ada.read("This can't be undone.")
    ada.press("Cancel")
    ada.press("Remove")
    ada.agree()
    ada.find("h1", "Webhooks")
    ada.absent("a", working.url)
    assert shop.ask("GET", f"/webhooks/{made['id']}").status == 404
    assert ada.complaints() == []


def test_mail_is_subscribed_changed_and_ended(ada, shop):
    ada.prefer("dark")
    ada.open("/app/admin/subscriptions")
    ada.read("Nobody gets mail yet.")
    ada.press("New subscription")
    ada.write("Recipients", "mia@example.com, nobody")
    ada.press("Subscribe")
    ada.read("Fill in the time of the day or the minutes.")
    ada.write("Or every so many minutes", "60")
    ada.press("Subscribe")
    ada.find("[aria-invalid=true]", "Recipients")
    ada.write("Recipients", "mia@example.com, tom@example.com")
    ada.picture("mail-new-desk-dark")
    assert ada.barriers() == []
    ada.press("Subscribe")
    ada.find("h2", "mia@example.com, tom@example.com")
    ada.read("Every 60 minutes at most.")
    ada.picture("mail-desk-dark")
    assert ada.barriers() == []
    assert ada.too_narrow() == []

    ada.press("Edit")
    ada.write("Recipients", "\ue003")
    ada.write("Or every so many minutes", "\ue003")
    ada.press("Save")
    ada.read("Fill in the time of the day or the minutes.")
    ada.field("Every day at (UTC)").send_keys("0630AM")
    ada.press("On")
    ada.press("Save")
    ada.read("Every day at 06:30 UTC.")
    [kept] = shop.ask("GET", "/subscriptions").json["data"]
    assert (kept["recipients"], kept["daily_at"], kept["every_minutes"], kept["active"]) == ([], "06:30", None, False)
    assert kept["types"] == ["item.low_stock", "item.restocked"]
    assert shop.ask("DELETE", f"/subscriptions/{kept['id']}").status == 204
    ada.press("Edit")
    ada.read(f"There is no subscription {kept['id']}.")
    ada.press("End")
    ada.agree()
    ada.read("Nobody gets mail yet.")
    assert ada.complaints() == []


def test_the_events_that_can_be_chosen_are_those_of_the_feed():
    script = (STATIC / "admin" / "events.js").read_text(encoding="utf-8")
    offered = re.findall(r'"([a-z_*]+\.?[a-z_]*)"', script[script.index("ALL =") : script.index("].flat()")])

    assert offered == list(CHOICES)
