"""The names of the service: which `Host` may be asked for, and the base of the absolute URLs in answers."""

import ipaddress
import re
from functools import partial
from urllib.parse import urlsplit

from flask import Flask, request
from flask.globals import request_ctx

from api.errors import Unreadable
from api.services import current_settings
from settings import Settings


def init_hosts(app: Flask, settings: Settings) -> None:
    """Refuse requests for names that are not in `HOSTS`, if it is set: a page may let its own name lead here.

    The names of loopback and that of `PUBLIC_URL` are always ours.
    """
    if settings.hosts:
        public = {urlsplit(settings.public_url).netloc} if settings.public_url else set()
        names = settings.hosts | {_name(netloc) for netloc in public}
        app.before_request(partial(_refuse_other_names, names))


def base_url() -> str:
    """Return scheme and host of the service, as clients see them: `PUBLIC_URL`, or what this request was sent to.

    It is empty where the request names no host.
    """
    public = current_settings().public_url
    if public:
        return public
    request = request_ctx.request
    return f"{request.scheme}://{request.host}" if request.host else ""


def absolute(links: str) -> str:
    """Return `Location` or `Link` with absolute URLs in the place of paths."""
    base = base_url()
    return base + links if links.startswith("/") else links.replace("</", f"<{base}/")


def is_loopback(host: str) -> bool:
    """Return whether `host:port` names this machine itself."""
    return _is_loopback(_name(host))


def _refuse_other_names(names: frozenset[str]) -> None:
    name = _name(request.host)
    if name not in names and not _is_loopback(name):
        raise Unreadable("bad_request", "Host is not a name of this service; HOSTS lists them.")


def _name(host: str) -> str:
    """Return the name in `host:port`, in lower case; an IPv6 address keeps its brackets."""
    return re.sub(r":[0-9]+$", "", host).lower()


def _is_loopback(name: str) -> bool:
    try:
        return name == "localhost" or ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False
