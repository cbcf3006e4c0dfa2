"""Passwords: what the verifier promises to those who know theirs, and to everybody else meanwhile."""

import gc
import threading
import time
import unicodedata
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from werkzeug.exceptions import TooManyRequests
from werkzeug.security import generate_password_hash

from api.auth.passwords import FREE_THREADS, METHOD, REMEMBERED, REMEMBERED_SECONDS, PasswordVerifier, hash_password

pytestmark = pytest.mark.usefixtures("real_hashes")

SECRET = "correct horse battery staple"
WRONG = "wrong horse battery staple"
# Cheap, for the checks that are really made; most of those here are counted instead.
STORED = generate_password_hash(SECRET, "pbkdf2:sha256:1")


class Checks:
    """Stands in for the slow check: counts, and holds each until `go` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made = 0
        self.running = 0
        self.most_running = 0
        self.go = threading.Event()
        self.go.set()
        self.failure: Exception | None = None
        self._lock = threading.Lock()
        monkeypatch.setattr("api.auth.passwords.check_password_hash", self)

    def __call__(self, stored_hash: str, password: str) -> bool:
        with self._lock:
            self.made += 1
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        assert self.go.wait(10)
        with self._lock:
            self.running -= 1
        if self.failure:
            raise self.failure
        return stored_hash == f"hash of {password}"


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Checks:
    """Checks that cost nothing and can be held."""
    return Checks(monkeypatch)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Threads enough for everybody here."""
    with ThreadPoolExecutor(40) as pool:
        yield pool


def until(condition: Callable[[], bool]) -> None:
    """Wait for what other threads are about to do; fail if they don't."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def inside(verifier: PasswordVerifier, threads: int) -> int:
    """How many requests the verifier has let in."""
    return threads - FREE_THREADS - verifier._places._value


def test_the_right_password_is_right_and_any_other_is_wrong():
    verifier = PasswordVerifier()

    for _ in range(2):  # the second time from memory
        assert verifier.verify("ada", STORED, SECRET)
        for wrong in (WRONG, "", SECRET + " ", SECRET.upper(), SECRET[:-1], SECRET + "\0", "x" * 129):
            assert not verifier.verify("ada", STORED, wrong)


def test_nobody_signs_in_under_a_name_that_is_unknown():
    verifier = PasswordVerifier(slots=4)

    assert not verifier.verify("nobody", None, SECRET)
    assert not verifier.verify("nobody", None, SECRET)


def test_an_unknown_name_is_checked_against_a_hash_as_slow_as_a_real_one(monkeypatch):
    checked = []
    monkeypatch.setattr("api.auth.passwords.check_password_hash", lambda hash_, _: checked.append(hash_) or False)

    PasswordVerifier().verify("nobody", None, SECRET)
    real = hash_password(SECRET)

    method, salt, digest = checked[0].split("$")
    real_method, real_salt, real_digest = real.split("$")
    assert method == real_method == METHOD
    assert (len(salt), len(digest)) == (len(real_salt), len(real_digest))


def test_a_password_may_be_typed_on_any_keyboard():
    composed, decomposed = (unicodedata.normalize(form, "crème brûlée für alle") for form in ("NFC", "NFD"))
    verifier = PasswordVerifier()

    assert verifier.verify("ada", verifier.hash(decomposed), composed)
    assert verifier.verify("ada", verifier.hash(composed), decomposed)


def test_a_repeated_password_is_checked_once(checks):
    verifier = PasswordVerifier()

    for password in (SECRET, WRONG) * 3:
        assert verifier.verify("ada", f"hash of {SECRET}", password) is (password == SECRET)

    assert checks.made == 2


def test_many_threads_with_one_password_share_one_check(checks, pool):
    verifier = PasswordVerifier(threads=34)
    checks.go.clear()

    verdicts = [pool.submit(verifier.verify, "ada", f"hash of {SECRET}", SECRET) for _ in range(32)]
    until(lambda: inside(verifier, 34) == 32)
    checks.go.set()

    assert all(verdict.result(10) for verdict in verdicts)
    assert checks.made == 1


@pytest.mark.parametrize("slots", [1, 2])
def test_only_so_many_checks_run_at_a_time_and_the_others_wait_their_turn(checks, pool, slots):
    verifier = PasswordVerifier(threads=10, slots=slots)
    checks.go.clear()

    verdicts = [pool.submit(verifier.verify, "ada", STORED, f"{WRONG} {n}") for n in range(8)]
    until(lambda: inside(verifier, 10) == 8)
    checks.go.set()

    assert not any(verdict.result(10) for verdict in verdicts)
    assert checks.made == 8
    assert checks.most_running == slots


@pytest.mark.parametrize("password", [f"{WRONG} 0", "another wrong password"], ids=["the same", "another"])
def test_whoever_finds_no_room_is_told_to_come_again(checks, pool, password):
    verifier = PasswordVerifier(threads=4, slots=1)
    checks.go.clear()
    waiting = [pool.submit(verifier.verify, "ada", STORED, f"{WRONG} {n}") for n in range(2)]
    until(lambda: inside(verifier, 4) == 2)

    with pytest.raises(TooManyRequests) as refused:
        verifier.verify("ada", STORED, password)
    with pytest.raises(TooManyRequests):
        verifier.hash(SECRET)
    checks.go.set()

    assert ("Retry-After", "1") in refused.value.get_headers()
    assert not any(each.result(10) for each in waiting)
    assert not verifier.verify("ada", STORED, password)  # there is room again


def test_a_network_has_one_check_at_a_time_and_others_find_room_meanwhile(checks, pool):
    verifier = PasswordVerifier(threads=10, slots=4)
    checks.go.clear()
    flood = [pool.submit(verifier.verify, "ada", STORED, f"{WRONG} {n}", "203.0.113.66") for n in range(40)]
    until(lambda: sum(each.done() for each in flood) == 36 and checks.running == 1)

    others = [pool.submit(verifier.verify, f"u{n}", f"hash of {SECRET}", SECRET, f"198.51.100.{n}") for n in range(3)]
    until(lambda: checks.running == 4)
    checks.go.set()

    assert all(each.result(10) for each in others)
    outcomes = [each.exception(10) for each in flood]
    assert sum(isinstance(outcome, TooManyRequests) for outcome in outcomes) == 36
    assert inside(verifier, 10) == 0
    assert verifier._turns == {}


def test_new_passwords_of_a_network_have_no_more_room_than_checks(checks, pool):
    verifier = PasswordVerifier(threads=6, slots=2)
    checks.go.clear()
    waiting = [pool.submit(verifier.verify, "ada", STORED, f"{WRONG} {n}", "203.0.113.66") for n in range(2)]
    until(lambda: inside(verifier, 6) == 2)

    with pytest.raises(TooManyRequests):
        verifier.hash(SECRET, "203.0.113.66")
    assert verifier.hash(SECRET, "198.51.100.7")

    checks.go.set()
    assert not any(each.result(10) for each in waiting)


def test_a_remembered_password_needs_no_room(checks, pool):
    verifier = PasswordVerifier(threads=3, slots=1)
    verifier.verify("ada", f"hash of {SECRET}", SECRET)
    checks.go.clear()
    flood = pool.submit(verifier.verify, "ada", f"hash of {SECRET}", WRONG)
    until(lambda: inside(verifier, 3) == 1)

    assert verifier.verify("ada", f"hash of {SECRET}", SECRET)

    checks.go.set()
    assert not flood.result(10)


def test_the_changed_hash_is_not_helped_by_an_old_verdict(checks):
    verifier = PasswordVerifier()
    assert verifier.verify("ada", f"hash of {SECRET}", SECRET)

    assert not verifier.verify("ada", f"hash of {WRONG}", SECRET)
    assert verifier.verify("ada", f"hash of {WRONG}", WRONG)


def test_the_verdict_of_one_user_does_not_serve_another(checks):
    verifier = PasswordVerifier()
    assert verifier.verify("ada", f"hash of {SECRET}", SECRET)

    assert not verifier.verify("mel", None, SECRET)
    assert not verifier.verify("ad", f"ahash of {SECRET}", SECRET)


def test_a_verdict_is_forgotten_when_it_was_not_used_for_a_while(checks):
    moments = [0.0]
    verifier = PasswordVerifier(clock=lambda: moments[-1])
    verifier.verify("ada", f"hash of {SECRET}", SECRET)

    for _ in range(2):  # used in time
        moments.append(moments[-1] + REMEMBERED_SECONDS - 1)
        verifier.verify("ada", f"hash of {SECRET}", SECRET)
    assert checks.made == 1
    moments.append(moments[-1] + REMEMBERED_SECONDS)
    verifier.verify("mel", f"hash of {SECRET}", SECRET)

    assert len(verifier._verdicts) == 1
    verifier.verify("ada", f"hash of {SECRET}", SECRET)
    assert checks.made == 3


def test_a_flood_fills_no_memory_and_does_not_drive_out_who_is_at_work(checks):
    verifier = PasswordVerifier()
    for n in range(3 * REMEMBERED):
        verifier.verify("ada", f"hash of {SECRET}", f"{WRONG} {n}")
        assert verifier.verify("ada", f"hash of {SECRET}", SECRET)

    assert checks.made == 3 * REMEMBERED + 1
    assert len(verifier._verdicts) == REMEMBERED


def test_a_check_that_fails_fails_for_all_who_wait_and_is_not_remembered(checks, pool):
    verifier = PasswordVerifier(threads=10)
    checks.failure = MemoryError("no 32 MiB left")
    checks.go.clear()

    with warnings.catch_warnings(record=True) as noise:
        waiting = [pool.submit(verifier.verify, "ada", f"hash of {SECRET}", SECRET) for _ in range(8)]
        until(lambda: inside(verifier, 10) == 8)
        checks.go.set()
        failures = [each.exception(10) for each in waiting]
        gc.collect()

    assert all(isinstance(failure, MemoryError) for failure in failures)
    assert noise == []
    assert checks.made == 1
    checks.failure = None
    assert verifier.verify("ada", f"hash of {SECRET}", SECRET)  # and every place is free again
    assert inside(verifier, 10) == 0


def test_no_password_stays_in_memory():
    verifier = PasswordVerifier()
    verifier.verify("ada", verifier.hash(SECRET), SECRET)
    verifier.verify("ada", STORED, WRONG)

    kept = list(everything_below(verifier))

    assert verifier._key in kept
    assert not [text for text in kept if isinstance(text, str | bytes) and b"horse" in encoded(text)]


def encoded(text: str | bytes) -> bytes:
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text


def everything_below(root: Any) -> Iterator[Any]:
    """Every value that can be reached from the attributes of `root`, classes and modules left aside."""
    seen: set[int] = set()
    left = [vars(root)]
    while left:
        value = left.pop()
        if id(value) in seen or isinstance(value, type) or callable(value) or type(value).__name__ == "module":
            continue
        seen.add(id(value))
        yield value
        left += gc.get_referents(value)
