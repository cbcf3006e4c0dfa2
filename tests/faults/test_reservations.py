"""What is promised is there, and is issued once, whoever races for it and whatever is killed."""

import secrets
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import pytest

from tests.faults.conftest import Found
from tests.faults.harness import Address, Client, Reader, Service, Tally, at_once, running
from tests.faults.load import (
    BUSY,
    CLOSED,
    OUT_OF_STOCK,
    RUNNING,
    doing,
    for_seconds,
    promiser_of,
    quantity_of,
    reservation,
    rounds,
    wait_for_some,
)

pytestmark = pytest.mark.faults

CLIENTS = 16


def promised(service: Address, item_id: int) -> tuple[int, int, int]:
    """Quantity, reserved and available of an item."""
    item = service.client().get(f"/items/{item_id}").json
    return item["quantity"], item["reserved"], item["available"]


def assert_no_more_was_promised_than_there_was(events: Iterable[dict[str, Any]]) -> None:
    """Go through the feed, which has the order of the commits."""
    stock, promises = Counter[tuple[int, str]](), defaultdict[tuple[int, str], dict[int, int]](dict)
    for event in events:
        data = event["data"]
        if event["type"] == "movement.created":
            place = data["item_id"], data["location"]
            stock[place] += data["delta"]
            takes_what_is_free = data["kind"] == "issue" and data["reservation_id"] is None
            assert not takes_what_is_free or sum(promises[place].values()) <= stock[place], event
        elif event["type"].startswith("reservation."):
            place = data["item_id"], data["location"]
            promises[place][data["id"]] = data["open"] if data["state"] == "open" else 0
            assert event["type"] != "reservation.created" or sum(promises[place].values()) <= stock[place], event


def reserve(tally: Tally, client: Client, lines: list[tuple[int, int]]) -> list[str]:
    """Reserve goods until it is told that they are; the paths of the reservations, none if it is refused."""
    key = secrets.token_hex(12)
    made = tally.write(client, "/reservations", reservation(lines, key), key)
    is_made = made is not None and made.status == 201
    return [f"/reservations/{each['id']}" for each in made.json["reservations"]] if made and is_made else []


def fulfil_all(tally: Tally, path: str, issued: Counter[str]) -> Callable[[Client], None]:
    """Issues one unit after the other of a reservation until it is closed; counts what it was told of."""

    def fulfil(client: Client) -> None:
        while True:
            answer = tally.write(client, f"{path}/fulfilment", {"quantity": 1}, secrets.token_hex(12))
            if answer is None or answer.status != 201:
                return
            issued[path] += 1

    return fulfil


def race_for(service: Address, tally: Tally, path: str) -> tuple[list[Callable[[], None]], list[Counter[str]]]:
    """Sixteen clients that fulfil one reservation, and what each was told to have issued."""
    counted = [Counter[str]() for _ in range(CLIENTS)]
    return [partial(fulfil_all(tally, path, each), service.client()) for each in counted], counted


def test_of_sixteen_who_reserve_one_of_ten_ten_get_it(
    service: Service, tally: Tally, items: list[int], found: Found
) -> None:
    reader, clients = Reader(service.client(), service.audited_to), [service.client() for _ in range(CLIENTS)]
    races = rounds(5)
    winners = []

    for _ in range(races):
        made = service.client().request("POST", "/items", {"sku": secrets.token_hex(8), "name": "Ten", "quantity": 10})
        items.append(made.json["id"])
        before = len(tally.acknowledged)
        at_once([partial(reserve, tally, client, [(items[-1], 1)]) for client in clients])
        winners.append(len(tally.acknowledged) - before)
    reader.catch_up()

    finding = found(
        items, f"{races} races of {CLIENTS} for 10, {tally.statuses[OUT_OF_STOCK]} told that there are none"
    )
    assert winners == [10] * races
    assert finding.is_clean
    assert {promised(service, item_id) for item_id in items[-races:]} == {(10, 10, 0)}
    assert_no_more_was_promised_than_there_was(reader.events)
    assert not tally.unexpected("201", OUT_OF_STOCK, BUSY, RUNNING)


def test_of_fulfilments_that_race_for_one_reservation_as_many_count_as_were_reserved(
    service: Service, tally: Tally, items: list[int], found: Found
) -> None:
    [path] = reserve(tally, service.client(), [(items[0], 60)])
    jobs, counted = race_for(service, tally, path)

    at_once(jobs)

    finding = found(items, f"60 units, {CLIENTS} clients, {tally.statuses[CLOSED[1]]} told that it is closed")
    assert finding.acknowledged == 1 + 60
    assert finding.is_clean
    assert sum(counted, Counter())[path] == 60
    assert promised(service, items[0]) == (940, 0, 940)
    assert not tally.unexpected("201", *CLOSED, BUSY)


def test_fulfilments_that_race_while_the_service_is_killed_count_once(
    service: Service, tally: Tally, items: list[int], found: Found
) -> None:
    [path] = reserve(tally, service.client(), [(items[0], 400)])
    jobs, counted = race_for(service, tally, path)
    kills = rounds(3)

    with running(jobs):
        for _ in range(kills):
            wait_for_some(tally)
            service.kill()
            service.start()

    finding = found(items, f"{kills} kills, {tally.retries} retries, {tally.replayed} of them answered as before")
    assert finding.acknowledged == 1 + 400
    assert finding.is_clean
    assert sum(counted, Counter())[path] == 400
    assert promised(service, items[0]) == (600, 0, 600)
    assert not tally.given_up
    assert not tally.unexpected("201", *CLOSED, RUNNING, BUSY)


def test_reservations_and_issues_of_sixteen_clients_promise_no_more_than_there_is(
    service: Service, tally: Tally, items: list[int], found: Found
) -> None:
    reader = Reader(service.client(), service.audited_to)

    seconds = for_seconds(3, service, [promiser_of(tally, items)] * CLIENTS)
    reader.catch_up()

    finding = found(
        items,
        f"{len(tally.seconds) / seconds:.0f} writes/s, p99 {tally.p99():.0f} ms, "
        f"{tally.statuses[OUT_OF_STOCK]} refused, {tally.statuses[BUSY]} told to wait",
    )
    assert finding.acknowledged > 0
    assert finding.is_clean
    assert_no_more_was_promised_than_there_was(reader.events)
    assert {each: quantity_of(service, each) for each in items} == {each: reader.stock()[each] for each in items}
    assert not tally.unexpected("200", "201", OUT_OF_STOCK, *CLOSED, BUSY)


def test_what_was_acknowledged_of_reservations_survives_being_killed(
    service: Service, tally: Tally, items: list[int], found: Found
) -> None:
    reader, kills = Reader(service.client(), service.audited_to), rounds(8)

    with doing(service, [promiser_of(tally, items)] * 8):
        for _ in range(kills):
            wait_for_some(tally)
            service.kill()
            service.start()
    reader.catch_up()

    finding = found(items, f"{kills} kills, {tally.retries} retries, {tally.replayed} of them answered as before")
    assert finding.acknowledged > kills
    assert finding.is_clean
    assert_no_more_was_promised_than_there_was(reader.events)
    assert not tally.given_up
    assert not tally.unexpected("200", "201", OUT_OF_STOCK, *CLOSED, RUNNING, BUSY)
