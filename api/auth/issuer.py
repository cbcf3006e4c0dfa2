"""The OpenID provider: its metadata (OpenID Connect Discovery 1.0) and the keys it signs with (RFC 7517).

They are cached. One thread fetches them, within a bounded time and size; a request that needs them and can't have them
is answered 503.
"""

import http.client
import json
import logging
import math
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any, NamedTuple
from urllib.error import HTTPError

import jwt

from api.errors import HttpRefusal
from api.single_flight import SingleFlight
from api.trace_context import TraceContext, current_trace, headers_to_send
from settings import VERSION, OidcSettings
from urls import is_private_url

log = logging.getLogger("stockroom")

# How long a request waits for the issuer, in seconds, and how much it reads.
TIMEOUT = 3.0
MAX_BYTES = 256 * 1024
CHUNK = 16 * 1024
# The least time between two requests to the issuer, in seconds: for an unknown key, after a failure before anything is
# cached, and to refresh what is cached.
ASKED_EVERY = 30.0
RETRIED_EVERY = 5.0
FRESH = 900.0
MIN_RSA_BITS = 2048
# What a request raises whose issuer is unreachable, slow or answers nonsense.
FAILURES = (OSError, http.client.HTTPException, ValueError, RecursionError)
# The members of a public key; nothing else of a key set is read, least of all a private part.
PUBLIC = ("kty", "n", "e", "crv", "x", "y")


class IssuerUnreachable(HttpRefusal):
    """503: the request needs the issuer, which can't be reached or answers nonsense."""

    def __init__(self, seconds: float = RETRIED_EVERY) -> None:
        super().__init__(
            "issuer_unreachable",
            "The OpenID provider can't be reached now; nothing was changed.",
            {"Retry-After": str(max(1, math.ceil(seconds)))},
        )


class Provider(NamedTuple):
    """The metadata of the issuer, and its keys by their ids (None for a key without)."""

    metadata: Mapping[str, Any]
    keys: Mapping[str | None, jwt.PyJWK]

    def key(self, kid: str | None) -> jwt.PyJWK | None:
        """Return the key of this id, or None; without an id, the only key (OpenID Connect Core section 10.1)."""
        if kid is None and len(self.keys) == 1:
            return next(iter(self.keys.values()))
        return self.keys.get(kid)

    def endpoint(self, name: str) -> str:
        """Return the URL of an endpoint; raises IssuerUnreachable if there is none, or one without TLS."""
        url = self.metadata.get(name)
        if not isinstance(url, str) or not is_private_url(url):
            log.warning("the OpenID provider names no %s that can be used", name)
            raise IssuerUnreachable
        return url


class Issuer:
    """The issuer of the settings, and what this process has cached of it; `clock` returns seconds."""

    def __init__(self, settings: OidcSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self.settings = settings
        self.clock = clock
        self._requests: SingleFlight[str, Provider | None] = SingleFlight("issuer")
        self._lock = threading.Lock()
        self._known: Provider | None = None
        self._asked: Future[Provider | None] | None = None  # the last request to the issuer, running or ended
        self._asked_at = 0.0

    def provider(self) -> Provider:
        """Return what is cached of the issuer; if that is old, it is refreshed in the background.

        Raises IssuerUnreachable if nothing is cached and the issuer can't be asked.
        """
        if self._known is None:
            return self._outcome(self._ask())
        if self.clock() - self._asked_at >= FRESH:
            self._ask()
        return self._known

    def key(self, kid: str | None) -> jwt.PyJWK | None:
        """Return the key of this id, or None; for an unknown id the issuer is asked, at most every 30 s.

        Raises IssuerUnreachable if it has to be asked and can't.
        """
        known = self.provider().key(kid)
        return self._outcome(self._ask()).key(kid) if known is None else known

    def _ask(self) -> "Future[Provider | None]":
        """Ask the issuer, unless a request to it is running or the last one is recent: then return that one."""
        with self._lock:
            rest = ASKED_EVERY if self._known else RETRIED_EVERY
            if self._asked is None or self.clock() - self._asked_at >= rest:
                asked = self._requests.start("provider", partial(self._request, current_trace()))
                if asked is not self._asked:
                    self._asked, self._asked_at = asked, self.clock()
            return self._asked

    def _outcome(self, asked: "Future[Provider | None]") -> Provider:
        """Return what the issuer answers within 3 s of the request; raises IssuerUnreachable."""
        since = self.clock() - self._asked_at
        cause = None
        try:
            found = asked.result(max(0.0, TIMEOUT - since))
        except TimeoutError as error:
            found, cause = None, error
        if found is None:
            raise IssuerUnreachable((ASKED_EVERY if self._known else RETRIED_EVERY) - since) from cause
        return found

    def _request(self, trace: TraceContext | None) -> Provider | None:
        """Return the metadata and keys of the issuer, asked for as a part of `trace`; if that fails, log it: None."""
        deadline = time.monotonic() + TIMEOUT
        try:
            metadata = fetch(f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration", deadline, trace)
            if metadata.get("issuer") != self.settings.issuer:
                raise ValueError(f"it calls itself {str(metadata.get('issuer'))[:200]!r}")
            self._known = Provider(metadata, _keys(fetch(str(metadata.get("jwks_uri")), deadline, trace)))
        except FAILURES as error:
            log.warning("the OpenID provider %s does not answer as it should: %r", self.settings.issuer, error)
            return None
        return self._known


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the metadata of the issuer has the addresses."""

    def redirect_request(self, *_: Any) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirects)


def fetch(
    url: str,
    deadline: float,
    trace: TraceContext | None,
    data: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Any:
    """Return the JSON object at this address, asked for by POST if there is `data`, before `deadline`.

    That is a time of `time.monotonic()`. Raises one of FAILURES; HTTPError, which is one of them, has a status.
    """
    if not is_private_url(url):
        raise ValueError(f"{url[:200]!r} is no address that can be trusted")
    ours = {"Accept": "application/json", "User-Agent": f"Stockroom/{VERSION}", **headers_to_send(trace)}
    request = urllib.request.Request(url, data, {**ours, **(headers or {})})  # noqa: S310 - https, or http on this machine
    body = bytearray()
    try:
        with _opener.open(request, timeout=max(0.01, deadline - time.monotonic())) as response:
            while chunk := response.read1(CHUNK):
                body += chunk
                if len(body) > MAX_BYTES or time.monotonic() > deadline:
                    raise TimeoutError("the answer is too long or too slow")
    except HTTPError as error:
        error.close()
        raise
    found = json.loads(body)
    if not isinstance(found, dict):
        raise ValueError("the answer is no JSON object")
    return found


def _keys(key_set: Mapping[str, Any]) -> dict[str | None, jwt.PyJWK]:
    """Return the keys that can sign a token, by id; a key of another kind, a weak or a damaged one is left out."""
    listed = key_set.get("keys")
    if not isinstance(listed, list):
        raise ValueError("the key set has no keys")
    found = {}
    for each in listed:
        key = _key(each) if isinstance(each, dict) else None
        kid = each.get("kid") if key else None
        if key and (kid is None or isinstance(kid, str)):
            found[kid] = key
    return found


def _key(member: Mapping[str, Any]) -> jwt.PyJWK | None:
    """Return the key of one member of the set: RSA of 2,048 bits or more for RS256, P-256 for ES256; None for another.

    The algorithm is that of the key; a token can't choose it.
    """
    match member:
        case {"kty": "RSA"}:
            algorithm = "RS256"
        case {"kty": "EC", "crv": "P-256"}:
            algorithm = "ES256"
        case _:
            return None
    if member.get("use", "sig") != "sig" or member.get("alg", algorithm) != algorithm:
        return None
    try:
        key = jwt.PyJWK({name: member[name] for name in PUBLIC if name in member}, algorithm)
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    return None if algorithm == "RS256" and key.key.key_size < MIN_RSA_BITS else key
