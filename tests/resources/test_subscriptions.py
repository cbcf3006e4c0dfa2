"""Subscriptions: what they are, what they can't be, and when the next digest is made."""

from datetime import UTC, datetime, timedelta

import pytest

from models.outbound import subscriptions
from models.outbound.feed import end_of_feed
from models.outbound.subscription import MOST
from tests.support.databases import on_one_database
from tests.support.shelf import add
from tests.support.subscriptions import read, set_columns, subscribe

MAIL = {"channel": "mail", "types": ["item.low_stock"], "every_minutes": 60}


@pytest.fixture
def owner(apps, admin):
    """An admin of a service that can send mails."""
    admin.app = apps(SMTP_URL="smtp://127.0.0.1:2525", MAIL_FROM="stock@example.com")
    return admin


def events(client):
    """What the audit says of subscriptions."""
    found = client.get("/audit?limit=100").json["data"]
    return [(each["type"], each["actor"]) for each in found if each["type"].startswith("subscription")]


def fields_of(answer):
    return sorted((error["field"], error["code"]) for error in answer.json["errors"])


def test_a_subscription_is_made_read_listed_and_deleted(owner):
    made = owner.post("/subscriptions", json={**MAIL, "recipients": ["mia@example.com"]})

    assert made.status_code == 201
    path = f"/subscriptions/{made.json['id']}"
    assert made.headers["Location"].endswith(path)
    assert {**made.json, "id": 0, "created_at": "", "next_at": ""} == {
        "id": 0,
        "channel": "mail",
        "recipients": ["mia@example.com"],
        "types": ["item.low_stock"],
        "every_minutes": 60,
        "daily_at": None,
        "active": True,
        "next_at": "",
        "next_attempt_at": None,
        "failing_since": None,
        "last_error": None,
        "created_at": "",
    }
    assert owner.get(path).json == made.json
    assert owner.get("/subscriptions").json["data"] == [made.json]
    assert owner.get("/subscriptions?active=false").json["data"] == []
    assert owner.delete(path).status_code == 204
    assert owner.get(path).status_code == 404
    assert owner.delete(path).status_code == 404
    assert sorted(events(owner)) == [("subscription.created", "ada"), ("subscription.deleted", "ada")]


def test_it_begins_at_the_end_of_the_feed(owner, member):
    add(member, "LAMP-1")
    subscription = subscribe(owner, ["*"])

    with owner.app.app_context():
        assert subscriptions.pending(subscription).last_event_id == end_of_feed() > 0


def test_the_next_digest_is_after_so_many_minutes_or_at_the_time_of_day(owner):
    now = datetime.now(UTC)
    hourly, daily = (read(owner, subscribe(owner, **rhythm)) for rhythm in ({}, {"daily_at": "06:30"}))

    first, second = (datetime.fromisoformat(each["next_at"]) for each in (hourly, daily))
    assert timedelta(0) < first - now - timedelta(minutes=1) < timedelta(minutes=1)
    assert (second.hour, second.minute, second.second, second.microsecond) == (6, 30, 0, 0)
    assert timedelta(0) < second - now <= timedelta(days=1, seconds=60)
    assert (daily["every_minutes"], daily["daily_at"]) == (None, "06:30")


@pytest.mark.parametrize(
    ("after", "daily_at", "expected"),
    [
        ("2026-12-31T06:29:59", "06:30", "2026-12-31T06:30:00"),
        ("2026-12-31T06:30:00", "06:30", "2027-01-01T06:30:00"),
        ("2026-02-28T23:59:59", "00:00", "2026-03-01T00:00:00"),
    ],
)
def test_a_daily_digest_is_made_once_a_day(after, daily_at, expected):
    subscription = subscriptions.Subscription(daily_at=daily_at)

    assert subscriptions.next_at(subscription, datetime.fromisoformat(after)) == datetime.fromisoformat(expected)


BOTH_NAMED = [("daily_at", "required"), ("every_minutes", "required")]


@on_one_database
@pytest.mark.parametrize(
    ("changed", "faults"),
    [
        ({"every_minutes": None}, [("every_minutes", "null")]),
        ({"daily_at": "06:30"}, BOTH_NAMED),
        ({"channel": "sms"}, [("channel", "not_a_choice")]),
        ({"types": []}, [("types", "wrong_length")]),
        ({"types": ["item.low"]}, [("types[0]", "not_a_choice")]),
        ({"types": ["*", "*"]}, [("types[1]", "repeated")]),
        ({"every_minutes": 0}, [("every_minutes", "too_small")]),
        ({"every_minutes": 525_601}, [("every_minutes", "too_large")]),
        ({"recipients": ["mia@example.com", "Mia@Example.com"]}, [("recipients[1]", "repeated")]),
        ({"recipients": [f"a{number}@example.com" for number in range(51)]}, [("recipients", "wrong_length")]),
        ({"next_at": "2099-01-01T00:00:00Z"}, [("next_at", "read_only")]),
        ({"last_event_id": 1}, [("last_event_id", "unknown_field")]),
        *(
            ({"recipients": [address]}, [("recipients[0]", code)])
            for address, code in (
                ("mia", "bad_format"),
                ("mia@", "bad_format"),
                ("a,b@example.com", "bad_format"),
                ("Mia <mia@example.com>", "bad_format"),
                ('"mia"@example.com', "bad_format"),
                ("mia@example.com\r\nBcc: eve@example.com", "bad_characters"),
                ("a..b@example.com", "bad_format"),
                ("mia@example..com", "bad_format"),
                ("mïa@example.com", "bad_format"),
                (f"{'a' * 250}@example.com", "too_long"),
            )
        ),
    ],
)
def test_what_no_subscription_can_be_is_refused_field_by_field(owner, changed, faults):
    refused = owner.post("/subscriptions", json={**MAIL, **changed})

    assert (refused.status_code, fields_of(refused)) == (422, faults)
    assert owner.get("/subscriptions").json["data"] == []


@on_one_database
@pytest.mark.parametrize("daily_at", ["24:00", "6:30", "06:60", "06:30:00", "0630", "٠٦:٣٠"])
def test_a_time_of_day_is_hours_and_minutes(owner, daily_at):
    refused = owner.post("/subscriptions", json={"channel": "mail", "types": ["*"], "daily_at": daily_at})

    assert [field for field, _ in fields_of(refused)] == ["daily_at"]


@on_one_database
def test_one_without_a_rhythm_is_refused_with_both_names(owner):
    refused = owner.post("/subscriptions", json={"channel": "mail", "types": ["*"]})

    assert fields_of(refused) == BOTH_NAMED


def test_a_domain_with_letters_beyond_ascii_is_one(owner):
    assert read(owner, subscribe(owner, recipients=["mia@exämple.de"]))["recipients"] == ["mia@exämple.de"]


def test_a_patch_changes_what_it_names_and_one_rhythm_replaces_the_other(owner):
    subscription = subscribe(owner, recipients=["mia@example.com"])
    path = f"/subscriptions/{subscription}"

    daily = owner.patch(path, json={"daily_at": "07:00"}).json
    again = owner.patch(path, json={"every_minutes": 5, "daily_at": None, "recipients": None}).json
    audit = len(events(owner))
    same = owner.patch(path, json={"every_minutes": 5, "active": True}).json

    assert (daily["every_minutes"], daily["daily_at"], daily["recipients"]) == (None, "07:00", ["mia@example.com"])
    assert (again["every_minutes"], again["daily_at"], again["recipients"]) == (5, None, [])
    assert (same, len(events(owner))) == (again, audit)
    assert events(owner).count(("subscription.updated", "ada")) == 2


@pytest.mark.parametrize(
    "rhythm",
    [{"every_minutes": None}, {"daily_at": None}, {"every_minutes": 5, "daily_at": "07:00"}],
)
@on_one_database
def test_a_patch_leaves_exactly_one_rhythm(owner, rhythm):
    subscription = subscribe(owner)
    before = read(owner, subscription)

    refused = owner.patch(f"/subscriptions/{subscription}", json=rhythm)

    assert fields_of(refused) == BOTH_NAMED
    assert read(owner, subscription) == before


def test_what_failed_is_tried_anew_after_a_change(owner):
    subscription = subscribe(owner)
    later = datetime.now(UTC) + timedelta(minutes=50)
    set_columns(
        owner.app, subscription, attempts=9, next_attempt_at=later, failing_since=later, last_error="no such server"
    )
    failing = read(owner, subscription)

    owner.patch(f"/subscriptions/{subscription}", json={"recipients": ["mia@example.com"]})

    assert (failing["last_error"], failing["next_attempt_at"] is None) == ("no such server", False)
    healed = read(owner, subscription)
    assert [healed[name] for name in ("last_error", "failing_since", "next_attempt_at")] == [None] * 3


def test_one_that_is_switched_on_again_begins_with_what_happens_then(owner, member):
    subscription = subscribe(owner, ["*"])
    path = f"/subscriptions/{subscription}"
    owner.patch(path, json={"active": False})
    set_columns(owner.app, subscription, next_at=datetime(2026, 1, 1, tzinfo=UTC))
    add(member, "LAMP-1")
    with owner.app.app_context():
        assert (subscriptions.due_ids(), subscriptions.pending(subscription)) == ([], None)

    on = owner.patch(path, json={"active": True}).json

    with owner.app.app_context():
        assert subscriptions.pending(subscription).last_event_id == end_of_feed()
    assert on["next_at"] > on["created_at"]


def test_a_stale_etag_changes_nothing(owner):
    path = f"/subscriptions/{subscribe(owner)}"
    etag = owner.get(path).headers["ETag"]
    changed = owner.patch(path, json={"every_minutes": 7}, headers={"If-Match": etag})

    assert changed.status_code == 200
    assert owner.patch(path, json={"every_minutes": 8}, headers={"If-Match": etag}).status_code == 412
    assert owner.delete(path, headers={"If-Match": etag}).status_code == 412
    assert owner.get(path).json["every_minutes"] == 7
    assert owner.delete(path, headers={"If-Match": changed.headers["ETag"]}).status_code == 204


def test_what_the_sender_writes_is_no_part_of_the_etag(owner):
    subscription = subscribe(owner)
    path = f"/subscriptions/{subscription}"
    etag = owner.get(path).headers["ETag"]
    set_columns(owner.app, subscription, next_at=datetime(2099, 1, 1, tzinfo=UTC), last_error="no such server")

    read_again = owner.get(path, headers={"If-None-Match": etag})

    assert (read_again.status_code, read_again.headers["ETag"]) == (200, etag)
    assert read_again.json["last_error"] == "no such server"
    assert owner.patch(path, json={"every_minutes": 7}, headers={"If-Match": etag}).status_code == 200


def test_where_no_mail_can_be_sent_that_is_said_at_once(owner, admin, app):
    path = f"/subscriptions/{subscribe(owner)}"
    admin.app = app  # which has no SMTP_URL

    refused = admin.post("/subscriptions", json=MAIL)

    assert (refused.status_code, refused.json["code"]) == (409, "mail_not_configured")
    assert admin.patch(path, json={"active": True}).json["code"] == "mail_not_configured"
    assert admin.patch(path, json={"active": False}).status_code == 200
    assert admin.delete(path).status_code == 204
    assert admin.get("/subscriptions").json["data"] == []


def test_there_are_a_hundred_at_most(owner):
    for _ in range(MOST):
        subscribe(owner)

    refused = owner.post("/subscriptions", json=MAIL)

    assert (refused.status_code, refused.json["code"]) == (409, "too_many_subscriptions")
    owner.delete(f"/subscriptions/{owner.get('/subscriptions').json['data'][0]['id']}")
    assert owner.post("/subscriptions", json=MAIL).status_code == 201


def test_a_repeated_request_with_its_key_makes_one(owner):
    headers = {"Idempotency-Key": "subscription-1"}
    first, second = (owner.post("/subscriptions", json=MAIL, headers=headers) for _ in range(2))

    assert first.json == second.json
    assert len(owner.get("/subscriptions").json["data"]) == 1
