"""What clients do to the service while it is broken: they write, read, and never give up."""

import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.faults.harness import GIVE_UP, SCALE, Address, Answer, Client, Tally, running

OUT_OF_STOCK = "409 insufficient_stock"
BUSY = "503 unavailable"
RUNNING = "409 idempotency_in_progress"
# What is refused of a transfer whose goods have arrived, in part or all of them.
ARRIVED = ("409 over_receipt", "409 transfer_state", "409 already_reversed")

# And of a reservation of which all is issued, or too little is left.
CLOSED = ("409 over_fulfilment", "409 reservation_closed")

# The codes of the locations: the main one, and others.
VAN = "VAN"
RING = ("MAIN", VAN, "SHOP")


def rounds(count: float) -> int:
    return max(1, round(count * SCALE))


def movement(kind: str, quantity: int, reference: str = "", **more: Any) -> dict[str, Any]:
    return {"kind": kind, "quantity": quantity, "reason": "faults", "reference": reference, **more}


def random_movement(reference: str) -> dict[str, Any]:
    """More is asked for than comes, so that the stock is near zero, where the rules are tried."""
    kind = random.choice(("receive", "issue"))
    place = random.choice(({}, {}, {"location": VAN}))
    return movement(kind, random.randint(1, 10 if kind == "receive" else 30), reference, **place)


def transfer(
    way: tuple[str, str], lines: list[tuple[int, int]], reference: str, *, receive: str = "later"
) -> dict[str, Any]:
    """Goods, as ids of items and units, from one location to another."""
    goods = [{"item_id": item_id, "quantity": quantity} for item_id, quantity in lines]
    common = {"reason": "faults", "reference": reference, "receive": receive}
    return {"from": way[0], "to": way[1], "lines": goods, **common}


def reservation(lines: list[tuple[int, int]], reference: str) -> dict[str, Any]:
    """Goods, as ids of items and units, that are promised."""
    return {
        "reservations": [
            {"item_id": item_id, "quantity": quantity, "reason": "faults", "reference": f"{reference}/{number}"}
            for number, (item_id, quantity) in enumerate(lines)
        ]
    }


@contextmanager
def under_load(
    service: Address, tally: Tally, items: list[int], *, writers: int = 8, readers: int = 2
) -> Iterator[None]:
    """Clients write and read while the block runs; after it, each write is carried on until it is answered for good."""
    with doing(service, [writer_of(tally, items)] * writers + [reader_of(tally, items)] * readers):
        yield


@contextmanager
def doing(service: Address, jobs: list[Callable[[Client], None]]) -> Iterator[None]:
    """Each job is done over and over while the block runs, by a client of its own; what was begun is carried on."""
    stop = threading.Event()
    with running([until(stop, service, job) for job in jobs]):
        try:
            yield
        finally:
            stop.set()


def wait_for_some(tally: Tally) -> None:
    """Wait until some more writes are acknowledged; the next ones are under way then."""
    enough, deadline = len(tally.acknowledged) + random.randint(5, 30), time.monotonic() + GIVE_UP
    while len(tally.acknowledged) < enough and time.monotonic() < deadline:
        time.sleep(0.005)


def quantity_of(service: Address, item_id: int) -> int:
    return int(service.client().get(f"/items/{item_id}").json["quantity"])


def until(stop: threading.Event, service: Address, job: Callable[[Client], None]) -> Callable[[], None]:
    """A client that does its job over and over until told to stop."""

    def run() -> None:
        client = service.client()
        while not stop.is_set():
            job(client)

    return run


def for_seconds(seconds: float, service: Address, jobs: list[Callable[[Client], None]]) -> float:
    """Do each job over and over, each by a client of its own; how many seconds it took to the last answer."""
    began = time.monotonic()
    with doing(service, jobs):
        time.sleep(seconds * SCALE)
    return time.monotonic() - began


def writer_of(tally: Tally, items: list[int]) -> Callable[[Client], None]:
    """Moves some stock of one of these items, and goes on until it is told that it did."""

    def write(client: Client) -> None:
        reference = secrets.token_hex(12)
        tally.write(client, f"/items/{random.choice(items)}/movements", random_movement(reference), reference)

    return write


def carrier_of(tally: Tally, items: list[int]) -> Callable[[Client], None]:
    """Sends goods around a ring of locations, says what became of those on their way, and brings some back.

    It goes on with each act until it is told that it is done.
    """

    def act(client: Client, path: str, body: dict[str, Any]) -> Answer | None:
        reference = secrets.token_hex(12)
        return tally.write(client, path, {**body, "reference": reference}, reference)

    def carry(client: Client) -> None:
        begin = random.randrange(len(RING))
        way = RING[begin], RING[(begin + 1) % len(RING)]
        lines = [(item_id, random.randint(1, 300)) for item_id in random.sample(items, random.randint(1, 3))]
        sent = act(client, "/transfers", transfer(way, lines, "", receive=random.choice(("now", "later", "later"))))
        if sent is None or sent.status != 201:
            return
        path = f"/transfers/{sent.json['id']}"
        for _ in range(random.randint(0, 3)):
            if sent.json["state"] != "received":
                number = random.randint(1, len(lines))
                became = random.choice(("received", "received", "returned", "damaged"))
                units = random.randint(1, 2 if became == "damaged" else lines[number - 1][1])
                act(client, f"{path}/receipts", {"lines": [{"line": number, became: units}]})
        if random.random() < 0.3:
            act(client, f"{path}/reversal", {})

    return carry


def promiser_of(tally: Tally, items: list[int]) -> Callable[[Client], None]:
    """Reserves goods, issues some of them and releases others, and moves stock that nobody has reserved.

    It goes on with each until it is told that it is done.
    """
    write = writer_of(tally, items)

    def promise(client: Client) -> None:
        key = secrets.token_hex(12)
        lines = [(item_id, random.randint(1, 300)) for item_id in random.sample(items, random.randint(1, 2))]
        made = tally.write(client, "/reservations", reservation(lines, key), key)
        for each in made.json["reservations"] if made is not None and made.status == 201 else ():
            path = f"/reservations/{each['id']}"
            for _ in range(random.randint(0, 2)):
                units = random.randint(1, each["quantity"])
                tally.write(client, f"{path}/fulfilment", {"quantity": units}, secrets.token_hex(12))
            if random.random() < 0.6:
                tally.write(client, f"{path}/release", None, secrets.token_hex(12))
        write(client)

    return promise


def importer_of(tally: Tally, skus: list[str], lines: int) -> Callable[[Client], None]:
    """Receives goods as a file, each line with a reference of its own, and goes on until it is told that they are."""

    def write(client: Client) -> None:
        key = secrets.token_hex(12)
        references = [f"{key}/{number}" for number in range(lines)]
        rows = "".join(f"{random.choice(skus)},{random.randint(1, 9)},{reference}\n" for reference in references)
        answer = tally.write(client, "/movements/import?kind=receive", f"sku,quantity,reference\n{rows}", key)
        if answer is not None and answer.status == 200:
            movements = [{"reference": reference} for reference in references]  # as the answer to a batch has them
            tally.acknowledged[key] = answer._replace(json={**answer.json, "movements": movements})

    return write


def reader_of(tally: Tally, items: list[int]) -> Callable[[Client], None]:
    """Reads one of these items, again and again with a pause, as people do."""

    def read(client: Client) -> None:
        time.sleep(0.01)
        tally.read(client, f"/items/{random.choice(items)}")

    return read
