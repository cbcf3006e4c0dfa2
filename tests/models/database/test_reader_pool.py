"""Reads by the driver itself: what is known when one fails, and of the connections that they hold."""

import logging
import threading

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from models.database import reader_pool
from models.database.base import db
from models.database.reader_pool import ReaderPool, reader_pool_of
from tests.support.clients import Client


@pytest.fixture
def pool(app: Flask) -> ReaderPool:
    """The reader pool of the application."""
    with app.app_context():
        pool = reader_pool_of(db.engine)
    pool._logged_at = pool._rests_until = float("-inf")  # another test may have logged a failure just now
    return pool


@pytest.fixture
def server_pool(pool: ReaderPool) -> ReaderPool:
    """The reader pool of the application, on a server."""
    if pool.dialect.name == "sqlite":
        pytest.skip("a file does not go away")
    return pool


@pytest.fixture
def broken(pool: ReaderPool, monkeypatch) -> None:
    """Every read by the driver fails as on a disk that can't be read."""

    def fail(*_):
        raise pool.dialect.loaded_dbapi.OperationalError("disk I/O error")

    monkeypatch.setattr(ReaderPool, "fetch_all", fail)


def metric(client: Client, name: str) -> float:
    families = text_string_to_metric_families(client.get("//metrics").text)
    return next(sample.value for family in families for sample in family.samples if sample.name == name)


def test_a_read_that_fails_is_answered_all_the_same_and_logged_and_counted(guest, lamp, broken, caplog):
    before = metric(guest, "stockroom_driver_read_failures_total")
    with caplog.at_level(logging.WARNING, "stockroom"):
        answer = guest.get(lamp)

    assert (answer.status_code, answer.json["quantity"]) == (200, 5)
    assert metric(guest, "stockroom_driver_read_failures_total") > before
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "disk I/O error" in caplog.text


def test_failures_are_logged_once_a_minute_and_each_is_counted(pool, caplog, monkeypatch):
    seconds = [1000.0]
    monkeypatch.setattr(reader_pool.time, "monotonic", lambda: seconds[-1])
    before = pool.state().failures

    for moment in (1000.0, 1059.9, 1060.0):
        seconds.append(moment)
        pool.record_failure(pool.errors("disk I/O error"))

    assert pool.state().failures - before == 3
    assert len(caplog.records) == 2


def test_the_connections_that_read_are_in_the_metrics(guest, lamp, pool, monkeypatch):
    pool.close_idle()
    assert metric(guest, "stockroom_database_reader_connections_open") == 0
    guest.get(lamp)
    assert metric(guest, "stockroom_database_reader_connections_open") == 1
    assert metric(guest, "stockroom_database_reader_connections_in_use") == 0

    class Held(list):
        """Where connections are put back; while one is on its way, its read is not over."""

        def append(self, connection):
            if threading.current_thread() is thread:  # the metrics read too
                reading.set()
                assert goes_on.wait(10)
            super().append(connection)

    reading, goes_on = threading.Event(), threading.Event()
    idle, held = pool._idle, Held(pool._idle)
    monkeypatch.setattr(pool, "_idle", held)
    thread = threading.Thread(target=guest.get, args=[lamp])
    thread.start()
    assert reading.wait(10)
    in_use = metric(guest, "stockroom_database_reader_connections_in_use")
    goes_on.set()
    thread.join()
    idle[:] = held

    assert in_use == 1
    assert metric(guest, "stockroom_database_reader_connections_in_use") == 0


def test_a_connection_whose_read_failed_is_closed(guest, lamp, pool):
    guest.get(lamp)
    before = pool.state()
    with pytest.raises(pool.errors):
        pool.fetch_all("SELECT * FROM nowhere", ())

    after = pool.state()
    assert (after.open, after.in_use) == (before.open - 1, 0)


def test_a_server_that_has_broken_the_connections_is_read_all_the_same(guest, lamp, server_pool):
    guest.get(lamp)
    for connection, _ in server_pool._idle:
        connection.close()
    answer = guest.get(lamp)

    assert (answer.status_code, answer.json["quantity"]) == (200, 5)
    assert server_pool.state().open == 0


def test_after_a_failure_the_driver_is_not_asked_for_a_while(guest, lamp, server_pool, monkeypatch):
    seconds = [1000.0]
    monkeypatch.setattr(reader_pool.time, "monotonic", lambda: seconds[-1])
    server_pool.close_idle()
    server_pool.record_failure(server_pool.errors("the server is away"))
    guest.get(lamp)
    opened = [server_pool.state().open]
    seconds.append(1000.0 + reader_pool.REST)
    guest.get(lamp)
    opened.append(server_pool.state().open)
    server_pool._rests_until = float("-inf")  # the clock goes on as it did

    assert opened == [0, 1]


def test_a_connection_to_a_server_is_replaced_after_some_time(guest, lamp, server_pool):
    server_pool.close_idle()
    guest.get(lamp)
    [(before, until)] = server_pool._idle
    server_pool._idle[:] = [(before, until - reader_pool.RECYCLE)]
    guest.get(lamp)
    [(after, _)] = server_pool._idle

    assert after is not before
    assert server_pool.state().open == 1
