"""Webhooks as admins see them: what is set, what is secret, where one stands, and who may do what."""

import base64
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import update

from api.sending import SealedAnew
from api.services import services_of
from models.database.base import db, table_of
from models.event_types import CHOICES, STOCK_EVENTS
from models.outbound.secret_box import SecretBox
from models.outbound.webhook import MOST, Webhook
from models.values import now
from tests.support.clients import Client, person, person_with_password, with_password
from tests.support.databases import on_one_database
from tests.support.problems import assert_problem
from tests.support.shelf import add, together
from tests.support.webhooks import NEW, URL, let_fail, make, path_of_webhook, requested_of, row_of, write_as_the_sender

MEMBERS = {
    *("id", "url", "types", "active", "state", "cursor", "next_attempt_at", "failing_since", "last_status"),
    "created_at",
}
CLEARED = {"state": "running", "next_attempt_at": None, "failing_since": None}
SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=")


@pytest.fixture
def script(app, admin):
    """An API token of an admin with the scope for webhooks alone."""
    return person(app, "ada", "admin", ["webhooks:write"])


@pytest.fixture
def hook(admin):
    """A webhook that gets everything, from the beginning."""
    return make(admin, since="0")


def without_secret(webhook):
    return {name: value for name, value in webhook.items() if name != "secret"}


def end_of_feed(client):
    return client.get("/events?limit=1000").json["next_cursor"]


def audited(admin, type_="webhook."):
    """What the audit has of webhooks, oldest first, as type and data."""
    events = admin.get("/audit?limit=200&sort=id").json["data"]
    return [(event["type"], event["data"]) for event in events if event["type"].startswith(type_)]


def types_audited(admin):
    return [type_ for type_, _ in audited(admin)]


def faults(answer):
    assert_problem(answer, 422, "invalid_input")
    return [(fault["field"], fault["code"]) for fault in answer.json["errors"]]


def state_of(app, hook):
    """All that is stored of a webhook."""
    return row_of(app, hook)._mapping


# Create and read


def test_a_new_webhook_is_active_and_starts_at_the_end_of_the_feed(admin, lamp):
    created = admin.post("/webhooks", json={"url": URL, "types": ["item.low_stock", "movement.created"]})

    assert created.status_code == 201
    assert created.json.keys() == MEMBERS | {"secret"}
    assert created.json["cursor"] == end_of_feed(admin) != "0"
    assert (created.json["url"], created.json["types"]) == (URL, ["item.low_stock", "movement.created"])
    assert {**created.json, **CLEARED, "active": True, "last_status": None} == created.json
    assert admin.get(created.headers["Location"]).json == without_secret(created.json)


def test_without_an_event_it_starts_at_the_beginning(admin):
    assert make(admin)["cursor"] == "0"


def test_it_starts_at_since_where_that_is_given(admin, lamp):
    cursor = admin.get("/events?limit=1").json["next_cursor"]

    assert [make(admin, since=since)["cursor"] for since in ("0", cursor, end_of_feed(admin))] == [
        "0",
        cursor,
        end_of_feed(admin),
    ]


def test_the_audit_is_no_part_of_the_feed(admin, lamp):
    end = end_of_feed(admin)
    make(admin)

    refused = admin.post("/webhooks", json={**NEW, "since": str(int(end) + 1)})

    assert faults(refused) == [("since", "beyond_feed")]
    assert end in refused.json["detail"]
    assert admin.get("/webhooks").json["total_items"] == 1


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"url": None}, "url", "null"),
        ({"url": ""}, "url", "too_short"),
        ({"url": f"https://93.184.215.14/{'x' * 2000}"}, "url", "too_long"),
        ({"types": []}, "types", "wrong_length"),
        ({"types": "*"}, "types", "wrong_type"),
        ({"types": ["item.created", "item.created"]}, "types[1]", "repeated"),
        ({"types": ["item.sold"]}, "types[0]", "not_a_choice"),
        ({"types": ["user.created"]}, "types[0]", "not_a_choice"),
        ({"types": ["webhook.test"]}, "types[0]", "not_a_choice"),
        ({"since": 0}, "since", "wrong_type"),
        ({"since": ""}, "since", "too_short"),
        ({"since": "-1"}, "since", "bad_format"),
        ({"since": "01"}, "since", "bad_format"),
        ({"since": "1x"}, "since", "bad_format"),
        ({"since": "9" * 19}, "since", "too_long"),
        ({"since": "1"}, "since", "beyond_feed"),
        ({"active": "yes"}, "active", "wrong_type"),
        ({"secret": "whsec_mine"}, "secret", "unknown_field"),
        ({"cursor": "0"}, "cursor", "unknown_field"),
    ],
)
@on_one_database
def test_a_webhook_that_makes_no_sense_is_refused(admin, changes, field, code):
    refused = admin.post("/webhooks", json={**NEW, **changes})

    assert faults(refused) == [(field, code)]
    assert admin.get("/webhooks").json["data"] == []


def test_url_and_types_are_required(admin):
    assert faults(admin.post("/webhooks", json={})) == [("url", "required"), ("types", "required")]


def test_an_unknown_type_is_told_the_nearest(admin):
    refused = admin.post("/webhooks", json={**NEW, "types": ["item.lowstock"]})

    assert "did you mean 'item.low_stock'?" in refused.json["errors"][0]["message"]


def test_every_type_of_the_feed_can_be_chosen(admin):
    assert make(admin, types=list(STOCK_EVENTS))["types"] == list(STOCK_EVENTS)
    assert CHOICES[0] == "*"


@pytest.mark.parametrize(
    "url",
    ["http://93.184.215.14/", "https://127.0.0.1/", "https://10.0.0.7/", "https://[::1]/", "ftp://93.184.215.14/", "x"],
)
@on_one_database
def test_a_url_that_nothing_may_be_sent_to_is_refused_and_nothing_changes(admin, hook, url):
    created = admin.post("/webhooks", json={**NEW, "url": url})
    changed = admin.patch(path_of_webhook(hook), json={"url": url, "types": ["item.created"]})

    assert_problem(created, 422, "url_not_allowed")
    assert_problem(changed, 422, "url_not_allowed")
    assert admin.get("/webhooks").json["data"] == [without_secret(hook)]


def test_into_networks_of_the_settings_it_may_go_with_http_too(apps, admin):
    at_home = with_password(apps(WEBHOOK_ALLOW_NETS="127.0.0.0/8"), "ada")

    assert make(at_home, url="http://127.0.0.1:8099/hook")["url"] == "http://127.0.0.1:8099/hook"
    assert_problem(at_home.post("/webhooks", json={**NEW, "url": "http://10.0.0.7/"}), 422, "url_not_allowed")


def test_a_host_is_looked_up_while_nobody_waits_for_the_database(app, admin, member, monkeypatch):
    items = []

    def look_up(url, allowed):
        with ThreadPoolExecutor(1) as pool:  # a write, which would wait for another
            items.append(pool.submit(add, member, f"SKU-{len(items)}").result())
        return url

    monkeypatch.setattr("resources.webhooks.check_url", look_up)
    hook = make(admin)
    changed = admin.patch(path_of_webhook(hook), json={"url": f"{URL}/2"})

    assert (changed.status_code, len(items)) == (200, 2)


def test_the_list_has_every_webhook_as_reading_it_does(app, admin):
    hooks = [make(admin, types=["item.created"]), make(admin, active=False), make(admin)]
    let_fail(app, hooks[2])

    listed = admin.get("/webhooks").json

    assert [hook["state"] for hook in listed["data"]] == ["running", "paused", "waiting"]
    assert listed["data"] == [admin.get(path_of_webhook(hook)).json for hook in hooks]
    assert admin.get("/webhooks?cursor=&sort=-id&limit=1").json["data"] == [listed["data"][2]]


def test_a_webhook_that_is_made_inactive_is_paused(app, admin):
    hook = make(admin, active=False)

    assert (hook["state"], row_of(app, hook).paused) == ("paused", "off")


def test_what_is_not_there_is_not_found(admin):
    for method, below, body in [
        ("GET", "", None),
        ("PATCH", "", {"active": True}),
        ("DELETE", "", None),
        ("POST", "/rotate-secret", None),
        ("POST", "/replay", {"since": "0"}),
        ("POST", "/skip", {"event_id": 1, "reason": "x"}),
        ("POST", "/test", None),
        ("GET", "/deliveries", None),
        ("POST", "/deliveries/1/redeliver", None),
    ]:
        assert_problem(admin.open(method, f"/webhooks/7{below}", json=body), 404, "not_found")


def test_there_are_a_hundred_webhooks_at_most_also_when_many_are_made_at_once(app, admin):
    for _ in range(MOST - 3):
        make(admin)

    answers = together(*(lambda: admin.post("/webhooks", json=NEW) for _ in range(8)))

    refused = [answer for answer in answers if answer.status_code != 201]
    assert len(refused) == 5
    for answer in refused:
        assert_problem(answer, 409, "too_many_webhooks")
    assert admin.get("/webhooks").json["total_items"] == MOST
    assert len(types_audited(admin)) == MOST


# The secret


def test_the_secret_is_returned_once_and_encrypted_at_rest(app, admin, hook):
    assert SECRET.fullmatch(hook["secret"])
    assert len(base64.b64decode(hook["secret"].removeprefix("whsec_"))) == 32
    read = [admin.get(path_of_webhook(hook)), admin.get("/webhooks"), admin.patch(path_of_webhook(hook), json={})]
    assert all("secret" not in answer.text for answer in read)
    stored = row_of(app, hook)
    assert hook["secret"] not in repr(stored)
    assert services_of(app).secret_box.open(stored.secret) == hook["secret"]


def test_no_two_webhooks_have_one_secret(admin):
    assert make(admin)["secret"] != make(admin)["secret"]


def test_a_rotated_secret_is_returned_once_and_the_former_one_signs_for_another_day(app, admin, hook):
    rotated = admin.post(path_of_webhook(hook, "/rotate-secret"))

    assert rotated.status_code == 200
    assert without_secret(rotated.json) == without_secret(hook)
    assert SECRET.fullmatch(rotated.json["secret"])
    assert rotated.json["secret"] != hook["secret"]
    row, box = row_of(app, hook), services_of(app).secret_box
    assert (box.open(row.secret), box.open(row.former_secret)) == (rotated.json["secret"], hook["secret"])
    assert abs((row.former_until - now()).total_seconds() - 24 * 3600) < 600
    assert "secret" not in admin.get(path_of_webhook(hook)).json


def test_rotated_again_the_one_before_is_the_former_one(app, admin, hook):
    first, second = (admin.post(path_of_webhook(hook, "/rotate-secret")).json["secret"] for _ in range(2))

    row, box = row_of(app, hook), services_of(app).secret_box
    assert (box.open(row.secret), box.open(row.former_secret)) == (second, first)


def test_a_secret_that_no_key_opens_is_replaced_by_rotation(app, admin, hook):
    write_as_the_sender(app, hook, secret=SecretBox(["another key" * 4]).seal(hook["secret"]))

    rotated = admin.post(path_of_webhook(hook, "/rotate-secret"))

    row = row_of(app, hook)
    assert services_of(app).secret_box.open(row.secret) == rotated.json["secret"]
    assert (row.former_secret, row.former_until) == (None, None)


@pytest.mark.parametrize("path", ["/webhooks", "/webhooks/{}/rotate-secret"])
def test_what_returns_a_secret_honours_no_key_under_which_that_would_be_kept(admin, hook, path):
    body = NEW if path == "/webhooks" else None

    refused = admin.post(path.format(hook["id"]), json=body, headers={"Idempotency-Key": "k"})

    assert_problem(refused, 400, "invalid_header")
    assert admin.get("/webhooks").json["data"] == [without_secret(hook)]


# Change and delete


def test_a_patch_changes_what_it_names(app, admin, hook):
    changed = admin.patch(path_of_webhook(hook), json={"types": ["item.low_stock"], "url": f"{URL}/2"})

    assert changed.json == {**without_secret(hook), "types": ["item.low_stock"], "url": f"{URL}/2"}
    assert admin.get(path_of_webhook(hook)).json == changed.json
    assert services_of(app).secret_box.open(row_of(app, hook).secret) == hook["secret"]


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"url": None}, "url", "null"),
        ({"types": None}, "types", "null"),
        ({"active": None}, "active", "null"),
        ({"types": []}, "types", "wrong_length"),
        ({"cursor": "0"}, "cursor", "use_replay"),
        ({"since": "0"}, "since", "use_replay"),
        ({"secret": "whsec_x"}, "secret", "use_rotation"),
        ({"state": "running"}, "state", "unknown_field"),
        ({"last_event_id": 0}, "last_event_id", "unknown_field"),
    ],
)
@on_one_database
def test_a_patch_of_what_is_not_to_be_set_is_refused(app, admin, hook, change, field, code):
    before = state_of(app, hook)

    assert faults(admin.patch(path_of_webhook(hook), json={"active": False, **change})) == [(field, code)]
    assert state_of(app, hook) == before


def test_one_that_was_paused_goes_on_where_it_stood_when_it_is_switched_on(app, admin, lamp, hook):
    stood = admin.get("/events?limit=1").json["next_cursor"]
    let_fail(app, hook, active=False, paused="failing", unannounced=True, last_event_id=int(stood))
    assert admin.get(path_of_webhook(hook)).json["state"] == "paused"

    on = admin.patch(path_of_webhook(hook), json={"active": True})

    assert {**on.json, **CLEARED, "active": True, "cursor": stood, "last_status": 500} == on.json
    row = row_of(app, hook)
    assert (row.attempts, row.paused, row.unannounced) == (0, None, False)


def test_one_that_is_switched_off_is_paused_by_a_person(app, admin, hook):
    let_fail(app, hook)

    off = admin.patch(path_of_webhook(hook), json={"active": False}).json

    assert (off["state"], off["active"], off["next_attempt_at"]) == ("paused", False, None)
    assert row_of(app, hook).paused == "off"


@pytest.mark.parametrize("change", [{"url": f"{URL}/2"}, {"types": ["item.created"]}])
def test_with_another_url_or_other_types_it_is_tried_at_once(app, admin, hook, change):
    let_fail(app, hook)
    assert admin.get(path_of_webhook(hook)).json["state"] == "waiting"

    changed = admin.patch(path_of_webhook(hook), json=change)

    assert {**changed.json, **CLEARED} == changed.json
    assert row_of(app, hook).attempts == 0


def test_a_patch_that_changes_nothing_leaves_everything_as_it_is(app, admin, hook):
    let_fail(app, hook)
    before, audit = state_of(app, hook), types_audited(admin)

    answers = [admin.patch(path_of_webhook(hook), json=body) for body in ({}, NEW, {"active": True})]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert (state_of(app, hook), types_audited(admin)) == (before, audit)


def test_a_patch_writes_no_column_that_the_sender_writes(app, admin, hook):
    written = []

    def note(connection, cursor, statement, *_):
        if statement.startswith("UPDATE webhooks"):
            written.append(set(re.findall(r"(\w+) ?=", statement.partition("WHERE")[0])))

    with app.app_context():
        engine = db.engine
    sqlalchemy_event.listen(engine, "before_cursor_execute", note)
    try:
        admin.patch(path_of_webhook(hook), json={"types": ["item.created"]})
        admin.patch(path_of_webhook(hook), json={"active": False})
        admin.post(path_of_webhook(hook, "/rotate-secret"))
    finally:
        sqlalchemy_event.remove(engine, "before_cursor_execute", note)

    assert written == [
        {"types", "updated_at"},
        {"active", "paused", "updated_at"},
        {"secret", "former_secret", "former_until", "updated_at"},
    ]


def test_a_deleted_webhook_is_gone_with_what_was_requested_of_it(app, admin, hook):
    other = make(admin)
    for each in (hook, other):
        admin.post(path_of_webhook(each, "/test"))

    deleted = admin.delete(path_of_webhook(hook))

    assert (deleted.status_code, deleted.data) == (204, b"")
    assert (requested_of(app, hook), requested_of(app, other)) == ([], [None])
    assert_problem(admin.get(path_of_webhook(hook)), 404, "not_found")
    assert_problem(admin.delete(path_of_webhook(hook)), 404, "not_found")
    assert admin.get("/webhooks").json["data"] == [without_secret(other)]
    assert make(admin)["id"] > other["id"]


# The tag


def test_the_tag_is_about_what_people_have_set_and_not_about_what_the_sender_writes(app, admin, lamp, hook):
    created = admin.post("/webhooks", json=NEW)
    path = created.headers["Location"]
    read = admin.get(path)
    let_fail(app, created.json, last_event_id=1)
    failed = admin.get(path)

    assert created.headers["ETag"] == read.headers["ETag"] == failed.headers["ETag"]
    assert failed.json["state"] != read.json["state"]
    assert admin.post(f"{path}/rotate-secret").headers["ETag"] == read.headers["ETag"]
    assert admin.post(f"{path}/replay", json={"since": "0"}).headers["ETag"] == read.headers["ETag"]
    changed = admin.patch(path, json={"active": False}, headers={"If-Match": read.headers["ETag"]})
    assert changed.status_code == 200
    assert changed.headers["ETag"] == admin.get(path).headers["ETag"] != read.headers["ETag"]


def test_a_write_with_a_tag_that_is_past_changes_nothing(app, admin, hook):
    path = path_of_webhook(hook)
    past = admin.get(path).headers["ETag"]
    admin.patch(path, json={"types": ["item.created"]})
    before = state_of(app, hook)

    for method, body in (("PATCH", {"active": False}), ("DELETE", None)):
        refused = admin.open(method, path, json=body, headers={"If-Match": past})
        assert_problem(refused, 412, "precondition_failed")
    assert_problem(admin.get(path, headers={"If-Match": past}), 412, "precondition_failed")
    assert state_of(app, hook) == before
    assert admin.delete(path, headers={"If-Match": admin.get(path).headers["ETag"]}).status_code == 204


def test_who_polls_the_state_gets_it_whatever_tag_is_sent(app, admin, hook):
    path = path_of_webhook(hook)
    read = admin.get(path)
    let_fail(app, hook)

    for tag in (read.headers["ETag"], "*"):
        again = admin.get(path, headers={"If-None-Match": tag})
        assert (again.status_code, again.json["state"]) == (200, "waiting")
    assert again.headers["Cache-Control"] == "no-store"
    assert admin.head(path, headers={"If-None-Match": "*"}).status_code == 200
    assert_problem(admin.get(path, headers={"If-None-Match": "x"}), 400, "invalid_header")


def test_where_the_settings_require_it_a_write_needs_the_tag(apps, admin, hook):
    strict = with_password(apps(REQUIRE_IF_MATCH="true"), "ada")

    assert_problem(strict.patch(path_of_webhook(hook), json={"active": False}), 428, "precondition_required")
    assert_problem(strict.delete(path_of_webhook(hook)), 428, "precondition_required")
    assert strict.get(path_of_webhook(hook)).json == without_secret(hook)


# Where it stands


def test_a_replay_goes_back_and_forgets_the_failures(app, admin, lamp):
    hook = make(admin)
    let_fail(app, hook)
    for since in (hook["cursor"], "1", "0"):
        replayed = admin.post(path_of_webhook(hook, "/replay"), json={"since": since})

        assert (replayed.status_code, replayed.json["cursor"]) == (202, since)
        assert {**replayed.json, **CLEARED} == replayed.json
        assert admin.get(path_of_webhook(hook)).json == replayed.json


def test_a_replay_leaves_no_event_out(app, admin, lamp, hook):
    let_fail(app, hook)
    before = state_of(app, hook)

    refused = admin.post(path_of_webhook(hook, "/replay"), json={"since": end_of_feed(admin)})

    assert faults(refused) == [("since", "beyond_cursor")]
    assert f"POST /webhooks/{hook['id']}/skip" in refused.json["errors"][0]["message"]
    assert state_of(app, hook) == before


def test_one_that_is_paused_is_replayed_when_it_goes_on(app, admin, lamp):
    hook = make(admin, active=False)

    replayed = admin.post(path_of_webhook(hook, "/replay"), json={"since": "0"})

    assert (replayed.status_code, replayed.json["state"], replayed.json["cursor"]) == (202, "paused", "0")
    assert admin.patch(path_of_webhook(hook), json={"active": True}).json["cursor"] == "0"


@pytest.mark.parametrize(
    ("since", "code"),
    [("beyond", "beyond_cursor"), ("x", "bad_format"), (0, "wrong_type"), (None, "null"), ("9" * 18, "beyond_cursor")],
)
def test_a_position_that_the_feed_does_not_have_is_refused(app, admin, lamp, hook, since, code):
    let_fail(app, hook)
    before = state_of(app, hook)
    sent = str(int(end_of_feed(admin)) + 1) if since == "beyond" else since

    refused = admin.post(path_of_webhook(hook, "/replay"), json={"since": sent})

    assert faults(refused) == [("since", code)]
    assert state_of(app, hook) == before


def test_a_person_skips_the_event_at_which_it_stands(app, admin, lamp, hook):
    first = admin.get("/events?limit=1").json["data"][0]["id"]
    let_fail(app, hook)

    skipped = admin.post(path_of_webhook(hook, "/skip"), json={"event_id": first, "reason": "it can't be read there"})

    assert skipped.status_code == 200
    assert {**skipped.json, **CLEARED, "cursor": str(first)} == skipped.json
    type_, data = audited(admin)[-1]
    assert (type_, data["event_id"], data["reason"]) == ("webhook.skipped", first, "it can't be read there")


def test_the_next_event_is_the_next_one_of_its_types(admin, member, lamp):
    hook = make(admin, types=["item.archived", "item.updated"], since="0")
    for change in ({"name": "a"}, {"name": "b"}):
        member.patch(lamp, json=change)
    first, second = (event["id"] for event in admin.get("/events?type=item.updated").json["data"])

    for event_id in (first - 1, second, second + 1):
        refused = admin.post(path_of_webhook(hook, "/skip"), json={"event_id": event_id, "reason": "x"})
        assert_problem(refused, 409, "not_next")
        assert refused.json["next_event_id"] == first
        assert str(first) in refused.json["detail"]
    assert admin.get(path_of_webhook(hook)).json == without_secret(hook)
    assert admin.post(path_of_webhook(hook, "/skip"), json={"event_id": first, "reason": "x"}).status_code == 200


def test_one_that_has_got_everything_has_nothing_to_skip(admin, lamp):
    hook = make(admin)

    refused = admin.post(path_of_webhook(hook, "/skip"), json={"event_id": int(hook["cursor"]), "reason": "x"})

    assert_problem(refused, 409, "not_next")
    assert refused.json["next_event_id"] is None


@pytest.mark.parametrize("reason", [None, "", "x" * 501, " x", 7])
@on_one_database
def test_to_skip_takes_a_reason(admin, lamp, hook, reason):
    refused = admin.post(path_of_webhook(hook, "/skip"), json={"event_id": 1, "reason": reason})

    assert [field for field, _ in faults(refused)] == ["reason"]
    assert admin.get(path_of_webhook(hook)).json["cursor"] == "0"


def test_of_two_who_skip_one_event_one_does(admin, lamp, hook):
    first = admin.get("/events?limit=1").json["data"][0]["id"]
    body = {"event_id": first, "reason": "x"}

    answers = together(*(lambda: admin.post(path_of_webhook(hook, "/skip"), json=body) for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    assert types_audited(admin).count("webhook.skipped") == 1


def test_an_event_is_skipped_or_delivered_and_never_both(app, admin, member, lamp):
    for number in range(5):
        member.patch(lamp, json={"name": f"Lamp {number}"})
        event_id = int(end_of_feed(admin))
        hook = make(admin, since=str(event_id - 1))
        delivered = []

        def deliver(hook=hook, event_id=event_id, delivered=delivered):
            """Write as the sender does once an event is delivered: only if the webhook still stands there."""
            with app.app_context(), db.engine.begin() as connection:
                table = table_of(Webhook)
                stands = (table.c.id == hook["id"], table.c.last_event_id == event_id - 1, table.c.attempts == 0)
                written = connection.execute(update(table).where(*stands).values(last_event_id=event_id))
                delivered.append(written.rowcount)

        skip = {"event_id": event_id, "reason": "x"}
        skipped, _ = together(
            lambda hook=hook, skip=skip: admin.post(path_of_webhook(hook, "/skip"), json=skip), deliver
        )

        assert (skipped.status_code, delivered) in ((200, [0]), (409, [1]))
        assert admin.get(path_of_webhook(hook)).json["cursor"] == str(event_id)


def test_a_retry_with_its_key_does_nothing_twice(admin, lamp, hook):
    first = admin.get("/events?limit=1").json["data"][0]["id"]
    skip, key = {"event_id": first, "reason": "x"}, {"Idempotency-Key": "k"}

    answers = [admin.post(path_of_webhook(hook, "/skip"), json=skip, headers=key) for _ in range(2)]

    assert answers[0].json == answers[1].json
    assert [answer.headers.get("Idempotent-Replayed") for answer in answers] == [None, "true"]
    assert types_audited(admin).count("webhook.skipped") == 1


# Who may


def test_a_script_with_the_scope_does_all_but_skip(script, lamp):
    hook = make(script, since="0")
    path = path_of_webhook(hook)
    first = {"event_id": 1, "reason": "x"}

    refused = script.post(f"{path}/skip", json=first)

    assert_problem(refused, 403, "password_required")
    assert script.get(path).json == without_secret(hook)
    assert script.post(f"{path}/replay", json={"since": "0"}).status_code == 202
    assert script.post(f"{path}/test").status_code == 202
    assert script.post(f"{path}/rotate-secret").status_code == 200
    assert script.patch(path, json={"active": False}).status_code == 200
    assert script.get(f"{path}/deliveries").status_code == 200
    assert script.delete(path).status_code == 204


def test_neither_members_nor_guests_nor_tokens_without_the_scope_see_a_webhook(app, admin, member, guest, hook):
    reader = person(app, "ada", "admin", ["audit:read", "items:read", "items:write"])
    pat = person_with_password(app, "pat", "member")
    codes = {guest: "insufficient_scope", member: "insufficient_scope", reader: "insufficient_scope", pat: "forbidden"}

    for client, code in codes.items():
        for method, below, body in [
            ("GET", "", None),
            ("PATCH", "", {"active": False}),
            ("DELETE", "", None),
            ("POST", "/rotate-secret", None),
            ("POST", "/skip", {"event_id": 1, "reason": "x"}),
            ("GET", "/deliveries", None),
        ]:
            assert_problem(client.open(method, path_of_webhook(hook, below), json=body), 403, code)
        assert_problem(client.post("/webhooks", json=NEW), 403, code)
        assert_problem(client.get("/webhooks"), 403, code)
    assert admin.get("/webhooks").json["data"] == [without_secret(hook)]


def test_a_token_of_a_member_gets_no_scope_for_webhooks(app, member):
    mel = with_password(app, "mel")

    assert faults(mel.post("/tokens", json={"name": "x", "scopes": ["webhooks:write"]})) == [("scopes", "beyond_role")]


# The audit


def test_the_audit_has_all_that_is_done_and_no_secret(app, admin, lamp, hook):
    path = path_of_webhook(hook)
    first = admin.get("/events?limit=1").json["data"][0]["id"]
    secrets = [hook["secret"], admin.post(f"{path}/rotate-secret").json["secret"]]
    admin.post(f"{path}/replay", json={"since": "0"})
    admin.post(f"{path}/skip", json={"event_id": first, "reason": "x"})
    admin.post(f"{path}/test")
    admin.patch(path, json={"active": False})
    last = admin.get(path).json
    admin.delete(path)

    audit = audited(admin)

    assert [type_ for type_, _ in audit] == [
        "webhook.created",
        "webhook.secret_rotated",
        "webhook.replayed",
        "webhook.skipped",
        "webhook.tested",
        "webhook.updated",
        "webhook.deleted",
    ]
    assert audit[0][1] == without_secret(hook)
    assert audit[-1][1] == last
    assert not any(secret in repr(audit) for secret in secrets)
    assert not any("secret" in data for _, data in audit)
    assert "webhook" not in admin.get("/events?limit=1000").text


def test_nobody_without_a_credential_learns_that_there_are_webhooks(nobody, app):
    for client in (nobody, Client(app, {"X-API-Key": "stk_no"})):
        assert client.get("/webhooks/1").status_code == client.get("/webhooks/99").status_code == 401


# A change of the secret key


def test_after_a_change_of_the_secret_key_the_start_encrypts_anew_and_the_former_key_can_go(apps, app, admin, hook):
    rotated = admin.post(path_of_webhook(hook, "/rotate-secret")).json["secret"]
    lost = make(admin)
    write_as_the_sender(app, lost, secret=SecretBox(["another key" * 4]).seal(lost["secret"]))
    before = row_of(app, lost)
    changed = {"SECRET_KEY": "n" * 32, "SECRET_KEY_FALLBACKS": "k" * 32}
    started = apps(**changed)

    for _ in range(2):
        SealedAnew(started).make_sure()

    row, box = row_of(app, hook), SecretBox(["n" * 32])
    assert (box.open(row.secret), box.open(row.former_secret)) == (rotated, hook["secret"])
    assert row_of(app, lost) == before
