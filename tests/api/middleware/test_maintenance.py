"""Maintenance: while it is on, the API answers 503 and says why; everything else stays."""

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask

from api.middleware.maintenance_flag import READ_EVERY, MaintenanceFlag, RequestsUnderWay
from api.services import services_of
from app import create_app
from models.database import file_lock
from models.database.base import db
from tests.support.clients import Client, person
from tests.support.databases import settings_for
from tests.support.program import PASSWORD, program

WORDS = "Counting the shelves until noon"


@pytest.fixture
def closed(app: Flask):
    """The service under maintenance."""
    board = services_of(app).maintenance
    board.enable(WORDS)
    board._next_read = 0
    yield app
    board.disable()
    board._next_read = 0


@pytest.mark.parametrize("path", ["/items", "/users/me", "/openapi.json", "/nowhere"])
def test_while_it_is_on_every_request_is_told_why_and_when_to_come_again(member, closed, path):
    refused = member.get(path)

    assert (refused.status_code, refused.json["code"]) == (503, "maintenance")
    assert refused.json["detail"] == WORDS
    assert int(refused.headers["Retry-After"]) > 0


def test_while_it_is_on_nothing_changes(member, lamp, app):
    board = services_of(app).maintenance
    board.enable("")
    board._next_read = 0
    refused = member.post(f"{lamp}/movements", json={"kind": "issue", "quantity": 1, "reason": "order 7"})
    board.disable()
    board._next_read = 0

    assert refused.status_code == 503
    assert member.get(lamp).json["quantity"] == 5


def test_while_it_is_on_health_metrics_and_explanations_stay(nobody, closed):
    assert nobody.get("//livez").status_code == 200
    assert nobody.get("//metrics").status_code == 200
    assert nobody.get("//problems/maintenance").status_code == 200
    assert nobody.get("//docs").status_code == 200


def test_while_it_is_on_the_service_is_not_ready(nobody, closed):
    answer = nobody.get("//readyz")

    assert answer.status_code == 503
    assert answer.json["checks"] == {"database": "ok", "migrations": "ok", "maintenance": WORDS}


def test_a_browser_may_still_ask_whether_it_may_ask(nobody, closed):
    assert nobody.open("OPTIONS", "/items").status_code == 200


class Clock:
    """A clock that goes when told to."""

    time = 0.0

    def __call__(self) -> float:
        return self.time


def test_it_takes_effect_within_a_second_in_every_process(tmp_path: Path):
    clock = Clock()
    ours, theirs = (MaintenanceFlag(tmp_path / "maintenance", clock) for _ in range(2))
    before = theirs.message()

    ours.enable(WORDS)
    clock.time += READ_EVERY
    during = theirs.message()
    ours.disable()
    clock.time += READ_EVERY

    assert (before, during, theirs.message()) == (None, WORDS, None)
    assert READ_EVERY <= 1


def test_between_two_looks_a_request_does_not_touch_the_disk(tmp_path: Path, monkeypatch):
    clock = Clock()
    board = MaintenanceFlag(tmp_path / "maintenance", clock)
    board.message()
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("it looked"))
    clock.time += READ_EVERY * 0.99

    assert board.message() is None


def test_other_processes_see_each_time_whether_requests_are_under_way(tmp_path: Path, monkeypatch):
    ours, theirs = (RequestsUnderWay(tmp_path / "maintenance-lock") for _ in range(2))
    seen = []
    for _ in range(2):
        ours.begin()
        ours.begin()
        seen.append(theirs.end_within(0))
        ours.end()
        seen.append(theirs.end_within(0))
        ours.end()
        seen.append(theirs.end_within(0))
    monkeypatch.setattr(file_lock, "_open", lambda _: pytest.fail("it opened the file again"))
    ours.begin()
    ours.end()

    assert seen == [False, False, True] * 2


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"Back at noon\r\n", "Back at noon"),
        ("Zurück um zwölf\r\n".encode("utf-8-sig"), "Zurück um zwölf"),
        ("Zurück um zwölf\r\n".encode("utf-16"), "Zurück um zwölf"),
        ("Zurück".encode("cp1252"), "Zur\ufffdck"),
        (b"two\nlines", "two lines"),
        (b"x" * 10_000, "x" * 500),
    ],
)
def test_the_file_may_be_written_by_any_editor(tmp_path: Path, content: bytes, told: str):
    (tmp_path / "maintenance").write_bytes(content)

    assert MaintenanceFlag(tmp_path / "maintenance").message() == told


@pytest.mark.parametrize("content", [b"", b" \r\n"])
def test_an_empty_file_has_words_of_its_own(tmp_path: Path, content: bytes):
    (tmp_path / "maintenance").write_bytes(content)

    assert "maintained" in MaintenanceFlag(tmp_path / "maintenance").message()


def test_it_is_the_file_of_the_instance(database_url, tmp_path: Path, app):
    other = create_app(settings_for(database_url, tmp_path))
    (tmp_path / "maintenance").write_text(WORDS, encoding="utf-8")
    refused = person(other, "mel", "member").get("/items")
    with other.app_context():
        db.engine.dispose()

    assert refused.json["detail"] == WORDS
    assert person(app, "mel", "member").get("/items").status_code == 200
    assert isinstance(Client(app), Client)


def test_once_it_is_on_nothing_more_is_written_by_any_process(tmp_path):
    settings = {"INSTANCE_PATH": str(tmp_path), "PORT": "0", "ADMIN_PASSWORD": PASSWORD, "RATE_LIMIT": ""}
    with program(**settings) as one, program(**settings) as other:
        services = [each for each in (one, other) if each.said]
        one.ask("POST", "/items", {"sku": "LAMP-1", "name": "Desk lamp"})
        token = one.ask("POST", "/tokens", {"name": "t", "scopes": ["items:read", "stock:write"]}).json["token"]
        statuses: list[int] = []

        def write(service):
            status = 201
            while status == 201:
                movement = {"kind": "receive", "quantity": 1, "reason": "delivery"}
                status = service.ask("POST", "/items/1/movements", movement, token=token).status
                statuses.append(status)

        writers = [threading.Thread(target=write, args=[services[number % 2]]) for number in range(6)]
        for writer in writers:
            writer.start()
        while len(statuses) < 60:  # so that both processes are in full swing
            time.sleep(0.01)
        maintenance = MaintenanceFlag(tmp_path / "maintenance")
        maintenance.enable("")  # as the command does
        is_obeyed = maintenance.obeyed_within(30)
        written = movements(tmp_path)
        for writer in writers:
            writer.join()

        assert is_obeyed
        assert statuses.count(201) == written == movements(tmp_path) > 0
        assert set(statuses) == {201, 503}


def movements(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "stockroom.sqlite3")) as connection:
        return int(connection.execute("SELECT count(*) FROM movements").fetchone()[0])
