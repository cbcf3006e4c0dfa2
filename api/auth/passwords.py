"""Passwords: a slow hash, and verdicts that are cached, so that neither HTTP Basic nor a flood slows the service."""

import hashlib
import hmac
import os
import secrets
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

from cachetools import TTLCache
from werkzeug.exceptions import TooManyRequests
from werkzeug.security import check_password_hash, generate_password_hash

from api.auth.password_policy import find_weakness
from api.single_flight import SingleFlight
from server.affinity import unpinned
from settings import MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH

# scrypt with N=2^15, r=8, p=1 (RFC 7914): a check takes some 90 ms and 32 MiB.
METHOD = "scrypt:32768:8:1"
# How long a verdict is cached after its last use, in seconds, and how many are.
REMEMBERED_SECONDS = 300.0
REMEMBERED = 2048
# Threads of the server that passwords never occupy, so that requests with tokens are always answered.
FREE_THREADS = 2


def hash_password(password: str) -> str:
    """Return the slow, salted hash to store."""
    return generate_password_hash(_normalized(password), METHOD)


def is_outdated(stored_hash: str) -> bool:
    """Return whether a hash was made by another method than the current one."""
    return not stored_hash.startswith(f"{METHOD}$")


def weakness(password: str, username: str) -> str | None:
    """Return why a password is too easy to guess, as the end of a sentence that begins with its field; or None."""
    return find_weakness(_normalized(password), username, MIN_PASSWORD_LENGTH)


def _normalized(password: str) -> str:
    """Return the NFC form: keyboards send different code points for the same letters (RFC 8265 section 4.2)."""
    return unicodedata.normalize("NFC", password)


class _Turn:
    """How many places a network has, and the lock that its checks hold one after the other."""

    def __init__(self) -> None:
        self.places = 0
        self.lock = threading.Lock()


class PasswordVerifier:
    """Verifies and hashes passwords for one process, in a bounded number of its `threads`.

    A verdict is cached under a keyed digest of user, stored hash and password: a new password is not affected by
    verdicts on the old one, and the cache holds nothing from which a password could be guessed. Requests with the same
    password share one check. `slots` checks run at a time and some more requests wait; further ones are answered 429.
    The slots are half of the CPUs, which all `processes` share.
    A `network` of clients has one check at a time and half of the places, so that it can't keep the others out.
    """

    def __init__(
        self,
        threads: int = 8,
        slots: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        processes: int = 1,
    ) -> None:
        self._key = secrets.token_bytes(32)
        self._dummy_hash = f"{METHOD}${secrets.token_hex(8)}${secrets.token_hex(64)}"
        places = max(1, threads - FREE_THREADS)
        self._places = threading.BoundedSemaphore(places)
        self._share = max(1, places // 2)
        self._turns: dict[str, _Turn] = {}  # of the networks that have places now
        self._slots = threading.BoundedSemaphore(slots or max(1, (os.cpu_count() or 1) // 2 // processes))
        self._running: SingleFlight[bytes, bool] = SingleFlight("password")
        self._lock = threading.Lock()
        self._verdicts: TTLCache[bytes, bool] = TTLCache(REMEMBERED, REMEMBERED_SECONDS, clock)

    def hash(self, password: str, network: str = "") -> str:
        """Return the hash to store for a new password; raises TooManyRequests when too many passwords are in work."""
        with self._place(network) as turn, turn, self._slots, unpinned():
            return hash_password(password)

    def verify(self, username: str, stored_hash: str | None, password: str, network: str = "") -> bool:
        """Return whether the password is right; without a hash (unknown user) it is not, after the same time.

        Raises TooManyRequests when too many passwords are in work.
        """
        password = _normalized(password)
        # PBKDF2, and so scrypt, ignores a NUL at the end, because HMAC pads its keys with them (RFC 2104).
        if len(password) > MAX_PASSWORD_LENGTH or "\x00" in password:
            return False
        hash_ = stored_hash or self._dummy_hash
        key = self._digest(username, hash_, password)
        verdict = self._recall(key)
        if verdict is not None:
            return verdict
        with self._place(network) as turn:
            return self._running.run(key, partial(self._check, key, hash_, password, turn))

    @contextmanager
    def _place(self, network: str) -> Iterator[AbstractContextManager[Any]]:
        """Hold a place, and yield the lock of the network, to be held while a slot is; "" is no network."""
        if not self._places.acquire(blocking=False):
            raise _too_many()
        try:
            if not network:
                yield nullcontext()
                return
            with self._share_of(network) as turn:
                yield turn
        finally:
            self._places.release()

    @contextmanager
    def _share_of(self, network: str) -> Iterator[threading.Lock]:
        with self._lock:
            turn = self._turns.setdefault(network, _Turn())
            if turn.places >= self._share:
                raise _too_many()
            turn.places += 1
        try:
            yield turn.lock
        finally:
            with self._lock:
                turn.places -= 1
                if not turn.places:
                    del self._turns[network]

    def _check(self, key: bytes, hash_: str, password: str, turn: AbstractContextManager[Any]) -> bool:
        verdict = self._recall(key)  # another request may have had it checked just now
        if verdict is None:
            with turn, self._slots, unpinned():
                verdict = check_password_hash(hash_, password)
            self._remember(key, verdict)
        return verdict

    def _recall(self, key: bytes) -> bool | None:
        """Return the cached verdict, for which the time begins anew; None if there is none."""
        with self._lock:
            verdict = self._verdicts.get(key)
            if verdict is not None:
                self._verdicts[key] = verdict
            return verdict

    def _remember(self, key: bytes, verdict: bool) -> None:
        with self._lock:
            self._verdicts[key] = verdict

    def _digest(self, *parts: str) -> bytes:
        digest = hmac.new(self._key, digestmod=hashlib.sha256)
        for part in parts:
            encoded = part.encode("utf-8", "surrogatepass")
            digest.update(len(encoded).to_bytes(4, "big") + encoded)
        return digest.digest()


def _too_many() -> TooManyRequests:
    return TooManyRequests("Too many passwords are being checked; try again.", retry_after=1)
