"""Reversals: a mistake is countered by a second movement, linked to it; the ledger is never rewritten."""

import pytest


@pytest.fixture
def issued(member, lamp):
    movement = {"kind": "issue", "quantity": 2, "reason": "order 7", "reference": "O-7"}
    return member.post(f"{lamp}/movements", json=movement).json


def test_a_reversal_counters_the_movement_and_both_name_each_other(member, lamp, issued):
    reversal = member.post(f"/movements/{issued['id']}/reversal", json={"reason": "order cancelled"})

    assert reversal.status_code == 201, reversal.json
    assert (reversal.json["kind"], reversal.json["delta"], reversal.json["reverses"]) == ("reversal", 2, issued["id"])
    assert (reversal.json["reason"], reversal.json["reference"]) == ("order cancelled", "O-7")
    assert member.get(lamp).json["quantity"] == 5
    original = member.get(f"/movements/{issued['id']}").json
    assert original == {**issued, "reversed_by": reversal.json["id"]}
    assert member.get(reversal.headers["Location"]).json == reversal.json


def test_a_reversal_needs_no_body(member, issued):
    reversal = member.post(f"/movements/{issued['id']}/reversal")

    assert reversal.json["reason"] == f"reversal of movement {issued['id']}"


def test_a_second_reversal_is_refused(member, lamp, issued):
    first = member.post(f"/movements/{issued['id']}/reversal").json
    refused = member.post(f"/movements/{issued['id']}/reversal")

    assert (refused.status_code, refused.json["code"]) == (409, "already_reversed")
    assert refused.json["reversed_by"] == first["id"]
    assert member.get(lamp).json["quantity"] == 5


def test_a_reversal_is_not_reversed(member, lamp, issued):
    reversal = member.post(f"/movements/{issued['id']}/reversal").json
    refused = member.post(f"/movements/{reversal['id']}/reversal")

    assert (refused.status_code, refused.json["code"]) == (409, "not_reversible")
    assert member.get(lamp).json["quantity"] == 5


def test_a_reversal_never_takes_the_stock_below_zero(member, lamp):
    received = member.post(f"{lamp}/movements", json={"kind": "receive", "quantity": 3, "reason": "delivery"}).json
    member.post(f"{lamp}/movements", json={"kind": "count", "quantity": 1, "reason": "stocktaking"})

    refused = member.post(f"/movements/{received['id']}/reversal")

    assert (refused.status_code, refused.json["code"], refused.json["quantity"]) == (409, "insufficient_stock", 1)
    assert member.get(lamp).json["quantity"] == 1
    assert member.get(f"/movements/{received['id']}").json["reversed_by"] is None


def test_an_unknown_movement_is_not_reversed(member):
    assert member.post("/movements/77/reversal").status_code == 404
