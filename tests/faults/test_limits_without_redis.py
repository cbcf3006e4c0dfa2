"""Redis killed and frozen: limits hold all the same, counted in memory, and nobody waits for it."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import Noted
from tests.faults.harness import Client, Service, Tally, serving
from tests.faults.load import for_seconds
from tests.faults.servers import RedisServer, redis_server

pytestmark = pytest.mark.faults

LIMIT = 60
BEYOND = "429 too_many_requests"
FAULTS = {"killed": getattr(signal, "SIGKILL", 0), "frozen": getattr(signal, "SIGSTOP", 0)}


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of this test's own."""
    if not all(FAULTS.values()):
        pytest.skip("Windows has no signals that freeze and kill a server")
    with redis_server(tmp_path) as server:
        yield server


@pytest.fixture
def service(redis: RedisServer, tmp_path: Path) -> Iterator[Service]:
    """The service, which counts in this Redis."""
    settings = {"RATE_LIMIT": f"{LIMIT}/hour", "RATE_LIMIT_STORAGE_URL": redis.url}
    url = f"sqlite:///{(tmp_path / 'stock.sqlite3').as_posix()}"
    with serving(Service(url, tmp_path / "instance", **settings)) as service:
        yield service


@pytest.mark.parametrize("fault", FAULTS)
def test_limits_hold_and_nobody_waits_while_redis_does_not_answer(
    service: Service, redis: RedisServer, tally: Tally, noted: Noted, fault: str
) -> None:
    def read(client: Client) -> None:
        time.sleep(0.01)
        tally.read(client, "/items")

    for_seconds(0.5, service, [read] * 2)
    before = tally.read_statuses.copy()
    redis.signal(FAULTS[fault])
    for_seconds(2, service, [read] * 2)
    meanwhile = tally.read_statuses - before
    redis.signal(signal.SIGCONT)
    redis.start()
    back = time.monotonic()
    while "counted in Redis again" not in service.log() and time.monotonic() < back + 10:
        read(service.client())

    rested = time.monotonic() - back
    longest = max(tally.seconds_of_reads)
    noted(
        f"{fault}, {meanwhile['200']} of {meanwhile.total()} answered, the limit is {LIMIT}; "
        f"the longest {longest * 1000:.0f} ms, counted in Redis again after {rested:.1f} s"
    )
    assert set(tally.read_statuses) == {"200", BEYOND}
    assert before["200"] < LIMIT
    assert meanwhile["200"] == LIMIT
    assert longest < 1  # 0.1 s is what Redis may cost; a busy machine adds to it
    assert "counted in Redis again" in service.log()
