"""The end of reservations: written once, whoever looks, and late or never it changes nothing that is promised."""

from collections import Counter
from threading import Barrier, Event

import pytest
from sqlalchemy import event, text

from api.services import services_of
from api.sweeper import sweep, sweeping
from models.database.base import db
from models.stock import reservation_expiry
from tests.resources.test_events import read_all
from tests.support.clients import person
from tests.support.databases import kind
from tests.support.reservations import is_sound, let_expire, path_of_reservation, promised, reserve
from tests.support.shelf import add, together


@pytest.fixture
def bolt(member):
    """The path of an item of which there are ten."""
    return f"/items/{add(member, 'BOLT', quantity=10)['id']}"


def column(app, name, table="reservations"):
    """The values of a column in the database, by id."""
    with app.app_context(), db.engine.connect() as connection:
        return list(connection.execute(text(f"SELECT {name} FROM {table} ORDER BY id")).scalars())


def expired(client):
    """The events of the end of reservations."""
    return [each for each in read_all(client, limit=1000) if each["type"] == "reservation.expired"]


def test_what_is_past_its_time_is_written_with_one_event(app, member, bolt):
    made, other, kept = (reserve(member, "BOLT", n, minutes=9) for n in (1, 2, 3))
    let_expire(app, made)
    before = member.get(bolt).json["version"]

    assert (sweep(app), sweep(app)) == (1, 0)

    assert column(app, "state") == ["expired", "open", "open"]
    [found] = expired(member)
    assert found["data"] == {**member.get(path_of_reservation(made)).json}
    assert (found["data"]["state"], found["data"]["open"]) == ("expired", 1)
    assert (found["item_id"], found["actor"]) == (made["item_id"], "system")
    assert (promised(member, bolt), member.get(bolt).json["version"]) == ((10, 5, 5), before + 1)
    assert is_sound(app)
    for each in (other, kept):
        let_expire(app, each)
    assert (sweep(app), [bool(each) for each in column(app, "reserving", "items")]) == (2, [False])
    assert len(expired(member)) == 3
    assert is_sound(app)


def test_very_many_are_written_in_parts(app, member, monkeypatch):
    monkeypatch.setattr(reservation_expiry, "BATCH", 3)
    add(member, "NUT", quantity=10)
    line = {"sku": "NUT", "quantity": 1, "reason": "x"}
    made = member.post("/reservations", json={"reservations": [line] * 10, "expires_in_minutes": 1}).json
    for each in made["reservations"]:
        let_expire(app, each)

    assert (sweep(app), len(expired(member))) == (10, 10)
    assert is_sound(app)


def test_of_sweepers_that_run_at_the_same_time_one_writes_each_event(app, apps, member):
    others = [apps(), apps()]
    made = []
    for number in range(8):
        add(member, f"NUT-{number}", quantity=5)
        made += [reserve(member, f"NUT-{number}", 1, minutes=9) for _ in range(3)]
    for each in made:
        let_expire(app, each)

    swept = together(*(lambda each=each: sweep(each) for each in (app, *others)))

    assert sum(swept) == len(made)
    assert Counter(each["data"]["id"] for each in expired(member)) == Counter(each["id"] for each in made)
    assert is_sound(app)


def test_an_item_that_is_locked_keeps_the_others_from_nothing(app, member, database_url):
    if kind(database_url) == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    items = [add(member, sku, quantity=5) for sku in ("A", "B")]
    for item in items:
        let_expire(app, reserve(member, item["sku"], 1, minutes=9))
    locked, done = Barrier(2), Barrier(2)

    def hold():
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(text("SELECT id FROM items WHERE sku = 'A' FOR UPDATE"))
            locked.wait()
            done.wait()

    def run():
        locked.wait()
        with app.app_context():
            swept = reservation_expiry._expire([item["id"] for item in items], waits=False)
        done.wait()
        return swept

    assert together(hold, run) == [None, 1]
    assert column(app, "state") == ["open", "expired"]
    assert sweep(app) == 1


def test_to_look_takes_no_lock_and_one_read(app, member, bolt):
    reserve(member, "BOLT", 1, minutes=9)
    statements = []

    def note(connection, cursor, statement, *_):
        statements.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        assert sweep(app) == 0
    finally:
        event.remove(engine, "before_cursor_execute", note)

    assert [statement for statement in statements if not statement.startswith("SELECT")] == []


def test_nothing_is_written_during_maintenance(app, member, bolt):
    let_expire(app, reserve(member, "BOLT", 1, minutes=9))
    flag = services_of(app).maintenance
    flag.enable("closed")
    try:
        assert sweep(app) == 0
    finally:
        flag.disable()

    assert (column(app, "state"), promised(member, bolt)) == (["open"], (10, 0, 10))
    assert sweep(app) == 1


def test_a_server_sweeps_until_it_stops_and_logs_a_failure_once(app, monkeypatch, caplog):
    monkeypatch.setattr("api.sweeper.EVERY", 0.01)
    calls, enough = [], Event()

    def fail(swept):
        calls.append(swept)
        if len(calls) == 3:
            enough.set()
        raise OSError("an accident, which does not end the thread")

    monkeypatch.setattr("api.sweeper.sweep", fail)
    with sweeping(app):
        assert enough.wait(10)

    assert set(calls) == {app}
    assert [each.getMessage() for each in caplog.records] == ["the end of reservations was not recorded: OSError"]


def test_one_that_expires_while_it_is_fulfilled_is_either(app, member):
    people = [person(app, name, "member") for name in ("ann", "bob")]
    for number in range(6):
        add(member, f"NUT-{number}", quantity=1)
        made = reserve(member, f"NUT-{number}", 1, minutes=9)
        let_expire(app, made) if number % 2 else None
        answers = together(
            *(lambda each=each, made=made: each.post(path_of_reservation(made, "/fulfilment")) for each in people)
        )
        together(lambda: sweep(app), lambda: sweep(app))
        assert sorted(each.status_code for each in answers) == ([409, 409] if number % 2 else [201, 409])
    assert len(expired(member)) == 3
    assert is_sound(app)
