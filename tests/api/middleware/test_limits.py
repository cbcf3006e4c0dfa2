"""Limits: how many requests a client may send and how many sign-ins it may fail, wherever that is counted."""

import itertools
import math
import os
import socket
import socketserver
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest
from flask import Flask
from redis import Redis
from redis.exceptions import RedisError

from api.middleware import redis_counters
from api.middleware.counters import REMEMBERED, Count, MemoryCounter
from api.middleware.redis_counters import REDIS_REST, RedisCounter, redis_of
from tests.support.clients import PASSWORD, Client, person, with_password
from tests.support.databases import WORKER, on_one_database
from tests.support.durations import least_of
from tests.support.program import SOON

# A database of Redis has a number; each process of a run has one of its own, as each empties it.
REDIS, _, FIRST_DATABASE = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/12").rpartition("/")
REDIS_URL = f"{REDIS}/{int(FIRST_DATABASE) + int(WORKER.removeprefix('gw') or 0)}"
MINUTE = 60
AT_MOST = 0.25  # seconds of any request, whatever Redis does


@pytest.fixture
def redis(monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    """A database of a real Redis that nobody else uses, and that answers, however slow the machine is."""
    monkeypatch.setattr(redis_counters, "REDIS_TIMEOUT", SOON)
    with closing(redis_of(REDIS_URL)) as client:
        try:
            is_ours = client.dbsize() == len(ours(client))
        except RedisError:
            pytest.skip("no Redis answers here")
        if not is_ours:
            pytest.skip(f"somebody else uses {REDIS_URL}")
        for key in ours(client):
            client.delete(key)
        yield client
        for key in ours(client):
            client.delete(key)


def ours(client: Redis) -> list[bytes]:
    """The keys that the tests have made."""
    return [*client.scan_iter("stockroom:*"), *client.scan_iter("test:*")]


def statuses(client: Client, number: int, path: str = "/users/me") -> list[int]:
    return [client.get(path).status_code for _ in range(number)]


def in_(app: Flask, client: Client) -> Client:
    """The same client at another process."""
    return Client(app, client.headers, client.user_id)


def from_(address: str) -> dict[str, dict[str, str]]:
    """What a test client sends to come from an address."""
    return {"environ_base": {"REMOTE_ADDR": address}}


# --- requests -------------------------------------------------------------------------------------------------------


def test_each_answer_tells_what_is_left_and_the_one_too_many_when_to_come_again(apps, guest):
    gus = in_(apps(RATE_LIMIT="3/minute"), guest)

    answers = [gus.get("/users/me") for _ in range(5)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {'"requests";q=3;w=60'}
    left, wait = zip(
        *(answer.headers["RateLimit"].removeprefix('"requests";').split(";") for answer in answers), strict=True
    )
    assert left == ("r=2", "r=1", "r=0", "r=0", "r=0")
    assert all(30 <= int(each.removeprefix("t=")) <= 60 for each in wait)
    for refused in answers[3:]:
        assert (refused.content_type, refused.json["code"]) == ("application/problem+json", "too_many_requests")
        assert refused.headers["Retry-After"] == refused.headers["RateLimit"].rpartition("t=")[2]


@pytest.mark.parametrize(("path", "status"), [("/items/999", 404), ("/items?nonsense=1", 422), ("/users", 403)])
def test_refusals_of_other_kinds_tell_it_and_count_too(apps, guest, path, status):
    gus = in_(apps(RATE_LIMIT="2/minute"), guest)

    refused = gus.get(path)

    assert refused.status_code == status
    assert refused.headers["RateLimit"].startswith('"requests";r=1;t=')
    assert statuses(gus, 2) == [200, 429]


def test_a_write_beyond_the_limit_changes_nothing(apps, member):
    mel = in_(apps(RATE_LIMIT="1/minute"), member)
    assert mel.get("/items").json["total_items"] == 0

    refused = mel.post("/items", json={"sku": "LAMP-1", "name": "Desk lamp"})

    assert refused.status_code == 429
    assert member.get("/items").json["total_items"] == 0


def test_a_user_has_one_limit_whatever_the_credential_and_the_address(apps, app, guest):
    there = apps(RATE_LIMIT="3/minute")
    token, other = in_(there, guest), in_(there, person(app, "gus", "guest"))
    basic = with_password(there, "gus")

    assert [client.get("/users/me").status_code for client in (token, other, basic)] == [200] * 3
    for client in (token, other, basic):
        assert client.get("/users/me", **from_("198.51.100.7")).status_code == 429


def test_users_of_one_address_do_not_share_a_limit(apps, guest, member):
    there = apps(RATE_LIMIT="1/minute")
    gus, mel = in_(there, guest), in_(there, member)

    assert statuses(gus, 2) == [200, 429]
    assert statuses(mel, 2) == [200, 429]


def test_strangers_have_a_limit_by_their_address(apps):
    stranger = Client(apps(RATE_LIMIT="1/minute"))
    path = "//problems/not_found"

    assert statuses(stranger, 2, path) == [200, 429]
    assert stranger.get(path, **from_("127.0.0.2")).status_code == 200


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:0:ffff::1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("[2001:db8::1]", "2001:db8::2", True),
        ("198.51.100.1", "198.51.100.2", False),
        ("::ffff:198.51.100.1", "::ffff:198.51.100.2", False),
        ("::ffff:198.51.100.1", "198.51.100.1", True),
        ("unknown", "unknown", True),
        ("unknown", "_hidden", False),
    ],
)
@on_one_database
def test_an_ipv6_customer_is_a_network_of_64_bits(apps, one, other, share):
    stranger = Client(apps(RATE_LIMIT="1/minute"))

    assert stranger.get("//problems/not_found", **from_(one)).status_code == 200
    assert stranger.get("//problems/not_found", **from_(other)).status_code == (429 if share else 200)


def test_a_wrong_credential_counts_for_its_address_and_not_for_the_user(apps, guest):
    there = apps(RATE_LIMIT="2/minute")
    wrong = [Client(there, {"X-API-Key": "stk_no"}), with_password(there, "gus", "a wrong password")]

    answers = [client.get("/users/me") for client in (*wrong, *wrong)]

    assert [answer.status_code for answer in answers] == [401, 401, 429, 429]
    assert answers[0].headers["RateLimit"].startswith('"requests";r=1;t=')
    assert statuses(in_(there, guest), 3) == [200, 200, 429]


def test_an_empty_limit_is_none(apps, guest):
    gus = in_(apps(RATE_LIMIT=""), guest)

    answers = [gus.get("/users/me") for _ in range(20)]

    assert {answer.status_code for answer in answers} == {200}
    assert "RateLimit" not in answers[0].headers
    assert "RateLimit-Policy" not in answers[0].headers


@pytest.mark.parametrize("path", ["//livez", "//readyz", "//docs", "//docs/initializer.js"])
def test_health_and_documentation_are_never_limited(apps, path):
    stranger = Client(apps(RATE_LIMIT="1/minute"))

    answers = [stranger.get(path) for _ in range(5)]

    assert 429 not in {answer.status_code for answer in answers}
    assert "RateLimit" not in answers[-1].headers


def test_threads_never_get_more_than_the_limit_through_and_never_less(apps, guest):
    there = apps(RATE_LIMIT="50/minute")

    with ThreadPoolExecutor(8) as pool:
        answered = list(itertools.chain(*pool.map(lambda _: statuses(in_(there, guest), 10), range(8))))

    assert (answered.count(200), answered.count(429)) == (50, 30)


# --- failed sign-ins ------------------------------------------------------------------------------------------------


def log_in(app: Flask, username: str, password: str, **kwargs):
    return Client(app).post("/auth/login", json={"username": username, "password": password}, **kwargs)


@pytest.mark.parametrize("name", ["gus", "GUS", "nobody", "no name at all"])
@pytest.mark.parametrize("door", ["basic", "login", "both"])
def test_a_flood_of_wrong_passwords_is_refused_without_checking_them(apps, guest, monkeypatch, door, name):
    there = apps(LOGIN_RATE_LIMIT="3/minute")
    checks = []
    monkeypatch.setattr("api.auth.passwords.check_password_hash", lambda *_: checks.append(1) and False)

    def guess(number: int):
        if door == "basic" or (door == "both" and number % 2):
            return with_password(there, name, f"wrong password {number}").get("/users/me")
        return log_in(there, name, f"wrong password {number}")

    answers = [guess(number) for number in range(10)]

    assert [answer.status_code for answer in answers] == [401] * 3 + [429] * 7
    assert len(checks) == 3
    assert answers[0].headers["RateLimit"].startswith('"sign-ins";r=2;t=')
    assert answers[-1].json["code"] == "too_many_requests"
    assert 30 <= int(answers[-1].headers["Retry-After"]) <= 60


def test_after_too_many_wrong_ones_the_right_password_waits_too_but_not_at_another_address(apps, guest):
    there = apps(LOGIN_RATE_LIMIT="1/minute")
    gus = with_password(there, "gus")
    assert gus.get("/users/me").status_code == 200  # and its verdict is remembered

    assert log_in(there, "gus", "a wrong password").status_code == 401

    assert gus.get("/users/me").status_code == 429
    assert log_in(there, "gus", PASSWORD).status_code == 429
    assert log_in(there, "gus", PASSWORD, **from_("198.51.100.7")).status_code == 200
    assert in_(there, guest).get("/users/me").status_code == 200  # the token goes on


def test_too_many_failures_with_one_name_do_not_lock_another_out(apps, guest, member):
    there = apps(LOGIN_RATE_LIMIT="1/minute")

    assert [log_in(there, "gus", "a wrong password").status_code for _ in range(2)] == [401, 429]

    assert log_in(there, "mel", PASSWORD).status_code == 200


@pytest.mark.parametrize(
    ("address", "neighbour"), [("203.0.113.66", "203.0.113.67"), ("2001:db8:1:2::1", "2001:db8:1:3::1")]
)
def test_who_guesses_at_ever_new_names_is_refused_after_ten_times_the_limit(
    apps, guest, monkeypatch, address, neighbour
):
    there = apps(LOGIN_RATE_LIMIT="2/minute")
    checks = []
    monkeypatch.setattr("api.auth.passwords.check_password_hash", lambda *_: checks.append(1) and False)

    answers = [log_in(there, f"name-{number}", "a wrong password", **from_(address)) for number in range(25)]

    assert [answer.status_code for answer in answers] == [401] * 20 + [429] * 5
    assert len(checks) == 20
    assert '"sign-ins-by-network";r=0;t=' in answers[-1].headers["RateLimit"]
    monkeypatch.undo()
    assert log_in(there, "gus", PASSWORD, **from_(address)).status_code == 429
    assert log_in(there, "gus", PASSWORD, **from_(neighbour)).status_code == 200


def test_an_ipv6_customer_gets_no_new_limit_of_sign_ins_by_a_new_address(apps):
    there = apps(LOGIN_RATE_LIMIT="1/minute")

    def guess(number: int) -> int:
        source = from_(f"2001:db8:1:2::{number:x}")
        return log_in(there, f"name-{number}", "a wrong password", **source).status_code

    assert [guess(number) for number in range(12)] == [401] * 10 + [429] * 2


def test_a_password_that_is_too_long_to_be_one_counts_as_any_other(apps, guest):
    there = apps(LOGIN_RATE_LIMIT="2/minute")

    assert [log_in(there, "gus", "x" * 200).status_code for _ in range(4)] == [401, 401, 429, 429]


def test_a_right_password_never_counts(apps, guest):
    there = apps(LOGIN_RATE_LIMIT="1/minute")

    assert statuses(with_password(there, "gus"), 5) == [200] * 5
    assert [log_in(there, "gus", PASSWORD).status_code for _ in range(3)] == [200] * 3
    assert "RateLimit" not in log_in(there, "gus", PASSWORD).headers


def test_the_current_password_can_not_be_guessed_at_a_changes_door_either(apps, guest):
    gus = with_password(apps(LOGIN_RATE_LIMIT="2/minute"), "gus")

    def change(number: int) -> int:
        body = {"current_password": f"wrong password {number}", "new_password": "a new long password"}
        return gus.put("/users/me/password", json=body).status_code

    assert [change(number) for number in range(4)] == [422, 422, 429, 429]


def test_of_guesses_that_race_no_more_than_the_limit_are_told_that_they_are_wrong(apps, guest, monkeypatch):
    there = apps(LOGIN_RATE_LIMIT="2/minute", THREADS="10")
    together = threading.Barrier(6)
    monkeypatch.setattr("api.auth.passwords.PasswordVerifier.verify", lambda *_: bool(together.wait(10)) and False)

    with ThreadPoolExecutor(6) as pool:
        answered = list(pool.map(lambda n: log_in(there, "gus", f"wrong password {n}").status_code, range(6)))

    assert sorted(answered) == [401, 401, 429, 429, 429, 429]


# --- the counter in memory ------------------------------------------------------------------------------------------


def race(counter: MemoryCounter | RedisCounter, threads: int, each: int) -> list[int]:
    """The numbers that threads get which count under one key as fast as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        together = threading.Barrier(threads)

        def work(_: int) -> list[int]:
            together.wait(10)
            return [counter.add("gus", 1).number for _ in range(each)]

        with ThreadPoolExecutor(threads) as pool:
            return sorted(itertools.chain(*pool.map(work, range(threads))))
    finally:
        sys.setswitchinterval(interval)


class Hesitant(OrderedDict):
    """Lets other threads go first between what is read and what is written."""

    def get(self, *args):
        found = super().get(*args)
        time.sleep(0)
        return found


def test_threads_never_get_the_same_number():
    counter = MemoryCounter(MINUTE)
    counter._windows = Hesitant()

    assert race(counter, 16, 50) == list(range(1, 801))


def test_a_window_begins_with_its_first_request_and_ends_after_its_time():
    clock = [1000.0]
    counter = MemoryCounter(MINUTE, lambda: clock[0])

    assert counter.add("gus", 0) == Count(0, 60.0)
    clock[0] = 1030.0
    assert counter.add("gus", 1) == Count(1, 60.0)
    clock[0] = 1089.0
    assert counter.add("gus", 1) == Count(2, 1.0)
    clock[0] = 1090.0
    assert counter.add("gus", 1) == Count(1, 60.0)


def test_a_window_never_has_longer_to_go_than_it_is_long():
    counter = MemoryCounter(MINUTE, lambda: 459.92)  # 459.92 + 60 - 459.92 is more than 60

    assert counter.add("gus", 1) == Count(1, 60.0)


def test_what_has_ended_is_forgotten_and_a_flood_of_addresses_fills_no_memory():
    clock = [0.0]
    counter = MemoryCounter(MINUTE, lambda: clock[0])
    for number in range(REMEMBERED + 10):
        counter.add(str(number), 1)
    assert len(counter._windows) == REMEMBERED
    assert counter.add(str(REMEMBERED + 9), 1).number == 2

    clock[0] = 60.0
    counter.add("gus", 1)

    assert list(counter._windows) == ["gus"]


def test_looking_leaves_nothing_behind():
    counter = MemoryCounter(MINUTE)

    counter.add("gus", 0)

    assert len(counter._windows) == 0


# --- the counter in Redis -------------------------------------------------------------------------------------------


def test_two_processes_share_the_limits_that_redis_keeps(redis, apps, guest):
    settings = {"RATE_LIMIT": "4/minute", "LOGIN_RATE_LIMIT": "2/minute", "RATE_LIMIT_STORAGE_URL": REDIS_URL}
    one, other = apps(**settings), apps(**settings)

    requests = [in_(each, guest).get("/users/me") for each in (one, other) * 3]
    sign_ins = [log_in(each, "gus", "a wrong password").status_code for each in (one, other) * 2]

    assert [answer.status_code for answer in requests] == [200] * 4 + [429] * 2
    assert requests[1].headers["RateLimit"].startswith('"requests";r=2;t=')
    assert sign_ins == [401, 401, 429, 429]
    assert all(0 < redis.pttl(key) <= 60_000 for key in redis.scan_iter())


def test_what_stands_in_redis_tells_neither_names_nor_secrets(redis, apps, guest):
    there = apps(RATE_LIMIT="9/minute", LOGIN_RATE_LIMIT="9/minute", RATE_LIMIT_STORAGE_URL=REDIS_URL)

    log_in(there, "gus", "a wrong password")
    in_(there, guest).get("/users/me")

    kept = b" ".join(redis.scan_iter())
    assert kept.count(b"stockroom:") == 4
    assert b"gus" not in kept
    assert b"wrong" not in kept


def test_threads_of_several_processes_never_get_the_same_number(redis):
    counters = [RedisCounter(redis_of(REDIS_URL), "test", MINUTE, MemoryCounter(MINUTE)) for _ in range(2)]

    with ThreadPoolExecutor(2) as pool:
        numbers = list(itertools.chain(*pool.map(lambda counter: race(counter, 4, 50), counters)))

    assert sorted(numbers) == list(range(1, 401))


def test_a_window_in_redis_begins_with_its_first_request_and_looking_begins_none(redis):
    counter = RedisCounter(redis, "test", MINUTE, MemoryCounter(MINUTE))

    assert counter.add("gus", 0) == Count(0, 60.0)
    assert redis.dbsize() == 0
    assert counter.add("gus", 1) == Count(1, 60.0)
    redis.pexpire("test:gus", 30_000)
    number, seconds = counter.add("gus", 1)
    assert number == 2
    assert 29 < seconds <= 30


# --- a Redis that does not answer -----------------------------------------------------------------------------------


@contextmanager
def dead() -> Iterator[str]:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def frozen() -> Iterator[str]:
    """A server that accepts and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


class Stranger(socketserver.BaseRequestHandler):
    """Speaks another language."""

    def handle(self) -> None:
        self.request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@contextmanager
def foreign() -> Iterator[str]:
    """A server that is no Redis."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Stranger) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        yield f"redis://127.0.0.1:{server.server_address[1]}/0"
        server.shutdown()
        serving.join(10)


@pytest.mark.parametrize("server", [dead, frozen, foreign])
def test_while_redis_does_not_answer_the_limits_hold_from_memory_and_nobody_waits(apps, guest, server):
    fastest = [math.inf] * 6  # of each of six requests: a wait for Redis would be there in each try

    def slowest() -> float:
        with server() as url:
            there = apps(RATE_LIMIT="4/minute", LOGIN_RATE_LIMIT="2/minute", RATE_LIMIT_STORAGE_URL=url)
            answered, seconds = [], []
            for _ in range(6):
                start = time.perf_counter()
                answered.append(in_(there, guest).get("/users/me").status_code)
                seconds.append(time.perf_counter() - start)
            sign_ins = [log_in(there, "gus", "a wrong password").status_code for _ in range(4)]
        assert answered == [200] * 4 + [429] * 2
        assert sign_ins == [401, 401, 429, 429]
        fastest[:] = map(min, fastest, seconds)
        return max(fastest)

    assert least_of(slowest, AT_MOST) < AT_MOST


def test_many_requests_at_once_do_not_wait_for_a_frozen_redis_one_after_the_other(apps, guest):
    def timed(there: Flask) -> tuple[int, float]:
        start = time.perf_counter()
        status = in_(there, guest).get("/users/me").status_code
        return status, time.perf_counter() - start

    def slowest() -> float:
        with frozen() as url, ThreadPoolExecutor(4) as pool:
            answered = list(pool.map(timed, [apps(RATE_LIMIT="1000/minute", RATE_LIMIT_STORAGE_URL=url)] * 40))
        assert {status for status, _ in answered} == {200}
        return sorted(seconds for _, seconds in answered)[-5]  # of 40; the first of each thread pays

    assert least_of(slowest, AT_MOST) < AT_MOST


class Breakable:
    """Stands in for the script of a client: fails while told to, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.failing = False

    def register_script(self, _: str) -> "Breakable":
        return self

    def __call__(self, keys: list[str], arguments: list[int]) -> tuple[int, int]:
        self.asked += 1
        if self.failing:
            raise RedisError("no answer")
        return self.asked, 60_000


def test_a_redis_that_failed_is_left_alone_for_a_while_and_counted_in_again_when_it_answers(caplog):
    clock, redis = [0.0], Breakable()
    counter = RedisCounter(redis, "test", MINUTE, MemoryCounter(MINUTE), lambda: clock[0])
    redis.failing = True

    assert [counter.add("gus", 1).number for _ in range(3)] == [1, 2, 3]
    assert redis.asked == 1
    clock[0] += REDIS_REST
    assert [counter.add("gus", 1).number for _ in range(2)] == [4, 5]
    assert redis.asked == 2
    redis.failing = False
    clock[0] += REDIS_REST
    assert [counter.add("gus", 1).number for _ in range(2)] == [3, 4]

    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "limits are counted in memory",
        "limits are counted in Redis again",
    ]


def test_while_one_asks_whether_redis_is_back_the_others_go_on_in_memory():
    clock, redis = [0.0], Breakable()
    memory = MemoryCounter(MINUTE)
    counter = RedisCounter(redis, "test", MINUTE, memory, lambda: clock[0])
    redis.failing = True
    counter.add("gus", 1)
    clock[0] += REDIS_REST

    class Asking(Breakable):
        def __call__(self, keys: list[str], arguments: list[int]) -> tuple[int, int]:
            self.asked += 1
            assert counter.add("mel", 1).number == 1  # meanwhile, another request
            return 7, 60_000

    counter._add = Asking()

    assert counter.add("gus", 1).number == 7
    assert counter._add.asked == 1


@pytest.mark.parametrize("url", ["redis://127.0.0.1:port", "redis://127.0.0.1:99999"])
def test_an_address_that_is_none_is_refused_at_the_start_by_name(apps, url):
    with pytest.raises(ValueError, match="^RATE_LIMIT_STORAGE_URL "):
        apps(RATE_LIMIT_STORAGE_URL=url)
