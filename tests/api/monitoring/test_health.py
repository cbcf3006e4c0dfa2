"""Health: what a watcher of the service may count on, whatever the database does."""

import threading
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from api.monitoring import health
from api.monitoring.health import TIMEOUT, check_database
from api.single_flight import SingleFlight
from app import create_app
from models.database.base import db
from tests.support.clients import Client
from tests.support.databases import settings_for
from tests.support.durations import within
from tests.support.program import SOON


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

    def look() -> tuple[str, str]:
        looks.append(threading.current_thread())
        goes_on.wait(30)
        return "ok", "ok"

    running = SingleFlight("readyz")
    told = [check_database(running, look, 0.01) for _ in range(5)]
    goes_on.set()
    looks[0].join()

    assert len(looks) == 1
    assert {database for database, _ in told} == {"has not answered for 0.01 s"}
    assert check_database(running, look, 30) == ("ok", "ok")
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
