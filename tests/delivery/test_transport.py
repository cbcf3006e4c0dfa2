"""A delivery is one POST with a whole answer within its deadline, or it says in one word why not."""

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_network
from typing import Any

import pytest

from delivery.transport import Answer, DeliveryFailed, Transport
from settings import VERSION
from tests.support.durations import within
from tests.support.receivers import OK, SOON, Connection, answering, receiver
from tests.support.resolver import has_addresses

LOCAL = [ip_network("127.0.0.0/8")]
BODY = b'{"id": 7}'
# The deadline of what is to end by it, and when it has ended at the latest, in seconds.
DEADLINE, ENDED = 0.4, 0.9
NAME = "hooks.example.com"
queues = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, a full queue refuses")


@pytest.fixture
def transport() -> Iterator[Transport]:
    with closing(Transport()) as made:
        yield made


def post(transport: Transport, url: str, deadline_seconds: float = SOON, **headers: str) -> Answer:
    """Send a body to a receiver on this machine."""
    return transport.post(url, headers, BODY, allowed=LOCAL, deadline_seconds=deadline_seconds)


def failure(transport: Transport, url: str, deadline_seconds: float = SOON) -> str:
    """Send a body in vain; return the code of the failure."""
    with pytest.raises(DeliveryFailed, match=r"^[A-Za-z0-9].*\.$") as failed:
        post(transport, url, deadline_seconds)
    return failed.value.code


def answered(data: bytes) -> Answer:
    """What a delivery returns to which this is answered."""
    with receiver(lambda c: (c.read(), c.send(data))) as server, closing(Transport()) as transport:
        return post(transport, server.url)


def test_a_delivery_is_the_body_with_its_headers(transport: Transport) -> None:
    with receiver(answering(OK)) as server:
        answer = post(transport, server.url, **{"content-type": "application/json", "webhook-id": "evt_7"})
        request = server.request()

    assert answer == Answer(204, None)
    assert request.line == "POST /in?a=b HTTP/1.1"
    assert request.body == BODY
    assert request.headers == {
        "host": f"127.0.0.1:{server.port}",
        "user-agent": f"Stockroom/{VERSION}",
        "content-type": "application/json",
        "webhook-id": "evt_7",
        "content-length": "9",
    }


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n\xc3\xa4\xff!!", 200),
        (b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", 202),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil it closes", 200),
        (b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", 201),
        (b"HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", 301),
        (b"HTTP/1.1 307 Moved\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n", 307),
        (b"HTTP/1.1 410 Gone\r\nContent-Length: 4\r\n\r\ngone", 410),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", 500),
    ],
)
def test_an_answer_is_returned_whatever_it_says(data: bytes, status: int) -> None:
    assert answered(data) == Answer(status, None)


def test_of_a_long_answer_the_first_64_kib_are_read(transport: Transport) -> None:
    sent = threading.Event()

    def behave(connection: Connection) -> None:
        connection.read()
        connection.send(b"HTTP/1.1 400 Bad\r\nContent-Length: 16777216\r\n\r\n")
        try:
            connection.send(b"x" * 16_777_216)
        except OSError:
            sent.set()

    with receiver(behave) as server:
        assert post(transport, server.url) == Answer(400, None)
        assert sent.wait(SOON), "the connection stayed open"


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("0", 0), ("120", 120), ("999999999", 999_999_999)]
    + [(nonsense, None) for nonsense in ("-5", "1.5", "", "soon", "1e3", "٣", "9" * 5000, "Mon, 99 Foo 2026", ", ,")],
)
def test_how_long_to_wait_is_returned(written: str, seconds: int | None) -> None:
    data = f"HTTP/1.1 503 Busy\r\nRetry-After: {written}\r\nContent-Length: 0\r\n\r\n".encode()

    assert answered(data) == Answer(503, seconds)


@pytest.mark.parametrize(("minutes", "least", "most"), [(10, 540, 600), (-10, None, None)])
def test_how_long_to_wait_may_be_a_date(minutes: int, least: int | None, most: int | None) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True)
    seconds = answered(
        f"HTTP/1.1 429 Slow\r\nretry-after: {date}\r\nContent-Length: 0\r\n\r\n".encode()
    ).retry_after_seconds

    assert seconds == least if seconds is None or least is None or most is None else least <= seconds <= most


def test_a_proxy_of_the_environment_is_not_asked(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver(answering(OK)) as server, receiver(answering(OK)) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        post(transport, server.url)

    assert (server.connections, proxy.connections) == (1, 0)


# Where it goes


def test_the_connection_goes_to_the_address_that_was_checked(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name moves within this machine after its first look-up: who looked it up twice would be elsewhere."""
    lookups = has_addresses(monkeypatch, NAME, ["127.0.0.1"], ["127.0.0.99"])
    with receiver(answering(OK)) as server:
        post(transport, f"http://{NAME}:{server.port}/")

        assert server.request().headers["host"] == f"{NAME}:{server.port}"
    assert lookups == [NAME]


def test_nothing_is_sent_to_a_name_that_has_moved_to_where_nothing_may_be_sent(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_addresses(monkeypatch, NAME, ["8.8.8.8", "127.0.0.1"])
    with receiver(answering(OK)) as server:
        with pytest.raises(DeliveryFailed, match="127.0.0.1") as failed:
            transport.post(f"https://{NAME}:{server.port}/", {}, BODY, allowed=[], deadline_seconds=SOON)

    assert failed.value.code == "address_not_allowed"
    assert server.connections == 0


def test_without_tls_nothing_is_sent_to_a_global_address(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    has_addresses(monkeypatch, NAME, ["127.0.0.1", "8.8.8.8"])
    with receiver(answering(OK)) as server:
        assert failure(transport, f"http://{NAME}:{server.port}/") == "address_not_allowed"

    assert server.connections == 0


def test_an_ipv6_address_is_named_in_brackets(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    has_addresses(monkeypatch, "::1", ["127.0.0.1"])  # where this machine has no IPv6
    with receiver(answering(OK)) as server:
        post(transport, f"http://[::1]:{server.port}/")

        assert server.request().headers["host"] == f"[::1]:{server.port}"


@pytest.mark.parametrize("host", ["0x7f.1", "2130706433", "127.1"])
def test_another_notation_of_an_address_is_no_way_around(host: str, transport: Transport) -> None:
    with receiver(answering(OK)) as server:
        with pytest.raises(DeliveryFailed) as failed:
            transport.post(f"https://{host}:{server.port}/", {}, BODY, allowed=[], deadline_seconds=SOON)

    assert failed.value.code in ("address_not_allowed", "dns_failed")
    assert server.connections == 0


def test_a_receiver_at_the_second_address_of_its_name_is_reached(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_addresses(monkeypatch, NAME, ["127.0.0.99", "127.0.0.1"])
    with receiver(answering(OK)) as server:
        assert post(transport, f"http://{NAME}:{server.port}/").status == 204


# What fails, and when


def test_a_receiver_that_is_not_there_refuses(transport: Transport) -> None:
    with receiver(answering(OK)) as server:
        pass

    assert failure(transport, server.url) == "connection_refused"


def test_a_name_that_does_not_exist_fails(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    has_addresses(monkeypatch, NAME, [])

    assert failure(transport, f"https://{NAME}/") == "dns_failed"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "connection_failed"),
        (b"\x16\x03\x01 not HTTP\r\n\r\n", "invalid_answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "invalid_answer"),
        (b"HTTP/1.1 20", "invalid_answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "invalid_answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "invalid_answer"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "invalid_answer"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 200_000, "invalid_answer"),
    ],
)
def test_what_is_no_whole_answer_fails(data: bytes, code: str) -> None:
    with receiver(lambda c: (c.read(), c.send(data))) as server, closing(Transport()) as transport:
        assert failure(transport, server.url) == code


@pytest.mark.parametrize(
    "data",
    [
        b"INTERNAL-SERVICE 9.2\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxINTERNAL\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nINTERNAL\r\n",
        b"HTTP/1.1 200 OK\r\nINTERNAL\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: INTERNAL\r\n\r\n",
    ],
)
def test_a_failure_quotes_nothing_of_what_is_no_answer(data: bytes) -> None:
    with receiver(lambda c: (c.read(), c.send(data))) as server, closing(Transport()) as transport:
        with pytest.raises(DeliveryFailed) as failed:
            transport.post(server.url, {}, b"{}", allowed=LOCAL)

        assert (failed.value.code, "INTERNAL" in failed.value.sentence) == ("invalid_answer", False)


def test_a_receiver_that_closes_at_once_fails() -> None:
    with receiver(lambda _: None) as server, closing(Transport()) as transport:
        assert failure(transport, server.url) == "connection_failed"


def drips(before: bytes, dripping: bytes) -> Callable[[Connection], Any]:
    """Read the request, answer with the first bytes, and drip the others."""
    return lambda connection: (connection.read(), connection.send(before), connection.drip(dripping * 1000))


SLOW = {
    "says nothing": lambda connection: connection.hang(),
    "drips its first line": drips(b"", b"HTTP/1.1 200 OK" + b" " * 1000),
    "drips its headers": drips(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "drips its body": drips(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x"),
    "drips chunks": drips(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "sends hints without end": drips(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "stops in the middle": lambda connection: (connection.send(b"HTTP/1.1 200 OK\r\n"), connection.hang()),
}


@pytest.mark.parametrize("how", SLOW)
def test_a_receiver_that_takes_its_time_is_left_at_the_deadline(how: str) -> None:
    with receiver(SLOW[how]) as server, closing(Transport()) as transport:
        assert within(ENDED, lambda: failure(transport, server.url, DEADLINE)) == "timeout"


def test_a_receiver_that_does_not_read_is_left_at_the_deadline(transport: Transport) -> None:
    with receiver(lambda connection: connection.receiver.ended.wait(SOON)) as server:

        def send() -> None:
            with pytest.raises(DeliveryFailed) as failed:
                transport.post(server.url, {}, bytes(50_000_000), allowed=LOCAL, deadline_seconds=DEADLINE)
            assert failed.value.code == "timeout"

        within(ENDED, send)
        server.ended.set()


@contextmanager
def full(host: str, port: int = 0) -> Iterator[int]:
    """A port whose queue of connections is full, so that nobody gets an answer there; return it."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((host, port), backlog=0))
        for _ in range(3):  # more than have a place in the queue
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@queues
def test_a_host_that_takes_no_connection_is_left_at_the_deadline(transport: Transport) -> None:
    with full("127.0.0.1") as port:
        url = f"http://127.0.0.1:{port}/"

        assert within(ENDED, lambda: failure(transport, url, DEADLINE)) == "timeout"


@queues
def test_an_address_that_takes_no_connection_leaves_time_for_the_next(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_addresses(monkeypatch, NAME, ["127.0.0.2", "127.0.0.1"])
    with receiver(answering(OK)) as server, full("127.0.0.2", server.port):
        assert post(transport, f"http://{NAME}:{server.port}/", 2.0).status == 204


def test_a_resolver_that_hangs_is_left_at_the_deadline(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: released.wait() and [])
    try:
        assert within(ENDED, lambda: failure(transport, f"https://{NAME}/", DEADLINE)) == "timeout"
    finally:
        released.set()


def test_a_delivery_that_runs_is_aborted_from_another_thread(transport: Transport) -> None:
    with receiver(lambda c: (c.read(), c.hang())) as server:
        codes: list[str] = []
        sending = threading.Thread(target=lambda: codes.append(failure(transport, server.url, 600.0)))
        sending.start()
        server.request()

        transport.close()
        sending.join(SOON)

    assert codes == ["stopped"]
    assert failure(transport, server.url) == "stopped"


# The connection is kept


def test_the_next_delivery_takes_the_same_connection(transport: Transport) -> None:
    with receiver(answering(OK)) as server:
        for _ in range(3):
            post(transport, server.url)

        transport.close()
    assert server.connections == 1


def test_a_receiver_that_closes_after_each_answer_misses_nothing(transport: Transport) -> None:
    with receiver(lambda c: (c.read(), c.send(OK))) as server:
        for number in range(5):
            assert post(transport, server.url).status == 204
            assert server.connections == number + 1


def test_a_receiver_that_closes_when_the_next_delivery_comes_gets_it_again(transport: Transport) -> None:
    with receiver(lambda c: (c.read(), c.send(OK), c.read())) as server:
        assert [post(transport, server.url).status for _ in range(2)] == [204, 204]

        assert server.connections == 2
        assert server.requests.qsize() == 3


def test_a_new_connection_that_is_closed_is_not_tried_twice(transport: Transport) -> None:
    with receiver(lambda c: c.read()) as server:
        assert failure(transport, server.url) == "connection_failed"

    assert server.connections == 1


def test_after_a_failure_the_next_delivery_has_a_connection_of_its_own(transport: Transport) -> None:
    def behave(connection: Connection) -> None:
        if connection.receiver.connections > 1:
            return answering(OK)(connection)
        connection.read()
        connection.send(b"HTTP/1.1 200 OK\r\n")
        return connection.hang()

    with receiver(behave) as server:
        assert failure(transport, server.url, 0.2) == "timeout"
        assert post(transport, server.url).status == 204
