"""The audit: who did what, who tried to, from where, and in which request."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from api.monitoring.failed_sign_ins import FIRST, REMEMBERED, FailedSignIns
from api.services import services_of
from models.database.base import db
from models.event import Event
from tests.support.clients import PASSWORD, Client, signed_in, with_password


def told(admin, **filters):
    """What the audit tells, oldest first."""
    return admin.get("/audit", query_string={"sort": "id", **filters}).json["data"]


def types(admin, **filters):
    return [event["type"] for event in told(admin, **filters)]


def test_the_newest_event_comes_first_and_a_cursor_walks_back(admin, member, lamp):
    newest = admin.get("/audit?limit=1").json
    walked = admin.get("/audit?cursor=&limit=2").json
    older = admin.get(f"/audit?limit=2&cursor={walked['next_cursor']}").json

    assert newest["data"][0]["type"] == "movement.created"
    assert [event["type"] for event in walked["data"]] == ["movement.created", "item.created"]
    assert older["data"][0]["id"] < walked["data"][1]["id"]


def test_only_who_may_read_the_audit_reads_it(member, guest):
    for client in (member, guest):
        assert client.get("/audit").status_code == 403


def test_changes_of_users_are_told_without_any_secret(admin):
    user = admin.post("/users", json={"username": "eve", "password": "a long enough one"}).json
    admin.patch(f"/users/{user['id']}", json={"role": "member", "password": "another long one"})
    admin.delete(f"/users/{user['id']}")

    created, changed, ended = told(admin, actor="ada")

    assert [created["type"], changed["type"], ended["type"]] == ["user.created", "user.updated", "user.updated"]
    assert created["data"] == user
    assert changed["data"]["changed"] == ["password", "role"]
    assert ended["data"]["active"] is False
    assert "scrypt" not in repr((created, changed, ended))


def test_the_life_of_a_token_is_told_without_its_secret(app, admin, member):
    mel = with_password(app, "mel")
    made = mel.post("/tokens", json={"name": "script", "scopes": ["items:read"]}).json
    successor = mel.post(f"/tokens/{made['id']}/rotate").json
    mel.delete(f"/tokens/{successor['id']}")

    events = told(admin, actor="mel")

    assert [event["type"] for event in events] == ["token.created", "token.created", "token.revoked"]
    assert made["token"] not in repr(events)
    assert successor["token"] not in repr(events)


def test_a_sign_in_and_its_end_are_told_with_address_and_request(app, admin, member):
    nobody = Client(app, {"X-Request-ID": "morning-7"})
    pair = nobody.post("/auth/login", json={"username": "mel", "password": PASSWORD}).json
    Client(app, {"Authorization": f"Bearer {pair['access_token']}"}).post("/auth/logout")

    begun, ended = told(admin, actor="mel")

    assert (begun["type"], ended["type"]) == ("sign_in.begun", "sign_in.ended")
    assert (begun["request_id"], begun["address"]) == ("morning-7", "127.0.0.1")


@pytest.mark.parametrize(
    ("name", "shown"),
    [("mel", "mel"), ("MEL", "mel"), ("nobody", None), (PASSWORD, None), ("my-password-2026", None), ("x" * 500, None)],
)
def test_a_failed_sign_in_is_told_with_the_name_of_a_user_and_with_nothing_else_that_was_typed(
    app, admin, member, name, shown
):
    with_password(app, name, "wrong password").get("/items")

    (failed,) = told(admin, type="sign_in.failed")

    assert failed["data"] == {"username": shown}
    assert (failed["actor"], failed["address"]) == (None, "127.0.0.1")
    assert "wrong password" not in repr(failed)
    assert name == "mel" or name not in repr(failed)


class Clock:
    seconds = 1000.0

    def __call__(self):
        return self.seconds


def test_of_a_flood_of_failed_sign_ins_those_beyond_the_limit_have_one_entry_a_minute(apps, admin, member):
    there, clock = apps(LOGIN_RATE_LIMIT="15/minute"), Clock()
    services_of(there).failed_sign_ins = FailedSignIns(clock)
    flood = [("mel", "wrong password"), ("nobody", "x" * 200)]

    for _ in range(2):
        for number in range(40):
            with_password(there, *flood[number % 2]).get("/items")
        before = types(admin, type="sign_in.failed")
        clock.seconds += 60
        Client(there).get("//livez")

    events = told(admin, type="sign_in.failed")
    assert len(before) == 30 + 1
    assert [event["data"].get("attempts") for event in events] == [None] * 30 + [10, 40]
    assert {event["address"] for event in events} == {"127.0.0.1"}


def test_a_network_is_counted_by_itself_and_a_crowd_of_them_fills_no_memory():
    clock = Clock()
    failures = FailedSignIns(clock)
    own = [failures.add("203.0.113.66") for _ in range(FIRST + 2)]
    assert failures.add("203.0.113.66", refused=True) is False

    others = [failures.add(f"network {number}") for number in range(REMEMBERED)]

    assert own == [True] * FIRST + [False] * 2
    assert all(others)
    assert failures.counted() == [("203.0.113.66", 3)]
    assert failures.counted() == []
    assert len(failures._windows) == REMEMBERED
    clock.seconds += 60
    assert failures.counted() == []
    assert len(failures._windows) == 0


def test_a_refusal_is_told_once_a_minute_for_each_door(app, admin, guest):
    for _ in range(3):
        guest.post("/items", json={"sku": "A", "name": "B"})
    guest.get("/users")

    first, second = told(admin, type="access.refused")

    assert (first["actor"], first["data"]["code"]) == ("gus", "insufficient_scope")
    assert (first["data"]["method"], first["data"]["path"]) == ("POST", "/api/v1/items")
    assert second["data"]["path"] == "/api/v1/users"


@pytest.mark.parametrize("actor", ["mel", "MEL", "Mel"])
def test_an_actor_is_found_in_any_case(admin, member, lamp, actor):
    assert types(admin, actor=actor) == ["item.created", "movement.created"]


def test_the_service_itself_is_found_in_any_case_and_a_stranger_is_not(admin, member):
    assert types(admin, actor="SYSTEM") == types(admin, actor="system") != []
    assert types(admin, actor="nobody") == []


def test_it_can_be_filtered_by_item_and_time(admin, member, lamp):
    item_id = member.get(lamp).json["id"]
    moment = told(admin, type="item.created")[0]["at"]

    assert types(admin, item_id=item_id) == ["item.created", "movement.created"]
    assert types(admin, since=moment, until=moment) == []
    assert "item.created" in types(admin, since=moment)
    assert "item.created" not in types(admin, until=moment)


def test_the_feed_of_the_stock_says_nothing_of_people(app, member, lamp):
    signed_in(app, "mel")

    assert {event["type"] for event in member.get("/events").json["data"]} == {"item.created", "movement.created"}


def test_old_entries_of_access_go_when_a_limit_is_set_and_those_of_stock_stay(app, apps, admin, member, lamp):
    signed_in(app, "mel")
    date_back(app, datetime(2020, 1, 1, tzinfo=UTC))

    assert Client(apps(AUDIT_DAYS="30"), member.headers).get("/items").status_code == 200  # nobody is refused

    assert types(admin) == ["item.created", "movement.created"]


def test_a_process_whose_clock_is_ahead_keeps_the_entries_of_today(app, apps, admin, member, lamp, monkeypatch):
    signed_in(app, "mel")

    class Ahead(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(days=31)

    with monkeypatch.context() as patched:
        patched.setattr("models.values.datetime", Ahead)
        with_password(apps(AUDIT_DAYS="30"), "mel", "wrong password").get("/items")

    assert "sign_in.begun" in types(admin)


def date_back(app, to):
    """Give every event this time."""
    with app.app_context():
        db.session.execute(update(Event).values(at=to))
        db.session.commit()
