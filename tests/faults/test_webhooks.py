"""No event is left out or overtaken, and each arrives, whatever receivers do and whichever sender is killed."""

import json
import secrets
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count, groupby, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import text
from standardwebhooks.webhooks import Webhook as Verifier

from tests.faults.conftest import Noted
from tests.faults.harness import (
    GIVE_UP,
    SCALE,
    Service,
    Tally,
    database,
    free_port,
    running,
    serving,
)
from tests.faults.load import rounds
from tests.support.databases import own_database
from tests.support.receivers import OK, Connection, Receiver, Request, receiver

pytestmark = pytest.mark.faults

ALLOWED = {"WEBHOOK_ALLOW_NETS": "127.0.0.0/8", "SECRET_KEY": "the same key in all of the processes"}
FAILED = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
WRITERS = 4


class Registered(NamedTuple):
    """A webhook: its id, the secret that signs, and where in the feed it began."""

    id: int
    secret: str
    since: str


@pytest.fixture
def service(database_url: str, tmp_path: Path) -> Iterator[Service]:
    """A service that may send to this machine, on a database of its own: else the other one would send as well."""
    with own_database(database_url, "sending") as url, serving(Service(url, tmp_path / "sending", **ALLOWED)) as made:
        yield made


@contextmanager
def registered(service: Service, url: str, types: tuple[str, ...] = ("*",)) -> Iterator[Registered]:
    """Register a webhook that begins at the end of the feed, and delete it in the end."""
    made = service.admin().request("POST", "/webhooks", {"url": url, "types": list(types)})
    assert made.status == 201, made
    try:
        yield Registered(made.json["id"], made.json["secret"], made.json["cursor"])
    finally:
        if not service.is_running:
            service.start()
        assert service.admin().request("DELETE", f"/webhooks/{made.json['id']}").status == 204


@contextmanager
def impatient(service: Service) -> Iterator[None]:
    """Let what has failed be tried again at once, and not in half a minute."""
    ended = threading.Event()

    def hurry() -> None:
        with database(service.database_url) as engine:
            while not ended.wait(0.1):
                with suppress(Exception), engine.begin() as connection:
                    if engine.dialect.name == "sqlite":
                        connection.execute(text("PRAGMA busy_timeout = 5000"))
                    connection.execute(text("UPDATE webhooks SET next_attempt_at = NULL WHERE attempts > 0 AND active"))

    with running([hurry]):
        try:
            yield
        finally:
            ended.set()


def moving(service: Service, tally: Tally, item_id: int, times: int) -> Callable[[], None]:
    """A writer that receives one unit again and again, each time until it is acknowledged."""

    def write() -> None:
        client = service.client()
        for _ in range(times):
            key = secrets.token_hex(12)
            body = {"kind": "receive", "quantity": 1, "reason": "more", "reference": key}
            tally.write(client, f"/items/{item_id}/movements", body, key)

    return write


def feed_since(service: Service, since: str) -> list[dict[str, Any]]:
    """All events after this cursor."""
    events: list[dict[str, Any]] = []
    client, cursor = service.client(), since
    while True:
        page = client.get(f"/events?since={cursor}&limit=1000").json
        events += page["data"]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            return events


def wait_until_all_came(service: Service, webhook: Registered) -> None:
    """Wait until a webhook stands at the end of the feed."""
    deadline = time.monotonic() + GIVE_UP
    while True:
        end = feed_since(service, webhook.since)[-1]["id"]
        state = service.admin().get(f"/webhooks/{webhook.id}").json
        if int(state["cursor"]) >= end:
            return
        assert time.monotonic() < deadline, (state, end, service.log())
        time.sleep(0.1)


class Came(NamedTuple):
    """What a receiver got: how many events, how many of them again, and what is wrong, which should be 0."""

    events: int
    repeated: int
    missing: int
    overtaken: int
    unsigned: int

    @property
    def is_clean(self) -> bool:
        return (self.missing, self.overtaken, self.unsigned) == (0, 0, 0)


def compare(service: Service, webhook: Registered, requests: list[Request]) -> Came:
    """Compare what came with the feed: the same events in the same order, each repeated where it stands, if at all."""
    expected = [event["id"] for event in feed_since(service, webhook.since)]
    bodies = [json.loads(request.body) for request in requests]
    by_id = {event["id"]: event for event in feed_since(service, webhook.since)}
    came = [key for key, _ in groupby(body["id"] for body in bodies)]
    unsigned = 0
    for request, body in zip(requests, bodies, strict=True):
        try:
            Verifier(webhook.secret).verify(request.body, request.headers)
            unsigned += request.headers["webhook-id"] != f"evt_{body['id']}" or by_id[body["id"]] != body
        except Exception:  # noqa: BLE001 - whatever is wrong with it, it is no proof
            unsigned += 1
    return Came(
        len(came),
        len(bodies) - len(came),
        len(set(expected) - set(came)),
        sum(earlier >= later for earlier, later in pairwise(came)),
        unsigned,
    )


def everything(server: Receiver) -> list[Request]:
    """What has come to a receiver."""
    return [server.requests.get() for _ in range(server.requests.qsize())]


@pytest.fixture
def thing(service: Service) -> int:
    """The id of an item."""
    made = service.client().request("POST", "/items", {"sku": secrets.token_hex(8), "name": "Thing", "quantity": 1})
    assert made.status == 201
    return int(made.json["id"])


# When the sender is killed, seen by its receiver: before it has read the request, before and after it has answered.
STEPS = ("before the request is read", "before the answer", "with the answer", "after the answer")


def test_a_sender_that_is_killed_at_any_step_of_a_delivery_leaves_out_nothing(
    service: Service, thing: int, tally: Tally, noted: Noted
) -> None:
    kills = Counter[str]()
    lock = threading.Lock()
    plan = [step for _ in range(rounds(1)) for step in STEPS]
    planned = len(plan)

    def next_step(number: int) -> str | None:
        with lock:  # a few are delivered in between
            return plan.pop() if number == 3 and plan else None

    def killing(connection: Connection) -> None:
        for number in count():
            step = next_step(number)
            if step != STEPS[0] and connection.read() is None:
                return
            if step not in STEPS[:2]:
                connection.send(OK)
            if step is not None:
                time.sleep(0.02 if step == STEPS[3] else 0.0)
                service.kill()
                kills[step] += 1
                return

    def keep_running(ended: threading.Event) -> Callable[[], None]:
        def keep() -> None:
            while not ended.wait(0.05):
                if not service.is_running:
                    service.start()

        return keep

    ended = threading.Event()
    with receiver(killing) as server, registered(service, server.url) as webhook:
        with running([keep_running(ended)]):
            try:
                with running([moving(service, tally, thing, rounds(30)) for _ in range(WRITERS)]):
                    pass
                deadline = time.monotonic() + 2 * GIVE_UP
                while kills.total() < planned:
                    assert time.monotonic() < deadline, kills
                    moving(service, tally, thing, 1)()
                    time.sleep(0.1)
            finally:
                ended.set()
        if not service.is_running:
            service.start()
        wait_until_all_came(service, webhook)
        came = compare(service, webhook, everything(server))

    noted(f"{kills.total()} kills, {came}")
    assert came.is_clean
    assert tally.given_up == []
    assert came.repeated <= kills.total()


def test_when_the_process_that_sends_is_killed_another_one_goes_on(
    service: Service, thing: int, tally: Tally, tmp_path: Path, noted: Noted
) -> None:
    gaps = []
    with ExitStack() as stack:
        second = stack.enter_context(serving(Service(service.database_url, tmp_path / "second", **ALLOWED)))
        server = stack.enter_context(receiver(answer_all))
        webhook = stack.enter_context(registered(service, server.url))
        survivor = second
        for round_ in range(rounds(2)):
            killed, survivor = (service, second) if round_ % 2 == 0 else (second, service)
            moving(killed, tally, thing, 20)()
            wait_until_all_came(killed, webhook)
            killed.kill()
            began = time.monotonic()
            moving(survivor, tally, thing, 20)()
            wait_until_all_came(survivor, webhook)
            gaps.append(time.monotonic() - began)
            killed.start()
        came = compare(survivor, webhook, everything(server))

    noted(f"{came}, all there {max(gaps):.1f} s after a kill at most")
    assert came.is_clean
    assert came.repeated <= len(gaps)
    assert max(gaps) < 15.0


def answer_all(connection: Connection) -> None:
    """Take whatever comes."""
    while connection.read() is not None:
        connection.send(OK)


def moody(connection: Connection, counted: Counter[str]) -> None:
    """Take what comes, fail, redirect, answer nonsense, hang up; now and then hang, and drip."""
    while (request := connection.read()) is not None:
        event_id, counts = json.loads(request.body)["id"], counted
        counts[str(event_id)] += 1
        mood = MOODS[event_id % len(MOODS)] if counts[str(event_id)] == 1 else "take"
        counts[mood] += 1
        if mood == "hang":
            return connection.hang()
        if mood == "drip":
            return connection.drip(b"HTTP/1.1 204 No Content\r\nX: " + b"x" * 10_000)
        if mood == "hang up":
            return None
        answers = {"take": OK, "fail": FAILED, "redirect": REDIRECT, "nonsense": b"Hello\r\n\r\n"}
        connection.send(answers[mood])
    return None


REDIRECT = b"HTTP/1.1 302 There\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
MOODS = ("take", "fail", "redirect", "take", "nonsense", "hang up", "take")


def test_receivers_that_fail_redirect_and_hang_up_get_each_event_in_the_end_and_delay_nobody_else(
    service: Service, thing: int, tally: Tally, noted: Noted
) -> None:
    counted: Counter[str] = Counter()
    with ExitStack() as stack:
        stack.enter_context(impatient(service))
        bad = stack.enter_context(receiver(lambda connection: moody(connection, counted)))
        good = stack.enter_context(receiver(answer_all))
        hanging = stack.enter_context(receiver(Connection.hang))
        dripping = stack.enter_context(receiver(lambda connection: connection.drip(b"HTTP/1.1 200 OK\r\n" * 1000)))
        webhooks = [stack.enter_context(registered(service, each.url)) for each in (bad, good, hanging, dripping)]
        with running([moving(service, tally, thing, rounds(15)) for _ in range(WRITERS)]):
            pass
        wait_until_all_came(service, webhooks[1])
        wait_until_all_came(service, webhooks[0])
        deadline = time.monotonic() + GIVE_UP
        while not all(logged(service, each) for each in webhooks[2:]):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        results = [
            compare(service, webhook, everything(server))
            for webhook, server in zip(webhooks[:2], (bad, good), strict=True)
        ]
        errors = [logged(service, each)[-1]["error"] for each in webhooks[2:]]

    moods = {mood: counted[mood] for mood in MOODS}
    noted(f"{results}, {moods}, {errors}")
    assert all(came.is_clean for came in results)
    assert results[1].repeated == 0
    assert all("10" in error for error in errors)


def logged(service: Service, webhook: Registered) -> list[dict[str, Any]]:
    """The log of the deliveries to a webhook that have failed, newest first."""
    page = service.admin().get(f"/webhooks/{webhook.id}/deliveries?status=failed").json
    entries: list[dict[str, Any]] = page["data"]
    return entries


def test_a_receiver_that_vanishes_for_a_while_gets_everything_when_it_is_back(
    service: Service, thing: int, tally: Tally, noted: Noted
) -> None:
    port = free_port()
    with impatient(service), registered(service, f"http://127.0.0.1:{port}/") as webhook:
        moving(service, tally, thing, 10)()
        deadline = time.monotonic() + GIVE_UP
        while not logged(service, webhook):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        requests = listening_for_a_while(port, service, webhook)
        came = compare(service, webhook, requests)

    noted(f"{came}")
    assert came.is_clean
    assert came.events >= 10


def listening_for_a_while(port: int, service: Service, webhook: Registered) -> list[Request]:
    """Listen on a port until a webhook has got everything; what came."""
    with receiver(answer_all) as server, socket.create_server(("127.0.0.1", port)) as front:
        threading.Thread(target=pass_on, args=(front, server.port), daemon=True).start()
        wait_until_all_came(service, webhook)
        return everything(server)


def pass_on(front: socket.socket, port: int) -> None:
    """Pass the connections to one port on to another one."""

    def copy(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    with suppress(OSError):
        while True:
            client, _ = front.accept()
            behind = socket.create_connection(("127.0.0.1", port))
            for pair in ((client, behind), (behind, client)):
                threading.Thread(target=copy, args=pair, daemon=True).start()


def test_a_receiver_that_is_gone_pauses_its_webhook_which_goes_on_where_it_stood(
    service: Service, thing: int, tally: Tally, noted: Noted
) -> None:
    gone = threading.Event()
    gone.set()

    def behave(connection: Connection) -> None:
        while connection.read() is not None:
            connection.send(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n" if gone.is_set() else OK)

    with receiver(behave) as server, registered(service, server.url) as webhook:
        moving(service, tally, thing, 5)()
        deadline = time.monotonic() + GIVE_UP
        while service.admin().get(f"/webhooks/{webhook.id}").json["state"] != "paused":
            assert time.monotonic() < deadline
            time.sleep(0.1)
        gone.clear()
        before = len(everything(server))
        moving(service, tally, thing, 5)()
        assert service.admin().request("PATCH", f"/webhooks/{webhook.id}", {"active": True}).status == 200
        wait_until_all_came(service, webhook)
        came = compare(service, webhook, everything(server))

    noted(f"{came}")
    assert (before, came.is_clean, came.repeated) == (1, True, 0)
    assert came.events >= 10 * min(SCALE, 1)
