"""The sockets that the service listens on, bound so that no other program can share the port."""

import errno
import socket
import sys
from typing import Any

from settings import SettingsError

BACKLOG = 1024


def listening_sockets(host: str, port: int) -> list[socket.socket]:
    """Return TCP sockets that listen on every address of `host`, IPv4 or IPv6, on one port; port 0 is any free one.

    They listen at once, because POSIX lets two programs bind a port on which neither listens yet.
    Raises SettingsError, naming HOST or PORT, if the host is not this machine or the port can't be opened.
    """
    sockets: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, _, _, _, address in dict.fromkeys(found):
            chosen = sockets[0].getsockname()[1] if sockets else port
            try:
                sockets.append(_listening_socket(family, (address[0], chosen, *address[2:])))
            except OSError as error:
                # `localhost` is ::1 too, even where IPv6 is turned off.
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
        if not sockets:
            raise OSError(errno.EADDRNOTAVAIL, "no address of this machine")
    except (OSError, UnicodeError) as error:
        for each in sockets:
            each.close()
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        if taken and sockets and port == 0:
            return listening_sockets(host, port)  # it was free for IPv4 or IPv6 alone
        if taken:
            why = f"PORT is {port}, where another program listens already; stop that one or set another port."
        elif isinstance(error, PermissionError):
            why = f"PORT is {port}, which this account may not open; set one above 1023 that is free."
        else:
            why = (
                f"HOST is {host!r}, which is no address of this machine; set 127.0.0.1 to serve this machine "
                "alone, or 0.0.0.0 to serve every network it is in."
            )
        raise SettingsError(why) from error
    return sockets


def _listening_socket(family: int, address: tuple[Any, ...]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            # There, SO_REUSEADDR would let a second program take over a port in use.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock
