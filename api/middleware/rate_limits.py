"""Limits of requests and of failed sign-ins (draft-ietf-httpapi-ratelimit-headers).

They are counted in Redis if `RATE_LIMIT_STORAGE_URL` names one, so that several processes share the count. While Redis
does not answer, each process counts in its own memory: a limit is never off, and never causes an error.
"""

import ipaddress
from collections.abc import Mapping

from flask import g, request
from werkzeug.exceptions import TooManyRequests

from api.middleware.addresses import client_address
from api.middleware.limits import Window
from api.services import services
from models.people.secrets import hashed
from models.principal import Principal
from models.values import normalized


def fields_of(windows: Mapping[str, Window] | None) -> list[tuple[str, str]]:
    """Return the `RateLimit` fields of the windows that a request was counted in."""
    if not windows:
        return []
    policies = (each.limit.field for each in windows.values())
    left = (f'"{each.limit.policy}";r={each.remaining};t={each.seconds}' for each in windows.values())
    return [("RateLimit-Policy", ", ".join(policies)), ("RateLimit", ", ".join(left))]


def count_request(principal: Principal | None) -> None:
    """Count a request of this principal, or of this address; raises TooManyRequests (429) beyond the limit."""
    if limit := services().limits.requests:
        client = f"user {principal.user_id}" if principal else f"address {client_network()}"
        _enforce(limit.add(client, 1))


def check_sign_in(username: str) -> None:
    """Raise TooManyRequests (429) if too many sign-ins have failed from this network, with this name or with any."""
    for window in _failed_sign_ins(username, 0):
        if window.remaining == 0:
            _enforce(window._replace(exceeded=True))


def count_failed_sign_in(username: str) -> None:
    """Count a failed sign-in with this name from this network.

    Raises TooManyRequests (429) beyond a limit, so that of simultaneous guesses no more than the limit are answered.
    """
    for window in _failed_sign_ins(username, 1):
        _enforce(window)


def client_network() -> str:
    """Return what an address limit counts: an IPv4 address, or the /64 network that one IPv6 customer has.

    A trusted proxy may name a client without an IP address; then it is a hash of that name.
    """
    address = client_address()
    if address is None:
        return hashed(request.remote_addr or "")
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.ip_network((address, 64), strict=False))


def _failed_sign_ins(username: str, amount: int) -> list[Window]:
    """Count `amount` for this name and for any name, both from this network."""
    limits, address = services().limits, f"address {client_network()}"
    clients = (
        (limits.sign_ins, f"{address} as {hashed(normalized(username))}"),
        (limits.sign_ins_by_network, address),
    )
    return [limit.add(client, amount) for limit, client in clients if limit]


def _enforce(window: Window) -> None:
    """Keep the window for the fields of the response; raise TooManyRequests (429) if it is exceeded."""
    g.setdefault("windows", {})[window.limit.policy] = window
    if window.exceeded:
        raise TooManyRequests(f"The limit is {window.limit.rate}; wait {window.seconds} s.", retry_after=window.seconds)
