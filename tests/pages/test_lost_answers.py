"""The queue where answers are lost, late, or somebody else's: a scan is booked once all the same."""

import threading
from datetime import UTC, datetime

from tests.support.network import CUT, LOST, WHOLE, Foreign
from tests.support.scanning import CODES, PRECISION, acts, all_booked, moment, move_to_another_tab, scan, sent

F4 = "\ue034"
AHEAD = "const real = Date.now; Date.now = () => real() + 3600000"
HTML, PROBLEM = {"Content-Type": "text/html"}, {"Content-Type": "application/problem+json", "Retry-After": "1"}
# What answers in the place of the service, and what the service answers when it books nothing and may do so later.
OPEN = {
    "a proxy without its service": Foreign(502, HTML, "<h1>Bad gateway</h1>"),
    "the sign-in of a guest network": Foreign(200, HTML, "<h1>Welcome to our hotel</h1>"),
    "another service": Foreign(201, {"Content-Type": "application/json"}, '{"ok": true}'),
    "too many requests": Foreign(429, PROBLEM, '{"code": "rate_limited", "detail": "Slowly."}'),
    "a first request that still runs": Foreign(
        409, PROBLEM, '{"code": "idempotency_in_progress", "detail": "It runs."}'
    ),
    "maintenance": Foreign(503, PROBLEM, '{"code": "maintenance", "detail": "Later."}'),
}


def test_a_scan_whose_answer_is_lost_is_booked_once(mia, shop, way, last):
    way.be_for("POST", LOST)
    scan(mia, CODES["LAMP-1"])
    mia.read("Taken: +1")
    mia.until(lambda: len(shop.booked(last)) == 1, "it did not arrive")
    shop.kill()
    shop.start()
    scan(mia, "2*ROPE-1")
    move_to_another_tab(mia, "/app/waiting")
    mia.read("2 waiting")
    way.be(WHOLE)
    all_booked(mia)

    assert [(row["sku"], row["delta"]) for row in shop.booked(last)] == [("LAMP-1", 1), ("ROPE-1", 2)]
    times = sent(way)
    assert max(times.values()) > 1


def test_a_service_that_is_killed_while_it_books_has_booked_once(mia, shop, way, last):
    for n in range(6):

        def kill(method: str, after: float = n / 500) -> None:
            if method == "POST":
                threading.Event().wait(after)
                shop.kill()

        way.on_sent = kill
        scan(mia, f"{n + 1}*ROPE-1")
        mia.until(lambda: shop.service.process.poll() is not None, "the service was not killed")
        way.on_sent = lambda method: None
        shop.start()
        mia.absent(".queue a")

    assert [row["delta"] for row in shop.booked(last)] == [1, 2, 3, 4, 5, 6]


def test_what_was_sent_without_an_answer_is_undone_once_it_is_known(mia, shop, way, last):
    way.be_for("POST", LOST)
    scan(mia, CODES["LAMP-1"])
    mia.until(lambda: len(shop.booked(last)) == 1, "it did not arrive")
    mia.press("Undo: +1 Lamp-1 (LAMP-1)")
    mia.find(".entries .badge", "being undone")
    way.be(CUT)
    scan(mia, "ROPE-1")
    mia.read("Taken: +1 ROPE-1")
    mia.press("Undo: +1 ROPE-1")
    way.be(WHOLE)
    all_booked(mia)

    assert [(row["sku"], row["delta"]) for row in shop.booked(last)] == [("LAMP-1", 1), ("LAMP-1", -1)]


def test_what_is_refused_while_it_is_being_undone_is_gone(mia, shop, way, last):
    way.be_for("POST", CUT)
    mia.type(F4)
    scan(mia, "9999*ROPE-1")
    mia.read("Taken: −9,999 Rope-1 (ROPE-1)")
    mia.press("Undo: −9,999 Rope-1 (ROPE-1)")
    mia.find(".entries .badge", "being undone")
    way.be(WHOLE)
    all_booked(mia)

    mia.read("Nothing waits, and nothing was refused.")
    assert acts(mia) == []
    assert shop.booked(last) == []


def test_what_is_no_decision_of_the_service_leaves_a_scan_waiting(mia, shop, way, last):
    for n, (name, answer) in enumerate(OPEN.items()):
        way.be_for("POST", answer)
        mia.open("/app/scan")
        scan(mia, f"{n + 1}*ROPE-1")
        mia.read(f"Taken: +{n + 1} Rope-1 (ROPE-1)")
        assert len(shop.booked(last)) == n, name
        if answer.status == 503:
            mia.open("/app/waiting")
            mia.read("The service answers: Later.")
            mia.picture("waiting-trouble-phone-light")
        way.be(WHOLE)
        all_booked(mia)

    assert [row["delta"] for row in shop.booked(last)] == [1, 2, 3, 4, 5, 6]
    assert {act["state"] for act in acts(mia)} == {"sent"}


def test_what_was_booked_before_the_service_forgot_its_key_is_not_booked_again(mia, shop, way, last):
    way.be_for("POST", LOST)
    scan(mia, "3*ROPE-1")
    mia.until(lambda: len(shop.booked(last)) == 1, "it did not arrive")
    way.be(CUT)
    scan(mia, "4*ROPE-1")
    shop.forget_keys()
    mia.browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": AHEAD.replace("3600", "7200")})
    mia.open("/app/waiting")  # so that no attempt is made before some time has passed
    mia.find("h1", "Waiting")
    way.be(WHOLE)
    all_booked(mia)

    assert [row["delta"] for row in shop.booked(last)] == [3, 4]
    assert len(sent(way)) == 2


def test_a_device_whose_clock_is_wrong_books_at_the_right_time(mia, shop, way, last):
    mia.browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": AHEAD})
    mia.open("/app/scan")
    mia.find("h1", "Scan")
    way.be(CUT)
    begun = datetime.now(UTC)
    scan(mia, "ROPE-1")
    mia.read("1 waiting")
    ended = datetime.now(UTC)
    way.be(WHOLE)
    all_booked(mia)

    (row,) = shop.booked(last)
    assert begun - PRECISION <= moment(row["occurred_at"]) <= ended + PRECISION
