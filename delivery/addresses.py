"""The addresses that webhooks may be sent to: global ones, and those of networks that the settings allow.

What is checked is each address that the system's resolver returns, and the connection goes to the same one; so the
notation of a host (0x7f.1, 2130706433) and a name that answers differently at the next look-up change nothing.
"""

import queue
import re
import socket
import threading
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlunsplit

from delivery.deadline import Deadline
from models.outbound.webhook import URL_LENGTH
from urls import IpNetwork, split_url

Address = IPv4Address | IPv6Address

# The registries of special-purpose addresses of IANA, and what is reserved. `is_global` of Python follows them too, but
# differently in each version. AS112 (192.31.196.0/24, 192.175.48.0/24) is global.
SPECIAL_IPV4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "168.63.129.16/32",  # looks global, and is Azure's own service within each of its machines
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
# Of IPv6, only this is given out as global unicast; all else is local, multicast or reserved.
GLOBAL_IPV6 = IPv6Network("2000::/3")
SPECIAL_IPV6 = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "3fff::/20")))
# Addresses that stand for IPv4 addresses, which decide alone: IPv4-mapped, NAT64 (RFC 6052), Teredo (RFC 4380) and 6to4
# (RFC 3056).
MAPPED, NAT64, TEREDO, SIX_TO_FOUR = STANDING_FOR_OTHERS = tuple(
    map(IPv6Network, ("::ffff:0:0/96", "64:ff9b::/96", "2001::/32", "2002::/16"))
)
# The NAT64 of a site (RFC 8215) is local itself, so it passes only where it is allowed; what it embeds must pass too.
LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
# The two interface identifiers of ISATAP (RFC 5214), in the 32 bits before the IPv4 address.
ISATAP = (0x00005EFE, 0x02005EFE)
# How long the check of a URL waits for the resolver, in seconds.
LOOK_UP_SECONDS = 2.0
# Letters that the two standards of international names (IDNA 2003 and 2008) make different names of.
AMBIGUOUS = "ß\u03c2\u200c\u200d"


class AddressNotAllowed(ValueError):
    """Nothing may be sent to this address; the message is a sentence for people."""


class Endpoint(NamedTuple):
    """An address to connect to, as the resolver returned it."""

    family: socket.AddressFamily
    sockaddr: tuple[Any, ...]


def is_permitted(address: Address, allowed: Sequence[IpNetwork], *, encrypted: bool = True) -> bool:
    """Return whether this address may be connected to: it is in an allowed network, or global and the way encrypted.

    An address that carries packets on to others is permitted if each of those is; ISATAP and the NAT64 of a site are
    addresses of a network as well, which must be permitted itself.
    """
    stands_for_others = any(address in network for network in STANDING_FOR_OTHERS if address.version == 6)
    return (
        stands_for_others or any(address in network for network in allowed) or (encrypted and _is_global(address))
    ) and all(is_permitted(inner, allowed, encrypted=encrypted) for inner in _embedded(address))


def _is_global(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in SPECIAL_IPV4)
    return address in GLOBAL_IPV6 and not any(address in network for network in SPECIAL_IPV6)


def _embedded(address: Address) -> list[IPv4Address]:
    """Return the IPv4 addresses that an IPv6 address carries packets to."""
    if isinstance(address, IPv4Address):
        return []
    if address.teredo is not None:
        return list(address.teredo)
    if address.sixtofour is not None:
        return [address.sixtofour]
    in_last_bits = any(address in network for network in (MAPPED, NAT64, LOCAL_NAT64))
    is_isatap = int(address) >> 32 & 0xFFFFFFFF in ISATAP
    return [IPv4Address(int(address) & 0xFFFFFFFF)] if in_last_bits or is_isatap else []


def check_url(url: str, allowed: Sequence[IpNetwork]) -> str:
    """Return the URL of a receiver in its normal form; raises ValueError with a sentence for people.

    A name that can't be resolved now passes with https: every delivery checks the addresses that it has then.
    """
    if len(url) > URL_LENGTH:
        raise ValueError(f"The URL has more than {URL_LENGTH} characters.")
    if re.search(r"[\x00-\x20\x7f\\#]", url):
        raise ValueError("The URL must have no blanks, control characters, backslashes and no fragment (#).")
    parts = split_url(url)
    if parts is None or parts.scheme not in ("https", "http"):
        raise ValueError("The URL must begin with https:// and a host, and its port be from 1 to 65535.")
    if "@" in parts.netloc:
        raise ValueError("The URL must have no user and password; receivers verify the signature.")
    if not (parts.path + parts.query).isascii():
        raise ValueError("In path and query, letters beyond ASCII must be written as %C3%A4 for ä.")
    host = _ascii_host(parts)
    encrypted = parts.scheme == "https"
    try:
        resolve(host, parts.port or 443, allowed, LOOK_UP_SECONDS, encrypted=encrypted)
    except OSError:
        if not encrypted:
            raise ValueError(f"{host} can't be resolved now, so it isn't known to be in WEBHOOK_ALLOW_NETS.") from None
    netloc = f"[{host}]" if ":" in host else host
    if parts.port not in (None, 443 if encrypted else 80):
        netloc += f":{parts.port}"
    return urlunsplit((parts.scheme, netloc, parts.path or "/", parts.query, ""))


def _ascii_host(parts: SplitResult) -> str:
    """Return the host as the resolver takes it: an international name in its ASCII form, without the dot at the end."""
    host = parts.hostname or ""
    if set(AMBIGUOUS) & set(host.lower()):
        raise ValueError("The host has a letter that means two names; write it in its ASCII form (xn--…).")
    try:
        if "[" in parts.netloc and "%" not in host:
            return str(IPv6Address(host))
        name = host.encode("idna").decode().lower().removesuffix(".")
    except ValueError:
        name = ""
    if not re.fullmatch(r"[a-z0-9_.-]{1,253}", name):
        raise ValueError("The host of the URL is not valid.")
    return name


def resolve(
    host: str,
    port: int,
    allowed: Sequence[IpNetwork],
    timeout: float,
    stopped: threading.Event | None = None,
    *,
    encrypted: bool = True,
) -> list[Endpoint]:
    """Return all addresses of a host, in the order of the system; each is permitted.

    Raises AddressNotAllowed if one of them is not, socket.gaierror if there are none, TimeoutError when the seconds
    are over, and Stopped when `stopped` is set.
    """
    endpoints = _look_up(host, port, Deadline(timeout, stopped or threading.Event()))
    for _, sockaddr in endpoints:
        address = ip_address(str(sockaddr[0]).partition("%")[0])  # %eth0 says on which link, not where
        if not is_permitted(address, allowed, encrypted=encrypted):
            subject = str(address) if host == str(address) else f"{host} has the address {address}, which"
            reason = "neither global nor in WEBHOOK_ALLOW_NETS" if encrypted else "not in WEBHOOK_ALLOW_NETS; use https"
            raise AddressNotAllowed(f"{subject} is {reason}.")
    return endpoints


def _look_up(host: str, port: int, deadline: Deadline) -> list[Endpoint]:
    """Ask the system, in a thread of its own: getaddrinfo knows no timeout, and the thread may outlast the deadline."""
    answers: queue.SimpleQueue[list[Endpoint] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        except UnicodeError:  # a label is empty or too long
            answers.put(socket.gaierror(socket.EAI_NONAME, "this is no name of a host"))
        except OSError as error:
            answers.put(error)
        else:
            answers.put([Endpoint(family, sockaddr) for family, _, _, _, sockaddr in found])

    threading.Thread(target=ask, daemon=True, name="resolver").start()
    while True:
        try:
            answer = answers.get(timeout=deadline.slice())
        except queue.Empty:
            continue
        if isinstance(answer, OSError):
            raise answer
        if not answer:
            raise socket.gaierror(socket.EAI_NONAME, "the host has no address")
        return answer
