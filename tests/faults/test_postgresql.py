"""PostgreSQL restarted, killed, made read-only and replaced under load: the service finds its way back by itself."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import Found
from tests.faults.harness import Finding, Service, Tally, serving
from tests.faults.load import BUSY, OUT_OF_STOCK, RUNNING, SCALE, under_load
from tests.faults.servers import PostgreSQL, postgresql, primary_and_standby

pytestmark = pytest.mark.faults

ENDS = {
    "restarted fast": getattr(signal, "SIGINT", 0),
    "restarted at once": getattr(signal, "SIGQUIT", 0),
    "killed": getattr(signal, "SIGKILL", 0),
}


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    """A PostgreSQL server of these tests' own."""
    with postgresql() as server:
        yield server


@pytest.fixture(scope="module")
def service(server: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service on this server; it is never started again."""
    with serving(Service(server.url, tmp_path_factory.mktemp("instance"))) as service:
        yield service


def assert_the_service_came_back(tally: Tally, finding: Finding, possible: float) -> None:
    assert finding.is_clean
    assert finding.acknowledged > 0
    assert tally.statuses[BUSY] > 0
    assert not tally.unexpected("201", OUT_OF_STOCK, BUSY, RUNNING)
    assert not tally.given_up
    assert tally.first_after(possible) < 5
    assert tally.last_answered - possible < 5
    assert set(tally.read_statuses) <= {"200", BUSY}


def judge(found: Found, items: list[int], tally: Tally, possible: float, words: str = "") -> None:
    """Look at what is left of the load, and hold the service to coming back as soon as it could."""
    finding = found(items, words + figures(tally, possible))
    assert_the_service_came_back(tally, finding, possible)


def figures(tally: Tally, possible: float) -> str:
    return (
        f"{tally.statuses[BUSY]} told to wait, within {tally.waits[BUSY]:.1f} s, "
        f"written again after {tally.first_after(possible):.1f} s"
    )


@pytest.mark.parametrize("end", ENDS)
def test_a_server_that_goes_and_comes_back_costs_no_restart_and_no_write(
    service: Service, server: PostgreSQL, end: str, tally: Tally, items: list[int], found: Found
) -> None:
    with under_load(service, tally, items):
        time.sleep(0.7 * SCALE)
        server.end(ENDS[end])
        time.sleep(0.5 * SCALE)
        server.start()
        back = time.monotonic()
        time.sleep(2)

    judge(found, items, tally, back, f"{end}, ")


def test_a_server_that_refuses_writes_for_a_while_is_read_meanwhile_and_written_again(
    service: Service, server: PostgreSQL, tally: Tally, items: list[int], found: Found
) -> None:
    with under_load(service, tally, items):
        time.sleep(0.5)
        server.refuse_writes(refuse=True)
        time.sleep(1.5 * SCALE)
        server.refuse_writes(refuse=False)
        healed = time.monotonic()
        time.sleep(1)

    judge(found, items, tally, healed)
    assert set(tally.read_statuses) == {"200"}


class TestFailover:
    """The two servers change places, once with each end of the primary."""

    @pytest.fixture
    def servers(self) -> Iterator[tuple[PostgreSQL, PostgreSQL]]:
        """A primary and its synchronous standby."""
        with primary_and_standby() as both:
            yield both

    @pytest.fixture
    def service(self, servers: tuple[PostgreSQL, PostgreSQL], tmp_path: Path) -> Iterator[Service]:
        """The service on whichever of the two takes writes."""
        hosts = ",".join(f"127.0.0.1:{each.port}" for each in servers)
        url = f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write"
        with serving(Service(url, tmp_path / "instance")) as service:
            yield service

    def test_a_primary_that_dies_is_replaced_by_its_standby_without_a_write_lost(
        self,
        service: Service,
        servers: tuple[PostgreSQL, PostgreSQL],
        tally: Tally,
        items: list[int],
        found: Found,
    ) -> None:
        primary, standby = servers

        with under_load(service, tally, items):
            time.sleep(1 * SCALE)
            # Nothing more reaches the standby: a primary that did not wait for it would acknowledge what is lost.
            receiver = standby.receiver()
            os.kill(receiver, signal.SIGSTOP)
            time.sleep(0.5)
            primary.end(signal.SIGKILL)
            os.kill(receiver, signal.SIGTERM)
            os.kill(receiver, signal.SIGCONT)
            time.sleep(0.5)
            standby.become_primary()
            promoted = time.monotonic()
            time.sleep(2)

        judge(found, items, tally, promoted)

    def test_a_primary_that_lives_on_read_only_is_left_for_the_new_one(
        self,
        service: Service,
        servers: tuple[PostgreSQL, PostgreSQL],
        tally: Tally,
        items: list[int],
        found: Found,
    ) -> None:
        primary, standby = servers

        with under_load(service, tally, items):
            time.sleep(1 * SCALE)
            primary.refuse_writes(refuse=True)
            time.sleep(0.5)
            standby.become_primary()
            promoted = time.monotonic()
            time.sleep(2)

        judge(found, items, tally, promoted)
