"""Movements: what a client may count on when stock comes and goes."""

from datetime import UTC, datetime, timedelta

import pytest

from models.values import now, rfc3339
from tests.support.shelf import add


def test_issuing_more_than_there_is_is_refused_and_changes_nothing(member, lamp):
    refused = member.post(f"{lamp}/movements", json={"kind": "issue", "quantity": 6, "reason": "order 7"})

    assert refused.status_code == 409
    assert refused.json["code"] == "insufficient_stock"
    assert refused.json["quantity"] == 5
    assert member.get(lamp).json["quantity"] == 5


@pytest.mark.parametrize(
    ("kind", "quantity", "delta"),
    [("receive", 3, 3), ("issue", 5, -5), ("adjust", -2, -2), ("adjust", 2, 2), ("count", 9, 4), ("count", 5, 0)],
)
def test_each_kind_moves_the_stock_as_it_says(member, lamp, kind, quantity, delta):
    moved = member.post(f"{lamp}/movements", json={"kind": kind, "quantity": quantity, "reason": "a reason"})

    assert moved.status_code == 201, moved.json
    assert moved.json["delta"] == delta
    assert moved.json["quantity_after"] == 5 + delta
    assert member.get(lamp).json["quantity"] == 5 + delta
    assert member.get(moved.headers["Location"]).json == moved.json


def test_the_ledger_begins_with_the_opening_and_sums_up_to_the_stock(member, lamp):
    member.post(f"{lamp}/movements", json={"kind": "issue", "quantity": 2, "reason": "order 7"})

    ledger = member.get(f"{lamp}/movements").json["data"]

    assert [row["kind"] for row in ledger] == ["opening", "issue"]
    assert sum(row["delta"] for row in ledger) == member.get(lamp).json["quantity"] == 3
    assert {row["user"] for row in ledger} == {"mel"}


def test_the_quantity_at_a_moment_is_the_sum_of_what_had_occurred_by_then(member):
    desk = member.post("/items", json={"sku": "D", "name": "Desk"}).headers["Location"]
    for day, quantity in (("02", 4), ("01", 3), ("03", 2)):
        moved = {"kind": "receive", "quantity": quantity, "reason": "r", "occurred_at": f"2026-01-{day}T08:00:00+01:00"}
        member.post(f"{desk}/movements", json=moved)

    def quantity_at(moment):
        return member.get(f"{desk}/quantity?at={moment}").json["quantity"]

    assert [quantity_at(f"2026-01-0{day}T07:00:00Z") for day in (1, 2, 3)] == [3, 7, 9]
    assert quantity_at("2026-01-01T06:59:59.999999Z") == 0
    assert member.get(f"{desk}/quantity").json["quantity"] == 9
    assert member.get(f"{desk}/quantity?at=2026-01-02T07:00:00Z").json == {
        "item_id": member.get(desk).json["id"],
        "sku": "D",
        "at": "2026-01-02T07:00:00.000000Z",
        "quantity": 7,
    }


def test_the_quantity_without_a_time_is_everything_recorded_also_what_lies_ahead(member, lamp):
    before = rfc3339(now())
    current = member.get(f"{lamp}/quantity").json
    ahead = rfc3339(datetime.now(UTC) + timedelta(minutes=4))
    member.post(f"{lamp}/movements", json={"kind": "receive", "quantity": 2, "reason": "r", "occurred_at": ahead})

    everything = member.get(f"{lamp}/quantity").json

    assert (current["quantity"], before <= current["at"] <= rfc3339(now())) == (5, True)
    assert (everything["quantity"], everything["at"]) == (member.get(lamp).json["quantity"], ahead) == (7, ahead)
    assert member.get(f"{lamp}/quantity?at={everything['at']}").json == everything
    assert member.get(f"{lamp}/quantity?at={rfc3339(now())}").json["quantity"] == 5


def test_an_item_that_nothing_moved_has_nothing_at_any_time(member):
    desk = f"/items/{add(member, 'DESK')['id']}"

    assert member.get(f"{desk}/quantity").json["quantity"] == 0
    assert member.get(f"{desk}/quantity?at=2026-01-01T00:00:00Z").json["quantity"] == 0
    assert member.get("/items/77/quantity").status_code == 404


def test_after_a_change_of_its_sku_the_ledger_has_the_new_one_and_the_events_the_old_one(member, lamp):
    assert member.patch(lamp, json={"sku": "LAMP-2"}).status_code == 200

    [row] = member.get("/movements?sku=LAMP-2").json["data"]
    [event] = member.get("/events?type=movement.created").json["data"]
    assert (row["sku"], event["data"]["sku"]) == ("LAMP-2", "LAMP-1")
    assert row == {**event["data"], "sku": "LAMP-2"}
    assert member.get("/movements?sku=LAMP-1").json["data"] == []
