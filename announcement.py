"""What a start says to whoever typed it: where it listens and, the first time, who the first admin is."""

import logging
import sqlite3
import sys

from sqlalchemy.engine import make_url

from api.monitoring.logs import line_handler
from api.paths import V1
from settings import VERSION, Settings
from startup import FirstAdmin

log = logging.getLogger("stockroom")

# What is said of a HOST that is no address to connect to.
WILDCARDS = {
    "0.0.0.0": "every IPv4 address of this machine",  # noqa: S104 - compared, not bound
    "::": "every IPv6 address of this machine",
}


def announce(settings: Settings, port: int, first_admin: FirstAdmin | None, processes: int = 1) -> None:
    """Print the address and, the first time, the admin and a curl line to paste; what is secret on stderr alone."""
    address = f"http://{_host_to_ask(settings.host)}:{port}"
    url = make_url(settings.database_url)
    kind = f"SQLite {sqlite3.sqlite_version}, {url.database}" if url.drivername == "sqlite" else url.get_backend_name()
    where = f"{WILDCARDS[settings.host]}; try it here: {address}" if settings.host in WILDCARDS else address
    several = f"; {processes} processes" if processes > 1 else ""
    _print(f"Stockroom {VERSION} listens on {where} ({settings.app_env}; {kind}{several}).", settings)
    if first_admin and first_admin.password:
        _print_password(first_admin.username, first_admin.password, address, settings)
    elif first_admin:
        _print(f"The first admin is {first_admin.username}, with the password of ADMIN_PASSWORD.", settings)
        _print(_try_it(first_admin.username, address), settings)
    _print("Ctrl+C stops it.", settings)


def _print(line: str, settings: Settings) -> None:
    """Print a line on stdout, in the form of the log."""
    if settings.log_format == "text":
        print(line, flush=True)  # noqa: T201 - for the terminal
    else:
        line_handler(sys.stdout, settings.log_format).handle(
            logging.LogRecord(log.name, logging.INFO, "", 0, line, None, None)
        )


def _print_password(username: str, password: str, address: str, settings: Settings) -> None:
    """Print a generated password on stderr, for the terminal.

    A log of JSON lines is collected and searched by others. Where stderr is such a log, it says how to set a password.
    """
    if settings.log_format == "json" and not (sys.stderr and sys.stderr.isatty()):
        log.warning(
            "the first admin is %s, whose random password no log may have; set another:  "
            "python run.py user reset-password %s",
            *(username, username),
        )
        return
    print(  # noqa: T201 - for the terminal
        f"The first admin is {username}; the password, printed this once: {password}\n"
        f"{_try_it(f'{username}:{password}', address)}",
        file=sys.stderr,
        flush=True,
    )


def _try_it(credential: str, address: str) -> str:
    curl = "curl.exe" if sys.platform == "win32" else "curl"
    return f'Try it:  {curl} -u {credential} "{address}{V1}/items"'


def _host_to_ask(host: str) -> str:
    """Return an address, as it stands in a URL, that reaches a service listening on `host`."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"[{host}]" if ":" in host else host
