"""The queue: each scan is booked exactly once, whatever becomes of service, tab and sign-in."""

import random
from datetime import UTC, datetime

import pytest

from tests.support.browser import PHONE
from tests.support.network import CUT, WHOLE
from tests.support.person import Person
from tests.support.program import PASSWORD
from tests.support.scanning import CODES, PRECISION, READY, acts, all_booked, moment, move_to_another_tab, scan, sent

NO_LOCKS = "Object.defineProperty(Navigator.prototype, 'locks', {value: undefined})"
# Counts what is read of the store, and how often a change is said; takes as many scans, and then sends them.
READ = """
const [scans, done] = arguments;
let [rows, said] = [0, 0];
for (const kind of [IDBObjectStore, IDBIndex]) for (const name of ["get", "getAll", "getAllKeys"]) {
  const real = kind.prototype[name];
  kind.prototype[name] = function (...given) {
    const request = real.apply(this, given);
    request.addEventListener("success", () => (rows += [request.result].flat().filter(Boolean).length));
    return request;
  };
}
const base = document.querySelector("script").src.replace("main.js", "offline/");
Promise.all([import(base + "queue.js"), import(base + "sender.js")]).then(async ([queue, sender]) => {
  const scan = { kind: "receive", code: "LAMP-1", quantity: 1, reason: "scanned" };
  for (let n = 0; n < scans; n += 1) await queue.take(scan);
  queue.changes.addEventListener("change", () => (said += 1));
  for (let n = 0; n < 100; n += 1) queue.changed();
  const atOnce = said;
  await new Promise((again) => queue.changes.addEventListener("change", again, { once: true }));
  await sender.wake();
  done([rows, atOnce]);
});
"""
# Leaves what a browser had of the first version of the store, with one scan that waits.
FIRST_STORE = """
const [act, done] = arguments;
indexedDB.deleteDatabase("stockroom").onsuccess = () => {
  const opened = indexedDB.open("stockroom", 1);
  opened.onupgradeneeded = () => {
    opened.result.createObjectStore("acts", { keyPath: "id", autoIncrement: true }).add(act);
    opened.result.createObjectStore("kept");
  };
  opened.onsuccess = () => { opened.result.close(); done(true); };
};
"""
# A lease that has passed to another tab, while its holder was asleep.
PASSED_ON = """
const done = arguments[0];
const base = document.querySelector("script").src.replace("main.js", "core/");
Promise.all([import(base + "alone.js"), import(base + "store.js")]).then(async ([{ alone }, { keep, kept }]) => {
  await alone("test", () => keep("test", { holder: "another", until: Date.now() + 60000 }));
  const left = await kept("test");
  await keep("test", undefined);
  await alone("test", () => {});
  done([left.holder, await kept("test")]);
});
"""
FULL = """
const full = function () { this.transaction.abort(); return {}; };
Object.assign(IDBObjectStore.prototype, { add: full, put: full, delete: full });
"""


def test_scans_outlive_a_dead_service_and_a_closed_tab_and_are_booked_once_at_their_moment(browser, shop, last):
    mia = Person(browser, shop.service.address)
    mia.resize(PHONE)
    mia.sign_in("mia", PASSWORD, "/app/scan")
    scan(mia, CODES["LAMP-1"])
    mia.read("Booked: +1 Lamp-1 (LAMP-1)")
    assert browser.execute_async_script(READY)

    shop.kill()
    moments = []
    for code in (CODES["LAMP-1"], "3*ROPE-1", "unknown"):
        begun = datetime.now(UTC)
        scan(mia, code)
        mia.read(f"Taken: +{code.partition('*')[0] if '*' in code else 1} {code.rpartition('*')[2]}")
        moments.append((begun, datetime.now(UTC)))
    mia.find(".queue", None)
    mia.read("3 waiting")
    mia.read("no network")
    mia.picture("offline-scan-phone-light")
    assert mia.barriers() == []

    move_to_another_tab(mia)
    mia.find("h1", "Scan")
    mia.read("3 waiting")
    scan(mia, CODES["KETTLE-1"])
    mia.read(f"Taken: +1 {CODES['KETTLE-1']}")
    mia.press("4 waiting")
    mia.find("h1", "Waiting")
    mia.read("The service does not answer.")
    mia.picture("waiting-phone-light")
    assert mia.barriers() == []
    assert mia.overflow() <= 0

    shop.start()
    all_booked(mia)
    rows = shop.booked(last)
    booked = [("LAMP-1", 1), ("LAMP-1", 1), ("ROPE-1", 3), ("KETTLE-1", 1)]
    assert [(row["sku"], row["delta"]) for row in rows] == booked
    assert {row["user"] for row in rows} == {"mia"}
    for row, (begun, ended) in zip(rows[1:3], moments[:2], strict=True):
        assert begun - PRECISION <= moment(row["occurred_at"]) <= ended + PRECISION
        assert moment(row["created_at"]) > moment(rows[3]["occurred_at"])

    mia.read("No item has the barcode or the SKU unknown.")
    mia.picture("waiting-refused-phone-light")
    mia.prefer("dark")
    mia.picture("waiting-refused-phone-dark")
    assert mia.barriers() == []
    change_to_two_lamps(mia, "unknown")
    mia.read("Nothing waits, and nothing was refused.")
    mia.open("/app/scan")
    mia.press("Undo: +3 Rope-1 (ROPE-1)")
    mia.find(".entries .badge", "undone")
    assert [row["delta"] for row in shop.booked(last)][4:] == [2, -3]
    assert mia.complaints() == []


def change_to_two_lamps(mia: Person, what: str) -> None:
    mia.press(f"Change: {what}")
    mia.write("Code or SKU", "LAMP-1")
    mia.write("Quantity", "0")
    mia.agree()
    mia.read("Write a number from 1 to 1,000,000,000.")
    mia.write("Quantity", "2")
    mia.agree()


@pytest.mark.parametrize("means", ["locks", "leases"])
def test_two_tabs_at_once_send_each_scan_once_and_in_order(mia, shop, way, last, means):
    if means == "leases":
        mia.browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": NO_LOCKS})
        mia.open("/app/scan")
    way.be(CUT)
    codes = [random.Random(n).choice(list(CODES)) for n in range(12)]
    for n, code in enumerate(codes):
        scan(mia, f"{n + 1}*{code}")
    mia.read("12 waiting")
    first = mia.browser.current_window_handle
    mia.browser.switch_to.new_window("tab")
    mia.resize(PHONE)
    if means == "leases":
        mia.browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": NO_LOCKS})
    mia.open("/app/waiting")
    mia.read("12 waiting")
    assert mia.browser.execute_script("return Boolean(navigator.locks)") == (means == "locks")
    way.be(WHOLE)
    for handle in (mia.browser.current_window_handle, first):
        mia.browser.switch_to.window(handle)
        mia.browser.execute_script("window.dispatchEvent(new Event('online'))")
    mia.absent(".queue a")

    assert [(row["sku"], row["delta"]) for row in shop.booked(last)] == [(code, n + 1) for n, code in enumerate(codes)]
    times = sent(way)
    assert set(times.values()) == {1}
    assert len(times) == 12
    if means == "leases":
        assert mia.browser.execute_async_script(PASSED_ON) == ["another", None]


def test_to_send_a_scan_costs_the_same_however_many_wait_with_it(mia, shop, way, last):
    mia.browser.set_script_timeout(60)
    mia.open("/app/account")
    mia.find("h1", "Account")
    rows, said = mia.browser.execute_async_script(READ, 40)

    assert [row["delta"] for row in shop.booked(last)] == [1] * 40
    assert rows <= 40 * 6
    assert said <= 1


def test_what_waited_before_the_store_got_a_new_version_is_booked(mia, shop, last):
    scan(mia, CODES["KETTLE-1"])
    mia.read("Booked: +1 Kettle-1 (KETTLE-1)")
    (act,) = acts(mia)
    waits = {name: act[name] for name in ("id", "user", "kind", "code", "reason", "occurred_at")}
    mia.open("/api/v1/openapi.json")  # where the page is not loaded, and the store is not open
    mia.browser.execute_async_script(FIRST_STORE, {**waits, "key": "k" * 32, "state": "waiting", "quantity": 3})
    mia.open("/app/scan")
    mia.find(".entries .badge", "booked")
    assert [row["delta"] for row in shop.booked(last)] == [1, 3]


def test_a_sign_in_that_has_ended_keeps_what_waits_and_nobody_else_sends_it(mia, shop, way, last):
    way.be(CUT)
    scan(mia, CODES["LAMP-1"])
    mia.read("1 waiting")
    mia.browser.delete_all_cookies()
    way.be(WHOLE)
    scan(mia, "2*ROPE-1")
    mia.read("2 waiting")
    mia.press("Sign in again")
    mia.find("h1", "Sign in")
    mia.read("On this device: 2 waiting, of mia.")
    mia.picture("signed-out-phone-light")
    assert mia.barriers() == []

    mia.sign_in("max", PASSWORD, "/app/scan")
    scan(mia, "KETTLE-1")
    mia.read("Booked: +1 Kettle-1 (KETTLE-1)")
    mia.press("2 waiting")
    mia.read("of mia")
    mia.read("It is booked when they sign in on this device.")
    mia.picture("waiting-of-another-phone-light")
    assert [(row["user"], row["sku"]) for row in shop.booked(last)] == [("max", "KETTLE-1")]

    mia.press("Sign out")
    mia.find("h1", "Sign in")
    mia.sign_in("mia", PASSWORD)
    mia.absent(".queue a")
    assert [(row["user"], row["sku"], row["delta"]) for row in shop.booked(last)] == [
        ("max", "KETTLE-1", 1),
        ("mia", "LAMP-1", 1),
        ("mia", "ROPE-1", 2),
    ]
    assert mia.complaints() == []


def test_a_browser_that_can_keep_nothing_says_so_and_takes_nothing(mia, shop, way, last):
    mia.browser.execute_script(FULL)
    scan(mia, CODES["LAMP-1"])
    mia.read("Not taken: this browser can't keep anything.")
    mia.picture("full-phone-light")

    assert shop.booked(last) == []
    assert acts(mia) == []


def test_a_browser_that_can_keep_no_change_says_so_and_changes_nothing(mia, shop, way, last):
    way.be_for("POST", CUT)
    scan(mia, CODES["LAMP-1"])
    mia.read("Taken: +1 Lamp-1 (LAMP-1)")
    before = acts(mia)
    mia.browser.execute_script(FULL)
    mia.press("Undo: +1 Lamp-1 (LAMP-1)")
    mia.read("Nothing has changed: this browser can't keep anything.")
    mia.press("1 waiting")
    mia.browser.execute_script("document.querySelector('.message').remove()")
    mia.press("Drop: Lamp-1 (LAMP-1)")
    mia.agree()
    mia.read("Nothing has changed: this browser can't keep anything.")
    assert acts(mia) == before
    assert mia.complaints() == []
