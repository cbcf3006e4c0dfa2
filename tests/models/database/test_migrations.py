"""Migrations: one editor of the schema, and it agrees with the models on every database."""

from datetime import UTC, datetime, timedelta

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import MetaData, Table, insert, select, text

from app import create_app
from models.database.base import db
from models.database.schema import alembic_config, is_modelled, migrate
from models.stock.verify import verify
from models.values import rfc3339
from tests.support.clients import Client, person, signed_in, with_cookie
from tests.support.databases import settings_for
from tests.support.shelf import add

# Everything in a database that has to do with the index of the search, but what SQLite makes of it by itself.
INDEX = {
    "sqlite": "SELECT name FROM sqlite_master WHERE name LIKE 'items_search%' AND name NOT LIKE '%_autoindex_%'"
    " AND (type <> 'table' OR sql LIKE 'CREATE VIRTUAL%' OR name LIKE '%_due')",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE tgrelid = 'items'::regclass AND NOT tgisinternal"
    " UNION SELECT relname FROM pg_class WHERE relname LIKE '%items_search%'"
    " UNION SELECT proname FROM pg_proc WHERE proname LIKE 'stockroom%'",
    "mysql": "SELECT table_name FROM information_schema.tables"
    " WHERE table_schema = DATABASE() AND table_name LIKE 'items_search%'",
}
PARTS = {
    "sqlite": {
        "items_search",
        "items_search_due",
        "items_search_insert",
        "items_search_update",
        "items_search_delete",
        "items_search_catch_up",
    },
    "postgresql": {
        "items_search",
        "items_search_pkey",
        "ix_items_search_pieces",
        "items_search_follows",
        "items_search_empties",
        "stockroom_pieces",
        "stockroom_follow_items",
    },
    "mysql": set(),
}


def test_the_newest_migration_is_what_the_models_say(app):
    with app.app_context(), db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": is_modelled})

        assert compare_metadata(context, db.metadata) == []


def test_migrating_again_changes_nothing(app, admin):
    with app.app_context():
        migrate()

    assert admin.get("/users/me").json["username"] == "ada"


# The index of the search, which the models do not know


def parts_of_index():
    """What there is of the index of the search, and what there has to be."""
    with db.engine.connect() as connection:
        name = connection.dialect.name
        return set(connection.scalars(text(INDEX[name]))), PARTS[name]


def test_after_all_migrations_the_search_has_its_index_and_the_triggers_that_keep_it(app):
    """Fails when a migration has made the table `items` anew and not its triggers: see 0006."""
    with app.app_context():
        there, needed = parts_of_index()

    assert there == needed


def copy_item(original, **fields):
    """Insert a copy of an item with other values, whatever columns the table has in this version of the schema."""
    with db.engine.begin() as connection:
        items = Table("items", MetaData(), autoload_with=connection)
        [row] = connection.execute(select(items).where(items.c.sku == original)).mappings()
        texts = {"sku_key": fields["sku"].lower(), "search_text": " ".join(fields.values()).lower()}
        connection.execute(insert(items), {**row, "id": row["id"] + 1, **fields, **texts})


def test_the_index_of_the_search_can_be_taken_away_and_is_made_of_the_items_that_are_there(app, member):
    add(member, "LAMP-1", name="Desk lamp")
    with app.app_context():
        command.downgrade(alembic_config(), "0005")
        try:
            assert parts_of_index()[0] == set()
            copy_item("LAMP-1", sku="LAMP-2", name="Floor lamp")
        finally:
            migrate()
        there, needed = parts_of_index()

    assert there == needed
    assert [item["sku"] for item in member.get("/items?q=lamp").json["data"]] == ["LAMP-1", "LAMP-2"]
    assert [item["sku"] for item in member.get("/items?q=floor").json["data"]] == ["LAMP-2"]


def test_where_sqlite_has_no_trigrams_a_search_does_without(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("models.stock.item_search.can_index", lambda: False)
    app = create_app(settings_for("sqlite:///old.sqlite3", tmp_path))
    with app.app_context():
        migrate()
        there = parts_of_index()[0]
    member = person(app, "mel", "member")
    add(member, "LAMP-1")

    assert there == set()
    assert "This SQLite lacks FTS5 with trigrams" in caplog.text
    assert [item["sku"] for item in member.get("/items?q=lam").json["data"]] == ["LAMP-1"]
    assert member.get("/items?q=lamps").json["data"] == []
    with app.app_context():
        command.downgrade(alembic_config(), "0005")
        db.engine.dispose()


def test_an_event_of_before_has_no_trace(app, admin, member):
    add(member, "LAMP-1")
    with app.app_context():
        command.downgrade(alembic_config(), "0007")
        migrate()

    assert [event["trace_id"] for event in admin.get("/events").json["data"]] == [None]


def test_addresses_of_older_versions_compare_in_one_form(app, admin):
    """`é` as one character and as two is one address; of two users who had both, each keeps one that finds them."""
    composed, decomposed = "\u00e9@example.com", "e\u0301@example.com"
    person(app, "mel", "member")
    person(app, "mia", "member")
    with app.app_context():
        with db.engine.begin() as connection:
            for name, address in (("mel", decomposed), ("mia", "A" + decomposed)):
                statement = text("UPDATE users SET email = :address, email_key = :key WHERE username = :name")
                connection.execute(statement, {"address": address, "key": address.casefold(), "name": name})
        command.downgrade(alembic_config(), "0008")
        migrate()

    users = {user["username"]: user for user in admin.get("/users").json["data"]}
    taken = admin.patch(f"/users/{admin.user_id}", json={"email": composed})
    also_taken = admin.patch(f"/users/{admin.user_id}", json={"email": "a" + composed})

    assert (users["mel"]["email"], users["mia"]["email"]) == (decomposed, "A" + decomposed)
    assert [(each.status_code, each.json["code"]) for each in (taken, also_taken)] == [(409, "email_taken")] * 2


def test_items_of_older_versions_know_their_latest_movement(app, member):
    ahead = rfc3339(datetime.now(UTC) + timedelta(minutes=4))
    add(member, "NEVER-MOVED")
    path = f"/items/{add(member, 'MOVED', quantity=5)['id']}/movements"
    received = {"kind": "receive", "quantity": 1, "reason": "delivery", "occurred_at": ahead}
    assert member.post(path, json=received).status_code == 201
    with app.app_context():
        command.downgrade(alembic_config(), "0009")
        migrate()

        assert list(verify()) == []
    issued = member.post(path, json={"kind": "issue", "quantity": 6, "reason": "order 7"})
    assert issued.json["occurred_at"] > ahead


def test_tags_and_barcodes_of_older_versions_are_found_in_one_form(app, member):
    """Of two barcodes that become one, the later item keeps one that finds it."""
    composed, decomposed = "\u00fc", "u\u0308"
    for sku, barcode in (("A", "1"), ("B", "2"), ("C", "3")):
        add(member, sku, barcode=barcode, tags=["x", "y"])
    with app.app_context():
        with db.engine.begin() as connection:
            for barcode, new in (("1", decomposed), ("2", composed + "2"), ("3", decomposed + "2")):
                statement = text("UPDATE items SET barcode = :new, tags = :tags WHERE barcode = :barcode")
                tags = f'["{composed}","{decomposed}"]'
                connection.execute(statement, {"new": new, "tags": tags, "barcode": barcode})
            connection.execute(text("UPDATE item_tags SET tag = :tag WHERE tag = 'x'"), {"tag": composed})
            connection.execute(text("UPDATE item_tags SET tag = :tag WHERE tag = 'y'"), {"tag": decomposed})
        command.downgrade(alembic_config(), "0009")
        migrate()

    items = {item["sku"]: item for item in member.get("/items").json["data"]}
    assert [items[sku]["barcode"] for sku in "ABC"] == [composed, composed + "2", decomposed + "2"]
    assert [items[sku]["tags"] for sku in "ABC"] == [[composed]] * 3
    for tag in (composed, decomposed):
        assert member.get("/items", query_string={"tag": tag}).json["total_items"] == 3
    assert member.get(f"/items/by-barcode/{decomposed}").json["sku"] == "A"


def test_items_of_before_know_whether_a_stock_of_theirs_has_a_level(app, member):
    for sku, settings in (("A", {"reorder_level": 0}), ("B", {"bin": "shelf 3"}), ("C", None)):
        path = f"/items/{add(member, sku)['id']}/stocks/MAIN"
        assert settings is None or member.patch(path, json=settings).status_code == 200
    with app.app_context():
        command.downgrade(alembic_config(), "0018")
        migrate()
        with db.engine.connect() as connection:
            levelled = connection.execute(text("SELECT levelled FROM items ORDER BY id")).scalars().all()
        faults = list(verify())

    assert ([bool(each) for each in levelled], faults) == ([True, False, False], [])


def test_sign_ins_of_before_go_on_as_those_of_tokens_and_cookies_do_not_outlive_a_downgrade(app, member):
    mel, browser = signed_in(app, "mel"), with_cookie(app, "mel")
    with app.app_context():
        command.downgrade(alembic_config(), "0019")
        migrate()

    (session,) = mel.get("/sessions").json["data"]
    assert (session["kind"], session["current"], session["client"]) == ("token", True, None)
    assert session["last_used_at"] == session["created_at"]
    assert browser.get("/users/me").status_code == 401
    refreshed = Client(app).post("/auth/refresh", json={"refresh_token": mel.pair["refresh_token"]})
    assert refreshed.status_code == 200


def test_items_of_before_are_found_by_their_attributes(app, member):
    add(member, "A", attributes={"colour": "green", "watts": 7, "on": True, "a": "b:c", "a:b": "c"})
    add(member, "B")
    with app.app_context():
        command.downgrade(alembic_config(), "0020")
        migrate()

    for entry in ("colour:green", "watts:7", "on:true", "a:b:c"):
        assert [item["sku"] for item in member.get(f"/items?attribute={entry}").json["data"]] == ["A"]


# Downgrades


@pytest.fixture
def stocked(tmp_path):
    """An application on a database of its own, with an item, three movements and their events."""
    app = create_app(settings_for("sqlite:///stock.sqlite3", tmp_path))
    with app.app_context():
        migrate()
    member = person(app, "mel", "member")
    path = f"/items/{add(member, 'LAMP-1', quantity=5, price='12.50', tags=['light'])['id']}"
    moved = member.post(f"{path}/movements", json={"kind": "issue", "quantity": 2, "reason": "sold"}).json
    assert member.post(f"/movements/{moved['id']}/reversal", json={}).status_code == 201
    yield app, member
    with app.app_context():
        db.engine.dispose()


def test_a_downgrade_that_loses_events_is_refused_unless_asked_for_by_name(app, member, lamp):
    before = member.get("/events").json["data"]

    with app.app_context():
        with pytest.raises(CommandError, match=r"delete \d+ events"):
            command.downgrade(alembic_config(), "0001")
        migrate()

    assert [event["id"] for event in member.get("/events").json["data"]] == [event["id"] for event in before]


def test_after_a_downgrade_that_lost_the_events_the_ledger_has_them_again(stocked):
    app, member = stocked
    item, movements = member.get("/items/1").json, member.get("/movements").json["data"]
    item["location"] = item.pop("bin")  # as it was called then
    del item["reserved"], item["available"]

    lost = app.test_cli_runner().invoke(args=["db", "downgrade", "-x", "lose=events", "0001"])
    with app.app_context():
        migrate()
        db.engine.dispose()
        faults = list(verify())

    assert (lost.exit_code, faults) == (0, []), lost.output
    events = member.get("/events").json["data"]
    assert [event["type"] for event in events] == ["item.created", *["movement.created"] * 3]
    assert events[0]["data"] == {**item, "quantity": 0}
    since = ("location", "location_quantity_after", "unit_cost", "transfer_id", "reservation_id")  # unknown then
    then = [{name: value for name, value in each.items() if name not in since} for each in movements]
    assert [event["data"] for event in events[1:]] == [{**movement, "reversed_by": None} for movement in then]
    assert {event["actor"] for event in events[1:]} == {"mel"}
