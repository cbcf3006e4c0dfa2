"""Never lost, never doubled: what clients count on when processes die, retries race and everybody wants one item."""

import random
import secrets
import sys
import threading
import time
from functools import partial
from itertools import repeat

import pytest
from sqlalchemy import text

from server.server import DRAIN_IDLE_SECONDS
from tests.faults.conftest import Found
from tests.faults.harness import Client, Cutter, Reader, Service, Tally, at_once, database, running
from tests.faults.load import (
    BUSY,
    OUT_OF_STOCK,
    RUNNING,
    doing,
    for_seconds,
    importer_of,
    movement,
    quantity_of,
    random_movement,
    rounds,
    under_load,
    until,
    writer_of,
)

pytestmark = pytest.mark.faults


def test_what_was_acknowledged_survives_being_killed_under_load(
    service: Service, tally: Tally, items: list[int], found: Found
) -> None:
    kills = rounds(5)

    with doing(service, [writer_of(tally, items)] * 8):
        for _ in range(kills):
            time.sleep(random.uniform(0.3, 0.7))
            service.kill()
            service.start()

    finding = found(items, f"{kills} kills, {tally.retries} retries")
    assert finding.acknowledged > kills
    assert finding.is_clean
    assert not tally.given_up
    assert not tally.unexpected("201", OUT_OF_STOCK, RUNNING, BUSY)


def test_a_file_of_movements_is_recorded_once_or_not_at_all_however_often_it_is_killed(
    service: Service, tally: Tally, items: list[int], found: Found
) -> None:
    skus = [service.client().get(f"/items/{item_id}").json["sku"] for item_id in items]
    kills = rounds(4)
    jobs = [importer_of(tally, skus, 500)] * 2 + [writer_of(tally, items)] * 2

    with doing(service, jobs):
        for _ in range(kills):
            time.sleep(random.uniform(0.3, 1.0))
            service.kill()
            service.start()
        time.sleep(1)

    files = tally.statuses["200"]
    finding = found(items, f"{kills} kills, {files} files of 500 lines, {tally.retries} retries")
    assert files > 0
    assert tally.retries >= kills
    assert finding.is_clean
    assert not tally.given_up
    assert not tally.unexpected("200", "201", OUT_OF_STOCK, RUNNING, BUSY)


def retry_at_once(services: list[Service], tally: Tally, path: str) -> None:
    """Ten keyed receipts of 1 to 10 units, each sent by twenty clients at the same moment until it is answered."""
    clients = [services[number % len(services)].client() for number in range(20)]
    for quantity in range(1, 11):
        reference = secrets.token_hex(12)
        body = movement("receive", quantity, reference)
        at_once([partial(tally.write, client, path, body, reference) for client in clients])


def test_twenty_retries_at_once_move_stock_once(service: Service, tally: Tally, items: list[int], found: Found) -> None:
    retry_at_once([service], tally, f"/items/{items[0]}/movements")

    finding = found(items, f"10 keys x 20 clients, {tally.retries} told to wait")
    assert finding.acknowledged == 10
    assert finding.is_clean
    assert quantity_of(service, items[0]) == 1000 + 55
    assert not tally.unexpected("201", RUNNING, BUSY)
    assert (tally.statuses["201"], tally.replayed) == (200, 190)


def test_retries_that_reach_two_processes_move_stock_once(
    service: Service, second_service: Service, tally: Tally, items: list[int], found: Found
) -> None:
    retry_at_once([service, second_service], tally, f"/items/{items[0]}/movements")

    finding = found(items, f"10 keys x 20 clients of 2 processes, {tally.retries} told to wait")
    assert finding.acknowledged == 10
    assert finding.is_clean
    assert quantity_of(service, items[0]) == 1000 + 55
    assert not tally.unexpected("201", RUNNING, BUSY)
    assert (tally.statuses["201"], tally.replayed) == (200, 190)


def test_of_racing_counts_one_wins_and_the_others_are_told(
    service: Service, tally: Tally, items: list[int], found: Found
) -> None:
    clients = [service.client() for _ in range(8)]
    path = f"/items/{items[0]}/movements"
    winners = []

    for race in range(rounds(10)):
        expected = quantity_of(service, items[0])
        references = [secrets.token_hex(12) for _ in clients]
        bodies = [
            movement("count", 2000 + 10 * race + number, reference, expect_quantity=expected)
            for number, reference in enumerate(references)
        ]
        at_once([partial(tally.write, *args) for args in zip(clients, repeat(path), bodies, references, strict=False)])
        winners.append(len(tally.acknowledged.keys() & references))

    finding = found(items, f"{len(winners)} races of {len(clients)}, {tally.statuses['409 quantity_changed']} told")
    assert set(winners) == {1}
    assert finding.is_clean
    assert not tally.unexpected("201", "409 quantity_changed", BUSY)


def test_sixteen_clients_of_one_hot_item_lose_nothing_and_never_go_below_zero(
    service: Service, tally: Tally, items: list[int], found: Found
) -> None:
    service.client().request("POST", f"/items/{items[0]}/movements", movement("count", 10))

    seconds = for_seconds(3, service, [writer_of(tally, items[:1])] * 16)

    finding = found(
        items,
        f"{len(tally.seconds) / seconds:.0f} writes/s, p99 {tally.p99():.0f} ms, "
        f"{tally.statuses[OUT_OF_STOCK]} refused, {tally.statuses[BUSY]} told to wait",
    )
    assert finding.acknowledged > 0
    assert tally.statuses[OUT_OF_STOCK] > 0
    assert finding.is_clean
    assert not tally.unexpected("201", OUT_OF_STOCK, BUSY)


def test_batches_over_the_same_items_in_any_order_meet_no_deadlock(
    service: Service, tally: Tally, items: list[int], found: Found
) -> None:
    def write(client: Client) -> None:
        reference = secrets.token_hex(12)
        both = random.sample(items[:2], 2)
        lines = [
            {"item_id": both[number % 2], **random_movement(f"{reference}/{number}")}
            for number in range(random.randint(2, 6))
        ]
        tally.write(client, "/movements", {"movements": lines}, reference)

    seconds = for_seconds(2.5, service, [write] * 8)

    batches = len(tally.acknowledged)
    finding = found(items, f"{len(tally.seconds) / seconds:.0f} batches/s, p99 {tally.p99():.0f} ms")
    assert batches > 0
    assert finding.is_clean
    assert not tally.unexpected("201", OUT_OF_STOCK)


def test_a_connection_to_the_database_that_breaks_at_the_commit_loses_and_doubles_nothing(
    service_behind: Service, cutter: Cutter, tally: Tally, items: list[int], found: Found
) -> None:
    cutter.every = 7

    for_seconds(2, service_behind, [writer_of(tally, items)] * 8)

    finding = found(items, f"{cutter.cuts} cuts, {tally.statuses[BUSY]} told to retry")
    assert tally.statuses[BUSY] > 0
    assert finding.acknowledged > cutter.cuts > 0
    assert finding.is_clean
    assert not tally.unexpected("201", OUT_OF_STOCK, BUSY, RUNNING)


def test_a_client_is_told_that_a_commit_may_have_been_made(
    service_behind: Service, cutter: Cutter, items: list[int]
) -> None:
    client, path = service_behind.client(), f"/items/{items[0]}/movements"
    client.get(path)
    cutter.every = cutter.cuts = 1  # this one is read, and not answered

    answer = client.request("POST", path, movement("receive", 1))

    assert answer.status == 503
    assert "may have been made" in answer.json["detail"]


@pytest.mark.parametrize("keyed", [False, True], ids=["without a key", "with a key"])
def test_a_deadlock_that_the_service_loses_is_run_again(
    service: Service, tally: Tally, items: list[int], found: Found, keyed: bool
) -> None:
    if service.database == "sqlite":
        pytest.skip("SQLite has one writer: nobody waits for another in a ring")
    reference = secrets.token_hex(12)
    lines = [{"item_id": item, **movement("issue", 5, f"{reference}/{item}")} for item in items[:2]]

    def write() -> None:
        key = {"Idempotency_Key": reference} if keyed else {}
        answer = service.client().request("POST", "/movements", {"movements": lines}, **key)
        tally.saw(answer)
        if answer.status == 201:
            tally.acknowledged[reference] = answer

    lock = text("SELECT id FROM items WHERE id = :id FOR UPDATE")
    with database(service.database_url) as engine, engine.connect() as rival:
        rival.execute(text("CREATE TABLE IF NOT EXISTS ballast (line INT)"))
        rival.commit()
        # MariaDB ends the transaction that has changed less.
        rival.execute(text("INSERT INTO ballast VALUES (:line)"), [{"line": line} for line in range(200)])
        rival.execute(lock, {"id": items[1]})
        with running([write]):
            time.sleep(0.3)  # it holds the first item and waits for the second
            rival.execute(lock, {"id": items[0]})
            rival.rollback()

    finding = found(items, f"{dict(tally.statuses)}")
    assert tally.statuses == {"201": 1}
    assert finding.is_clean


def test_a_reader_of_the_feed_rebuilds_the_stock_while_writers_commit(
    service: Service, tally: Tally, items: list[int], found: Found
) -> None:
    reader = Reader(service.client(), service.audited_to)

    def create(client: Client) -> None:
        sku = secrets.token_hex(12)
        body = {"sku": sku, "name": "Another", "quantity": random.randint(0, 9)}
        made = tally.write(client, "/items", body, sku)
        assert made is not None
        items.append(made.json["id"])
        tally.write(client, f"/items/{made.json['id']}", {"name": "Renamed"}, f"{sku}/name", "PATCH")
        time.sleep(0.02)

    def read(_: Client) -> None:
        reader.poll(random.randint(1, 50))

    hot = list(items)
    for_seconds(3, service, [*[writer_of(tally, hot)] * 8, create, read])
    reader.catch_up()

    finding = found(items, f"{len(reader.events)} events, {len(items)} items")
    ids = [each["id"] for each in reader.events]
    assert finding.is_clean
    assert ids == sorted(set(ids))
    told = reader.stock()
    assert {each: told[each] for each in items} == {each: quantity_of(service, each) for each in items}
    assert not tally.unexpected("200", "201", OUT_OF_STOCK, BUSY)


SLOW = "slow-commit"
SLOW_COMMITS = {
    "postgresql": (
        "CREATE FUNCTION wait_a_second() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN PERFORM pg_sleep(1); RETURN NEW; END'",
        "CREATE TRIGGER slow_commit AFTER INSERT ON events FOR EACH ROW "
        f"WHEN (NEW.request_id = '{SLOW}') EXECUTE FUNCTION wait_a_second()",
    ),
    "mysql": (
        "CREATE TRIGGER slow_commit AFTER INSERT ON events FOR EACH ROW "
        f"BEGIN IF NEW.request_id = '{SLOW}' THEN DO SLEEP(1); END IF; END",
    ),
}


def test_a_reader_of_the_feed_does_not_skip_a_change_that_commits_late(
    service: Service, tally: Tally, items: list[int], found: Found
) -> None:
    if service.database not in SLOW_COMMITS:
        pytest.skip("SQLite has one writer: nothing commits while another write is under way")
    with database(service.database_url) as engine, engine.begin() as connection:
        for statement in SLOW_COMMITS[service.database]:
            connection.execute(text(statement))
    reader = Reader(service.client(), service.audited_to)
    slow_id: list[int] = []

    def write_slowly() -> None:
        path = f"/items/{items[0]}/movements"
        answer = service.client().request("POST", path, movement("receive", 1, "late"), X_Request_ID=SLOW)
        tally.acknowledged["late"] = answer
        slow_id.append(answer.json["id"])

    stop = threading.Event()
    with running([write_slowly]):
        time.sleep(0.3)  # by now its event has its id, and waits for the commit
        others = [until(stop, service, writer_of(tally, items[1:])) for _ in range(4)]
        with running([*others, until(stop, service, lambda _: reader.poll() and None)]):
            time.sleep(1.5)
            stop.set()
    reader.catch_up()

    finding = found(items, f"{len(reader.events)} events read while one waited")
    told = [each["data"]["id"] for each in reader.events if each["type"] == "movement.created"]
    assert told.count(slow_id[0]) == 1
    assert len(told) > 1
    assert finding.is_clean


def test_a_stop_under_load_answers_every_accepted_request(
    service: Service, tally: Tally, items: list[int], found: Found
) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no SIGTERM")
    unanswered: list[str] = []

    def write_until_closed() -> None:
        client, answered = service.client(), time.monotonic()
        while True:
            reference = secrets.token_hex(12)
            try:
                client.connect()
            except OSError:
                return  # it no longer listens: this request was not accepted
            try:
                answer = client.request("POST", f"/items/{random.choice(items)}/movements", random_movement(reference))
            except Exception as error:  # noqa: BLE001 - whatever it was, there is no answer
                if client.sent - answered < DRAIN_IDLE_SECONDS / 2:  # a client that stalls for longer is idle
                    unanswered.append(repr(error))
                return
            answered = time.monotonic()
            tally.saw(answer)
            if answer.status == 201:
                tally.acknowledged[reference] = answer

    exit_statuses, seconds = [], []
    for _ in range(rounds(2.5)):
        with running([write_until_closed] * 8):
            time.sleep(1)
            began = time.monotonic()
            exit_statuses.append(service.terminate())
            seconds.append(time.monotonic() - began)
        service.start()

    finding = found(items, f"{len(seconds)} stops, within {max(seconds):.1f} s, {len(unanswered)} unanswered")
    assert set(exit_statuses) == {0}
    assert not unanswered
    assert finding.acknowledged > 0
    assert finding.is_clean
    assert not tally.unexpected("201", OUT_OF_STOCK)


def test_processes_that_share_a_database_lose_and_double_nothing_when_one_is_killed(
    service: Service, second_service: Service, tally: Tally, items: list[int], found: Found
) -> None:
    kills = rounds(2)

    with under_load(service, tally, items, writers=4), under_load(second_service, tally, items, writers=4):
        for _ in range(kills):
            time.sleep(0.7)
            second_service.kill()
            second_service.start()
        time.sleep(0.7)

    finding = found(items, f"{kills} kills, {tally.retries} retries, {tally.statuses[BUSY]} told to wait")
    assert finding.acknowledged > kills
    assert finding.is_clean
    assert not tally.given_up
    assert not tally.unexpected("201", OUT_OF_STOCK, RUNNING, BUSY)
