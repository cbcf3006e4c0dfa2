"""Three processes behind nginx, over one PostgreSQL and one Redis: one service, as far as any client can tell."""

import random
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple

import pytest

from tests.faults.conftest import Found
from tests.faults.harness import Address, Client, Reader, Service, Tally, at_once, basic, running, serving
from tests.faults.load import BUSY, OUT_OF_STOCK, RUNNING, SCALE, movement, quantity_of, under_load, until
from tests.faults.servers import PostgreSQL, RedisServer, nginx, postgresql, redis_server

pytestmark = pytest.mark.faults

UNREACHED = {"502 of the proxy", "504 of the proxy"}
LIMIT = 1_000_000
SIGN_INS = 10


class Fleet(NamedTuple):
    """All of it: where clients reach it, and what it is made of."""

    front: Address
    services: list[Service]
    postgresql: PostgreSQL
    redis: RedisServer


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Three services behind one proxy."""
    with ExitStack() as at_the_end:
        database = at_the_end.enter_context(postgresql())
        redis = at_the_end.enter_context(redis_server(tmp_path_factory.mktemp("redis")))
        settings = {
            "SECRET_KEY": secrets.token_hex(32),
            "TRUSTED_PROXY": "127.0.0.1",
            "RATE_LIMIT": f"{LIMIT}/hour",
            "LOGIN_RATE_LIMIT": f"{SIGN_INS}/hour",
            "RATE_LIMIT_STORAGE_URL": redis.url,
        }
        services = [
            at_the_end.enter_context(serving(Service(database.url, tmp_path_factory.mktemp("instance"), **settings)))
            for _ in range(3)
        ]
        proxy = at_the_end.enter_context(nginx(tmp_path_factory.mktemp("nginx"), services))
        front = Address(database.url, proxy.port)
        front.token = services[0].token
        yield Fleet(front, services, database, redis)
        front.close_clients()


@pytest.fixture
def service(fleet: Fleet) -> Iterator[Address]:
    """The fleet, as clients see it."""
    yield fleet.front
    fleet.front.close_clients()


def test_a_process_killed_and_a_database_restarted_lose_and_double_nothing(
    fleet: Fleet, service: Address, tally: Tally, items: list[int], found: Found
) -> None:
    reader = Reader(service.client(), service.audited_to)
    stop = threading.Event()

    def follow(_: Client) -> None:
        time.sleep(0.02)
        page = tally.read(reader.client, f"/events?since={reader.cursor}&limit={random.randint(1, 50)}")
        if page and page.status == 200:
            reader.take(page)

    with running([until(stop, service, follow)]), under_load(service, tally, items):
        time.sleep(1 * SCALE)
        fleet.services[0].kill()
        time.sleep(1 * SCALE)
        fleet.services[0].start()
        time.sleep(0.5 * SCALE)
        fleet.postgresql.end(signal.SIGINT)
        fleet.postgresql.start()
        back = time.monotonic()
        time.sleep(2)
        stop.set()
    reader.catch_up()

    finding = found(
        items,
        f"{tally.retries} retries, {tally.replayed} of them answered as before, "
        f"{tally.statuses[BUSY]} told to wait, written again after {tally.first_after(back):.1f} s",
    )
    ids = [each["id"] for each in reader.events]
    assert finding.is_clean
    assert finding.acknowledged > 0
    assert ids == sorted(set(ids))
    assert {each: reader.stock()[each] for each in items} == {each: quantity_of(service, each) for each in items}
    assert not tally.given_up
    assert not tally.unexpected("201", OUT_OF_STOCK, RUNNING, BUSY, *UNREACHED)
    assert set(tally.read_statuses) <= {"200", "none", BUSY, *UNREACHED}
    assert tally.first_after(back) < 5


def test_retries_that_the_proxy_spreads_over_the_processes_move_stock_once(
    service: Address, tally: Tally, items: list[int], found: Found
) -> None:
    clients = [service.client() for _ in range(20)]

    for quantity in range(1, 11):
        reference = secrets.token_hex(12)
        body = movement("receive", quantity, reference)
        path = f"/items/{items[0]}/movements"
        at_once([partial(tally.write, client, path, body, reference) for client in clients])

    finding = found(items, f"10 keys x 20 clients of 3 processes, {tally.retries} told to wait")
    assert finding.acknowledged == 10
    assert finding.is_clean
    assert quantity_of(service, items[0]) == 1000 + 55
    assert not tally.unexpected("201", RUNNING, BUSY)
    assert (tally.statuses["201"], tally.replayed) == (200, 190)


def test_a_revoked_token_opens_nothing_in_any_process(fleet: Fleet, service: Address) -> None:
    admin = service.admin()
    made = admin.request("POST", "/tokens", {"name": "to be revoked", "scopes": ["items:read"]}).json
    clients = [each.client(Authorization=f"Bearer {made['token']}") for each in fleet.services]
    before = [client.get("/items").status for client in clients]

    revoked = admin.request("DELETE", f"/tokens/{made['id']}")

    assert before == [200, 200, 200]
    assert revoked.status == 204
    assert [client.get("/items").status for client in clients] == [401, 401, 401]


def test_a_limit_is_counted_for_all_processes_together(fleet: Fleet, service: Address) -> None:
    def left_after_each() -> list[int]:
        answers = [service.client().get("/items") for _ in range(9)]
        return [int(each.headers["RateLimit"].partition("r=")[2].partition(";")[0]) for each in answers]

    left = counted_in_redis(fleet, left_after_each)

    assert left == list(range(left[0], left[0] - len(left), -1))


def test_passwords_are_guessed_no_oftener_at_three_processes_than_at_one(fleet: Fleet, service: Address) -> None:
    def guess() -> list[int]:
        name = secrets.token_hex(8)
        clients = [service.client(Authorization=basic(name, f"guess {number}")) for number in range(15)]
        return [client.get("/items").status for client in clients]

    statuses = counted_in_redis(fleet, guess)

    assert statuses == [401] * SIGN_INS + [429] * 5


def counted_in_redis(fleet: Fleet, job: Callable[[], list[int]]) -> list[int]:
    """What the job gives when every process counts in Redis: one that waits for it for a tenth of a second, as on a
    busy machine, counts alone for five."""

    def fallen() -> list[tuple[int, int]]:
        logs = [each.log() for each in fleet.services]
        return [(log.count("counted in memory"), log.count("counted in Redis again")) for log in logs]

    deadline = time.monotonic() + 30
    while True:
        before = fallen()
        result = job()
        undisturbed = fallen() == before and all(falls == returns for falls, returns in before)
        if undisturbed or time.monotonic() > deadline:
            return result
        time.sleep(1)
