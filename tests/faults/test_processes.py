"""Several processes on one port (PROCESSES): what one of them dies of is lost by nobody."""

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import Found
from tests.faults.harness import Client, Service, Tally, serving
from tests.faults.load import (
    ARRIVED,
    BUSY,
    CLOSED,
    OUT_OF_STOCK,
    RUNNING,
    carrier_of,
    doing,
    promiser_of,
    rounds,
    under_load,
)
from tests.support.program import SOON

pytestmark = pytest.mark.faults

KILL = signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM


@pytest.fixture
def processes() -> int:
    """How many there are."""
    return 2


@pytest.fixture
def service(database_url: str, tmp_path: Path, processes: int) -> Iterator[Service]:
    """Processes on one port, which all serve."""
    settings = {"PROCESSES": str(processes), "LOG_LEVEL": "INFO"}
    with serving(Service(database_url, tmp_path / "instance", **settings)) as service:
        for number in range(1, processes + 1):
            pid_of(service, number)
        yield service


def pid_of(service: Service, number: int, but: str = "") -> str:
    """The id of the process of this number, once it serves; one that is not `but`."""
    deadline = time.monotonic() + SOON
    while True:
        found = re.findall(rf"process {number} serves \(pid (\d+)\)", service.log())
        if found and found[-1] != but:
            return str(found[-1])
        assert time.monotonic() < deadline, service.log()
        time.sleep(0.05)


def kill_one(service: Service, number: int) -> None:
    """Kill the process of this number, and wait until another one serves in its place."""
    pid = pid_of(service, number)
    os.kill(int(pid), KILL)
    pid_of(service, number, but=pid)


def test_processes_on_one_port_lose_and_double_nothing_when_one_after_the_other_is_killed(
    service: Service, tally: Tally, items: list[int], found: Found
) -> None:
    kills = rounds(4)

    with under_load(service, tally, items):
        for kill in range(kills):
            time.sleep(0.7)
            kill_one(service, 1 + kill % 2)

    finding = found(items, f"{kills} kills, {tally.retries} retries, {tally.statuses[BUSY]} told to wait")
    assert finding.acknowledged > kills
    assert finding.is_clean
    assert not tally.given_up
    assert not tally.unexpected("201", OUT_OF_STOCK, RUNNING, BUSY)
    assert tally.longest_gap() < 5


@pytest.mark.parametrize("processes", [3])
@pytest.mark.parametrize("job_of", [carrier_of, promiser_of], ids=["transfers", "reservations"])
def test_what_three_processes_do_is_lost_and_doubled_by_none_when_one_after_the_other_is_killed(
    service: Service,
    tally: Tally,
    items: list[int],
    found: Found,
    processes: int,
    job_of: Callable[[Tally, list[int]], Callable[[Client], None]],
) -> None:
    kills = rounds(6)

    with doing(service, [job_of(tally, items)] * 12):
        for kill in range(kills):
            time.sleep(0.7)
            kill_one(service, 1 + kill % processes)

    finding = found(items, f"{kills} kills, {tally.retries} retries, {tally.replayed} of them answered as before")
    assert finding.acknowledged > kills
    assert finding.is_clean
    assert not tally.given_up
    assert not tally.unexpected("200", "201", OUT_OF_STOCK, *ARRIVED, *CLOSED, RUNNING, BUSY)
