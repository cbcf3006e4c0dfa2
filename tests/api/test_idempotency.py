"""Idempotency-Key: a retry is answered as the first request was, and changes nothing more."""

import pytest

from tests.support.databases import on_one_database
from tests.support.shelf import add

ISSUE = {"kind": "issue", "quantity": 2, "reason": "order 7"}


def keyed(key):
    return {"Idempotency-Key": key}


def test_a_retried_movement_is_answered_alike_and_moves_stock_once(member, lamp):
    first = member.post(f"{lamp}/movements", json=ISSUE, headers=keyed("order-7"))
    second = member.post(f"{lamp}/movements", json=ISSUE, headers=keyed("order-7"))

    assert (first.status_code, second.status_code) == (201, 201)
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.data == first.data
    for header in ("ETag", "Location"):
        assert second.headers[header] == first.headers[header]
    assert member.get(lamp).json["quantity"] == 3


def test_a_quoted_key_is_the_same_key(member, lamp):
    member.post(f"{lamp}/movements", json=ISSUE, headers=keyed("order-7"))

    assert member.post(f"{lamp}/movements", json=ISSUE, headers=keyed('"order-7"')).headers["Idempotent-Replayed"]


def test_a_refusal_of_the_state_is_kept(member, lamp):
    too_many = {**ISSUE, "quantity": 9}
    member.post(f"{lamp}/movements", json=too_many, headers=keyed("k"))
    member.post(f"{lamp}/movements", json={"kind": "receive", "quantity": 50, "reason": "delivery"})

    retried = member.post(f"{lamp}/movements", json=too_many, headers=keyed("k"))

    assert retried.status_code == 409
    assert retried.headers["Idempotent-Replayed"] == "true"
    assert (retried.json["code"], retried.json["quantity"]) == ("insufficient_stock", 5)
    assert member.get(lamp).json["quantity"] == 55


def test_a_refusal_of_the_input_is_kept(member, lamp):
    wrong = {**ISSUE, "quantity": "2"}
    first = member.post(f"{lamp}/movements", json=wrong, headers=keyed("k"))
    second = member.post(f"{lamp}/movements", json=wrong, headers=keyed("k"))

    assert (first.status_code, second.status_code) == (422, 422)
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.json["errors"] == first.json["errors"]


@pytest.mark.parametrize("change", [{"quantity": 1}, {"reason": "order 8"}])
def test_the_key_of_another_body_is_refused(member, lamp, change):
    member.post(f"{lamp}/movements", json=ISSUE, headers=keyed("k"))

    refused = member.post(f"{lamp}/movements", json={**ISSUE, **change}, headers=keyed("k"))

    assert (refused.status_code, refused.json["code"]) == (422, "idempotency_key_reused")
    assert member.get(lamp).json["quantity"] == 3


def test_the_key_of_another_path_is_refused(member, lamp):
    member.post("/items", json={"sku": "A", "name": "B"}, headers=keyed("k"))

    assert member.post(f"{lamp}/movements", json=ISSUE, headers=keyed("k")).json["code"] == "idempotency_key_reused"


def test_two_users_may_use_the_same_key(member, admin, lamp):
    member.post(f"{lamp}/movements", json=ISSUE, headers=keyed("k"))
    other = admin.post(f"{lamp}/movements", json=ISSUE, headers=keyed("k"))

    assert "Idempotent-Replayed" not in other.headers
    assert member.get(lamp).json["quantity"] == 1


def test_an_item_that_could_not_be_found_is_looked_for_again(member):
    next_id = add(member, "A")["id"] + 1
    missing = member.post(f"/items/{next_id}/movements", json=ISSUE, headers=keyed("k"))
    made = add(member, "B", quantity=5)

    assert (missing.status_code, made["id"]) == (404, next_id)
    assert member.post(f"/items/{next_id}/movements", json=ISSUE, headers=keyed("k")).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there", "é", '"', '"unfinished'])
@on_one_database
def test_a_key_that_is_none_is_refused(member, lamp, key):
    refused = member.post(f"{lamp}/movements", json=ISSUE, headers={"Idempotency-Key": key})

    assert (refused.status_code, refused.json["code"]) == (400, "invalid_header")
    assert member.get(lamp).json["quantity"] == 5


def test_a_key_where_none_is_honoured_is_refused(admin):
    user = {"username": "new", "password": "a long enough one"}

    refused = admin.post("/users", json=user, headers=keyed("k"))

    assert (refused.status_code, refused.json["code"]) == (400, "invalid_header")
    assert admin.get("/users").json["total_items"] == 1
