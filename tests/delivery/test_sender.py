"""The sender: each webhook gets the events that it wants, in their order, each at least once, from one process."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update
from standardwebhooks.webhooks import Webhook as Verifier

from api.sending import look, sender_of
from api.services import services_of
from delivery.sender import Sender
from delivery.signatures import new_secret
from models.database.base import db, table_of
from models.outbound import lease, progress
from models.outbound.delivery import Delivery, RequestedDelivery
from models.outbound.webhook import Webhook
from models.people.user import User
from models.values import now
from tests.support.clients import person_with_password
from tests.support.program import SOON
from tests.support.receivers import OK, Connection, Receiver, Request, answering, receiver

SECRET = new_secret()
ALLOWED = {"WEBHOOK_ALLOW_NETS": "127.0.0.0/8"}


@pytest.fixture
def service(apps: Any, app: Flask) -> Flask:
    """The service, which may send to this machine."""
    return apps(**ALLOWED)


@pytest.fixture
def sender(service: Flask) -> Iterator[Sender]:
    """A sender, which looks only when it is asked."""
    made = sender_of(service)
    yield made
    made.stop()


def webhook(service: Flask, url: str, types: tuple[str, ...] = ("*",), **columns: Any) -> int:
    """Add a webhook and return its id."""
    box, at = services_of(service).secret_box, now()
    with service.app_context():
        user_id = db.session.scalar(select(func.min(User.id)))
        row = Webhook(
            url=url,
            types=list(types),
            active=True,
            unannounced=False,
            last_event_id=0,
            attempts=0,
            secret=box.seal(SECRET),
            user_id=user_id,
            created_at=at,
            updated_at=at,
        )
        for name, value in columns.items():
            setattr(row, name, value)
        db.session.add(row)
        db.session.commit()
        return row.id


def column(service: Flask, webhook_id: int, name: str) -> Any:
    """What a webhook has in a column."""
    with service.app_context():
        return db.session.scalar(select(getattr(Webhook, name)).where(Webhook.id == webhook_id))


def log_of(service: Flask, webhook_id: int) -> list[tuple[Any, ...]]:
    """The log of the deliveries to a webhook: event, attempt, status, code."""
    with service.app_context():
        columns = (Delivery.event_id, Delivery.attempt, Delivery.status, Delivery.code)
        rows = db.session.execute(select(*columns).where(Delivery.webhook_id == webhook_id).order_by(Delivery.id))
        return [tuple(row) for row in rows]


def send_until(service: Flask, sender: Sender, condition: Callable[[], Any]) -> None:
    """Let the sender look again and again until a condition holds."""
    deadline = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        look(service, sender)
        time.sleep(0.01)


def ids(requests: list[Request]) -> list[int]:
    """The ids of the events in these requests."""
    return [json.loads(request.body)["id"] for request in requests]


def taken(server: Receiver) -> list[Request]:
    """All requests that have come by now."""
    return [server.requests.get() for _ in range(server.requests.qsize())]


def feed(member: Any, type_: str | None = None) -> list[dict[str, Any]]:
    """The change feed."""
    events: list[dict[str, Any]] = member.get("/events?limit=1000").json["data"]
    return [event for event in events if type_ in (None, event["type"])]


def due_again(service: Flask, webhook_id: int, **columns: Any) -> None:
    """Let the time of the next attempt be now."""
    with service.app_context():
        values = {"next_attempt_at": now() - timedelta(seconds=1), **columns}
        db.session.execute(update(Webhook).where(Webhook.id == webhook_id).values(**values))
        db.session.commit()


@pytest.fixture
def lamps(member: Any) -> dict[str, Any]:
    """An item of which ten have been received and two issued."""
    made: dict[str, Any] = member.post("/items", json={"sku": "LAMP", "name": "Lamp", "quantity": 10}).json
    member.post(f"/items/{made['id']}/movements", json={"kind": "issue", "quantity": 2, "reason": "sold"})
    return made


def test_a_webhook_gets_every_event_as_the_feed_has_it_in_order_and_signed(service, sender, member, lamps):
    with receiver(answering(OK)) as server:
        made = webhook(service, server.url)
        expected = feed(member)

        send_until(service, sender, lambda: column(service, made, "last_event_id") == expected[-1]["id"])
        requests = taken(server)

    assert [json.loads(request.body) for request in requests] == expected
    assert [request.headers["webhook-id"] for request in requests] == [f"evt_{event['id']}" for event in expected]
    assert {request.headers["content-type"] for request in requests} == {"application/json"}
    for request in requests:
        Verifier(SECRET).verify(request.body, request.headers)
    assert log_of(service, made) == [(event["id"], 1, "delivered", 204) for event in expected]


def test_a_webhook_gets_only_the_types_that_it_wants_and_stands_at_the_end_all_the_same(service, sender, member, lamps):
    with receiver(answering(OK)) as server:
        made = webhook(service, server.url, ("movement.created",))
        member.patch(f"/items/{lamps['id']}", json={"name": "A lamp"})
        wanted, last = feed(member, "movement.created"), feed(member)[-1]

        send_until(service, sender, lambda: column(service, made, "last_event_id") == last["id"])

        assert ids(taken(server)) == [event["id"] for event in wanted]
    assert len(log_of(service, made)) == len(wanted) == 2


def test_a_webhook_that_gets_other_types_meanwhile_is_not_moved_past_their_events(service, member, lamps):
    made, last = webhook(service, "http://127.0.0.1:1/", ("location.created",)), feed(member)[-1]["id"]
    with service.app_context():
        [target] = progress.due()
        change = update(Webhook).where(Webhook.id == made).values(types=["movement.created"], updated_at=now())
        db.session.execute(change)
        db.session.commit()

        progress.pass_over([(target, last)])

    assert column(service, made, "last_event_id") == 0


def test_what_fails_is_tried_again_at_the_same_place_with_the_same_id_and_nothing_overtakes_it(
    service, sender, member, lamps
):
    with receiver(answering(b"HTTP/1.1 503 Wait\r\nContent-Length: 0\r\n\r\n", OK)) as server:
        made, expected = webhook(service, server.url), feed(member)
        send_until(service, sender, lambda: log_of(service, made))
        state = [column(service, made, name) for name in ("attempts", "last_status", "last_event_id")]
        since, then = column(service, made, "failing_since"), column(service, made, "next_attempt_at")
        for _ in range(3):
            look(service, sender)
        assert server.requests.qsize() == 1
        due_again(service, made)

        send_until(service, sender, lambda: column(service, made, "last_event_id") == expected[-1]["id"])
        requests = taken(server)

    assert state == [1, 503, 0]
    assert 4.0 <= (then - since).total_seconds() < 30.0
    assert ids(requests) == [expected[0]["id"], *(event["id"] for event in expected)]
    assert requests[0].headers["webhook-id"] == requests[1].headers["webhook-id"]
    assert log_of(service, made)[:2] == [
        (expected[0]["id"], 1, "failed", 503),
        (expected[0]["id"], 2, "delivered", 204),
    ]
    assert [column(service, made, name) for name in ("attempts", "next_attempt_at", "failing_since")] == [0, None, None]


def test_a_redirect_is_a_failure_and_is_not_followed(service, sender, member, lamps):
    with (
        receiver(answering(OK)) as other,
        receiver(
            answering(f"HTTP/1.1 307 There\r\nLocation: {other.url}\r\nContent-Length: 0\r\n\r\n".encode())
        ) as server,
    ):
        made = webhook(service, server.url)
        send_until(service, sender, lambda: log_of(service, made))

        assert (log_of(service, made)[0][2:], other.connections) == (("failed", 307), 0)


def audit(admin: Any, type_: str) -> list[dict[str, Any]]:
    """The entries of the audit of one type."""
    entries: list[dict[str, Any]] = admin.get(f"/audit?type={type_}").json["data"]
    return entries


def test_a_receiver_that_is_gone_pauses_its_webhook_which_is_in_the_audit(service, sender, admin, member, lamps):
    with receiver(answering(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n")) as server:
        made = webhook(service, server.url)
        send_until(service, sender, lambda: column(service, made, "active") is False)
        look(service, sender)

        assert server.requests.qsize() == 1
    state = [column(service, made, name) for name in ("paused", "last_status", "last_event_id")]
    assert state == ["gone", 410, 0]
    assert [entry["data"]["webhook_id"] for entry in audit(admin, "webhook.paused")] == [made]


def test_after_three_days_of_failures_a_webhook_is_paused_and_goes_on_where_it_stood(
    service, sender, admin, member, lamps
):
    with receiver(answering(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", OK)) as server:
        made = webhook(service, server.url, attempts=80, failing_since=now() - timedelta(hours=72, minutes=1))
        send_until(service, sender, lambda: column(service, made, "active") is False)
        state = [column(service, made, name) for name in ("paused", "attempts", "last_event_id", "next_attempt_at")]
        due_again(service, made, active=True, paused=None, attempts=0, failing_since=None)

        send_until(service, sender, lambda: column(service, made, "last_event_id") == feed(member)[-1]["id"])

        assert ids(taken(server))[1:] == [event["id"] for event in feed(member)]
    assert state == ["failing", 81, 0, None]
    assert len(audit(admin, "webhook.paused")) == 1


def test_a_webhook_goes_on_when_the_account_that_made_it_is_deactivated(service, sender, member, lamps):
    with receiver(answering(OK)) as server:
        made, last = webhook(service, server.url), feed(member)[-1]["id"]
        with service.app_context(), db.engine.begin() as connection:
            maker = select(Webhook.user_id).where(Webhook.id == made).scalar_subquery()
            connection.execute(update(table_of(User)).where(User.id == maker).values(active=False))

        send_until(service, sender, lambda: column(service, made, "last_event_id") == last)


def test_a_webhook_that_is_switched_off_gets_nothing_but_what_a_person_asks_for(service, sender, member, lamps):
    first = feed(member)[0]
    with receiver(answering(OK)) as server:
        made = webhook(service, server.url, active=False)
        with service.app_context():
            for event_id in (None, first["id"]):
                db.session.add(RequestedDelivery(webhook_id=made, event_id=event_id, requested_at=now()))
            db.session.commit()

        send_until(service, sender, lambda: len(log_of(service, made)) == 2)
        look(service, sender)
        test, again = taken(server)

    assert json.loads(test.body).keys() == json.loads(again.body).keys()
    assert (json.loads(test.body)["type"], json.loads(again.body)) == ("webhook.test", first)
    assert (test.headers["webhook-id"][:5], again.headers["webhook-id"]) == ("test_", f"evt_{first['id']}")
    assert log_of(service, made) == [(None, 1, "delivered", 204), (first["id"], 1, "delivered", 204)]
    assert column(service, made, "last_event_id") == 0


@pytest.mark.parametrize("is_test", [False, True])
def test_a_receiver_that_is_gone_when_an_event_is_sent_again_pauses_its_webhook_and_a_test_does_not(
    service, sender, admin, member, lamps, is_test
):
    last = feed(member)[-1]["id"]
    with receiver(answering(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n")) as server:
        made = webhook(service, server.url, last_event_id=last)
        with service.app_context():
            requested = RequestedDelivery(webhook_id=made, event_id=None if is_test else last, requested_at=now())
            db.session.add(requested)
            db.session.commit()
        send_until(service, sender, lambda: len(log_of(service, made)) == 1)

    state = [column(service, made, name) for name in ("active", "paused", "last_event_id")]
    assert state == ([True, None, last] if is_test else [False, "gone", last])
    assert len(audit(admin, "webhook.paused")) == (0 if is_test else 1)


def test_a_slow_receiver_delays_itself_only(service, sender, member, lamps):
    with receiver(Connection.hang) as slow, receiver(answering(OK)) as fast:
        waiting, made = webhook(service, slow.url), webhook(service, fast.url)
        last = feed(member)[-1]["id"]

        send_until(service, sender, lambda: column(service, made, "last_event_id") == last)

        assert (len(log_of(service, waiting)), fast.requests.qsize()) == (0, len(feed(member)))


def test_a_stop_abandons_a_delivery_at_once_and_records_nothing_of_it(service, member, lamps):
    begun = threading.Event()

    def hang(connection: Connection) -> None:
        connection.read()
        begun.set()
        connection.hang()

    with receiver(hang) as server:
        made = webhook(service, server.url)
        sender = sender_of(service)
        send_until(service, sender, begun.is_set)
        before = time.monotonic()
        sender.stop()

        assert time.monotonic() - before < 9.0  # the deadline of the delivery is ten seconds
    assert (log_of(service, made), column(service, made, "attempts")) == ([], 0)


def test_deliveries_side_by_side_are_abandoned_together(service, member, lamps, monkeypatch):
    monkeypatch.setattr("delivery.sender.GRACE", 0.0)
    many = 60
    with receiver(Connection.hang) as server:
        for _ in range(many):
            webhook(service, server.url)
        sender = sender_of(service)
        send_until(service, sender, lambda: server.connections == many)
        before = time.monotonic()
        sender.stop()

        assert time.monotonic() - before < 1.5  # one after the other, each would take up to a tenth of a second


def test_two_senders_send_one_after_the_other_and_each_event_once(service, apps, member, lamps):
    both = [(each, sender_of(each)) for each in (service, apps(**ALLOWED))]
    with receiver(answering(OK)) as server:
        made = webhook(service, server.url)
        for number in range(20):
            member.patch(f"/items/{lamps['id']}", json={"name": f"Lamp {number}"})
        last = feed(member)[-1]["id"]

        for _ in range(3):
            for each, sender in both:
                look(each, sender)
        send_until(*both[0], lambda: column(service, made, "last_event_id") == last)

        assert [sender.may_send() for _, sender in both] == [True, False]
        assert ids(taken(server)) == [event["id"] for event in feed(member)]
        both[0][1].stop()
        member.patch(f"/items/{lamps['id']}", json={"name": "The last lamp"})
        send_until(*both[1], lambda: column(service, made, "last_event_id") > last)
        both[1][1].stop()


@pytest.fixture
def short_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases that end soon."""
    monkeypatch.setattr("models.outbound.lease.LIFETIME", timedelta(seconds=1))


@pytest.mark.usefixtures("short_lease")
def test_a_sender_that_has_died_is_followed_by_another_when_its_lease_has_ended(service, sender, member, lamps):
    with service.app_context():
        assert lease.acquire("dead", dedicated=False)
    with receiver(answering(OK)) as server:
        made = webhook(service, server.url)
        look(service, sender)
        assert (sender.may_send(), server.connections) == (False, 0)

        send_until(service, sender, lambda: column(service, made, "last_event_id") == feed(member)[-1]["id"])


def test_a_clock_that_was_ahead_when_a_sender_died_holds_up_nobody(service, sender, member, lamps):
    ahead = now() + timedelta(days=365)
    with service.app_context(), db.engine.begin() as connection:
        held = {"holder": "dead", "held_until": ahead, "wanted_until": ahead}
        connection.execute(update(table_of(lease.Lease)).values(**held))
    with receiver(answering(OK)) as server:
        made = webhook(service, server.url)

        send_until(service, sender, lambda: column(service, made, "last_event_id") == feed(member)[-1]["id"])


@pytest.mark.usefixtures("short_lease")
def test_a_dedicated_sender_goes_before_those_that_serve_and_they_follow_it(service, member, lamps):
    dedicated, serving = sender_of(service, dedicated=True), sender_of(service)
    with receiver(answering(OK)) as server:
        webhook(service, server.url)
        send_until(service, serving, serving.may_send)
        look(service, dedicated)  # which asks for the lease
        serving._lease._acquired = float("-inf")  # it is time to renew
        look(service, serving)

        assert not serving.may_send()
        send_until(service, dedicated, dedicated.may_send)
        look(service, serving)
        assert not serving.may_send()
        dedicated.stop()
        member.patch(f"/items/{lamps['id']}", json={"name": "Another lamp"})
        send_until(service, serving, serving.may_send)
        serving.stop()


def test_a_webhook_that_is_replayed_during_a_delivery_gets_everything_from_there(service, sender, member, lamps):
    events = feed(member)

    def replay(connection: Connection) -> None:
        while (request := connection.read()) is not None:
            if json.loads(request.body)["id"] == events[1]["id"] and not replayed.is_set():
                replayed.set()
                due_again(service, made, last_event_id=0, next_attempt_at=None)
            connection.send(OK)

    replayed = threading.Event()
    with receiver(replay) as server:
        made = webhook(service, server.url)
        send_until(service, sender, lambda: column(service, made, "last_event_id") == events[-1]["id"])

        assert ids(taken(server)) == [event["id"] for event in (*events[:2], *events)]


def test_without_webhooks_nothing_is_written_and_no_lease_is_taken(service, sender, member, lamps):
    for _ in range(3):
        look(service, sender)

    with service.app_context():
        assert db.session.scalar(select(lease.Lease.holder)) is None
    assert not sender.may_send()


def test_an_idle_sender_leaves_the_lease_to_others(service, sender, member, lamps, monkeypatch):
    monkeypatch.setattr("delivery.sender.IDLE", 0.0)
    with receiver(answering(OK)) as server:
        made = webhook(service, server.url)
        send_until(service, sender, lambda: column(service, made, "last_event_id") == feed(member)[-1]["id"])

        send_until(service, sender, lambda: not sender.may_send())
    with service.app_context():
        assert db.session.scalar(select(lease.Lease.holder)) is None


def test_during_maintenance_nothing_is_sent(service, sender, member, lamps):
    flag = services_of(service).maintenance
    with receiver(answering(OK)) as server:
        made = webhook(service, server.url)
        flag.enable("tonight")
        try:
            for _ in range(3):
                look(service, sender)
            assert server.connections == 0
        finally:
            flag.disable()
        send_until(service, sender, lambda: column(service, made, "last_event_id") == feed(member)[-1]["id"])


def test_while_the_secret_is_exchanged_either_verifies(service, sender, member, lamps):
    former, box = new_secret(), services_of(service).secret_box
    with receiver(answering(OK)) as server:
        made = webhook(service, server.url, former_secret=box.seal(former), former_until=now() + timedelta(hours=24))
        ended = webhook(service, server.url, former_secret=box.seal(former), former_until=now() - timedelta(hours=1))
        send_until(service, sender, lambda: len(log_of(service, made)) and len(log_of(service, ended)))
        signed = {len(request.headers["webhook-signature"].split()) for request in taken(server)}

    assert signed == {1, 2}


def test_a_secret_that_no_key_opens_is_a_failure_that_names_the_setting(service, apps, sender, member, lamps):
    with receiver(answering(OK)) as server:
        box = services_of(apps(SECRET_KEY="n" * 32)).secret_box
        made = webhook(service, server.url, secret=box.seal(SECRET))
        send_until(service, sender, lambda: log_of(service, made))

        assert server.connections == 0
    with service.app_context():
        assert "SECRET_KEY_FALLBACKS" in db.session.scalar(select(Delivery.error))


def test_the_log_is_purged_by_age(service, sender, member, lamps):
    with receiver(answering(OK)) as server:
        made = webhook(service, server.url)
        with service.app_context():
            row = {"webhook_id": made, "attempt": 1, "ms": 1, "status": "delivered"}
            for age in (timedelta(days=31), timedelta(days=29)):
                db.session.add(Delivery(**row, at=now() - age))
            db.session.commit()

        def left() -> int:
            with service.app_context():
                old = Delivery.at < now() - timedelta(days=1)
                return db.session.scalar(select(func.count()).select_from(Delivery).where(old)) or 0

        send_until(service, sender, lambda: left() == 1)


def during_first(change: Callable[[], Any], answer: bytes = OK) -> Callable[[Connection], None]:
    """Return a receiver during whose first request a change is made; it answers so to that, and takes the others."""
    changed = threading.Event()

    def behave(connection: Connection) -> None:
        while connection.read() is not None:
            is_first = not changed.is_set()
            if is_first:
                change()
                changed.set()
            connection.send(answer if is_first else OK)

    return behave


def test_a_type_that_is_added_during_a_delivery_is_sent_from_where_the_webhook_stood(
    service, sender, admin, member, lamps
):
    made: list[int] = []

    def add_type() -> None:
        change = {"types": ["item.created", "movement.created", "item.updated"]}
        assert admin.patch(f"/webhooks/{made[0]}", json=change).json["cursor"] == "0"

    member.patch(f"/items/{lamps['id']}", json={"name": "A lamp"})
    with receiver(during_first(add_type)) as server:
        made.append(webhook(service, server.url, ("item.updated",)))
        wanted = [event["id"] for event in feed(member)]

        send_until(service, sender, lambda: column(service, made[0], "last_event_id") == wanted[-1])

        assert set(ids(taken(server))) == set(wanted)


def test_what_the_former_receiver_answers_after_a_change_of_the_url_counts_for_nothing(service, sender, member, lamps):
    admin, made = person_with_password(service, "zoe", "admin"), []
    gone = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
    with receiver(answering(OK)) as new:

        def move() -> None:
            assert admin.patch(f"/webhooks/{made[0]}", json={"url": new.url}).status_code == 200

        with receiver(during_first(move, gone)) as former:
            made.append(webhook(service, former.url))
            expected = [event["id"] for event in feed(member)]

            send_until(service, sender, lambda: column(service, made[0], "last_event_id") == expected[-1])

            assert former.requests.qsize() == 1
        assert ids(taken(new)) == expected
