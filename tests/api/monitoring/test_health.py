"""Health: what a watcher of the service may count on, whatever the database does."""

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import func, select, text

from api.monitoring import health
from api.monitoring.health import TIMEOUT, check_database
from api.single_flight import SingleFlight
from app import create_app
from models.database.base import db
from models.event import STOCK, Event
from models.outbound import lease
from models.outbound.webhook import Webhook
from models.people.user import User
from models.values import now
from tests.support.clients import Client
from tests.support.databases import settings_for
from tests.support.durations import within
from tests.support.program import SOON

LAGS = ("lag_events", "failed_attempts", "lag_seconds")


@pytest.fixture
def homeless(tmp_path: Path) -> Client:
    """An application whose database is not there."""
    nowhere = (tmp_path / "no" / "folder" / "stock.sqlite3").as_posix()
    return Client(create_app(settings_for(f"sqlite:///{nowhere}", tmp_path)))


@pytest.fixture
def empty(tmp_path: Path) -> Client:
    """An application whose database has no table."""
    return Client(create_app(settings_for(f"sqlite:///{(tmp_path / 'empty.sqlite3').as_posix()}", tmp_path)))


def test_a_process_that_runs_is_alive_whatever_its_database_does(homeless):
    answer = homeless.get("//livez")

    assert (answer.status_code, answer.json) == (200, {"status": "ok"})


def test_a_service_that_can_answer_requests_is_ready(nobody):
    answer = nobody.get("//readyz")

    assert answer.status_code == 200
    assert answer.json["checks"] == {"database": "ok", "migrations": "ok", "maintenance": "ok"}


def test_without_its_database_it_is_not_ready_and_says_so(homeless):
    answer = homeless.get("//readyz")

    assert (answer.status_code, answer.json["code"]) == (503, "unavailable")
    assert answer.json["checks"]["database"] == "can't be read"
    assert answer.headers["Retry-After"]


def test_a_stranger_is_not_told_where_the_database_is(homeless):
    assert "sqlite" not in homeless.get("//readyz").text


def test_without_its_migrations_it_is_not_ready_and_says_so(empty):
    answer = empty.get("//readyz")

    assert answer.status_code == 503
    assert answer.json["checks"]["database"] == "ok"
    assert "schema" in answer.json["checks"]["migrations"]


def test_a_database_of_another_version_is_not_ready(app: Flask, nobody: Client):
    with app.app_context():
        before = db.session.scalar(text("SELECT version_num FROM alembic_version"))
        db.session.rollback()
    _set_revision(app, "0000")
    answer = nobody.get("//readyz")
    _set_revision(app, before)

    assert answer.status_code == 503
    assert nobody.get("//readyz").status_code == 200


def _set_revision(app: Flask, revision: str) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})


def test_a_database_that_hangs_is_told_within_two_seconds(app: Flask, nobody: Client, monkeypatch):
    assert TIMEOUT < 2
    hangs = threading.Event()
    monkeypatch.setattr(health, "TIMEOUT", 0.2)
    monkeypatch.setattr(health, "is_current", lambda: hangs.wait(SOON))
    answer = within(2, lambda: nobody.get("//readyz"))
    hangs.set()

    assert answer.status_code == 503
    assert "has not answered" in answer.json["detail"]


def test_however_often_somebody_asks_a_database_that_hangs_one_thread_waits_for_it():
    goes_on = threading.Event()
    looks = []

    def look() -> tuple[str, str, str]:
        looks.append(threading.current_thread())
        goes_on.wait(30)
        return "ok", "ok", "ok"

    running = SingleFlight("readyz")
    told = [check_database(running, look, 0.01) for _ in range(5)]
    goes_on.set()
    looks[0].join()

    assert len(looks) == 1
    assert {database for database, *_ in told} == {"has not answered for 0.01 s"}
    assert check_database(running, look, 30) == ("ok", "ok", "ok")
    assert len(looks) == 2


@pytest.mark.parametrize("path", ["//livez", "//readyz", "//metrics"])
def test_health_and_metrics_are_never_limited_nor_cached(database_url, tmp_path, path):
    limited = create_app(settings_for(database_url, tmp_path, RATE_LIMIT="1/day"))
    answers = [Client(limited).get(path) for _ in range(3)]
    with limited.app_context():
        db.engine.dispose()

    assert [answer.status_code for answer in answers] == [200] * 3
    assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}


@pytest.mark.parametrize("path", ["//livez", "//readyz"])
def test_head_answers_as_get_without_the_body(nobody, path):
    answer = nobody.head(path)

    assert (answer.status_code, answer.data) == (200, b"")


def webhook_since(app: Flask, age: timedelta, **columns: Any) -> None:
    """Add a webhook that has yet to get an event that is so old."""
    at = now() - age
    with app.app_context():
        user_id = db.session.scalar(select(func.min(User.id)))
        event = Event(stream=STOCK, type="item.updated", at=at, request_id="r", data={})
        webhook = Webhook(
            url="https://example.com/",
            types=["*"],
            unannounced=False,
            last_event_id=0,
            secret="",
            user_id=user_id,
            created_at=at,
            updated_at=at,
            **{"active": True, "attempts": 0, **columns},
        )
        db.session.add_all([event, webhook])
        db.session.commit()


@pytest.mark.parametrize(
    ("age", "columns", "says"),
    [
        (timedelta(minutes=1), {}, True),
        (timedelta(seconds=1), {}, False),
        (timedelta(minutes=1), {"active": False}, False),
        (timedelta(minutes=1), {"attempts": 1, "next_attempt_at": now() + timedelta(hours=1)}, False),
    ],
    ids=["due for long", "just due", "paused", "waiting"],
)
def test_where_nothing_is_sent_although_it_is_due_it_is_said_and_requests_are_served(
    app, member, nobody, age, columns, says
):
    webhook_since(app, age, **columns)

    answer = nobody.get("//readyz")

    assert answer.status_code == 200
    assert ("nothing is sent" in answer.json["checks"].get("sender", "")) == says


def test_while_somebody_has_the_lease_the_sender_works(app, member, nobody):
    webhook_since(app, timedelta(minutes=1))
    with app.app_context():
        lease.acquire("somebody", dedicated=False)

    assert "sender" not in nobody.get("//readyz").json["checks"]


def test_the_metrics_say_how_far_behind_each_webhook_is(app, member, nobody):
    webhook_since(app, timedelta(minutes=1), attempts=3)
    webhook_since(app, timedelta(minutes=2), active=False)

    families = {each.name: each.samples for each in text_string_to_metric_families(nobody.get("//metrics").text)}

    by_webhook = {name: [sample.value for sample in families[f"stockroom_webhook_{name}"]] for name in LAGS}
    assert (by_webhook["lag_events"], by_webhook["failed_attempts"]) == ([2, 2], [3, 0])
    assert all(60 <= seconds < 90 for seconds in by_webhook["lag_seconds"])
    totals = ("stockroom_webhooks_paused", "stockroom_subscriptions_failing")
    assert [families[name][0].value for name in totals] == [1, 0]
