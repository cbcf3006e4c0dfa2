"""The address of the client, which a trusted proxy adds to `X-Forwarded-For`."""

import ipaddress
from wsgiref.types import WSGIEnvironment

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def name_client(environ: WSGIEnvironment, trusted_proxy: str | None) -> None:
    """Make the address that the trusted proxy added to `X-Forwarded-For` that of the request.

    Where it added none that can be read, the request stays that of the proxy.
    """
    if trusted_proxy and environ.get("REMOTE_ADDR") == trusted_proxy:
        address = address_in(environ.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2])
        environ["REMOTE_ADDR"] = str(address) if address else trusted_proxy


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
