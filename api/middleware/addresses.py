"""Addresses of clients, and the networks they may be in (RFC 4632, RFC 4291)."""

import ipaddress
from collections.abc import Iterable
from typing import Any

from flask import request

from api.requests.text import Text
from api.requests.types import InvalidValue
from server.forwarded import Address, address_in


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


def client_address() -> Address | None:
    """Return the address of the client; None where the server does not know it, as behind a Unix socket."""
    return address_in(request.remote_addr or "")


def comes_from(networks: Iterable[str]) -> bool:
    """Return whether the request came from one of these networks."""
    address = client_address()
    return address is not None and any(address in ipaddress.ip_network(network) for network in networks)
