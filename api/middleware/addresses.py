"""Addresses of clients, and the networks they may be in (RFC 4632, RFC 4291)."""

import ipaddress
from collections.abc import Iterable
from typing import Any
from wsgiref.types import WSGIEnvironment

from flask import request

from api.requests.text import Text
from api.requests.types import InvalidValue

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Network(Text):
    """The input type of an IP address, or of a network with its prefix length."""

    WORDS = "must be an address or a network, as 203.0.113.7 or 2001:db8::/32"

    def __init__(self) -> None:
        super().__init__(43, 2, pattern="[0-9A-Fa-f.:]+(/[0-9]{1,3})?", pattern_words=self.WORDS)

    def __call__(self, value: Any) -> str:
        text = super().__call__(value)
        try:
            network = ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise InvalidValue("bad_format", self.WORDS) from None
        if network.network_address != ipaddress.ip_address(text.partition("/")[0]):
            raise InvalidValue("bad_format", f"must be a whole network; this one is {network}")
        return text


def name_client(environ: WSGIEnvironment, trusted_proxy: str | None) -> None:
    """Make the address that the trusted proxy added to `X-Forwarded-For` that of the request.

    Where it added none that can be read, the request stays that of the proxy.
    """
    if trusted_proxy and environ.get("REMOTE_ADDR") == trusted_proxy:
        address = address_in(environ.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2])
        environ["REMOTE_ADDR"] = str(address) if address else trusted_proxy


def client_address() -> Address | None:
    """Return the address of the client; None where the server does not know it, as behind a Unix socket."""
    return address_in(request.remote_addr or "")


def address_in(text: str) -> Address | None:
    """Return the address in `203.0.113.7:80`, `[2001:db8::7]:80`, `2001:db8::7` or `fe80::7%eth0`; None for no address.

    An IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2) is returned as IPv4.
    """
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:  # before a port; an IPv6 address has two colons or more
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def comes_from(networks: Iterable[str]) -> bool:
    """Return whether the request came from one of these networks."""
    address = client_address()
    return address is not None and any(address in ipaddress.ip_network(network) for network in networks)
