"""Stocks: what lies where is the sum of what was moved there, and nothing goes that is not at its location."""

import pytest

from models.database.base import db
from models.stock.verify import verify
from tests.support.shelf import add, make_location, together


@pytest.fixture
def van(app):
    """The code of a second location."""
    return make_location(app, "VAN")


def move(client, path, kind, quantity, **fields):
    return client.post(f"{path}/movements", json={"kind": kind, "quantity": quantity, "reason": "test", **fields})


def after(moved):
    """What the item had after a movement, in all and there."""
    return moved.json["quantity_after"], moved.json["location_quantity_after"]


def lies(client, path):
    """How much lies where, by location."""
    return {stock["location"]: stock["quantity"] for stock in client.get(f"{path}/stocks").json["data"]}


def is_sound(app):
    with app.app_context():
        return list(verify()) == []


def test_what_names_no_location_is_at_the_main_one(app, member, lamp):
    moved = move(member, lamp, "receive", 2)

    assert (moved.json["location"], moved.json["location_quantity_after"], moved.json["quantity_after"]) == (
        "MAIN",
        7,
        7,
    )
    assert lies(member, lamp) == {"MAIN": 7}


def test_a_movement_at_a_location_changes_the_stock_there_and_the_total(app, member, lamp, van):
    received = move(member, lamp, "receive", 3, location="van")
    issued = move(member, lamp, "issue", 1, location=van)

    assert (received.json["location"], received.json["location_quantity_after"]) == ("VAN", 3)
    assert after(issued) == (7, 2)
    assert lies(member, lamp) == {"MAIN": 5, "VAN": 2}
    assert member.get(lamp).json["quantity"] == 7
    assert is_sound(app)


def test_what_is_not_there_can_not_go_although_it_is_elsewhere(app, member, lamp, van):
    move(member, lamp, "receive", 3, location=van)

    refused = move(member, lamp, "issue", 4, location=van)
    too_many = move(member, lamp, "issue", 6)

    assert (refused.status_code, refused.json["code"]) == (409, "insufficient_stock")
    assert (refused.json["location"], refused.json["quantity"], refused.json["total"]) == ("VAN", 3, 8)
    assert (too_many.json["location"], too_many.json["quantity"], too_many.json["total"]) == ("MAIN", 5, 8)
    assert lies(member, lamp) == {"MAIN": 5, "VAN": 3}


def test_two_lines_of_a_batch_are_checked_together(member, lamp, van):
    move(member, lamp, "receive", 3, location=van)
    line = {"sku": "LAMP-1", "kind": "issue", "quantity": 2, "reason": "sold", "location": van}

    refused = member.post("/movements", json={"movements": [line, line]})

    assert (refused.status_code, refused.json["errors"][0]["index"]) == (409, 1)
    assert lies(member, lamp) == {"MAIN": 5, "VAN": 3}


def test_a_count_is_of_one_location(app, member, lamp, van):
    move(member, lamp, "receive", 3, location=van)

    counted = move(member, lamp, "count", 1, location=van, expect_quantity=3)
    wrong = move(member, lamp, "count", 1, location=van, expect_quantity=6)

    assert (counted.json["delta"], counted.json["location_quantity_after"], counted.json["quantity_after"]) == (
        -2,
        1,
        6,
    )
    assert (wrong.json["code"], wrong.json["quantity"]) == ("quantity_changed", 1)
    assert is_sound(app)


def test_a_count_without_a_location_is_refused_while_stock_is_elsewhere(member, lamp, van):
    move(member, lamp, "receive", 3, location=van)

    refused = move(member, lamp, "count", 5)
    move(member, lamp, "issue", 3, location=van)
    counted = move(member, lamp, "count", 6)

    assert (refused.status_code, refused.json["code"]) == (422, "location_required")
    assert counted.json["quantity_after"] == 6


@pytest.mark.parametrize("code", ["NOWHERE", "MAIN "])
def test_an_unknown_location_is_named(member, lamp, code):
    refused = move(member, lamp, "receive", 1, location=code)

    assert refused.status_code == 422
    assert member.get(lamp).json["quantity"] == 5


def test_a_reversal_is_where_the_movement_was(app, member, lamp, van):
    received = move(member, lamp, "receive", 3, location=van)

    reversal = member.post(f"/movements/{received.json['id']}/reversal", json={})

    assert (reversal.json["location"], reversal.json["location_quantity_after"]) == ("VAN", 0)
    assert lies(member, lamp) == {"MAIN": 5, "VAN": 0}
    assert is_sound(app)


def test_the_past_of_a_location_is_its_own(app, member, van):
    bolt = f"/items/{add(member, 'BOLT')['id']}"
    monday, tuesday = "2026-01-05T12:00:00Z", "2026-01-06T12:00:00Z"
    move(member, bolt, "receive", 10, occurred_at=monday)
    move(member, bolt, "receive", 2, occurred_at=tuesday, location=van)

    too_early = move(member, bolt, "issue", 1, occurred_at=monday, location=van)
    counted = move(member, bolt, "count", 1, occurred_at=tuesday, location=van)
    at_main = move(member, bolt, "issue", 4, occurred_at=monday)

    assert (too_early.json["code"], too_early.json["quantity"], too_early.json["location"]) == (
        "insufficient_stock",
        0,
        "VAN",
    )
    assert counted.json["delta"] == -1
    assert at_main.status_code == 201  # the count of the van says nothing about the main location
    assert member.get(f"{bolt}/quantity?location=van&at=2026-01-06T12:00:00Z").json["quantity"] == 1
    assert member.get(f"{bolt}/quantity?location=MAIN").json["quantity"] == 6
    assert member.get(f"{bolt}/quantity?location=none").json["code"] == "unknown_location"
    assert is_sound(app)


def test_an_opening_stock_is_at_the_default_location(app, member):
    make_location(app, "SHOP", default=True)

    opened = f"/items/{add(member, 'BOLT', quantity=4)['id']}"
    move(member, opened, "issue", 1)

    assert lies(member, opened) == {"MAIN": 0, "SHOP": 3}
    assert is_sound(app)


def test_lists_by_location(app, member, lamp, van):
    add(member, "BOLT", quantity=1)
    move(member, lamp, "issue", 5)
    move(member, lamp, "receive", 3, location=van)

    def skus(path):
        return [row["sku"] for row in member.get(path).json["data"]]

    assert skus("/items?location=van") == ["LAMP-1"]
    assert skus("/items?location=MAIN") == ["BOLT"]
    assert skus("/items?location=none") == []
    assert skus("/movements?location=van") == ["LAMP-1"]
    assert skus("/movements?location=MAIN") == ["LAMP-1", "BOLT", "LAMP-1"]
    assert skus("/stocks") == ["LAMP-1", "LAMP-1", "BOLT"]
    assert skus("/stocks?location=van") == ["LAMP-1"]
    assert skus("/stocks?location=main&sku=bolt") == ["BOLT"]
    assert skus("/stocks?location=none") == []
    item_id = member.get(lamp).json["id"]
    assert member.get("/stocks?location=van&format=csv").text.splitlines() == [
        "item_id,sku,location,quantity,reserved,available,reorder_level,bin",
        f"{item_id},LAMP-1,VAN,3,0,3,,",
    ]


def test_the_list_of_stocks_is_walked_by_cursor(app, member, van):
    for number in range(5):
        path = f"/items/{add(member, f'B-{number}', quantity=1)['id']}"
        if number % 2:
            move(member, path, "receive", 1, location=van)
    walked, cursor = [], ""
    while cursor is not None:
        page = member.get(f"/stocks?limit=2&cursor={cursor}").json
        walked += [(row["sku"], row["location"]) for row in page["data"]]
        cursor = page["next_cursor"]

    at_main = [(f"B-{number}", "MAIN") for number in range(5)]
    assert walked == sorted([*at_main, ("B-1", "VAN"), ("B-3", "VAN")])


def test_a_stock_has_a_level_and_a_bin_of_its_own(app, member, lamp, van):
    settings = {"reorder_level": 2, "bin": "shelf 3"}

    there = member.patch(f"{lamp}/stocks/van", json=settings)
    main = member.patch(f"{lamp}/stocks/MAIN", json={"bin": "A-1"})
    again = member.patch(f"{lamp}/stocks/van", json=settings)

    assert there.json == {
        "item_id": member.get(lamp).json["id"],
        "sku": "LAMP-1",
        "location": "VAN",
        "quantity": 0,
        "reserved": 0,
        "available": 0,
        **settings,
    }
    assert (main.json["bin"], main.json["reorder_level"], main.json["quantity"]) == ("A-1", None, 5)
    assert again.headers["ETag"] == there.headers["ETag"]
    assert member.get(f"{lamp}/stocks/VAN").json == there.json
    assert [row["location"] for row in member.get("/stocks?low_stock=true").json["data"]] == ["VAN"]
    assert [row["location"] for row in member.get("/stocks?low_stock=false").json["data"]] == ["MAIN"]
    types = [event["type"] for event in member.get("/events").json["data"]]
    assert types.count("stock.updated") == 2
    assert is_sound(app)


@pytest.mark.parametrize("path", ["/items/99999/stocks", "/items/99999/stocks/MAIN", "{}/stocks/NONE", "{}/stocks/VAN"])
def test_what_is_not_there_is_not_found(member, lamp, van, path):
    assert member.get(path.format(lamp)).status_code == 404


def test_who_changes_a_stock_that_somebody_else_has_changed_is_refused(member, lamp):
    tag = member.get(f"{lamp}/stocks/MAIN").headers["ETag"]
    member.patch(f"{lamp}/stocks/MAIN", json={"bin": "A-1"})

    refused = member.patch(f"{lamp}/stocks/MAIN", json={"bin": "B-1"}, headers={"If-Match": tag})

    assert refused.status_code == 412
    assert member.get(f"{lamp}/stocks/MAIN").json["bin"] == "A-1"


def test_of_those_who_take_the_last_ones_at_a_location_as_many_win_as_there_are(app, member, lamp, van):
    move(member, lamp, "receive", 3, location=van)

    answers = together(*[lambda: move(member, lamp, "issue", 1, location=van)] * 8)

    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 5
    assert lies(member, lamp) == {"MAIN": 5, "VAN": 0}
    assert is_sound(app)


def test_first_stocks_that_are_made_at_once_at_one_location_are_added_up(app, member, lamp, van):
    answers = together(*[lambda: move(member, lamp, "receive", 1, location=van)] * 6)

    assert {answer.status_code for answer in answers} == {201}
    assert lies(member, lamp) == {"MAIN": 5, "VAN": 6}
    assert is_sound(app)


def test_verify_finds_a_stock_that_is_not_the_sum_of_its_movements(app, member, lamp, van):
    move(member, lamp, "receive", 3, location=van)
    with app.app_context():
        with db.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE stocks SET quantity = 4")

        [fault] = verify()
    assert fault.endswith(" is 4, its movements there sum up to 3")
