"""A page costs the same in a table of ten rows and of ten million: an index leads to its rows, in their order."""

import pytest

from api.services import services_of
from models import event
from models.database.base import db
from models.database.reader_pool import ReaderPool

ITEM_SORTS = ("id", "-id", "sku", "name", "price", "quantity", "location", "created_at", "updated_at")
# Rows as they lie, from where the cursor stands.
BY_ID = ("SCAN movements", "SCAN events")
LISTS = (
    *(f"/items?cursor=&sort={sort}" for sort in ITEM_SORTS),
    "/items?cursor=&archived=true",
    "/items?cursor=&sku=A",
    "/items?cursor=&barcode=4",
    "/items?cursor=&location=L",
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
    "/items/1/movements?cursor=",
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

    def explained(self, engine, statement, values):
        with engine.connect() as connection:
            steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", tuple(values))
            found.append([step.detail for step in steps])
        return fetch_all(self, engine, statement, values)

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

    assert costly(plans) == ["USE TEMP B-TREE FOR RIGHT PART OF ORDER BY"]


def test_statistics_do_not_make_a_planner_begin_at_the_users(app, admin, lamp, plans):
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
