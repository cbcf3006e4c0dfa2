"""The migration that renames `location` to `bin`: the data, the index and the search before and after."""

import pytest
from alembic import command
from sqlalchemy import inspect, select, text, update

from models.database.base import db, table_of
from models.database.schema import alembic_config, migrate
from models.event import Event
from models.idempotency import IdempotencyKey
from models.stock.verify import verify
from tests.models.database.test_migrations import copy_item, parts_of_index
from tests.support.databases import on_one_database
from tests.support.shelf import add

# Where a database keeps the rows of the table: another number after a copy.
KEPT_IN = {
    "sqlite": "SELECT rootpage FROM sqlite_master WHERE name = 'items'",
    "postgresql": "SELECT pg_relation_filenode('items')",
    "mysql": "SELECT table_id FROM information_schema.innodb_sys_tables WHERE name = CONCAT(DATABASE(), '/items')",
}


@pytest.fixture
def old(app, member):
    """Two items with bins, and then the schema of before; the newest again at the end."""
    add(member, "LAMP-1", name="Desk lamp", bin="B-2")
    add(member, "LAMP-2", name="Floor lamp", bin="A-1")
    with app.app_context():
        command.downgrade(alembic_config(), "0012")
    yield app
    upgrade(app)


def upgrade(app):
    with app.app_context():
        migrate()


def names(app):
    """The columns and the indexes of the items that have one of both names in them."""
    with app.app_context():
        schema = inspect(db.engine)
    columns = [column["name"] for column in schema.get_columns("items")]
    indexes = {index["name"]: index["column_names"] for index in schema.get_indexes("items")}
    return (
        [name for name in columns if name in ("bin", "location")],
        {name: found for name, found in indexes.items() if {"bin", "location"} & {*found}},
    )


def kept_in(app):
    with app.app_context(), db.engine.connect() as connection:
        return connection.execute(text(KEPT_IN[connection.dialect.name])).scalar_one()


def skus(client, query):
    return [item["sku"] for item in client.get(f"/items?{query}").json["data"]]


def test_the_column_and_its_index_are_renamed_there_and_back(old):
    before = names(old)
    upgrade(old)

    assert before == (["location"], {"ix_items_by_location": ["archived", "location", "id"]})
    assert names(old) == (["bin"], {"ix_items_by_bin": ["archived", "bin", "id"]})


def test_the_table_is_not_copied(old):
    before = kept_in(old)
    with old.app_context():
        command.upgrade(alembic_config(), "0013")
    after = kept_in(old)
    upgrade(old)

    assert after == before


def test_what_was_written_before_is_there_and_found_after(old, member):
    with old.app_context():
        copy_item("LAMP-2", sku="LAMP-3", name="Wall lamp", location="C-3")
        there, needed = parts_of_index()
        migrate()
        after, _ = parts_of_index()

    assert there == needed == after
    assert [item["bin"] for item in member.get("/items?sort=-bin").json["data"]] == ["C-3", "B-2", "A-1"]
    assert skus(member, "bin=A-1") == ["LAMP-2"]
    assert skus(member, "q=wall") == ["LAMP-3"]
    assert skus(member, "q=lamp&bin=B-2") == ["LAMP-1"]


def test_the_search_follows_what_is_written_after(old, member):
    upgrade(old)
    add(member, "DESK", name="Table", bin="A-1")
    changed = member.patch("/items/by-sku/lamp-2", json={"name": "Chandelier", "bin": "D-4"})

    assert (changed.status_code, changed.json["bin"]) == (200, "D-4")
    assert skus(member, "q=table") == ["DESK"]
    assert skus(member, "q=chandelier") == ["LAMP-2"]
    assert skus(member, "q=floor") == []


def test_events_of_before_keep_the_name_that_a_bin_had(old, member):
    """A reader takes `bin` or, where an event of an item has none, `location`."""
    events = table_of(Event)
    of_items = select(events.c.id, events.c.data).where(events.c.item_id.is_not(None))
    with old.app_context(), db.engine.begin() as connection:
        for id_, data in connection.execute(of_items).all():
            data["location"] = data.pop("bin")
            connection.execute(update(events).where(events.c.id == id_).values(data=data))
    upgrade(old)
    member.patch("/items/by-sku/LAMP-1", json={"bin": "C-3"})

    feed = member.get("/events").json["data"]

    assert [{"bin", "location"} & event["data"].keys() for event in feed] == [{"location"}, {"location"}, {"bin"}]
    rebuilt = {event["item_id"]: event["data"].get("bin", event["data"].get("location")) for event in feed}
    assert rebuilt == {item["id"]: item["bin"] for item in member.get("/items").json["data"]}
    with old.app_context():
        assert list(verify()) == []


@on_one_database
def test_a_retry_of_a_request_of_before_is_answered_as_that_was(app, member):
    """Its body has the former name, which a first request may not have any more."""
    body = {"sku": "LAMP-1", "name": "Desk lamp", "location": "A-1"}
    key = {"Idempotency-Key": "k"}
    assert member.post("/items", json=body, headers=key).status_code == 422
    kept = {"body": {"id": 1, **body}, "headers": {}}
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(update(IdempotencyKey).values(status=201, outcome=kept))

    member.documented = False  # the document is of today
    retried = member.post("/items", json=body, headers=key)

    assert (retried.status_code, retried.json, retried.headers["Idempotent-Replayed"]) == (201, kept["body"], "true")
