"""Batches: many movements at once, all of them or none."""

import pytest

from models.database.base import db
from models.principal import Principal
from models.stock import item_write


@pytest.fixture
def desk(member):
    created = member.post("/items", json={"sku": "DESK/2", "name": "Desk", "quantity": 3})
    return created.headers["Location"]


def line(item, kind, quantity, **more):
    name = "item_id" if isinstance(item, int) else "sku"
    return {name: item, "kind": kind, "quantity": quantity, "reason": "a reason", **more}


def move(client, *lines):
    return client.post("/movements", json={"movements": list(lines)})


def test_the_lines_are_recorded_in_their_order_and_may_name_an_item_often(member, lamp, desk):
    lamp_id = member.get(lamp).json["id"]

    moved = move(member, line("desk/2", "issue", 3), line(lamp_id, "issue", 5), line(lamp_id, "receive", 2))

    assert moved.status_code == 201, moved.json
    assert [(row["sku"], row["delta"], row["quantity_after"]) for row in moved.json["movements"]] == [
        ("DESK/2", -3, 0),
        ("LAMP-1", -5, 0),
        ("LAMP-1", 2, 2),
    ]
    assert (member.get(lamp).json["quantity"], member.get(desk).json["quantity"]) == (2, 0)
    assert member.get("/movements?sort=-id&limit=3").json["data"] == moved.json["movements"][::-1]


def test_one_bad_line_refuses_all_and_every_bad_line_is_told(member, lamp, desk):
    refused = move(
        member,
        line("LAMP-1", "issue", 1),
        line("LAMP-1", "issue", 9),
        line("DESK/2", "issue", 1, expect_quantity=7),
    )

    assert (refused.status_code, refused.json["code"]) == (409, "insufficient_stock")
    assert [(fault["index"], fault["code"], fault["quantity"]) for fault in refused.json["errors"]] == [
        (1, "insufficient_stock", 4),
        (2, "quantity_changed", 3),
    ]
    assert (member.get(lamp).json["quantity"], member.get(desk).json["quantity"]) == (5, 3)
    assert member.get("/movements").json["total_items"] == 2


def test_unknown_items_are_told_with_the_index_of_their_line(member, lamp):
    refused = move(member, line("LAMP-1", "issue", 1), line("NONE", "issue", 1), line(99, "issue", 1))

    assert (refused.status_code, refused.json["code"]) == (422, "invalid_input")
    assert [(fault["index"], fault["code"]) for fault in refused.json["errors"]] == [(1, "not_found"), (2, "not_found")]
    assert member.get(lamp).json["quantity"] == 5


def test_faults_of_the_input_name_field_and_index(member, lamp):
    refused = move(
        member,
        line("LAMP-1", "issue", "1"),
        {"sku": "LAMP-1", "item_id": 1, "kind": "issue", "quantity": 1, "reason": "r"},
        {"kind": "issue", "quantity": 1, "reason": "r"},
        line("LAMP-1", "issue", 0),
        line("LAMP-1", "issue", 1, resaon="typo"),
    )

    assert refused.status_code == 422
    assert [(fault["index"], fault["field"], fault["code"]) for fault in refused.json["errors"]] == [
        (0, "movements[0].quantity", "wrong_type"),
        (1, "movements[1].item_id", "required"),
        (2, "movements[2].item_id", "required"),
        (3, "movements[3].quantity", "too_small"),
        (4, "movements[4].resaon", "unknown_field"),
    ]
    assert member.get(lamp).json["quantity"] == 5


@pytest.mark.parametrize("movements", [[], [{}], {}, None, [1], "x"])
def test_a_batch_that_is_none_is_refused(member, lamp, movements):
    refused = member.post("/movements", json={"movements": movements})

    assert (refused.status_code, refused.json["code"]) == (422, "invalid_input")
    assert member.get("/movements").json["total_items"] == 1


def test_a_thousand_lines_are_recorded_and_one_more_refused(member):
    made = [member.post("/items", json={"sku": f"S{number}", "name": "thing"}).json["id"] for number in range(20)]
    lines = [line(made[number % 20], "receive", 1) for number in range(1000)]

    assert move(member, *lines, lines[0]).status_code == 422
    assert member.get("/movements").json["total_items"] == 0
    assert move(member, *lines).status_code == 201
    assert {item["quantity"] for item in member.get("/items").json["data"]} == {50}


def test_a_thousand_items_are_moved_at_once(member, app):
    principal = Principal(member.user_id, "mel", "member", frozenset(), "token")
    with app.app_context():
        for number in range(1000):
            item_write.create(by=principal, sku=f"S{number}", name="thing")
        db.session.commit()

    moved = move(member, *[line(f"s{number}", "receive", number + 1) for number in range(1000)])

    assert [row["quantity_after"] for row in moved.json["movements"]] == list(range(1, 1001))
    assert member.get("/items/by-sku/S999").json["quantity"] == 1000


def test_a_retried_batch_moves_stock_once(member, lamp):
    body = {"movements": [line("LAMP-1", "issue", 1), line("LAMP-1", "issue", 1)]}
    first = member.post("/movements", json=body, headers={"Idempotency-Key": "b"})
    second = member.post("/movements", json=body, headers={"Idempotency-Key": "b"})

    assert second.data == first.data
    assert member.get(lamp).json["quantity"] == 3


def test_a_refused_batch_is_kept_under_its_key(member, lamp):
    body = {"movements": [line("LAMP-1", "issue", 9)]}
    first = member.post("/movements", json=body, headers={"Idempotency-Key": "b"})
    second = member.post("/movements", json=body, headers={"Idempotency-Key": "b"})

    assert (first.status_code, second.status_code) == (409, 409)
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.json["errors"] == first.json["errors"]
