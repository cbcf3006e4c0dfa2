"""The sweeper of a real service: whoever reads the feed hears of a reservation that has expired, once."""

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.program import PASSWORD, SOON, program

cant_stop = pytest.mark.skipif(sys.platform == "win32", reason="Wine has no console to stop them")
several = pytest.param("2", marks=cant_stop)


@pytest.mark.parametrize("processes", ["1", several])
def test_the_feed_has_the_end_of_a_reservation_soon_and_once(tmp_path: Path, processes: str) -> None:
    settings = {"INSTANCE_PATH": str(tmp_path), "PORT": "0", "ADMIN_PASSWORD": PASSWORD, "PROCESSES": processes}
    line = {"sku": "BOLT", "quantity": 1, "reason": "an order"}
    with program(**settings) as running:

        def expired() -> list[int]:
            feed = running.ask("GET", "/events?type=reservation.expired").json["data"]
            return [event["data"]["id"] for event in feed]

        running.ask("POST", "/items", {"sku": "BOLT", "name": "Bolt", "quantity": 5})
        made = running.ask("POST", "/reservations", {"reservations": [line, line], "expires_in_minutes": 1})
        soon = (datetime.now(UTC) + timedelta(milliseconds=500)).isoformat()
        for reservation in made.json["reservations"]:
            running.ask("PATCH", f"/reservations/{reservation['id']}", {"expires_at": soon})

        deadline = time.monotonic() + SOON
        while len(expired()) < 2:
            assert time.monotonic() < deadline
        assert (expired(), running.ask("GET", "/items/1").json["available"]) == ([1, 2], 5)
        assert running.stop() == 0
