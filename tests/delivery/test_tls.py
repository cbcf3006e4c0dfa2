"""With https, the receiver proves to be the host of the URL, whatever address it has."""

import ssl
from collections.abc import Iterator
from contextlib import closing
from ipaddress import ip_network
from pathlib import Path

import pytest

from delivery.transport import DeliveryFailed, Transport
from tests.support.durations import within
from tests.support.receivers import OK, SOON, Authority, Connection, answering, receiver
from tests.support.resolver import has_addresses

LOCAL = [ip_network("127.0.0.0/8")]
NAME = "hooks.example.com"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def transport(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[Transport]:
    has_addresses(monkeypatch, NAME, ["127.0.0.1"])
    with closing(Transport(authority.trusting())) as made:
        yield made


def post(transport: Transport, port: int, host: str = NAME, deadline_seconds: float = SOON) -> int:
    """Send something to a port of this machine; return the status."""
    url = f"https://{host}:{port}/"
    return transport.post(url, {}, b"{}", allowed=LOCAL, deadline_seconds=deadline_seconds).status


def failure(transport: Transport, port: int, deadline_seconds: float = SOON) -> DeliveryFailed:
    """Send something in vain; return the failure."""
    with pytest.raises(DeliveryFailed, match=r"[^.]\.$") as failed:
        post(transport, port, deadline_seconds=deadline_seconds)
    return failed.value


def test_the_name_of_the_url_is_asked_for_and_proved(authority: Authority, transport: Transport) -> None:
    asked = []
    tls = authority.server(NAME)
    tls.sni_callback = lambda _, name, __: asked.append(name)
    with receiver(answering(OK), tls) as server:
        assert [post(transport, server.port) for _ in range(3)] == [204] * 3
        assert server.request().headers["host"] == f"{NAME}:{server.port}"
        transport.close()

    assert asked == [NAME]
    assert server.connections == 1


def test_an_address_is_proved_too(authority: Authority, transport: Transport) -> None:
    with receiver(answering(OK), authority.server("127.0.0.1")) as server:
        assert post(transport, server.port, "127.0.0.1") == 204
        transport.close()


def test_another_name_is_refused_and_hears_nothing(authority: Authority, transport: Transport) -> None:
    with receiver(answering(OK), authority.server("other.example.com", "127.0.0.1")) as server:
        failed = failure(transport, server.port)

        assert failed.code == "tls_failed"
        assert "certificate is not valid for 'hooks.example.com'" in failed.sentence
        assert server.requests.empty()


@pytest.mark.parametrize("why", ["unknown authority", "expired", "no TLS", "closes"])
def test_what_proves_nothing_is_refused(why: str, authority: Authority, transport: Transport, tmp_path: Path) -> None:
    tls: ssl.SSLContext | None = authority.server(NAME, days=-1 if why == "expired" else 1)
    behave = answering(OK)
    if why == "unknown authority":
        tls = Authority(tmp_path).server(NAME)
    elif why == "no TLS":
        tls, behave = None, lambda c: (c.sock.recv(100), c.send(b"HTTP/1.1 400 This is HTTP\r\n\r\n"))
    elif why == "closes":
        tls, behave = None, lambda c: c.sock.recv(10_000)
    with receiver(behave, tls) as server:
        assert failure(transport, server.port).code == "tls_failed"
        assert server.requests.empty()


def test_only_authorities_of_the_system_are_trusted(authority: Authority, transport: Transport) -> None:
    with receiver(answering(OK), authority.server(NAME)) as server, closing(Transport()) as other:
        assert failure(other, server.port).code == "tls_failed"


def test_a_receiver_that_hangs_within_tls_is_left_at_the_deadline(transport: Transport) -> None:
    with receiver(lambda connection: connection.hang()) as server:
        assert within(0.9, lambda: failure(transport, server.port, 0.4)).code == "timeout"


def drip(connection: Connection) -> None:
    """Answer byte by byte, each in a record of its own."""
    connection.read()
    connection.drip(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100)


def test_a_receiver_that_drips_through_tls_is_left_at_the_deadline(authority: Authority, transport: Transport) -> None:
    with receiver(drip, authority.server(NAME)) as server:
        assert within(0.9, lambda: failure(transport, server.port, 0.4)).code == "timeout"


def test_a_kept_connection_that_the_receiver_has_closed_fails_nothing(
    authority: Authority, transport: Transport
) -> None:
    with receiver(lambda c: (c.read(), c.send(OK)), authority.server(NAME)) as server:
        assert [post(transport, server.port) for _ in range(3)] == [204] * 3

    assert server.connections == 3
