"""The log of the deliveries of webhooks, tests, and what is delivered once more."""

from datetime import timedelta

import pytest

from models.outbound.webhooks import MOST_REQUESTED
from models.values import now, rfc3339
from tests.resources.test_webhooks import audited, state_of
from tests.support.databases import on_one_database
from tests.support.problems import assert_problem
from tests.support.shelf import together
from tests.support.webhooks import make, path_of_webhook, requested_of, write_log

FAILED = {"status": "failed", "code": 500, "error": "the receiver answered 500"}


@pytest.fixture
def hook(admin):
    """A webhook that gets everything, from the beginning."""
    return make(admin, since="0")


@pytest.fixture
def log(app, admin, lamp, hook):
    """The path of the log of a webhook: an event that failed and was delivered then, and a test; and another's."""
    first = admin.get("/events?limit=1").json["data"][0]["id"]
    other = make(admin)
    write_log(app, other, {"event_id": first})
    write_log(app, hook, {"event_id": first, **FAILED}, {"event_id": first, "attempt": 2}, {})
    return path_of_webhook(hook, "/deliveries")


def redeliver(client, log, delivery, **headers):
    return client.post(f"{log}/{delivery['id']}/redeliver", headers=headers)


# The log


def test_the_log_has_every_attempt_newest_first(app, admin, hook):
    at = now() - timedelta(hours=1)
    write_log(app, hook, {"event_id": 5, "attempt": 3, "at": at, "ms": 10_012, **FAILED, "code": None}, {})

    page = admin.get(path_of_webhook(hook, "/deliveries")).json

    assert page["total_items"] == 2
    test, failed = page["data"]
    assert (test["event_id"], test["status"], test["code"], test["error"]) == (None, "delivered", 204, None)
    assert failed == {
        "id": failed["id"],
        "event_id": 5,
        "attempt": 3,
        "at": rfc3339(at),
        "ms": 10_012,
        "status": "failed",
        "code": None,
        "error": "the receiver answered 500",
    }
    assert test["id"] > failed["id"]


def test_the_log_is_that_of_one_webhook_and_filtered_by_status(admin, log):
    every, failed, delivered = (
        admin.get(f"{log}{query}").json["data"] for query in ("", "?status=failed", "?status=delivered")
    )

    assert [(each["attempt"], each["event_id"] is None) for each in every] == [(1, True), (2, False), (1, False)]
    assert failed == every[2:]
    assert delivered == every[:2]


def test_the_log_is_read_to_its_end_by_cursor(app, admin, hook, log):
    write_log(app, hook, *({"event_id": number} for number in range(10, 15)))
    every = admin.get(f"{log}?limit=200").json["data"]

    for query, wanted in (
        ("", every),
        ("&status=delivered", [each for each in every if each["status"] == "delivered"]),
    ):
        walked, cursor = [], ""
        while cursor is not None:
            page = admin.get(f"{log}?limit=2{query}&cursor={cursor}").json
            walked += page["data"]
            cursor = page["next_cursor"]
        assert walked == wanted


@pytest.mark.parametrize("query", ["status=lost", "state=failed", "status=failed&status=failed", "limit=201"])
@on_one_database
def test_a_filter_that_makes_no_sense_is_refused(admin, log, query):
    assert_problem(admin.get(f"{log}?{query}"), 422, "invalid_input")


def test_the_log_of_a_deleted_webhook_can_be_read_no_more(admin, hook, log):
    admin.delete(path_of_webhook(hook))

    assert_problem(admin.get(log), 404, "not_found")


# Tests, and what is delivered once more


@pytest.mark.parametrize("active", [True, False])
def test_a_test_waits_to_be_sent_and_changes_nothing_else(app, admin, lamp, active):
    hook = make(admin, active=active, since="0")
    before = state_of(app, hook)

    requested = admin.post(path_of_webhook(hook, "/test"))

    assert requested.status_code == 202
    assert requested.json.keys() == {"id", "event_id", "requested_at"}
    assert requested.json["event_id"] is None
    assert requested_of(app, hook) == [None]
    assert state_of(app, hook) == before


def test_what_is_in_the_log_is_delivered_once_more_a_test_too(app, admin, hook, log):
    test, delivered, failed = admin.get(log).json["data"]

    answers = [redeliver(admin, log, each) for each in (failed, delivered, test)]

    assert [answer.status_code for answer in answers] == [202, 202, 202]
    event_id = failed["event_id"]
    assert [answer.json["event_id"] for answer in answers] == [event_id, event_id, None]
    assert requested_of(app, hook) == [event_id, event_id, None]
    assert admin.get(log).json["total_items"] == 3
    assert [
        (type_, data["delivery_id"], data["event_id"]) for type_, data in audited(admin, "webhook.redelivered")
    ] == [
        ("webhook.redelivered", failed["id"], event_id),
        ("webhook.redelivered", delivered["id"], event_id),
        ("webhook.redelivered", test["id"], None),
    ]


def test_a_delivery_of_another_webhook_or_none_is_not_found(app, admin, hook, log):
    other = admin.get("/webhooks?sort=-id").json["data"][0]
    foreign = admin.get(path_of_webhook(other, "/deliveries")).json["data"][0]

    assert_problem(redeliver(admin, log, foreign), 404, "not_found")
    assert_problem(redeliver(admin, log, {"id": 2**31 - 1}), 404, "not_found")
    assert (requested_of(app, hook), requested_of(app, other)) == ([], [])


def test_no_more_than_a_hundred_wait_for_one_webhook_also_when_many_ask_at_once(app, admin, hook, log):
    test, *_ = admin.get(log).json["data"]
    path = path_of_webhook(hook, "/test")
    for _ in range(MOST_REQUESTED - 3):
        assert admin.post(path).status_code == 202

    answers = together(*[lambda: admin.post(path), lambda: redeliver(admin, log, test)] * 3)

    refused = [answer for answer in answers if answer.status_code != 202]
    assert len(refused) == 3
    for answer in refused:
        assert_problem(answer, 409, "too_many_requested")
    assert len(requested_of(app, hook)) == MOST_REQUESTED
    other = make(admin)
    assert admin.post(path_of_webhook(other, "/test")).status_code == 202


def test_a_retry_with_its_key_asks_once(app, admin, hook, log):
    test, *_ = admin.get(log).json["data"]

    for send in (
        lambda key: admin.post(path_of_webhook(hook, "/test"), headers=key),
        lambda key: redeliver(admin, log, test, **key),
    ):
        before = len(requested_of(app, hook))
        key = {"Idempotency-Key": f"key {before}"}
        first, again = send(key), send(key)
        assert (first.json, again.headers["Idempotent-Replayed"]) == (again.json, "true")
        assert len(requested_of(app, hook)) == before + 1
