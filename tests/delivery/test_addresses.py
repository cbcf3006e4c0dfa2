"""Webhooks reach nothing but global addresses and the networks that the settings allow, however a URL is written."""

import socket
import threading
from ipaddress import ip_address, ip_network

import pytest

from delivery.addresses import AddressNotAllowed, check_url, is_permitted, resolve
from delivery.deadline import Stopped
from tests.support.durations import within
from tests.support.resolver import has_addresses
from urls import IpNetwork

NAME = "hooks.example.com"
SECONDS = 10.0
GLOBAL = [
    "1.1.1.1",
    "8.8.8.8",
    "192.31.196.1",  # AS112, global by its registration
    "2606:4700:4700::1111",
    "2a00:1450:4001:80b::200e",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2002:808:808::1",
    "2001:0:808:808:0:0:f7f7:f7f7",  # Teredo, server and client 8.8.8.8
    "2606:4700::5efe:8.8.8.8",
]
NOT_GLOBAL = [
    "0.0.0.0",  # noqa: S104
    "0.1.2.3",
    "10.0.0.5",
    "100.64.0.1",
    "100.100.100.200",  # metadata of Alibaba
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",  # Azure's own service
    "169.254.169.254",  # metadata of AWS and others
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",  # metadata of Oracle
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::2",
    "::127.0.0.1",  # IPv4-compatible
    "::8.8.8.8",
    "::ffff:0.0.0.0",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.5",
    "::ffff:169.254.169.254",
    "::ffff:224.0.0.1",
    "::ffff:0:127.0.0.1",  # IPv4-translated
    "64:ff9b::127.0.0.1",
    "64:ff9b::10.0.0.5",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::8.8.8.8",
    "64:ff9b:1::10.0.0.5",
    "64:ff9b:1:a00:5::",
    "100::1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2001:0:7f00:1:0:0:f7f7:f7f7",  # Teredo, server 127.0.0.1
    "2001:0:808:808:0:0:80ff:fffe",  # Teredo, client 127.0.0.1
    "2002:7f00:1::1",
    "2002:a00:5::1",
    "2002:a9fe:a9fe::",
    "2606:4700::5efe:10.0.0.5",
    "2606:4700::200:5efe:192.168.1.1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",  # metadata of AWS
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]
LAN = "192.168.0.0/16"


def networks(*written: str) -> list[IpNetwork]:
    """The networks of the setting."""
    return [ip_network(each) for each in written]


def answer(patch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let the resolver return these addresses for each name, as if the system had them."""
    patch.setattr("socket.getaddrinfo", lambda _, port, **__: [_entry(address, port) for address in addresses])


def _entry(address: str, port: int) -> tuple[object, ...]:
    six = ":" in address
    return (
        socket.AF_INET6 if six else socket.AF_INET,
        socket.SOCK_STREAM,
        socket.IPPROTO_TCP,
        "",
        (address, port, 0, 1 if "%" in address else 0) if six else (address, port),
    )


@pytest.mark.parametrize("address", GLOBAL)
def test_a_name_with_a_global_address_is_resolved(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, address)

    assert [endpoint.sockaddr[:2] for endpoint in resolve(NAME, 443, [], SECONDS)] == [(address, 443)]


@pytest.mark.parametrize("address", NOT_GLOBAL)
def test_a_name_with_an_address_that_is_not_global_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, address)

    with pytest.raises(AddressNotAllowed, match=r"^hooks.example.com has the address .* WEBHOOK_ALLOW_NETS\.$"):
        resolve(NAME, 443, [], SECONDS)


@pytest.mark.parametrize("address", NOT_GLOBAL)
def test_one_such_address_among_global_ones_is_enough_to_refuse(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "8.8.8.8", address, "1.1.1.1")

    with pytest.raises(AddressNotAllowed):
        resolve(NAME, 443, [], SECONDS)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "::1", "0x7f.1", "0x7f000001", "2130706433", "017700000001", "127.1", "localhost", "localhost."],
)
def test_another_notation_of_loopback_is_loopback(host: str) -> None:
    with pytest.raises((AddressNotAllowed, socket.gaierror)):  # some systems take fewer notations
        resolve(host, 443, [], SECONDS)


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("192.168.1.5", LAN),
        ("127.0.0.1", "127.0.0.0/8"),
        ("::1", "::1/128"),
        ("fd12:3456::1", "fd00::/8"),
        ("fe80::1%1", "fe80::/10"),
        ("::ffff:192.168.1.5", LAN),
        ("64:ff9b::192.168.1.5", LAN),
        ("2002:c0a8:105::1", LAN),
        ("2606:4700::5efe:192.168.1.5", LAN),
        ("64:ff9b:1::8.8.8.8", "64:ff9b:1::/48"),
    ],
)
def test_what_lies_in_an_allowed_network_is_resolved(
    address: str, allowed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, address, "8.8.8.8")

    assert len(resolve(NAME, 443, networks("10.1.0.0/16", allowed), SECONDS)) == 2


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("192.168.1.5", "192.168.2.0/24"),
        ("::ffff:127.0.0.1", "::/0"),
        ("64:ff9b::10.0.0.5", "::/0"),
        ("64:ff9b:1::10.0.0.5", "64:ff9b:1::/48"),
        ("fd00::5efe:10.0.0.5", "fd00::/8"),
        ("2001:0:808:808:0:0:80ff:fffe", "2001::/32"),
    ],
)
def test_an_allowed_network_allows_nothing_that_is_reached_through_it(address: str, allowed: str) -> None:
    assert not is_permitted(ip_address(address), networks(allowed))


def test_what_is_allowed_without_tls_lies_in_an_allowed_network() -> None:
    allowed = networks(LAN)

    for address in ("192.168.1.5", "::ffff:192.168.1.5"):
        assert is_permitted(ip_address(address), allowed, encrypted=False)
    for address in ("8.8.8.8", "::ffff:8.8.8.8", "2606:4700:4700::1111", "64:ff9b::8.8.8.8"):
        assert not is_permitted(ip_address(address), allowed, encrypted=False)


def test_a_resolver_that_hangs_is_given_up_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: released.wait() and [])
    try:
        with pytest.raises(TimeoutError):
            within(2.0, lambda: resolve(NAME, 443, [], 0.2))
    finally:
        released.set()


def test_a_resolver_that_hangs_does_not_delay_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, released, stopped = threading.Event(), threading.Event(), threading.Event()
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: asked.set() or (released.wait() and []))
    stopper = threading.Thread(target=lambda: asked.wait() and stopped.set())
    stopper.start()
    try:
        with pytest.raises(Stopped):
            resolve(NAME, 443, [], 600.0, stopped)
    finally:
        released.set()
        stopper.join()


@pytest.mark.parametrize("host", ["a..b", "x" * 64, ".", "no-such-name.invalid"])
def test_what_is_no_name_of_a_host_has_no_address(host: str) -> None:
    with pytest.raises(socket.gaierror):
        resolve(host, 443, [], SECONDS)


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("https://hooks.example.com", "https://hooks.example.com/"),
        ("HTTPS://Hooks.Example.COM:443/In?a=b&c", "https://hooks.example.com/In?a=b&c"),
        ("https://hooks.example.com.:8443/x;v=1", "https://hooks.example.com:8443/x;v=1"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://8.8.8.8/", "https://8.8.8.8/"),
        ("https://[2606:4700:4700:0:0::1111]:65535/", "https://[2606:4700:4700::1111]:65535/"),
        ("http://192.168.1.5:80/a", "http://192.168.1.5/a"),
        ("http://192.168.1.5:443/a", "http://192.168.1.5:443/a"),
        ("http://lan.example.com/", "http://lan.example.com/"),
        ("https://" + "hooks.example.com/" + "a" * 1974, "https://" + "hooks.example.com/" + "a" * 1974),
    ],
)
def test_a_url_is_kept_in_its_normal_form(written: str, normal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    has_addresses(monkeypatch, "lan.example.com", ["192.168.1.7"])
    for name in ("hooks.example.com", "xn--bcher-kva.example"):
        has_addresses(monkeypatch, name, ["8.8.8.8"])

    assert check_url(written, networks(LAN)) == normal
    assert check_url(normal, networks(LAN)) == normal


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example.com",
        "//hooks.example.com/",
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "https:hooks.example.com",
        "https:///path",
        "https://:443/",
        "https://user@hooks.example.com/",
        "https://user:password@hooks.example.com/",
        "https://8.8.8.8@127.0.0.1/",
        "https://8.8.8.8\\@127.0.0.1/",
        "https://hooks.example.com/#",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/\r\nHost: other",
        "https://hooks.example.com/\x00",
        "https://hooks.example.com/\x7f",
        "https://hooks.example.com/ä",
        "https://hooks.example.com:0/",
        "https://hooks.example.com:65536/",
        "https://hooks.example.com:-1/",
        "https://hooks.example.com:４４３/",
        "https://hooks.example.com:http/",
        "https://hooks..example.com/",
        "https://.example.com/",
        "https://hooks_!.example.com/",
        "https://hooks%2eexample.com/",
        "https://[fe80::1%25eth0]/",
        "https://[::1/",
        "https://[v1.a]/",
        "https://straße.example/",
        "https://STRAẞE.example/",
        "https://" + "a" * 64 + ".example/",
        "https://" + "a." * 127 + "example/",
        "https://hooks.example.com/" + "a" * 1975,
        "https://localhost/",
        "https://127.0.0.1/",
        "https://１２７．０．０．１/",
        "https://127。0。0。1/",
        "https://[::1]/",
        "https://[::ffff:7f00:1]/",
        "https://[64:ff9b::7f00:1]/",
        "http://8.8.8.8/",
        "http://hooks.example.com/",
        "http://nowhere.example.com/",
        "http://both.example.com/",
        "http://127.0.0.1/",
    ],
)
def test_any_other_url_is_refused_with_a_sentence(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    has_addresses(monkeypatch, "hooks.example.com", ["8.8.8.8"])
    has_addresses(monkeypatch, "both.example.com", ["192.168.1.5", "8.8.8.8"])
    has_addresses(monkeypatch, "nowhere.example.com", [])

    with pytest.raises(ValueError, match=r"^\S+ .+\.$"):
        check_url(url, networks(LAN))


def test_a_name_that_has_no_address_yet_is_taken_with_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    has_addresses(monkeypatch, NAME, [])

    assert check_url(f"https://{NAME}/", []) == f"https://{NAME}/"
