"""Backdating: what happened earlier than something recorded; `?at=` is never negative and never contradicts a count."""

from datetime import UTC, datetime, timedelta

import pytest

from models.values import rfc3339
from tests.support.shelf import add

LONG_AGO = "2026-01-01T00:00:00.000000Z"


def day(number):
    """A day of November 2025, as clients see it."""
    return f"2025-11-{number:02}T12:00:00.000000Z"


@pytest.fixture
def bolt(member):
    """The path of an item that nothing has moved yet."""
    return f"/items/{add(member, 'BOLT')['id']}"


@pytest.fixture
def move(member, bolt):
    """Record a movement of the item and return the response; a number is a day, None is no moment."""

    def move(kind, quantity, moment=None, **more):
        at = day(moment) if isinstance(moment, int) else moment
        dated = {} if at is None else {"occurred_at": at}
        return member.post(f"{bolt}/movements", json=line(kind, quantity, **dated, **more))

    return move


@pytest.fixture
def at(member, bolt):
    """Return the stock of the item at the end of some days."""
    return lambda *days: [member.get(f"{bolt}/quantity?at={day(each)}").json["quantity"] for each in days]


def line(kind, quantity, **more):
    return {"kind": kind, "quantity": quantity, "reason": "a reason", **more}


def assert_refused(response, code, **members):
    assert (response.status_code, response.json["code"]) == (409, code), response.json
    assert {name: response.json.get(name) for name in members} == members


def test_a_count_is_compared_with_the_stock_of_its_own_moment(member, bolt, move, at):
    move("receive", 10, 20)
    move("issue", 3, 24)

    counted = move("count", 9, 22)

    assert (counted.status_code, counted.json["delta"], counted.json["quantity_after"]) == (201, -1, 6)
    assert member.get(bolt).json["quantity"] == 6
    assert at(19, 20, 22, 23, 24) == [0, 10, 9, 9, 6]


def test_what_is_not_there_yet_can_not_go(member, bolt, move, at):
    move("receive", 5)

    refused = move("issue", 5, 20)

    assert_refused(refused, "insufficient_stock", at=day(20), quantity=0)
    assert "had 0 at 2025-11-20T12:00:00.000000Z; 5 can't go" in refused.json["detail"]
    assert member.get(bolt).json["quantity"] == 5
    assert member.get(f"{bolt}/movements").json["total_items"] == 1
    assert at(20) == [0]


def test_what_goes_is_missed_later_and_the_first_moment_without_is_named(member, bolt, move):
    for kind, quantity, moment in (("receive", 10, 10), ("issue", 7, 14), ("issue", 2, 16), ("receive", 90, 18)):
        move(kind, quantity, moment)

    assert_refused(move("issue", 4, 12), "insufficient_stock", at=day(14), quantity=3)
    assert_refused(move("issue", 2, 12), "insufficient_stock", at=day(16), quantity=1)
    assert_refused(move("adjust", -2, 15), "insufficient_stock", at=day(16), quantity=1)
    assert_refused(move("count", 0, 15), "insufficient_stock", at=day(16), quantity=1)
    assert_refused(move("issue", 11, 11), "insufficient_stock", at=day(11), quantity=10)
    assert move("issue", 1, 12).status_code == 201
    assert member.get(bolt).json["quantity"] == 90


def test_what_came_earlier_is_there_for_what_went_earlier(move, at):
    move("receive", 5, 20)
    move("issue", 5, 25)

    came = move("receive", 3, 10)
    went = move("issue", 3, 15)

    assert [each.json["quantity_after"] for each in (came, went)] == [3, 0]
    assert at(10, 15, 20, 25) == [3, 0, 5, 0]


@pytest.mark.parametrize(
    ("kind", "quantity"), [("receive", 1), ("issue", 1), ("adjust", 1), ("adjust", -1), ("count", 7), ("count", 5)]
)
def test_what_is_dated_before_a_count_is_in_it_already(member, bolt, move, at, kind, quantity):
    move("receive", 5, 10)
    count = move("count", 7, 20).json

    for moment in (15, 20):  # a count includes its own moment
        refused = move(kind, quantity, moment)

        assert_refused(refused, "counted_since", movement_id=count["id"], at=day(20))
    assert member.get(f"{bolt}/movements").json["total_items"] == 2
    assert at(10, 15, 20) == [5, 5, 7]
    assert move(kind, quantity, 21).status_code == 201


def test_a_count_without_a_moment_counts_as_of_now(move):
    move("receive", 5, 10)
    count = move("count", 7).json

    assert_refused(move("receive", 1, 20), "counted_since", movement_id=count["id"], at=count["occurred_at"])


def test_of_several_counts_the_latest_is_named(move):
    counts = [move("count", quantity, moment).json["id"] for quantity, moment in ((5, 10), (6, 20))]

    assert_refused(move("issue", 1, 5), "counted_since", movement_id=counts[1], at=day(20))


def test_a_count_of_the_same_moment_as_a_receipt_includes_it(move, at):
    move("receive", 5, 20)

    assert move("count", 4, 20).json["delta"] == -1
    assert at(20) == [4]


def test_expect_quantity_means_now(move):
    move("receive", 5, 10)
    move("receive", 5, 20)

    refused = move("issue", 1, 15, expect_quantity=5)

    assert_refused(refused, "quantity_changed", quantity=10)
    assert move("issue", 1, 15, expect_quantity=10).status_code == 201


def test_what_happened_after_all_else_is_compared_with_the_stock_of_now(move):
    move("receive", 5, 10)

    refused = move("issue", 6, 20)

    assert_refused(refused, "insufficient_stock", quantity=5)
    assert "at" not in refused.json


def test_the_past_of_another_item_does_not_matter(member, move, bolt):
    other = f"/items/{add(member, 'NUT')['id']}/movements"
    member.post(other, json=line("count", 9, occurred_at=day(25)))
    move("receive", 5, 20)

    assert move("issue", 1, 21).status_code == 201
    assert_refused(member.post(other, json=line("issue", 1, occurred_at=day(21))), "counted_since")


# --- clocks ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def ahead():
    """A moment that a client may name whose clock is four minutes ahead."""
    return rfc3339(datetime.now(UTC) + timedelta(minutes=4))


def test_a_movement_without_a_moment_comes_after_all_others_whatever_their_clocks_said(member, bolt, move, ahead):
    move("receive", 5, ahead)
    counted = move("count", 4)
    issued = move("issue", 4)
    received = move("receive", 1)

    assert [each.status_code for each in (counted, issued, received)] == [201, 201, 201]
    moments = [each.json["occurred_at"] for each in (counted, issued, received)]
    assert ahead < moments[0] < moments[1] < moments[2]
    quantities = [member.get(f"{bolt}/quantity?at={each}").json["quantity"] for each in (ahead, *moments)]
    assert quantities == [5, 4, 0, 1]


def test_a_reversal_comes_after_all_others_too(member, bolt, move, ahead):
    received = move("receive", 5, ahead).json

    reversal = member.post(f"/movements/{received['id']}/reversal").json

    assert reversal["occurred_at"] > ahead
    assert member.get(f"{bolt}/quantity?at={ahead}").json["quantity"] == 5


def test_a_count_of_an_import_comes_after_all_others_too(member, bolt, move, ahead):
    move("receive", 5, ahead)

    imported = member.post("/items/import", data="sku,quantity\nBOLT,3\n", content_type="text/csv")

    assert imported.json["updated"] == 1
    *_, count = member.get(f"{bolt}/movements").json["data"]
    assert (count["kind"], count["delta"]) == ("count", -2)
    assert count["occurred_at"] > ahead
    assert_refused(move("issue", 1, ahead), "counted_since", movement_id=count["id"])


def test_a_movement_without_a_moment_has_that_of_its_recording(move):
    for _ in range(2):
        recorded = move("receive", 1).json

        assert recorded["occurred_at"] == recorded["created_at"]


# --- reversals ------------------------------------------------------------------------------------------------------


def test_a_reversal_happens_now_and_leaves_the_past_and_its_counts_as_they_were(member, bolt, move, at):
    received = move("receive", 10, 10).json
    count = move("count", 9, 20).json

    for movement in (received, count):
        assert member.post(f"/movements/{movement['id']}/reversal").status_code == (
            409 if movement == received else 201
        )

    assert at(10, 20) == [10, 9]
    assert member.get(bolt).json["quantity"] == 10


# --- batches --------------------------------------------------------------------------------------------------------


@pytest.fixture
def batch(member):
    """Record lines of the item, each a kind, a quantity and a day or no moment; return the response."""

    def batch(*lines):
        dated = [
            line(kind, quantity, sku="BOLT", **({"occurred_at": day(moment[0])} if moment else {}))
            for kind, quantity, *moment in lines
        ]
        return member.post("/movements", json={"movements": dated})

    return batch


def test_the_lines_of_a_batch_are_recorded_as_if_each_was_sent_alone(member, bolt, move, batch, at):
    move("receive", 10, 10)
    move("issue", 3, 20)

    moved = batch(("issue", 2, 15), ("receive", 1, 5), ("count", 8, 18), ("issue", 5), ("receive", 3, 19))

    assert moved.status_code == 201, moved.json
    assert [row["delta"] for row in moved.json["movements"]] == [-2, 1, -1, -5, 3]
    assert [row["quantity_after"] for row in moved.json["movements"]] == [5, 6, 5, 0, 3]
    assert at(5, 10, 15, 18, 19, 20) == [1, 11, 9, 8, 11, 8]
    assert member.get(bolt).json["quantity"] == 3


def test_a_line_dated_before_a_count_of_its_batch_is_refused(member, bolt, batch):
    refused = batch(("count", 5, 20), ("receive", 1, 15))

    assert_refused(refused, "counted_since")
    [fault] = refused.json["errors"]
    assert (fault["index"], fault["code"], fault["at"], fault["movement_id"]) == (1, "counted_since", day(20), None)
    assert member.get(f"{bolt}/movements").json["total_items"] == 0


def test_every_backdated_line_that_can_not_be_recorded_is_told(member, bolt, move, batch):
    move("receive", 4, 10)
    count = move("count", 3, 20).json
    move("issue", 2, 25)

    refused = batch(("issue", 1, 15), ("issue", 2, 22), ("issue", 1, 22), ("issue", 9))

    assert refused.status_code == 409
    assert [(each["index"], each["code"], each.get("at"), each.get("quantity")) for each in refused.json["errors"]] == [
        (0, "counted_since", day(20), None),
        (1, "insufficient_stock", day(25), 1),
        (3, "insufficient_stock", refused.json["errors"][2]["at"], 0),
    ]
    assert refused.json["errors"][0]["movement_id"] == count["id"]
    assert member.get(bolt).json["quantity"] == 1


def test_lines_of_one_batch_and_item_without_moments_come_one_after_another(member, bolt, batch):
    moved = batch(("count", 5), ("issue", 2), ("count", 4)).json["movements"]

    moments = [row["occurred_at"] for row in moved]
    assert moments == sorted(set(moments))
    assert [member.get(f"{bolt}/quantity?at={moment}").json["quantity"] for moment in moments] == [5, 3, 4]
