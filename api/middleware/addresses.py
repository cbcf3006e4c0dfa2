"""Addresses of clients, and the networks they may be in (RFC 4632, RFC 4291)."""

import ipaddress
from collections.abc import Iterable
from typing import Any

from flask import request

from api.requests.text import Text
from api.requests.types import InvalidValue

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Network(Text):
    """An address, or a network with its prefix length."""

    WORDS = "must be an address or a network, as 203.0.113.7 or 2001:db8::/32"

    def __init__(self) -> None:
        super().__init__(43, 2, pattern="[0-9A-Fa-f.:]+(/[0-9]{1,3})?", pattern_words=self.WORDS)

    def __call__(self, value: Any) -> str:
        text = super().__call__(value)
        try:
            meant = ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise InvalidValue("bad_format", self.WORDS) from None
        if meant.network_address != ipaddress.ip_address(text.partition("/")[0]):
            raise InvalidValue("bad_format", f"must be a whole network; this one is {meant}")
        return text


def client_address() -> Address | None:
    """The address that the request came from; None where a trusted proxy says something that is none.

    An IPv4 address written as IPv6 is the IPv4 address.
    """
    try:
        address = ipaddress.ip_address((request.remote_addr or "").strip("[]").partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def comes_from(networks: Iterable[str]) -> bool:
    """Whether the request came from one of these networks."""
    address = client_address()
    return address is not None and any(address in ipaddress.ip_network(network) for network in networks)
