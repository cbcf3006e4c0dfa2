"""The HTTP server, over real sockets: refusals, deadlines, crowds and the stop."""

import _thread
import errno
import gc
import json
import logging
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest
from waitress import wasyncore

from api.errors import error_answer
from server import connections, server, sockets
from server.server import TIMEOUTS, Server, serve
from server.sockets import listening_sockets
from settings import SettingsError
from tests.support.durations import within
from tests.support.program import SOON

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 1024 * 1024
DEFAULTS = {"threads": 2, "max_body_bytes": LIMIT, "error_answer": error_answer}
HELLO = b"GET /hello HTTP/1.1\r\nHost: test\r\n\r\n"
LONG = 10 * SOON
WAIT = HELLO.replace(b"hello", b"wait")
POST = b"POST /length HTTP/1.1\r\nHost: test\r\n"


class App:
    """A WSGI application that remembers its requests, and holds those for /wait until released."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.entered = threading.Event()
        self.release = threading.Event()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        self.asked.append(environ["PATH_INFO"])
        status, body = "200 OK", b"hello"
        match environ["PATH_INFO"]:
            case "/wait":
                self.entered.set()
                assert self.release.wait(SOON)
            case "/length":
                body = str(len(environ["wsgi.input"].read())).encode()
            case "/address":
                body = f"{environ['REMOTE_ADDR']} {environ.get('HTTP_X_FORWARDED_FOR')}".encode()
            case "/large":
                start_response(status, [])
                return [bytes(LIMIT)] * 32
            case "/huge":
                body = bytes(64 * LIMIT)
            case "/nothing":
                start_response("204 No Content", [])
                return []
            case "/unchanged":
                start_response("304 Not Modified", [("ETag", '"1"')])
                return []
            case "/stream":
                start_response("200 OK", [])
                return [] if environ["REQUEST_METHOD"] == "HEAD" else [b"hello", b"world"]
            case "/failure":
                raise LookupError("a secret of the house")
        start_response(status, [("Content-Length", str(len(body)))])
        return [body]


class Clock:
    """The time of a server, which passes when told to."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Running:
    """A Server that runs in a thread of its own."""

    def __init__(self, **options: Any) -> None:
        self.app = App()
        self.sockets = listening_sockets("127.0.0.1", 0)
        self.port: int = self.sockets[0].getsockname()[1]
        self.server = Server(self.app, self.sockets, **{**DEFAULTS, **options})
        self.thread = threading.Thread(target=self.server.run)

    def connect(self, sending: bytes = b"") -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port), SOON)
        if sending:
            client.sendall(sending)
        return client

    def http(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=SOON)

    def ended(self) -> bool:
        self.thread.join(SOON)
        return not self.thread.is_alive()

    def refuses_connections(self) -> bool:
        return refuses_connections(self.port)

    def stages(self) -> list[str]:
        return [channel.state()[0] for channel in self.server._connections()]

    def reaches(self, *stages: str) -> None:
        """Wait until its connections are at these stages."""
        until(lambda: sorted(self.stages()) == sorted(stages))

    def let_pass(self, clock: Clock, seconds: float) -> None:
        """Let time pass, and wait until it has checked its connections."""
        clock.now += seconds
        until(lambda: self.server._next_check > clock.now)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@contextmanager
def running(**options: Any) -> Iterator[Running]:
    service = Running(**options)
    service.thread.start()
    try:
        yield service
    finally:
        service.app.release.set()
        service.server.stop()
        assert service.ended()


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CHECK_SECONDS", 0.05)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(server, "time", clock)
    return clock


@pytest.fixture
def service() -> Iterator[Running]:
    with running() as service:
        yield service


def timeouts(**stages: float) -> dict[str, float]:
    return {**TIMEOUTS, **stages}


def answer(client: socket.socket, method: str = "GET") -> tuple[HTTPResponse, bytes]:
    response = HTTPResponse(client, method=method)
    response.begin()
    return response, response.read()


def everything(client: socket.socket) -> bytes:
    """All that comes until the server closes; a reset counts as closing."""
    received = b""
    try:
        while data := client.recv(65536):
            received += data
    except ConnectionError:
        pass
    return received


def refuses_connections(port: int) -> bool:
    """Wait until nobody listens there, which shows that a stop has begun."""
    deadline = time.monotonic() + SOON
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), SOON).close()
        except OSError:
            return True
    return False


def drips_until_cut_off(client: socket.socket) -> bool:
    """Send byte after byte until a reset says that the server has closed."""
    deadline = time.monotonic() + SOON
    try:
        while time.monotonic() < deadline:
            client.sendall(b"x")
            time.sleep(0.02)
    except ConnectionError:
        return True
    return False


def is_open(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False
    finally:
        client.settimeout(SOON)


# The sockets


def test_port_0_gives_every_address_of_the_host_the_same_free_port() -> None:
    sockets = listening_sockets("localhost", 0)

    with ExitStack() as closes:
        for each in sockets:
            closes.enter_context(each)
            with socket.create_connection(each.getsockname()[:2], SOON):
                pass
        ports = {each.getsockname()[1] for each in sockets}
        assert len(ports) == 1 and ports != {0}


def test_ipv4_and_ipv6_listen_on_the_same_free_port(monkeypatch: pytest.MonkeyPatch) -> None:
    v4 = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 0))
    v6 = (socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("::1", 0, 0, 0))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [v4, v6])

    sockets = listening_sockets("localhost", 0)

    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    if len(sockets) == 1:
        pytest.skip("IPv6 is turned off here")
    assert ports[0] == ports[1]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such wait")
def test_a_service_may_start_again_right_after_its_stop() -> None:
    with running() as service, service.connect(HELLO.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")) as client:
        assert everything(client)
        client.close()
        service.server.stop()
        assert service.ended()

        for each in listening_sockets("127.0.0.1", service.port):
            each.close()


def test_a_port_is_refused_to_a_second_service_even_before_the_first_serves() -> None:
    with closing(listening_sockets("127.0.0.1", 0)[0]) as first:
        port = first.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"^PORT is {port}, .*; stop that one or set another port\.$"):
            listening_sockets("127.0.0.1", port)


def test_a_port_stays_refused_while_the_first_service_runs(service: Running) -> None:
    with pytest.raises(SettingsError, match=rf"^PORT is {service.port}, "):
        listening_sockets("127.0.0.1", service.port)


@pytest.mark.skipif(sys.platform != "win32", reason="SO_REUSEADDR takes a port over on Windows only")
def test_a_program_that_reuses_addresses_can_not_take_the_port_over(service: Running) -> None:
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError):
            thief.bind(("127.0.0.1", service.port))


@pytest.mark.parametrize("host", ["192.0.2.1", "x" * 64])
def test_a_host_that_is_not_this_machine_is_refused(host: str) -> None:
    with pytest.raises(SettingsError, match=rf"^HOST is '{host}', .*; set 127\.0\.0\.1 .*\.$"):
        listening_sockets(host, 0)


def test_a_host_without_an_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(SettingsError, match=r"^HOST is 'stockroom\.invalid', "):
        listening_sockets("stockroom.invalid", 0)


def test_a_forbidden_port_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: Any) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(sockets, "_listening_socket", forbidden)
    with pytest.raises(SettingsError, match=r"^PORT is 80, .*above 1023"):
        listening_sockets("127.0.0.1", 80)


def test_an_address_that_is_turned_off_does_not_keep_the_others_from_serving(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tcp = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
    both = [(*tcp, ("192.0.2.1", 0)), (*tcp, ("127.0.0.1", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)

    (only,) = listening_sockets("localhost", 0)

    with only:
        assert only.getsockname()[0] == "127.0.0.1"


def test_several_sockets_share_one_server() -> None:
    app = App()
    sockets = [*listening_sockets("127.0.0.1", 0), *listening_sockets("127.0.0.1", 0)]
    ports = [each.getsockname()[1] for each in sockets]
    both = Server(app, sockets, threads=1, max_body_bytes=LIMIT, error_answer=error_answer)
    thread = threading.Thread(target=both.run)
    thread.start()
    try:
        for port in ports:
            with closing(HTTPConnection("127.0.0.1", port, timeout=SOON)) as client:
                client.request("GET", "/hello")
                assert client.getresponse().read() == b"hello"
    finally:
        both.stop()
        thread.join(SOON)
    assert not thread.is_alive()


# Connections that live on


@pytest.mark.parametrize("path", ["/hello", "/nothing", "/unchanged"])
def test_a_connection_lives_on_after_an_answer_with_or_without_a_body(service: Running, path: str) -> None:
    with service.connect() as client:
        for _ in range(2):
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
            response, _body = answer(client)
            assert response.getheader("Connection") is None


@pytest.mark.parametrize("version", ["HTTP/1.1\r\nConnection: close", "HTTP/1.0", "HTTP/1.0\r\nConnection: keep-alive"])
def test_a_204_ends_the_connection_of_a_client_that_asks_or_can_not_tell(service: Running, version: str) -> None:
    with service.connect(f"GET /nothing {version}\r\nHost: test\r\n\r\n".encode()) as client:
        received = everything(client)

    assert received.count(b"204 No Content") == 1
    assert b"Connection: close\r\n" in received


def test_a_connection_in_use_outlives_the_patience_with_idle_ones(clock: Clock) -> None:
    with running(timeouts=timeouts(idle=0.3)) as service, service.connect() as client:
        for _ in range(8):
            client.sendall(HELLO)
            answer(client)
            service.let_pass(clock, 0.1)


def test_a_client_sees_the_end_although_the_server_still_listens_to_it() -> None:
    with running(timeouts=timeouts(lingering=60)) as service:
        with service.connect(b"GET /hello HTTP/1.0\r\n\r\n") as client:
            assert everything(client).endswith(b"hello")


@pytest.mark.parametrize(("path", "pieces"), [("hello", 1), ("stream", 4)])
def test_an_answer_that_is_all_there_leaves_in_one_piece(
    service: Running, monkeypatch: pytest.MonkeyPatch, path: str, pieces: int
) -> None:
    send, sent = connections.Channel.send, []

    def recorded(self: connections.Channel, data: bytes, do_close: bool = True) -> Any:
        sent.append(bytes(data))
        return send(self, data, do_close=do_close)

    monkeypatch.setattr(connections.Channel, "send", recorded)
    with service.connect(HELLO.replace(b"hello", path.encode())) as client:
        response, body = answer(client)

    assert body in (b"hello", b"helloworld")
    assert parsedate_to_datetime(response.headers["Date"]).year > 2000
    assert len(sent) == pieces


def test_the_server_does_not_say_what_it_is_made_of(service: Running) -> None:
    with service.connect(HELLO) as client:
        response, _ = answer(client)

    assert response.getheader("Server") is None and response.getheader("Via") is None


# Refusals in the one error shape


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (b"nonsense\r\n\r\n", 400, "bad_request"),
        (b"get / HTTP/1.1\r\n\r\n", 400, "bad_request"),
        (b"GET http://[ HTTP/1.1\r\nHost: test\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer secret\rsecret\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nHost: test\r\n Authorization: secret\r\n\r\n", 400, "bad_request"),
        (b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: -1\r\n\r\n", 400, "bad_request"),
        (b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", 400, "bad_request"),
        (b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\nsecret\r\n", 400, "bad_request"),
        (b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "not_implemented"),
        (b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\n\r\n", 431, "headers_too_large"),
        (b"GET / HTTP/1.1\r\nHost: test\r\nCookie: " + b"secret" * 6000 + b"\r\n\r\n", 431, "headers_too_large"),
        (b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1048577\r\n\r\n", 413, "content_too_large"),
        (b"GET /failure HTTP/1.1\r\nHost: test\r\n\r\n", 500, "internal_error"),
    ],
)
def test_what_never_reaches_the_application_is_refused_in_the_one_shape(
    service: Running, request_bytes: bytes, status: int, code: str
) -> None:
    with service.connect(request_bytes) as client:
        response, body = answer(client)

    problem = json.loads(body)
    assert response.status == problem["status"] == status
    assert problem["code"] == code
    assert set(problem) == {"type", "title", "status", "detail", "code", "request_id"}
    assert re.fullmatch("[0-9a-f]{32}", problem["request_id"])
    assert response.getheader("X-Request-ID") == problem["request_id"]
    assert response.getheader("Content-Type") == "application/problem+json"
    assert response.getheader("X-Content-Type-Options") == "nosniff"
    assert response.getheader("Connection") == "close"
    assert len(body) < 500 and b"secret" not in body


@pytest.mark.parametrize(
    ("sent", "honoured"),
    [("order-7.retry_2", True), ("x" * 128, True), ("x" * 129, False), ("a b", False), ("", False)],
)
@pytest.mark.parametrize("start", ["GET /failure HTTP/1.1", "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 9999999"])
def test_a_refusal_carries_the_clients_request_id_if_it_is_sane(
    service: Running, start: str, sent: str, honoured: bool
) -> None:
    with service.connect(f"{start}\r\nX-Request-ID: {sent}\r\n\r\n".encode()) as client:
        response, body = answer(client)

    assert (response.getheader("X-Request-ID") == sent) is honoured
    assert json.loads(body)["request_id"] == response.getheader("X-Request-ID")


def test_a_refused_head_has_no_body(service: Running) -> None:
    with service.connect(b"HEAD /failure HTTP/1.1\r\nHost: test\r\n\r\n") as client:
        received = everything(client)

    assert received.startswith(b"HTTP/1.1 500 ") and received.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    "framing",
    [
        "HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
        "HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: 5",
        "HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding:",
        "HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5",
        "HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "HTTP/1.0\r\nTransfer-Encoding: chunked",
    ],
)
def test_a_body_whose_end_two_servers_may_see_in_two_places_smuggles_nothing_in(service: Running, framing: str) -> None:
    request = f"POST /length {framing}\r\nHost: test\r\n\r\n0\r\n\r\n".encode() + HELLO
    with service.connect(request) as client:
        received = everything(client)

    assert received.count(b"HTTP/1.") == 1
    assert b" 400 Bad Request\r\n" in received
    assert service.app.asked == []


# The size of bodies


def test_a_body_of_exactly_the_limit_is_taken(service: Running) -> None:
    with closing(service.http()) as client:
        client.request("POST", "/length", bytes(LIMIT))
        assert client.getresponse().read() == str(LIMIT).encode()


def test_a_client_that_sends_too_much_gets_to_read_why(service: Running) -> None:
    with closing(service.http()) as client:
        client.request("POST", "/length", bytes(16 * LIMIT))
        response = client.getresponse()

        assert response.status == 413
        assert json.loads(response.read())["detail"] == f"The body may have {LIMIT} bytes at most."
    assert service.app.asked == []


def test_a_client_that_never_stops_sending_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "LINGER_BYTES", LIMIT)
    with (
        running() as service,
        service.connect(POST + b"Content-Length: 9999999\r\n\r\n") as client,
    ):
        answer(client)
        with pytest.raises(ConnectionError):
            for _ in range(1000):
                client.sendall(bytes(LIMIT))


def test_a_client_that_lingers_in_silence_is_cut_off() -> None:
    with running(timeouts=timeouts(lingering=0.1)) as service, service.connect(b"nonsense\r\n\r\n") as client:
        answer(client)
        assert drips_until_cut_off(client)


def test_a_chunked_body_above_the_limit_is_refused_before_its_end(service: Running) -> None:
    chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    with service.connect(POST + b"Transfer-Encoding: chunked\r\n\r\n" + 17 * chunk) as client:
        response, _ = answer(client)

    assert response.status == 413
    assert service.app.asked == []


def test_a_chunked_body_below_the_limit_is_taken(service: Running) -> None:
    body = b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    with service.connect(POST + b"Transfer-Encoding: chunked\r\n\r\n" + body) as client:
        assert answer(client)[1] == b"11"


def test_one_path_may_have_larger_bodies_than_the_others() -> None:
    credential = {"Authorization": "Bearer x"}
    with running(larger_bodies={"/length": 3 * LIMIT}) as service, closing(service.http()) as client:
        client.request("POST", "/length?dry_run=true", bytes(3 * LIMIT), credential)
        assert client.getresponse().read() == str(3 * LIMIT).encode()
        for path, size in (("/length", 3 * LIMIT + 1), ("/length/", LIMIT + 1), ("/other", LIMIT + 1)):
            with closing(service.http()) as other:
                other.request("POST", path, headers={**credential, "Content-Length": str(size)})
                assert other.getresponse().status == 413, path


def received(service: Running) -> int | None:
    """How much of the body of the one request has arrived; None before its head has."""
    (request,) = [channel.request for channel in service.server._connections()] or [None]
    return request.body_bytes_received if request is not None and request.headers_finished else None


def test_a_large_body_may_take_its_time_while_it_grows(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "PROGRESS_BYTES", 1000)
    with running(timeouts=timeouts(receiving=0.3)) as service:
        with service.connect(POST + b"Content-Length: 8000\r\nConnection: close\r\n\r\n") as client:
            for number in range(8):
                until(lambda number=number: received(service) == number * 1000)
                service.let_pass(clock, 0.1)
                client.sendall(bytes(1000))
            assert b"8000" in everything(client)


def test_a_client_that_asks_first_is_told_413_and_not_to_continue(service: Running) -> None:
    head = POST + b"Expect: 100-continue\r\nContent-Length: 9999999\r\n\r\n"
    with service.connect(head) as client:
        assert everything(client).startswith(b"HTTP/1.1 413 ")


def test_a_client_that_asks_first_is_told_to_continue(service: Running) -> None:
    with service.connect(POST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n") as client:
        assert client.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"hello")
        assert answer(client)[1] == b"5"


def test_a_client_that_asks_first_and_has_no_body_is_answered(service: Running) -> None:
    with service.connect(b"GET /hello HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\n\r\n") as client:
        assert client.recv(4096).startswith(b"HTTP/1.1 200 ")


# Deadlines and crowds


@pytest.mark.parametrize("start", [b"GET /", b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 999999\r\n\r\n"])
def test_a_request_that_comes_in_drips_is_cut_off(start: bytes) -> None:
    with running(timeouts=timeouts(receiving=0.2)) as service, service.connect(start) as client:
        assert drips_until_cut_off(client)


def test_half_a_body_leaves_no_file_open() -> None:
    half = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1048576\r\n\r\n" + bytes(LIMIT * 3 // 4)
    with running(timeouts=timeouts(receiving=0.2)) as service, service.connect(half) as client:
        assert drips_until_cut_off(client)
    gc.collect()  # an open file would warn


def test_a_request_that_comes_in_time_is_answered_even_on_an_old_connection(clock: Clock) -> None:
    with running(timeouts=timeouts(receiving=1.0)) as service, service.connect(HELLO) as client:
        for _ in range(4):
            answer(client)
            client.sendall(HELLO[:9])
            service.reaches("receiving")
            for _ in range(2):
                service.let_pass(clock, 0.3)
            client.sendall(HELLO[9:])
        answer(client)
        assert is_open(client)


def test_an_idle_connection_is_closed_and_a_busy_one_is_not() -> None:
    with running(timeouts=timeouts(idle=0.1)) as service:
        with service.connect(WAIT) as busy, service.connect() as idle:
            assert idle.recv(1) == b""
            service.app.release.set()
            assert answer(busy)[1] == b"hello"


def test_a_client_that_does_not_read_gives_its_thread_back() -> None:
    with running(threads=1, timeouts=timeouts(sending=0.2)) as service:
        with service.connect(b"GET /huge HTTP/1.1\r\nHost: test\r\n\r\n" * 2), closing(service.http()) as other:
            other.request("GET", "/hello")
            assert other.getresponse().read() == b"hello"


def test_a_client_that_reads_slowly_gets_everything() -> None:
    began = time.monotonic()
    with running(timeouts=timeouts(sending=2.0)) as service:
        with service.connect(b"GET /huge HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n") as client:
            received = 0
            while data := client.recv(LIMIT // 4):
                received += len(data)
                if time.monotonic() < began + 3.0:
                    time.sleep(0.02)
    assert received > 64 * LIMIT


def test_a_large_response_waits_on_disk_for_a_slow_client_and_no_thread_does() -> None:
    with running(threads=1) as service, service.connect(b"GET /large HTTP/1.1\r\nHost: test\r\n\r\n") as slow:
        with closing(service.http()) as other:
            other.request("GET", "/hello")
            assert other.getresponse().read() == b"hello"
        assert len(answer(slow)[1]) == 32 * LIMIT


def test_half_of_the_threads_at_most_wait_for_clients_that_do_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "UNSENT_BYTES_IN_ALL", 8 * LIMIT)
    with running(threads=2) as service, ExitStack() as closes, closing(service.http()) as other:
        for _ in range(6):
            closes.enter_context(service.connect(HELLO.replace(b"hello", b"large") * 3))
        for _ in range(3):
            other.request("GET", "/hello")
            assert other.getresponse().read() == b"hello"


def test_at_the_limit_the_longest_idle_make_room_and_nobody_else(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CROWDED_TIMEOUTS", {"idle": 0.1, "receiving": 0.1})
    with running(connection_limit=20) as service, ExitStack() as closes:
        busy = closes.enter_context(service.connect(WAIT))
        drip = closes.enter_context(service.connect(b"GET /"))
        crowd = [closes.enter_context(service.connect()) for _ in range(10)]
        service.reaches("working", "receiving", *["idle"] * 10)
        for _ in range(2):
            service.let_pass(clock, 0.2)
        crowd += [closes.enter_context(service.connect(HELLO)) for _ in range(12)]
        for client in crowd[10:]:
            answer(client)

        still_open = [is_open(client) for client in crowd]
        assert still_open == sorted(still_open) and not still_open[0] and all(still_open[10:])
        assert is_open(drip)
        service.app.release.set()
        assert answer(busy)[1] == b"hello"


def test_a_queue_of_newcomers_is_let_in_at_once_if_others_are_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CHECK_SECONDS", 0.5)
    monkeypatch.setitem(server.CROWDED_TIMEOUTS, "idle", 0.0)
    with running(connection_limit=20) as service, ExitStack() as closes:
        for _ in range(60):
            closes.enter_context(service.connect(HELLO))

        with closing(service.http()) as client:
            client.request("GET", "/hello")
            assert client.getresponse().read() == b"hello"


def test_a_crowd_of_drips_does_not_keep_others_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CROWDED_TIMEOUTS", {"receiving": 0.05})
    with running(connection_limit=20) as service, ExitStack() as closes:
        for _ in range(40):
            closes.enter_context(service.connect(b"GET /"))

        with closing(service.http()) as client:
            client.request("GET", "/hello")
            assert client.getresponse().read() == b"hello"


def test_three_hundred_idle_connections_do_not_keep_another_client_waiting(service: Running) -> None:
    with ExitStack() as closes:
        for _ in range(300):
            closes.enter_context(service.connect())
        client = closes.enter_context(closing(service.http()))

        def ask() -> None:
            client.request("GET", "/hello")
            client.getresponse().read()

        for _ in range(20):
            within(0.1, ask)


# Behind a proxy


def test_a_forwarded_address_is_left_to_the_application_with_that_of_the_connection() -> None:
    told = []
    for proxy in ("127.0.0.1", "192.0.2.1", None):
        with running(trusted_proxy=proxy) as service, closing(service.http()) as client:
            client.request("GET", "/address", headers={"X-Forwarded-For": "203.0.113.9"})
            told.append(client.getresponse().read())

    assert told == [b"127.0.0.1 203.0.113.9"] * 3


@pytest.mark.parametrize("header", ["X-Forwarded-Proto: ws", 'X-Forwarded-Host: a"'])
def test_a_malformed_forwarded_header_is_refused_in_the_one_shape(header: str) -> None:
    with running(trusted_proxy="127.0.0.1") as service:
        with service.connect(f"GET /address HTTP/1.1\r\nHost: test\r\n{header}\r\n\r\n".encode()) as client:
            response, body = answer(client)

    assert response.status == 400
    assert json.loads(body)["detail"] == f"{header.partition(':')[0]} is malformed."


# The stop


def test_a_stop_answers_the_request_under_way_and_takes_no_new_connection() -> None:
    with running() as service, service.connect(WAIT) as client:
        assert service.app.entered.wait(SOON)
        service.server.stop()
        assert service.refuses_connections()
        service.app.release.set()

        response, body = answer(client)

        assert (response.status, body) == (200, b"hello")
        assert response.getheader("Connection") == "close"
        assert client.recv(1) == b""
        client.close()
        assert service.ended()


def test_a_stop_answers_the_request_that_has_begun_to_arrive() -> None:
    with running() as service, service.connect(HELLO) as client:
        answer(client)
        client.sendall(b"GET /nothing HT")
        service.server.stop()
        assert service.refuses_connections()
        time.sleep(2 * server.DRAIN_IDLE_SECONDS)
        client.sendall(b"TP/1.1\r\nHost: test\r\n\r\n")

        response, _ = answer(client)

        assert response.status == 204
        assert response.getheader("Connection") == "close"


@pytest.mark.parametrize("begun", [b"", HELLO[:9]])
def test_a_stop_answers_every_request_of_a_pipeline(begun: bytes) -> None:
    with (
        running() as service,
        service.connect(WAIT + 3 * HELLO + begun) as client,
    ):
        assert service.app.entered.wait(SOON)
        service.server.stop()
        assert service.refuses_connections()
        service.app.release.set()
        client.sendall(HELLO[9:] if begun else b"")

        received = everything(client)

    assert received.count(b"200 OK") == (5 if begun else 4)
    assert received.count(b"Connection: close") == 1
    assert received.rindex(b"200 OK") < received.index(b"Connection: close")


def test_a_stop_answers_what_has_arrived_unread_on_an_idle_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CHECK_SECONDS", 0.0)
    monkeypatch.setattr(server, "DRAIN_IDLE_SECONDS", 0.0)
    service = Running()
    with service.connect() as client:
        service.server._poll(0)
        client.sendall(HELLO)
        service.server.stop()
        service.thread.start()

        assert answer(client)[1] == b"hello"
        client.close()
        assert service.ended()


def test_a_stop_answers_those_who_are_connected_but_not_accepted_yet() -> None:
    service = Running()
    with service.connect(HELLO) as client:
        service.server.stop()
        service.thread.start()

        response, _ = answer(client)

        assert response.status == 200
        client.close()
        assert service.ended()


def test_a_stop_does_not_wait_for_idle_connections() -> None:
    with (
        running(drain_seconds=LONG, timeouts=timeouts(idle=LONG)) as service,
        service.connect(HELLO) as client,
        service.connect() as silent,
    ):
        answer(client)
        service.server.stop()
        assert service.ended()
        assert client.recv(1) == silent.recv(1) == b""


def test_a_stop_still_answers_the_next_request_of_a_client_in_full_swing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "DRAIN_IDLE_SECONDS", SOON)
    with running() as service, service.connect(HELLO) as client:
        answer(client)
        service.server.stop()
        assert service.refuses_connections()
        client.sendall(HELLO)

        response, _ = answer(client)

        assert response.getheader("Connection") == "close"
        client.close()
        assert service.ended()


def test_a_stop_answers_the_request_that_arrives_while_the_machine_stalls(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, stalls = wasyncore.loop, [2 * server.DRAIN_IDLE_SECONDS]

    def stall_after(*args: Any, **options: Any) -> None:
        loop(*args, **options)
        is_idle = [channel.last_state == channel.state() for channel in service.server._connections()] == [True]
        if is_idle and service.server._timeouts["idle"] == server.DRAIN_IDLE_SECONDS and stalls:
            client.sendall(HELLO)
            clock.now += stalls.pop()

    with running() as service, service.connect(HELLO) as client:
        answer(client)
        monkeypatch.setattr(wasyncore, "loop", stall_after)
        service.server.stop()

        response, _ = answer(client)

        assert stalls == []
        assert response.getheader("Connection") == "close"


def test_a_stop_leaves_no_thread_behind() -> None:
    before = set(threading.enumerate())
    with running() as service, closing(service.http()) as client:
        client.request("GET", "/hello")
        client.getresponse().read()
    for thread in set(threading.enumerate()) - before:
        thread.join(SOON)
        assert not thread.is_alive()


def test_a_stop_gives_up_what_takes_too_long() -> None:
    with running(drain_seconds=0.2) as service, service.connect(WAIT) as client:
        assert service.app.entered.wait(SOON)
        service.server.stop()
        assert service.ended()
        assert everything(client) == b""


def test_a_second_stop_ends_at_once() -> None:
    with running(drain_seconds=LONG) as service, service.connect(WAIT):
        assert service.app.entered.wait(SOON)
        service.server.stop()
        assert service.refuses_connections()
        service.server.stop()
        assert service.ended()
        assert not service.app.release.is_set()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGBREAK"])
def test_serve_returns_after_a_signal_and_leaves_the_handlers_as_they_were(name: str) -> None:
    if not hasattr(signal, name):
        pytest.skip(f"there is no {name} here")
    signum = getattr(signal, name)
    before = signal.getsignal(signum)
    logging.getLogger("waitress.queue").setLevel(logging.NOTSET)
    sockets = listening_sockets("127.0.0.1", 0)
    port = sockets[0].getsockname()[1]
    answers = []

    def ask_and_interrupt() -> None:
        with closing(HTTPConnection("127.0.0.1", port, timeout=SOON)) as client:
            client.request("GET", "/hello")
            answers.append(client.getresponse().read())
        _thread.interrupt_main(signum)

    thread = threading.Thread(target=ask_and_interrupt)
    thread.start()
    serve(Server(App(), sockets, threads=1, max_body_bytes=LIMIT, error_answer=error_answer))
    thread.join(SOON)

    assert answers == [b"hello"]
    assert not logging.getLogger("waitress.queue").isEnabledFor(logging.WARNING)
    assert signal.getsignal(signum) is before


# A process of its own

PROGRAM = """
import sys
from api.errors import error_answer
from server.server import Server, serve
from server.sockets import listening_sockets

def app(environ, start_response):
    if environ["PATH_INFO"] == "/wait":
        print("entered", flush=True)
        sys.stdin.readline()
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]

sockets = listening_sockets("127.0.0.1", 0)
print(sockets[0].getsockname()[1], flush=True)
drain_seconds = float(sys.argv[1])
serve(Server(app, sockets, threads=2, max_body_bytes=1024, error_answer=error_answer, drain_seconds=drain_seconds))
"""
needs_sigterm = pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGTERM; see the test above")


@contextmanager
def waiting_process() -> Iterator[tuple[subprocess.Popen[str], int, socket.socket]]:
    """A service that is at a request until it reads a line; its port, and the client that asked."""
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM, str(LONG)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        try:
            assert child.stdout is not None
            port = int(child.stdout.readline())
            with socket.create_connection(("127.0.0.1", port), SOON) as client:
                client.sendall(WAIT)
                assert child.stdout.readline() == "entered\n"
                yield child, port, client
        finally:
            child.kill()


@needs_sigterm
def test_a_stopped_process_answers_what_is_under_way_and_exits_with_0() -> None:
    with waiting_process() as (child, port, client):
        child.terminate()
        assert refuses_connections(port)
        assert child.stdin is not None
        child.stdin.write("go on\n")
        child.stdin.flush()

        response, body = answer(client)

        assert body == b"hello" and response.getheader("Connection") == "close"
        client.close()
        assert child.wait(SOON) == 0


@needs_sigterm
def test_a_process_that_is_told_twice_exits_at_once() -> None:
    with waiting_process() as (child, port, _client):
        child.terminate()
        assert refuses_connections(port)
        child.terminate()

        assert child.wait(SOON) == 0


def test_the_answer_to_a_head_of_a_stream_has_no_body_not_even_its_end(service):
    with service.connect(b"HEAD /stream HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n") as client:
        head = everything(client)
    with service.connect(b"GET /stream HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n") as client:
        whole = everything(client)

    assert head.startswith(b"HTTP/1.1 200 OK\r\n") and head.endswith(b"\r\n\r\n")
    assert head.count(b"\r\n\r\n") == 1
    assert b"hello" in whole and whole.endswith(b"0\r\n\r\n")
