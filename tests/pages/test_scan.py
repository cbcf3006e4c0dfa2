"""The scan: what is scanned is booked at once and once, said in words and colours, and taken back with one press."""

from typing import Any

import pytest

from tests.support.browser import DESK, PHONE
from tests.support.person import Person
from tests.support.program import PASSWORD, Program

ENTER = "\ue007"
F2, F4, F8, F9 = "\ue032", "\ue034", "\ue038", "\ue039"
LONG = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen" * 2
# This machine has no reader of barcodes; this one sees the same code in every picture.
CAMERA = """
let seen = 0;
const tracks = [];
window.BarcodeDetector = class { async detect() { seen += 1; return [{rawValue: "4006381333931"}]; } };
const open = MediaDevices.prototype.getUserMedia;
MediaDevices.prototype.getUserMedia = async function (what) {
  const stream = await open.call(this, what);
  tracks.push(...stream.getTracks());
  return stream;
};
"""
# Takes as many scans, each just when the one before is booked.
FOLLOWING = """
const [scans, done] = arguments;
const base = document.querySelector("script").src.replace("main.js", "offline/");
const after = (milliseconds) => new Promise((passed) => setTimeout(passed, milliseconds));
Promise.all([import(base + "queue.js"), import(base + "sender.js")]).then(async ([queue, sender]) => {
  for (let n = 0; n < scans; n += 1) {
    const id = await queue.take({kind: "receive", code: "LAMP-1", quantity: 1, reason: "scanned"});
    sender.wake();
    while ((await queue.acts()).find((act) => act.id === id).state !== "sent") await after(1);
    await after(n % 6);
  }
  done(scans);
});
"""
# Says what became of a scan on a page that was left meanwhile; returns how many tones were heard.
LEFT = """
const done = arguments[0];
let tones = 0;
AudioContext.prototype.createOscillator = () => { tones += 1; throw new Error("heard"); };
import(document.querySelector("script").src.replace("main.js", "scan/outcome.js")).then(({ outcome }) => {
  try { outcome().show("good", ["Booked"]); } catch {}
  done(tones);
});
"""
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def shop(service: Program) -> Program:
    """A shop with some items, of which the barcode or the SKU can be scanned."""
    for item in (
        {"sku": "LAMP-1", "name": "Desk lamp, brass", "barcode": "4006381333931", "quantity": 12},
        {"sku": "A/B 7", "name": HOSTILE, "quantity": 3, "reorder_level": 5},
        {"sku": "LONG-1", "name": LONG, "barcode": "96385074", "quantity": 1},
    ):
        assert service.ask("POST", "/items", item).status == 201
    return service


@pytest.fixture
def mia(browser: Any, shop: Program) -> Person:
    person = Person(browser, shop.address)
    person.resize(PHONE)
    person.sign_in("admin", PASSWORD, "/app/scan")
    person.find("h1", "Scan")
    return person


def scan(person: Person, code: str) -> None:
    """Scan a code as a scanner that is a keyboard does: wherever the focus is, with Enter at its end."""
    person.type(f"{code}{ENTER}")


def stock(shop: Program, sku: str) -> int:
    return int(shop.ask("GET", f"/items?sku={sku}").json["data"][0]["quantity"])


def test_each_scan_is_booked_once_with_its_amount_and_can_be_taken_back(mia, shop):
    assert mia.focused().accessible_name == "Scan or write a code"
    scan(mia, "4006381333931")
    mia.read("Booked: +1 Desk lamp, brass (LAMP-1)")
    scan(mia, "4006381333931")
    scan(mia, "5*lamp-1")
    mia.read("now 19")
    assert stock(shop, "LAMP-1") == 19

    for _ in range(2):
        mia.press("Issue")
        assert mia.focused().accessible_name == "Scan or write a code"
    mia.browser.execute_script("document.querySelector('.modes input:checked').focus()")
    scan(mia, "A/B 7")
    mia.read(f"Booked: −1 {HOSTILE} (A/B 7)")
    scan(mia, f"{shop.address}/i/A%2FB%207")
    mia.read("now 1")

    mia.press("Undo: +5 Desk lamp, brass (LAMP-1)")
    mia.find(".entries .badge", "undone")
    assert stock(shop, "LAMP-1") == 14
    newest = shop.ask("GET", "/movements?sort=-id&limit=1").json["data"][0]
    assert (newest["delta"], newest["reason"]) == (-5, "scanned by mistake")
    assert mia.focused().accessible_name == "Scan or write a code"
    mia.picture("scan-phone-light")
    assert mia.barriers() == []
    assert mia.overflow() <= 0
    assert mia.complaints() == []


def test_nothing_is_heard_of_a_scan_once_its_page_was_left(mia):
    assert mia.browser.execute_async_script(LEFT) == 0


def test_a_scan_that_follows_at_once_is_booked_at_once(mia, shop):
    mia.browser.set_script_timeout(20)
    assert mia.browser.execute_async_script(FOLLOWING, 60) == 60


def test_what_is_not_booked_is_said_at_once_with_the_way_on(mia, shop):
    scan(mia, "2000000000008")
    mia.read("No item has the barcode or the SKU 2000000000008.")
    assert (
        mia.find("a", "Make an item with the barcode 2000000000008")
        .get_attribute("href")
        .endswith("/app/items/new?barcode=2000000000008")
    )
    assert shop.ask("POST", "/items", {"sku": "NEW-1", "name": "Kettle", "barcode": "2000000000008"}).status == 201
    mia.press("Try again: +1 2000000000008")
    mia.read("Booked: +1 Kettle (NEW-1)")

    mia.type(F4)
    scan(mia, "7*LONG-1")
    mia.read("Item 'LONG-1' has 1; 7 can't go.")
    assert stock(shop, "LONG-1") == 1
    mia.picture("scan-refused-phone-light")
    mia.find(".queue a", "1 refused")
    mia.press("Drop: −7 " + f"{LONG} (LONG-1)")
    mia.find("dialog h2", "Drop this?")
    mia.find("dialog button.primary", "Drop").click()
    mia.absent(".queue a", "1 refused")
    assert mia.overflow() <= 0
    assert mia.complaints() == []


def test_counting_asks_how_many_there_are_and_takes_no_code_for_a_number(mia, shop):
    mia.type(F8)
    scan(mia, "LONG-1")
    mia.find("dialog strong", LONG)
    assert mia.focused().accessible_name == "Counted"
    scan(mia, "4006381333931")
    mia.read("4006381333931 looks like a code.")
    mia.write("Counted", "4")
    mia.picture("scan-count-phone-light")
    assert mia.barriers() == []
    mia.type(ENTER)
    mia.read("now 4")
    assert mia.focused().accessible_name == "Scan or write a code"
    newest = shop.ask("GET", "/movements?sort=-id&limit=1").json["data"][0]
    assert (newest["kind"], newest["delta"], newest["quantity_after"]) == ("count", 3, 4)

    mia.type(F9)
    before = shop.ask("GET", "/movements?limit=1&page=1").json["total_items"]
    scan(mia, "A/B 7")
    mia.find("section h2 a", HOSTILE)
    assert mia.read("low").count(HOSTILE) == 1
    assert shop.ask("GET", "/movements?limit=1&page=1").json["total_items"] == before
    assert mia.complaints() == []


def test_the_scan_fits_every_screen_and_keeps_nobody_out(mia, shop):
    scan(mia, "LONG-1")
    mia.read("Booked: +1")
    mia.press("How to scan")
    for scheme in ("light", "dark"):
        mia.prefer(scheme)
        for size in ((320, 600), PHONE, DESK, (2560, 1400)):
            mia.resize(size)
            assert mia.overflow() <= 0, size
        mia.resize(DESK)
        mia.picture(f"scan-desk-{scheme}")
        assert mia.barriers() == []


def test_where_there_are_several_locations_one_is_chosen_and_kept(mia, shop):
    assert not mia.browser.find_elements("css selector", "select")
    assert shop.ask("POST", "/locations", {"code": "SHOP", "name": "Mill Lane"}).status == 201
    mia.open("/app/scan")
    mia.choose("Location", "SHOP")
    assert mia.focused().accessible_name == "Scan or write a code"
    scan(mia, "LAMP-1")
    mia.read("Booked: +1 Desk lamp, brass (LAMP-1)")
    mia.read("now 1")
    mia.open("/app/scan")
    mia.find("h1", "Scan")
    assert mia.field("Location").get_attribute("value") == "SHOP"
    newest = shop.ask("GET", "/movements?sort=-id&limit=1").json["data"][0]
    assert (newest["location"], newest["delta"]) == ("SHOP", 1)
    mia.picture("scan-locations-phone-light")
    lines = [{"sku": "LAMP-1", "quantity": 1}]
    back = {"from": "SHOP", "to": "MAIN", "lines": lines, "reason": "back", "receive": "later"}
    assert shop.ask("POST", "/transfers", back).status == 201
    mia.type(F9)
    scan(mia, "LAMP-1")
    mia.find("section h3", "Where it lies")
    places = [each.text for each in mia.browser.find_elements("css selector", "h3 + dl dt")]
    assert places == ["MAIN", "SHOP · Mill Lane", "On its way"]
    mia.picture("scan-look-phone-light")
    assert mia.barriers() == []


def test_the_camera_of_a_phone_reads_a_code_once_and_is_released(browsers, shop):
    browser = browsers("de", "use-fake-device-for-media-stream", "use-fake-ui-for-media-stream")
    browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": CAMERA})
    mia = Person(browser, shop.address)
    mia.resize(PHONE)
    mia.sign_in("admin", PASSWORD, "/app/scan")
    before = stock(shop, "LAMP-1")
    mia.press("Kamera")
    mia.find("video")
    mia.read("Gebucht: +1 Desk lamp, brass (LAMP-1)")
    mia.until(lambda: browser.execute_script("return seen > 20"), "the camera does not look")
    mia.picture("scan-camera-phone-light")
    assert stock(shop, "LAMP-1") == before + 1
    assert mia.barriers() == []
    assert mia.overflow() <= 0
    mia.press("Bestand")
    mia.find("h1", "Bestand")
    assert browser.execute_script("return tracks.map((track) => track.readyState)") == ["ended"]
    assert mia.complaints() == []


def test_a_guest_looks_and_books_nothing(mia, shop):
    user = {"username": "gil", "email": "gil@example.com", "password": PASSWORD, "role": "guest"}
    assert shop.ask("POST", "/users", user).status == 201
    mia.press("Sign out")
    mia.find("h1", "Sign in")
    mia.sign_in("gil", PASSWORD, "/app/scan")
    scan(mia, "LAMP-1")
    mia.find("section h2 a", "Desk lamp, brass")
    assert [each.text for each in mia.browser.find_elements("css selector", ".mode")] == ["Look"]
    assert mia.complaints() == []
