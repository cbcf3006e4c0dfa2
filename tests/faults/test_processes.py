"""Two processes on one port (PROCESSES=2): what one of them dies of is lost by nobody."""

import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import Found
from tests.faults.harness import STARTED_WITHIN, Service, Tally, serving
from tests.faults.load import BUSY, OUT_OF_STOCK, RUNNING, rounds, under_load

pytestmark = pytest.mark.faults

KILL = signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM


@pytest.fixture
def service(database_url: str, tmp_path: Path) -> Iterator[Service]:
    """Two processes on one port, which serve both."""
    with serving(Service(database_url, tmp_path / "instance", PROCESSES="2", LOG_LEVEL="INFO")) as service:
        pid_of(service, 2)
        yield service


def pid_of(service: Service, number: int, but: str = "") -> str:
    """The id of the process of this number, once it serves; one that is not `but`."""
    deadline = time.monotonic() + STARTED_WITHIN
    while True:
        found = re.findall(rf"process {number} serves \(pid (\d+)\)", service.log())
        if found and found[-1] != but:
            return str(found[-1])
        assert time.monotonic() < deadline, service.log()
        time.sleep(0.05)


def test_processes_on_one_port_lose_and_double_nothing_when_one_after_the_other_is_killed(
    service: Service, tally: Tally, items: list[int], found: Found
) -> None:
    kills = rounds(4)

    with under_load(service, tally, items):
        for kill in range(kills):
            number = 1 + kill % 2
            time.sleep(0.7)
            pid = pid_of(service, number)
            os.kill(int(pid), KILL)
            pid_of(service, number, but=pid)

    finding = found(items, f"{kills} kills, {tally.retries} retries, {tally.statuses[BUSY]} told to wait")
    assert finding.acknowledged > kills
    assert finding.is_clean
    assert not tally.given_up
    assert not tally.unexpected("201", OUT_OF_STOCK, RUNNING, BUSY)
    assert tally.longest_gap() < 5
