"""The queue over a network that fails at random: what the ledger has is what was scanned, in its order."""

import random
from datetime import UTC, datetime

from tests.support.network import CUT, LOST, WHOLE
from tests.support.scanning import CODES, PRECISION, acts, all_booked, moment, move_to_another_tab, scan, sent

SEED = 20261201
NEWEST = "return document.querySelector('.entries li .change')?.innerText ?? ''"
TAKE_BACK = "const undo = document.querySelector('.entries li button'); undo?.click(); return Boolean(undo)"


def test_sixty_scans_through_a_network_that_is_cut_at_random_are_booked_once_each(mia, shop, way, last):
    chance = random.Random(SEED)

    def moods(method: str, path: str) -> str:
        return chance.choices((WHOLE, CUT, LOST), (5, 2, 3))[0]

    scanned: list[tuple[str, int, datetime, datetime]] = []
    for n in range(60):
        way.state = moods if chance.random() < 0.8 else lambda method, path: CUT
        sku, quantity = chance.choice(list(CODES)), chance.randint(1, 9)
        begun = datetime.now(UTC)
        scan(mia, f"{quantity}*{CODES[sku]}")
        mia.until(lambda: max(act["id"] for act in acts(mia)) > n, "it was not taken")  # noqa: B023 - called at once
        scanned.append((sku, quantity, begun, datetime.now(UTC)))
        if chance.random() < 0.1:
            move_to_another_tab(mia)
            mia.find("h1", "Scan")
        if chance.random() < 0.05:
            shop.kill()
            shop.start()
    way.be(WHOLE)
    all_booked(mia)

    rows = shop.booked(last)
    assert [(row["sku"], row["delta"]) for row in rows] == [(sku, quantity) for sku, quantity, *_ in scanned]
    for row, (_, _, begun, ended) in zip(rows, scanned, strict=True):
        assert begun - PRECISION <= moment(row["occurred_at"]) <= ended + PRECISION
    times = sent(way)
    assert len(times) == 60
    assert sum(times.values()) > 60


def test_scans_that_are_taken_back_at_random_leave_the_stock_of_the_others(mia, shop, way, last):
    chance = random.Random(SEED)
    kept = []
    for n in range(20):
        way.state = lambda method, path: chance.choices((WHOLE, CUT, LOST), (5, 2, 3))[0]
        sku = chance.choice(list(CODES))
        scan(mia, f"{n + 1}*{CODES[sku]}")
        mia.until(lambda: f"+{n + 1}" in mia.browser.execute_script(NEWEST), "it was not taken")  # noqa: B023
        if chance.random() < 0.4:
            assert mia.browser.execute_script(TAKE_BACK)
        else:
            kept.append((sku, n + 1))
    way.be(WHOLE)
    all_booked(mia)

    rows = shop.booked(last)
    assert [(row["sku"], row["delta"]) for row in rows if not row["reverses"] and not row["reversed_by"]] == kept
    assert sum(row["delta"] for row in rows) == sum(quantity for _, quantity in kept)
    assert 0 < len(kept) < 20
