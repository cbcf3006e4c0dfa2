"""An item that somebody else has locked: its writers are refused in time, and readers and `/livez` notice nothing."""

import http.client
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from tests.faults.conftest import Noted
from tests.faults.harness import Client, Service, running, sqlalchemy_url
from tests.faults.load import BUSY, for_seconds, movement, until

pytestmark = pytest.mark.faults

WRITERS = 16
HELD = 12.0  # seconds


@contextmanager
def locked_elsewhere(service: Service, item_id: int) -> Iterator[None]:
    """Another program holds the row of an item."""
    engine = create_engine(sqlalchemy_url(service.database_url), poolclass=NullPool)
    with engine.begin() as rival:
        rival.execute(text("SELECT id FROM items WHERE id = :id FOR UPDATE"), {"id": item_id})
        yield


def livez(client: Client) -> int:
    client.connect()
    client.connection.request("GET", "/livez")
    response = client.connection.getresponse()
    response.read()
    return response.status


def test_writers_of_an_item_that_somebody_has_locked_are_told_in_time_and_readers_do_not_wait(
    service: Service, items: list[int], noted: Noted
) -> None:
    if service.database == "sqlite":
        pytest.skip("SQLite locks the file, not rows; see test_storage.py")
    locked, other = items[:2]
    longest: dict[str, float] = defaultdict(float)
    seen: Counter[str] = Counter()

    def timed(name: str, ask: Callable[[Client], object], pause: float) -> Callable[[Client], None]:
        def job(client: Client) -> None:
            began = time.monotonic()
            try:
                status = ask(client)
            except (OSError, http.client.HTTPException):
                status = "none"
            seen[f"{name} {status}"] += 1
            longest[name] = max(longest[name], time.monotonic() - began)
            time.sleep(pause)

        return job

    def write(client: Client) -> str:
        answer = client.request("POST", f"/items/{locked}/movements", movement("receive", 1))
        return str(answer.status) if answer.status < 400 else f"{answer.status} {answer.json['code']}"

    jobs = [timed("write", write, 0.05)] * WRITERS + [
        timed("read", lambda client: client.get(f"/items/{other}").status, 0.02),
        timed("livez", livez, 0.02),
    ]
    reads = [timed("first read", lambda client: client.get(f"/items/{other}").status, 0.0)]
    for_seconds(1, service, reads * WRITERS)  # every thread has a connection now
    stop = threading.Event()
    with locked_elsewhere(service, locked), running([until(stop, service, job) for job in jobs]):
        time.sleep(HELD)
        stop.set()
    after = service.client().request("POST", f"/items/{locked}/movements", movement("receive", 1))

    noted(f"longest: {', '.join(f'{name} {seconds:.1f} s' for name, seconds in longest.items())}; {dict(seen)}")
    assert {name for name in seen if name.startswith("write")} == {f"write {BUSY}"}
    assert seen["read 200"] > 20
    assert longest["write"] < 5
    assert longest["read"] < 1
    assert longest["livez"] < 1
    assert after.status == 201
