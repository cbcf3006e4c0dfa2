"""Clients that connect and say nothing, or say it byte by byte, take nobody's place."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.faults.conftest import Noted
from tests.faults.harness import Client, Service, Tally, p99, running, serving
from tests.faults.load import for_seconds

pytestmark = pytest.mark.faults

IDLE = 300
DRIPPING = 50


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """The service on a file of its own."""
    with serving(Service(f"sqlite:///{(tmp_path / 'stock.sqlite3').as_posix()}", tmp_path / "instance")) as service:
        yield service


def test_hundreds_of_idle_and_dripping_clients_slow_nobody(service: Service, tally: Tally, noted: Noted) -> None:
    with ExitStack() as at_the_end:
        sockets = [
            at_the_end.enter_context(socket.create_connection(("127.0.0.1", service.port)))
            for _ in range(IDLE + DRIPPING)
        ]
        stopped = False

        def drip() -> None:
            for byte in b"GET /livez HTTP/1.1\r\nHost: drip\r\nX-Long: " + b"x" * 1000:
                for each in sockets[:DRIPPING]:
                    with suppress(OSError):
                        each.send(bytes([byte]))
                time.sleep(0.1)
                if stopped:
                    return

        def read(client: Client) -> None:
            time.sleep(0.01)
            tally.read(client, "/items")

        with running([drip]):
            for_seconds(3, service, [read])
            stopped = True

    noted(f"{IDLE} idle, {DRIPPING} dripping, {len(tally.reads)} reads beside them")
    assert len(tally.reads) > 30
    assert set(tally.read_statuses) == {"200"}
    assert p99(tally.reads) < 100
