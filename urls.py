"""The URLs and addresses among the settings: which are valid, and what is read of them.

Each check raises ValueError with the end of a sentence that begins with the name of the setting.
"""

import ipaddress
import re
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import SplitResult, unquote, urlencode, urlsplit

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

DRIVERS = {
    "sqlite": "sqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mysql+pymysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "mariadb+pymysql": "mysql+pymysql",
}

# The port of each scheme of a mail server, and how its connection is protected: by STARTTLS, or by TLS from the start.
MAIL_SCHEMES: dict[str, tuple[int, Literal["starttls", "tls"]]] = {"smtp": (587, "starttls"), "smtps": (465, "tls")}


class SmtpServer(NamedTuple):
    """A mail server to hand mails to; `security` says how the connection to it is protected."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    username: str | None
    password: str | None


def sqlite_url(path: Path) -> str:
    """Return the URL of an SQLite database in this file."""
    return f"sqlite:///{path.as_posix()}"


def database_url(value: str, folder: Path) -> str:
    """Return the URL of a database with its driver; a relative path of SQLite is below `folder`. Raises ValueError."""
    scheme, separator, rest = value.partition("://")
    if not separator or scheme.lower() not in DRIVERS:
        raise ValueError(f"must begin with sqlite:///, postgresql:// or mysql://; this one begins with {scheme[:20]!r}")
    driver = DRIVERS[scheme.lower()]
    if driver == "sqlite":
        return sqlite_url(_sqlite_path(rest, folder))
    parts = _split(f"{driver}://{rest}")
    if not parts.path.strip("/"):
        raise ValueError("names no database; add its name after the host, as /stockroom")
    return _with_many_hosts(driver, parts) if "," in parts.netloc else f"{driver}://{rest}"


def storage_url(value: str) -> str:
    """Return the URL of the store of the rate limits as it is; raises ValueError for one that is neither of the two."""
    if not re.match(r"memory://$|rediss?://[^/\s]", value):
        raise ValueError("must be memory:// or begin with redis:// and a host")
    return value


def issuer_url(value: str, max_length: int) -> str:
    """Return the issuer identifier as it is (OpenID Connect Core section 2); raises ValueError."""
    if len(value) > max_length or not is_private_url(value) or set("?#@") & set(value):
        raise ValueError(
            "must be the issuer exactly as the provider writes it, with https (http on this machine only), "
            f"at most {max_length} characters and without user, password, query and fragment"
        )
    return value


def origin(value: str) -> str:
    """Return the origin of web pages (RFC 6454) as browsers write it: lower case, without the port of its scheme."""
    if not re.fullmatch(r"https?://[a-z0-9.\-\[\]:]+", value, re.IGNORECASE):
        raise ValueError(f"has {value!r}; it must be an origin as https://shop.example.com, without a path")
    written = value.lower()
    return written.removesuffix(":443" if written.startswith("https:") else ":80")


def host_name(value: str) -> str:
    """Return a name of a host as `Host` has it, in lower case and without a port; raises ValueError."""
    if not re.fullmatch(r"[a-z0-9.-]+|\[[0-9a-f:.]+\]", value, re.IGNORECASE):
        raise ValueError(f"has {value!r}; it must be a name as stock.example.com, without scheme, port and path")
    return value.lower()


def ip_address(value: str) -> str:
    """Return an IP address in its shortest form; raises ValueError."""
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError(f"is {value!r}; it must be one exact IP address, as 127.0.0.1") from None


def network(value: str) -> IpNetwork:
    """Return a network of IP addresses, as 192.168.0.0/16; raises ValueError."""
    try:
        return ipaddress.ip_network(value)
    except ValueError as error:
        raise ValueError(f"has {value!r}; it must be a network as 192.168.0.0/16 or fd00::/8 ({error})") from None


def mail_address(value: str) -> str:
    """Return a mail address as it is, in the form that mail servers agree on (RFC 5321); raises ValueError."""
    if len(value) > 254 or not re.fullmatch(r"[^\s@<>(),:;\\\"\[\]]{1,64}@[^\s@<>(),:;\\\"\[\]]+", value):
        raise ValueError(f"has {value!r}; it must be a mail address as stock@example.com, without a name")
    return value


def smtp_server(value: str) -> SmtpServer:
    """Return the mail server of a URL, as smtp://user:password@mail.example.com:587; raises ValueError.

    A connection within this machine needs no protection; another one has none only with `?tls=off`, and then no user.
    """
    parts = _split(value, "smtp://user:password@mail.example.com:587")
    if parts.scheme not in MAIL_SCHEMES or not parts.hostname or parts.path.strip("/") or parts.fragment:
        raise ValueError("must begin with smtp:// (STARTTLS) or smtps:// (TLS), and name a host and nothing after it")
    if parts.query not in ("", "tls=off"):
        raise ValueError("has an option that there is not; the only one is ?tls=off")
    port, security = MAIL_SCHEMES[parts.scheme]
    username, password = (unquote(each) if each else None for each in (parts.username, parts.password))
    if (username is None) != (password is None):
        raise ValueError("has a user without a password, or a password without a user; give both or neither")
    if parts.query and username:
        raise ValueError("has ?tls=off and a password, which anybody on the way could read; leave one of them out")
    if parts.scheme == "smtp" and (parts.query or _is_loopback(parts.hostname)):
        return SmtpServer(parts.hostname, parts.port or port, "none", username, password)
    return SmtpServer(parts.hostname, parts.port or port, security, username, password)


def is_private_url(url: str) -> bool:
    """Return whether requests to this URL can't be read on their way: https, or http that stays on this machine."""
    parts = split_url(url)
    if parts is None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or ""))


def split_url(url: str) -> SplitResult | None:
    """Return the parts of a URL that has a host and no port, or a port from 1 to 65535; None for any other."""
    try:
        parts = urlsplit(url)
        return parts if parts.hostname and parts.port != 0 else None
    except ValueError:  # the port is not a number, or a bracket is not closed
        return None


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _sqlite_path(rest: str, folder: Path) -> Path:
    path = rest.removeprefix("/")
    if not rest.startswith("/") or not path or path == ":memory:" or "?" in path:
        raise ValueError("must name a file, as sqlite:///stock.sqlite3; it does not")
    return (folder / path).resolve()


def _split(url: str, example: str = "postgresql://user:password@host:5432/name") -> SplitResult:
    try:
        parts = urlsplit(url)
        valid = parts.netloc.count("@") < 2 and not parts.netloc.endswith(":")
        valid = valid and ("," in parts.netloc or parts.port != 0)
    except ValueError:  # the port is not a number, or a bracket is not closed
        valid = False
    if not valid:
        raise ValueError(f"is no URL as {example}; in user and password, write %40 for @, %2F for / and %23 for #")
    return parts


def _with_many_hosts(driver: str, parts: SplitResult) -> str:
    """Return libpq's `//user@one:5432,two:5432/name` in the form of SQLAlchemy, `?host=one:5432&host=…`."""
    credentials, at, hosts = parts.netloc.rpartition("@")
    query = urlencode([("host", host) for host in hosts.split(",")], safe=":[]")
    if parts.query:
        query += f"&{parts.query}"
    return f"{driver}://{credentials}{at}{parts.path}?{query}"
