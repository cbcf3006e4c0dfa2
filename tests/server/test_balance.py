"""Which of several processes accepts a connection: nobody serves alone what comes at once."""

import threading
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any

import pytest

from api.errors import error_answer
from server import balance
from server.balance import LEFT_SECONDS, NOT_RUNNING, Balance
from server.server import Server
from server.sockets import listening_sockets
from tests.support.program import SOON


class Clock:
    """A time that passes when told to."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(balance, "time", clock)
    return clock


def test_who_has_the_fewest_accepts_at_once(clock: Clock) -> None:
    own = Balance([0, 3, NOT_RUNNING], number=0)
    own.update(3)

    assert not own.leaves_next(3)
    assert own.seconds_left() == 0


def test_who_has_more_leaves_a_connection_to_the_others_and_takes_it_if_they_do_not(clock: Clock) -> None:
    own = Balance([4, 3], number=0)

    assert own.leaves_next(4)
    assert own.seconds_left() == pytest.approx(LEFT_SECONDS)
    clock.now += LEFT_SECONDS / 2
    assert own.leaves_next(4)
    clock.now += LEFT_SECONDS / 2
    assert own.seconds_left() == 0
    assert not own.leaves_next(4)


def test_what_the_others_took_does_not_count_for_the_next(clock: Clock) -> None:
    own = Balance([4, 3], number=0)
    assert own.leaves_next(4)
    clock.now += 60

    assert own.leaves_next(4)
    assert own.seconds_left() == pytest.approx(LEFT_SECONDS)


def test_a_process_that_does_not_run_is_left_nothing(clock: Clock) -> None:
    assert not Balance([4, NOT_RUNNING], number=0).leaves_next(4)


def answering(number: int) -> Callable[..., list[bytes]]:
    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", [("Content-Length", "1")])
        return [str(number).encode()]

    return app


def test_connections_that_come_at_once_are_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(balance, "LEFT_SECONDS", 0.2)  # a slow machine needs its time
    sockets = listening_sockets("127.0.0.1", 0)
    port = sockets[0].getsockname()[1]
    shared = [[each.dup() for each in sockets], sockets]
    counts = [0, 0]
    servers = [
        Server(
            answering(number),
            shared[number],
            threads=2,
            max_body_bytes=1000,
            error_answer=error_answer,
            balance=Balance(counts, number),
        )
        for number in range(2)
    ]
    threads = [threading.Thread(target=server.run) for server in servers]
    clients = [HTTPConnection("127.0.0.1", port, timeout=SOON) for _ in range(16)]
    for client in clients:  # before anybody accepts
        client.connect()
    for thread in threads:
        thread.start()
    try:
        for client in clients:
            client.request("GET", "/")
        answers = [client.getresponse().read() for client in clients]
    finally:
        for client in clients:
            client.close()
        for server in servers:
            server.stop()
        for thread in threads:
            thread.join(SOON)

    assert 6 <= answers.count(b"0") <= 10
