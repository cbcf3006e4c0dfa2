"""A page costs the same in a table of ten rows and of ten million: an index leads to its rows, in their order."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import event as sqlalchemy_event

from api.services import services_of
from models import event
from models.database.base import db
from models.database.current_write import DriverConnection
from models.database.reader_pool import ReaderPool
from models.stock import timeline
from tests.support.reservations import reserve

ITEM_SORTS = ("id", "-id", "sku", "name", "price", "quantity", "bin", "created_at", "updated_at")
# Rows as they lie, from where the cursor stands.
BY_ID = ("SCAN movements", "SCAN events", "SCAN reservations")
LISTS = (
    *(f"/items?cursor=&sort={sort}" for sort in ITEM_SORTS),
    "/items?cursor=&archived=true",
    "/items?cursor=&sku=A",
    "/items?cursor=&barcode=4",
    "/items?cursor=&bin=L",
    "/items?cursor=&low_stock=true",
    "/items?cursor=&min_price=1&sort=price",
    "/items?cursor=&updated_since=2026-01-01T00:00:00Z&sort=updated_at",
    "/movements?cursor=",
    "/movements?cursor=&sort=-id",
    "/movements?cursor=&item_id=1",
    "/movements?cursor=&sku=A",
    "/movements?cursor=&kind=count",
    "/movements?cursor=&reference=O-7",
    "/movements?cursor=&user=mel",
    "/movements?cursor=&sort=occurred_at&since=2026-01-01T00:00:00Z",
    "/movements?cursor=&sort=occurred_at&user=mel",
    "/movements?cursor=&sort=occurred_at&kind=count",
    "/items/1/movements?cursor=",
    "/reservations?cursor=",
    "/reservations?cursor=&item_id=1",
    "/reservations?cursor=&sku=A&sort=-id",
    "/reservations?cursor=&reference=O-7",
    "/events",
    "/events?since=1",
    "/audit?cursor=",
    "/audit?cursor=&actor=mel",
    "/audit?cursor=&type=token.created",
    "/audit?cursor=&item_id=1",
)


@pytest.fixture
def plans(app, monkeypatch):
    """How SQLite finds what is read from here on, a list of steps for each statement."""
    if "sqlite" not in services_of(app).settings.database_url:
        pytest.skip("what the other databases plan depends on what is in them")
    found = []
    fetch_all = ReaderPool.fetch_all

    with app.app_context():
        engine = db.engine

    def explained(self, statement, values):
        with engine.connect() as connection:
            steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", tuple(values))
            found.append([step.detail for step in steps])
        return fetch_all(self, statement, values)

    monkeypatch.setattr(ReaderPool, "fetch_all", explained)
    return found


def costly(plans):
    """The steps that go through a whole table, or put rows in order that no index had in order."""
    return [
        step
        for plan in plans
        for step in plan
        if "TEMP B-TREE" in step or (step.startswith("SCAN") and "INDEX" not in step and "CONSTANT" not in step)
    ]


@pytest.mark.parametrize("path", LISTS)
def test_an_index_leads_to_the_rows_of_a_page_in_their_order(admin, lamp, plans, path):
    assert admin.get(path).status_code == 200

    assert len(plans) >= 2
    assert [step for step in costly(plans) if step not in BY_ID] == []


@pytest.mark.parametrize(
    "path",
    [
        "/reports/valuation",
        "/reports/valuation?at=2026-01-01T00:00:00Z",
        "/reports/reorder",
        "/reports/turnover",
        "/items/1/history",
    ],
)
def test_a_report_finds_the_movements_of_its_items_by_an_index(guest, lamp, plans, path):
    assert guest.get(path).status_code == 200

    steps = [step for plan in plans for step in plan]
    assert [step for step in steps if step.startswith("SCAN movements") or "kind" in step] == []
    found = [step for step in steps if step.startswith("SEARCH movements")]
    assert all("USING INDEX ix_movements_item_id_occurred_at (item_id" in step for step in found)
    assert bool(found) == ("reorder" not in path)


@pytest.mark.parametrize("path", ["/items/1", "/items?cursor=", "/items/1/stocks", "/stocks?cursor="])
def test_what_is_reserved_is_summed_up_from_what_is_open_alone(admin, lamp, plans, path):
    reserve(admin, "LAMP-1", 2)
    del plans[:]

    assert admin.get(path).status_code == 200
    steps = [step for plan in plans for step in plan if "reservations" in step]
    assert steps and all("USING INDEX ix_reservations_open (item_id=? AND state=?" in step for step in steps)


@pytest.mark.parametrize("state", ["open", "expired", "released", "fulfilled"])
def test_the_reservations_of_a_state_are_found_by_an_index(admin, lamp, plans, state):
    reserve(admin, "LAMP-1", 2)
    del plans[:]

    assert admin.get(f"/reservations?state={state}").status_code == 200
    assert [step for step in costly(plans) if "reservations" in step] == []


def counts(plans):
    """The statements that did nothing but count."""
    return [plan for plan in plans if len(plan) == 1 and "COVERING INDEX" in plan[0]]


@pytest.mark.parametrize("path", ["/items?limit=1", "/movements?limit=1", "/audit?limit=1"])
def test_a_count_reads_an_index_alone(admin, lamp, plans, path):
    assert admin.get(path).status_code == 200

    assert len(counts(plans)) == 1


def test_a_page_that_is_not_full_tells_how_many_there_are_without_a_count(admin, lamp, plans):
    assert admin.get("/items?page=1").json["total_items"] == 1

    assert counts(plans) == []


@pytest.mark.parametrize("sort", ["name", "-id"])
def test_the_next_page_begins_where_the_last_one_ended(app, admin, member, plans, sort):
    for number in range(3):
        member.post("/items", json={"sku": f"S{number}", "name": f"N{number}"})
    cursor = admin.get(f"/items?cursor=&limit=1&sort={sort}").json["next_cursor"]
    del plans[:]

    assert len(admin.get(f"/items?limit=1&sort={sort}&cursor={cursor}").json["data"]) == 1

    assert costly(plans) == []
    assert any("(archived=? AND " in step for plan in plans for step in plan)


@pytest.mark.parametrize("path", ["/items?cursor=&sort=-price", "/movements?cursor=&sort=-occurred_at"])
def test_downwards_only_equals_are_put_in_order(admin, lamp, plans, path):
    assert admin.get(path).status_code == 200

    # Of the equals, and then of the page, only the ids.
    assert costly(plans) == [
        "USE TEMP B-TREE FOR RIGHT PART OF ORDER BY",
        "SCAN page",
        "USE TEMP B-TREE FOR ORDER BY",
    ]
    assert any("USING COVERING INDEX" in step for step in plans[-1])


def test_statistics_do_not_make_a_planner_begin_at_the_users(app, admin, lamp, plans):
    received = {"sku": "LAMP-1", "kind": "receive", "quantity": 1, "reason": "delivery"}
    admin.post("/movements", json={"movements": [received] * 200})  # few are sorted as fast as they are found in order
    del plans[:]
    with app.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql("ANALYZE")
    try:
        admin.get("/movements?cursor=&sort=-id")
    finally:
        with app.app_context():
            with db.engine.begin() as connection:
                connection.exec_driver_sql("DROP TABLE sqlite_stat1")
            db.engine.dispose()  # a connection remembers what it has read there

    assert plans[-1][0] == "SCAN movements"
    assert not [step for plan in plans for step in plan if "TEMP B-TREE" in step]


def test_on_mariadb_the_feed_is_entered_where_its_reader_stands(app, member):
    with app.app_context():
        if db.engine.dialect.name != "mysql":
            pytest.skip("the others do so by themselves")
        for number in range(20):
            member.post("/items", json={"sku": f"S{number}", "name": f"N{number}"})
        asked = event._AFTER._query.compile(db.engine)
        with db.engine.connect() as connection:
            values = {**asked.params, "event_id": 10, "row_limit": 5}
            [step] = connection.exec_driver_sql(f"EXPLAIN {asked}", values).mappings()

    assert (step["type"], step["key"]) == ("range", "ix_events_stream_id")


@pytest.fixture
def reads_of_the_ledger(app, monkeypatch):
    """The statements from here on that read movements, but for that which asks SQLite for the next id."""
    found = []

    def note(_, __, statement, *___):
        if statement.startswith("SELECT") and "movements" in statement and "max(movements.id)" not in statement:
            found.append(statement)

    execute = DriverConnection.exec_driver_sql  # by which short writes execute theirs

    def execute_and_note(self, statement, *parameters):
        note(None, None, statement)
        return execute(self, statement, *parameters)

    monkeypatch.setattr(DriverConnection, "exec_driver_sql", execute_and_note)
    with app.app_context():
        engine = db.engine
    sqlalchemy_event.listen(engine, "before_cursor_execute", note)
    yield found
    sqlalchemy_event.remove(engine, "before_cursor_execute", note)


def test_a_movement_reads_nothing_of_the_ledger_unless_it_is_backdated(member, lamp, reads_of_the_ledger):
    movement = {"kind": "receive", "quantity": 1, "reason": "order 7"}

    assert member.post(f"{lamp}/movements", json=movement).status_code == 201
    later = {**movement, "occurred_at": datetime.now(UTC).isoformat()}
    assert member.post(f"{lamp}/movements", json=later).status_code == 201
    assert member.post("/movements", json={"movements": [{**movement, "sku": "LAMP-1"}] * 2}).status_code == 201
    assert reads_of_the_ledger == []

    newest_first = [{**movement, "sku": "LAMP-1", "occurred_at": datetime.now(UTC).isoformat()} for _ in range(2)][::-1]
    assert member.post("/movements", json={"movements": newest_first}).status_code == 201
    assert reads_of_the_ledger == []

    backdated = {**movement, "occurred_at": "2026-01-01T00:00:00Z"}
    assert member.post(f"{lamp}/movements", json=backdated).status_code == 201
    assert len(reads_of_the_ledger) == 2


@pytest.mark.parametrize("statement", [timeline._LATER, timeline._LATEST_COUNT, timeline._FIRST_BELOW])
def test_what_is_later_than_a_time_is_entered_at_that_time(app, member, lamp, statement):
    values = {"item": 1, "since": "2026-01-01 00:00:00", "until": "2027-01-01 00:00:00", "least": 0}
    for _ in range(20):
        member.post(f"{lamp}/movements", json={"kind": "receive", "quantity": 1, "reason": "delivery"})
    with app.app_context():
        kind = db.engine.dialect.name
        if kind == "postgresql":
            pytest.skip("what PostgreSQL plans depends on what is in the tables")
        compiled = statement.compile(db.engine, compile_kwargs={"render_postcompile": True})
        values = {**compiled.params, **{name: value for name, value in values.items() if name in compiled.params}}
        with db.engine.connect() as connection:
            if kind == "sqlite":
                bound = tuple(values[name] for name in compiled.positiontup)
                steps = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", bound)]
            else:
                steps = list(connection.exec_driver_sql(f"EXPLAIN {compiled}", values).mappings())

    if kind == "sqlite":
        assert [step for step in steps if "ix_movements_item_id_occurred_at (item_id=? AND occurred_at>" in step]
    else:
        assert [(step["type"], step["key"]) for step in steps if step["table"] == "movements"] == [
            ("range", "ix_movements_item_id_occurred_at")
        ]
