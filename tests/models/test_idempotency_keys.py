"""How long a key is remembered, by whose clock, and how much of the database its outcome takes."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, func, select, text, update

from models.database.base import db
from models.database.clock import database_now
from models.idempotency import SWEEP_EVERY, IdempotencyKey
from models.values import now
from tests.support.clients import Client
from tests.support.shelf import together

RECEIVE = {"kind": "receive", "quantity": 1, "reason": "delivery"}


def receive(client, path, key):
    return client.post(f"{path}/movements", json=RECEIVE, headers={"Idempotency-Key": key})


def keys(app):
    """The keys that are remembered."""
    with app.app_context():
        return set(db.session.scalars(select(IdempotencyKey.key)))


def age(app, key):
    """Make a key as old as none is remembered."""
    with app.app_context():
        aged = (
            update(IdempotencyKey).where(IdempotencyKey.key == key).values(created_at=datetime(2020, 1, 1, tzinfo=UTC))
        )
        db.session.execute(aged)
        db.session.commit()


def test_the_database_has_a_clock_in_utc(app):
    with app.app_context():
        assert abs(database_now() - now()) < timedelta(minutes=1)


def test_a_process_whose_clock_is_ahead_forgets_the_keys_of_nobody(apps, member, lamp, monkeypatch):
    app = apps(IDEMPOTENCY_HOURS="24")
    client = Client(app, member.headers)
    receive(client, lamp, "first")

    class Ahead(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(hours=25)

    with monkeypatch.context() as patched:
        patched.setattr("models.values.datetime", Ahead)
        assert now() > datetime.now(UTC) + timedelta(hours=24)
        for number in range(SWEEP_EVERY):
            receive(client, lamp, f"ahead {number}")
        assert receive(client, lamp, "first").headers["Idempotent-Replayed"] == "true"

    assert receive(client, lamp, "first").headers["Idempotent-Replayed"] == "true"
    assert client.get(lamp).json["quantity"] == 5 + 1 + SWEEP_EVERY


def test_a_key_that_is_too_old_is_new_again(app, member, lamp):
    receive(member, lamp, "old")
    age(app, "old")

    assert "Idempotent-Replayed" not in receive(member, lamp, "old").headers
    assert receive(member, lamp, "old").headers["Idempotent-Replayed"] == "true"
    assert member.get(lamp).json["quantity"] == 7


def test_old_keys_are_deleted_whatever_ids_the_new_ones_get(app, member, lamp):
    receive(member, lamp, "old")
    age(app, "old")

    for _ in range(SWEEP_EVERY):
        receive(member, lamp, "new")
        with app.app_context():  # SQLite then gives the same id again and again
            db.session.execute(delete(IdempotencyKey).where(IdempotencyKey.key == "new"))
            db.session.commit()

    assert keys(app) == set()


def test_a_key_is_remembered_for_thirty_days(app, apps, member, lamp):
    receive(member, lamp, "k")
    with app.app_context():
        earlier = database_now() - timedelta(days=29, hours=23)
        db.session.execute(update(IdempotencyKey).values(created_at=earlier))
        db.session.commit()

    assert receive(Client(apps(), member.headers), lamp, "k").headers["Idempotent-Replayed"] == "true"


def test_a_retry_of_an_answered_key_is_a_replay_though_somebody_has_locked_the_row(app, member, lamp):
    receive(member, lamp, "k")

    with app.app_context(), db.engine.connect() as sweep:
        sweep.execute(select(IdempotencyKey.id).with_for_update())
        answer = receive(member, lamp, "k")

    assert (answer.status_code, answer.headers.get("Idempotent-Replayed")) == (201, "true"), answer.json


def test_retries_of_an_answered_key_at_once_are_all_replays(member, lamp):
    first = receive(member, lamp, "k")

    answers = together(*[lambda: receive(member, lamp, "k")] * 8)

    assert {(answer.status_code, answer.data) for answer in answers} == {(201, first.data)}


@pytest.mark.parametrize("rows", [1, 1000])
def test_what_is_kept_is_of_the_size_of_the_request_and_is_replayed_in_full(app, member, rows):
    body = '{"movements":[' + ",".join(["{}"] * rows) + "]}"

    def send():
        return member.post("/movements", data=body, content_type="application/json", headers={"Idempotency-Key": "k"})

    first, second = send(), send()

    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(first.json["errors"]) >= 3 * min(rows, 333)
    assert second.json["errors"] == first.json["errors"]
    with app.app_context():
        assert db.session.scalar(select(func.length(text("outcome"))).select_from(IdempotencyKey)) < 1024 + 3 * len(
            body
        )
