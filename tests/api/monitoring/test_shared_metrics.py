"""Metrics of several processes on one port: each answers for all of them."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from prometheus_client import values
from prometheus_client.parser import text_string_to_metric_families

from api.monitoring.shared_metrics import SharedMetrics, make_files
from app import create_app
from models.database.base import db
from models.database.schema import migrate
from tests.support.clients import Client
from tests.support.databases import settings_for

Start = Callable[[int], Flask]
LIVE = {"method": "GET", "route": "/livez", "status": "200"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder that two processes share."""
    folder = tmp_path / "metrics"
    folder.mkdir()
    make_files(folder, 2)
    return folder


@pytest.fixture
def start(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Starts the process of a number; that of the same number has ended before."""
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")
    started = []

    def start(number: int) -> Flask:
        settings = settings_for("sqlite:///shared.sqlite3", tmp_path)
        started.append(create_app(settings, SharedMetrics(folder, number)))
        return started[-1]

    yield start
    for app in started:
        with app.app_context():
            db.engine.dispose()


def value_of(app: Flask, name: str, **labels: str) -> float:
    """What `/metrics` of this process says, once."""
    families = text_string_to_metric_families(Client(app).get("//metrics").text)
    found = [s.value for family in families for s in family.samples if (s.name, s.labels) == (name, labels)]
    assert len(found) == 1, found
    return found[0]


def live(app: Flask, times: int) -> None:
    for _ in range(times):
        assert Client(app).get("//livez").status_code == 200


def test_each_process_answers_the_sum_of_all(start: Start) -> None:
    one, other = start(0), start(1)
    live(one, 2)
    live(other, 3)

    for app in (one, other):
        assert value_of(app, "stockroom_http_requests_total", **LIVE) == 5
        assert value_of(app, "stockroom_http_request_duration_seconds_count", route="/livez") == 5
        assert value_of(app, "stockroom_http_request_duration_seconds_bucket", route="/livez", le="+Inf") == 5


def test_a_process_that_is_started_again_goes_on_counting(start: Start) -> None:
    one, other = start(0), start(1)
    live(one, 2)
    live(other, 3)
    with_one_dead = value_of(other, "stockroom_http_requests_total", **LIVE)
    again = start(0)
    live(again, 1)

    assert with_one_dead == 5
    assert value_of(other, "stockroom_http_requests_total", **LIVE) == 6


def test_what_a_process_has_is_added_up_but_for_what_makes_no_sense_as_a_sum(start: Start) -> None:
    one = start(0)
    alone = value_of(one, "stockroom_database_connections_limit")
    other = start(1)

    assert value_of(other, "stockroom_database_connections_limit") == 2 * alone
    if sys.platform == "linux":
        assert value_of(other, "process_start_time_seconds") < 10**10
        assert value_of(other, "process_cpu_seconds_total") > 0


def test_of_every_metric_of_one_process_there_is_one_of_several(start: Start, app: Flask) -> None:
    def names(of: Flask) -> set[str]:
        families = text_string_to_metric_families(Client(of).get("//metrics").text)
        return {family.name for family in families if not family.name.endswith("_created")}

    one = start(0)
    with one.app_context():
        migrate()
    live(app, 1)
    live(one, 1)

    assert names(one) == names(app)


def test_the_files_have_their_place_on_the_disk_before_they_are_used(folder: Path) -> None:
    for path in folder.iterdir():
        found = path.stat()
        assert found.st_size > 0
        if os.name == "posix":
            assert found.st_blocks * 512 >= found.st_size


def test_the_files_have_room_for_more_than_there_is(start: Start, folder: Path) -> None:
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    app = start(0)
    client = Client(app)
    for rule in app.url_map.iter_rules():
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            for status in (200, 400, 401, 403, 404, 409, 422, 503):
                app.extensions["stockroom"].metrics.count_request(method, rule.rule, status, 0.001, None)

    assert client.get("//metrics").status_code == 200
    assert {path.name: path.stat().st_size for path in folder.iterdir()} == sizes
