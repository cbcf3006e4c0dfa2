"""Requests as they arrive: ambiguous ones, bodies that are too much, and a disk that can't take them."""

import errno
import io
import json
import select
import socket
import tempfile
from contextlib import ExitStack, closing
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import pytest

from server import server
from tests.server.test_server import HELLO, LIMIT, POST, SOON, Running, answer, everything, running

CREDENTIAL = {"Authorization": "Bearer x"}
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def reply_to(service: Running, *parts: bytes) -> tuple[HTTPResponse, dict[str, Any]]:
    """The response to a request that is sent in these parts, and its body."""
    with service.connect() as client:
        for part in parts:
            client.sendall(part)
        response, body = answer(client)
        return response, json.loads(body)


def status_of(service: Running, request: bytes) -> int:
    with service.connect(request) as client:
        return answer(client)[0].status


@pytest.mark.parametrize(
    "headers",
    [
        b"",
        b"Host: a\r\nHost: a\r\n",
        b"Host: a\r\nhost: b\r\n",
        b"Host: \r\n",
        b"Host: a b\r\n",
        b"Host: a/b\r\n",
        b"Host: a, b\r\n",
        b"Host: user@a\r\n",
        b"Host: a:80a\r\n",
        b"Host: [::1\r\n",
    ],
)
def test_a_request_without_exactly_one_valid_host_is_refused(headers: bytes) -> None:
    with running() as service:
        response, problem = reply_to(service, b"GET /hello HTTP/1.1\r\n" + headers + b"\r\n")

        assert (response.status, problem["code"]) == (400, "bad_request")
        assert "Host" in problem["detail"]
        assert service.app.asked == []


@pytest.mark.parametrize("host", ["a", "my_app.example.com:8000", "127.0.0.1", "[::1]:8000", "a:"])
def test_a_name_or_an_address_with_or_without_a_port_is_a_valid_host(host: str) -> None:
    with running() as service:
        assert status_of(service, f"GET /hello HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()) == 200


def test_http_1_0_may_do_without_a_host_and_may_not_have_two() -> None:
    with running() as service:
        assert status_of(service, b"GET /hello HTTP/1.0\r\n\r\n") == 200
        assert status_of(service, b"GET /hello HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n") == 400


@pytest.mark.parametrize("codings", [b"chunked, chunked", b"chunked,", b",chunked", b"", b"\r\n chunked"])
def test_a_transfer_encoding_that_is_not_chunked_once_smuggles_nothing_in(codings: bytes) -> None:
    with running() as service:
        with service.connect(POST + b"Transfer-Encoding: " + codings + b"\r\n\r\n0\r\n\r\n" + HELLO) as client:
            received = everything(client)

        assert b" 400 Bad Request\r\n" in received and received.count(b"HTTP/1.") == 1
        assert service.app.asked == []


@pytest.mark.parametrize(
    "body",
    [
        b"5;" + b"x" * 255 + b"\r\nhello\r\n0\r\n\r\n",
        b"0" * 256 + b"5\r\nhello\r\n0\r\n\r\n",
        b"5;x=" + b"y" * 8_000_000,
        b"0\r\nX: " + b"y" * 8_000_000,
        b"0\r\n" + b"X: y\r\n" * 6000 + b"\r\n",
        b"\r\n5\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello!\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"-5\r\nhello\r\n0\r\n\r\n",
    ],
)
def test_a_chunked_body_that_is_malformed_or_has_more_frame_than_content_is_refused(body: bytes) -> None:
    with running(max_body_bytes=16 * LIMIT) as service, service.connect(CHUNKED) as client:
        client.sendall(body)
        response, problem = answer(client)

        assert (response.status, json.loads(problem)["code"]) == (400, "bad_request")
        assert service.app.asked == []


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_a_chunked_body_is_taken_in_whatever_pieces_it_arrives(size: int) -> None:
    extension = b";x=" + b"y" * 252
    whole = (
        CHUNKED + b"5" + extension + b"\r\nhello\r\n00B\r\n world\r\n\r\n!\r\n0\r\nX: y\r\nZ: z\r\n\r\n" + HELLO[:-2]
    )
    whole += b"Connection: close\r\n\r\n"
    with running() as service, service.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(whole), size):
            client.sendall(whole[start : start + size])

        received = everything(client)
    assert received.count(b"200 OK") == 2
    assert b"\r\n\r\n16HTTP" in received and received.endswith(b"\r\n\r\nhello")


def test_a_large_body_needs_a_credential() -> None:
    with running(larger_bodies={"/length": 3 * LIMIT}) as service:
        for headers, status in (({}, 413), (CREDENTIAL, 200), ({"X-API-Key": "stk_x"}, 200), ({"Cookie": "a=b"}, 200)):
            with closing(service.http()) as client:
                client.request("POST", "/length", bytes(2 * LIMIT), headers)
                response = client.getresponse()
                body = response.read()
                assert response.status == status, headers
                if status == 413:
                    assert "without a credential" in json.loads(body)["detail"]


def begin_large_body(service: Running, size: int, headers: dict[str, str]) -> HTTPConnection:
    """A client that has sent all of a large body but its last byte."""
    client = service.http()
    client.request("POST", "/length", iter([bytes(size - 1)]), {**headers, "Content-Length": str(size)})
    return client


def test_the_large_bodies_of_a_client_and_of_all_are_bounded_and_small_ones_are_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "BODIES_OF_CLIENT", 1)
    for in_all, addresses, status in ((9, ["192.0.2.1"] * 2, 429), (1, ["192.0.2.1", "192.0.2.2"], 503)):
        monkeypatch.setattr(server, "BODIES_IN_ALL", in_all)
        options = {"larger_bodies": {"/length": 3 * LIMIT}, "trusted_proxy": "127.0.0.1"}
        with running(**options) as service, ExitStack() as closes:
            both = [
                begin_large_body(service, 3 * LIMIT, {**CREDENTIAL, "X-Forwarded-For": address})
                for address in addresses
            ]
            for each in both:
                closes.enter_context(closing(each))
            [refused], _, _ = select.select([each.sock for each in both], [], [], SOON)
            other = next(each for each in both if each.sock is not refused)
            response, body = answer(refused)
            assert (response.status, json.loads(body)["status"]) == (status, status)
            assert response.getheader("Retry-After")
            small = closes.enter_context(closing(service.http()))
            small.request("POST", "/length", bytes(LIMIT), {"X-Forwarded-For": addresses[0]})
            assert small.getresponse().status == 200
            assert other.sock is not None
            other.sock.sendall(b"x")
            assert other.getresponse().read() == str(3 * LIMIT).encode()
            later = closes.enter_context(closing(service.http()))
            later.request("POST", "/length", bytes(3 * LIMIT), {**CREDENTIAL, "X-Forwarded-For": addresses[0]})
            assert later.getresponse().status == 200


class FullDisk(io.RawIOBase):
    """A file on a disk that is full."""

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return offset

    def write(self, _: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("is_whole", [True, False], ids=["a whole body", "a broken connection"])
@pytest.mark.parametrize("size", [600_000, LIMIT])
def test_a_disk_that_is_full_refuses_a_body_and_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, size: int, is_whole: bool
) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda *_: io.BufferedRandom(FullDisk()))  # type: ignore[arg-type]
    with running() as service:
        with closing(service.http()) as client:
            if is_whole:
                client.request("POST", "/length", bytes(size))
                response = client.getresponse()
                problem = json.loads(response.read())
                assert (response.status, problem["code"]) == (503, "unavailable")
                assert response.getheader("Retry-After")
            else:
                begin_large_body(service, size, {}).close()
        assert status_of(service, HELLO) == 200
        assert service.app.asked == ["/hello"]


def test_whatever_fails_in_one_connection_the_others_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise LookupError("a defect")

    with running() as service:
        for name in ("del_channel", "received", "__init__"):
            with monkeypatch.context() as broken, service.connect() as client:
                assert status_of(service, HELLO) == 200
                broken.setattr(server.Channel, name, fail)
                if name == "__init__":
                    service.connect().close()
                else:
                    client.sendall(HELLO)
                    client.shutdown(socket.SHUT_WR)
                    everything(client)
            assert status_of(service, HELLO) == 200, name
