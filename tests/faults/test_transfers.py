"""Goods on their way are never lost and never doubled, whoever races for them and whatever is killed."""

import random
import secrets
from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest

from tests.faults.conftest import Found
from tests.faults.harness import Address, Client, Service, Tally, at_once, running
from tests.faults.load import (
    ARRIVED,
    BUSY,
    OUT_OF_STOCK,
    RING,
    RUNNING,
    carrier_of,
    doing,
    for_seconds,
    quantity_of,
    rounds,
    transfer,
    wait_for_some,
)

pytestmark = pytest.mark.faults

WAY = RING[0], RING[1]


def lies(service: Address, item_id: int) -> dict[str, int]:
    """How much of an item lies where."""
    stocks = service.client().get(f"/items/{item_id}/stocks").json["data"]
    return {stock["location"]: stock["quantity"] for stock in stocks}


def damaged(service: Address, tally: Tally) -> Counter[int]:
    """How many units of each item arrived damaged, by what the transfers say."""
    client, units = service.client(), Counter[int]()
    for transfer_id in {each.json["id"] for each in tally.acknowledged.values()}:
        for line in client.get(f"/transfers/{transfer_id}").json["lines"]:
            units[line["item_id"]] += line["damaged"]
    return units


def assert_everything_is_somewhere(service: Address, tally: Tally, items: list[int]) -> None:
    """Of a thousand units, all that were not damaged are at a location or on their way."""
    lost = damaged(service, tally)
    for item_id in items:
        assert quantity_of(service, item_id) == sum(lies(service, item_id).values()) == 1000 - lost[item_id]


def test_transfers_in_a_ring_under_sixteen_clients_lose_and_double_nothing(
    service: Service, tally: Tally, items: list[int], found: Found
) -> None:
    seconds = for_seconds(3, service, [carrier_of(tally, items)] * 16)

    acts = len(tally.acknowledged)
    finding = found(
        items,
        f"{acts / seconds:.0f} acts/s, p99 {tally.p99():.0f} ms, {tally.statuses[OUT_OF_STOCK]} refused for want of "
        f"stock, {sum(tally.statuses[each] for each in ARRIVED)} of what had arrived, "
        f"{tally.statuses[BUSY]} told to wait",
    )
    assert acts > 0
    assert finding.is_clean
    assert_everything_is_somewhere(service, tally, items)
    assert not tally.given_up
    assert not tally.unexpected("201", OUT_OF_STOCK, *ARRIVED, BUSY)


def test_what_was_acknowledged_of_transfers_survives_being_killed(
    service: Service, tally: Tally, items: list[int], found: Found
) -> None:
    kills = rounds(8)

    with doing(service, [carrier_of(tally, items)] * 8):
        for _ in range(kills):
            wait_for_some(tally)
            service.kill()
            service.start()

    finding = found(items, f"{kills} kills, {tally.retries} retries, {tally.replayed} of them answered as before")
    assert finding.acknowledged > kills
    assert finding.is_clean
    assert_everything_is_somewhere(service, tally, items)
    assert not tally.given_up
    assert not tally.unexpected("201", OUT_OF_STOCK, *ARRIVED, RUNNING, BUSY)


def sent(service: Address, tally: Tally, items: list[int], units: int) -> str:
    """A transfer of so many units of each item, as its path."""
    reference = secrets.token_hex(12)
    made = tally.write(
        service.client(), "/transfers", transfer(WAY, [(each, units) for each in items], reference), reference
    )
    assert made is not None and made.status == 201, made
    return f"/transfers/{made.json['id']}"


def receive_all(tally: Tally, transfer_path: str, lines: int, arrived: Counter[str]) -> Callable[[Client], None]:
    """Receives parts of a transfer until nothing of it is on its way; counts what it was told of."""

    def receive(client: Client) -> None:
        while True:
            reference, became = secrets.token_hex(12), random.choice(("received", "received", "returned"))
            body = {"lines": [{"line": random.randint(1, lines), became: 1}], "reference": reference}
            answer = tally.write(client, f"{transfer_path}/receipts", body, reference)
            if answer is None or (answer.status == 409 and answer.json["code"] == "transfer_state"):
                return
            arrived[became] += answer.status == 201

    return receive


def race_of_receipts(
    service: Address, tally: Tally, path: str, lines: int
) -> tuple[list[Callable[[], None]], list[Counter[str]]]:
    """Sixteen clients that receive one transfer, and what each was told to have received."""
    counted = [Counter[str]() for _ in range(16)]
    jobs = [partial(receive_all(tally, path, lines, each), service.client()) for each in counted]
    return jobs, counted


def assert_just_what_was_sent_has_arrived(
    service: Address, items: list[int], path: str, units: int, counted: list[Counter[str]]
) -> None:
    became = service.client().get(path).json
    arrived = sum(counted, Counter())
    assert became["state"] == "received"
    assert {line["received"] + line["returned"] for line in became["lines"]} == {units}
    for name in ("received", "returned"):
        assert arrived[name] == sum(line[name] for line in became["lines"])
    for line in became["lines"]:
        there = {"MAIN": 1000 - line["received"], "VAN": line["received"]}
        assert {place: count for place, count in lies(service, line["item_id"]).items() if count} == there


def test_of_receipts_that_race_for_one_transfer_as_many_count_as_were_sent(
    service: Service, tally: Tally, items: list[int], found: Found
) -> None:
    path = sent(service, tally, items[:2], 40)
    jobs, counted = race_of_receipts(service, tally, path, 2)

    at_once(jobs)

    finding = found(items, f"80 units, 16 clients, {tally.statuses['409 over_receipt']} told that it is too much")
    assert finding.acknowledged == 1 + 80
    assert finding.is_clean
    assert_just_what_was_sent_has_arrived(service, items, path, 40, counted)
    assert not tally.unexpected("201", *ARRIVED[:2], BUSY)


def test_receipts_that_race_while_the_service_is_killed_count_once(
    service: Service, tally: Tally, items: list[int], found: Found
) -> None:
    path = sent(service, tally, items, 100)
    jobs, counted = race_of_receipts(service, tally, path, len(items))
    kills = rounds(3)

    with running(jobs):
        for _ in range(kills):
            wait_for_some(tally)
            service.kill()
            service.start()

    finding = found(items, f"{kills} kills, {tally.retries} retries, {tally.replayed} of them answered as before")
    assert finding.acknowledged == 1 + 400
    assert finding.is_clean
    assert_just_what_was_sent_has_arrived(service, items, path, 100, counted)
    assert not tally.given_up
    assert not tally.unexpected("201", *ARRIVED[:2], RUNNING, BUSY)


def test_of_reversals_and_receipts_that_race_for_one_transfer_nothing_counts_twice(
    service: Service, tally: Tally, items: list[int], found: Found
) -> None:
    races = rounds(10)
    clients = [service.client() for _ in range(16)]

    for _ in range(races):
        path = sent(service, tally, items[:2], 3)
        before = len(tally.acknowledged)
        jobs = []
        for number, client in enumerate(clients):
            reference = secrets.token_hex(12)
            arrival = {"lines": [{"line": 1 + number % 2, "received": 1}], "reference": reference}
            act = ("receipts", arrival) if number % 4 else ("reversal", {"reference": reference})
            jobs.append(partial(tally.write, client, f"{path}/{act[0]}", act[1], reference))
        at_once(jobs)
        became = service.client().get(path).json
        assert became["reversed"]
        assert [line["returned"] for line in became["lines"]] == [3, 3]
        assert 1 <= len(tally.acknowledged) - before <= 1 + 6

    finding = found(items, f"{races} races of 16, {tally.statuses['409 already_reversed']} told that it was reversed")
    assert finding.is_clean
    assert lies(service, items[0])["MAIN"] == lies(service, items[1])["MAIN"] == 1000
    assert not tally.unexpected("201", *ARRIVED, BUSY)
