"""Transfers: goods go from one place to another, whole or not at all, and none is lost on the way."""

import pytest
from sqlalchemy import text

from models.database.base import db
from models.stock.verify import verify
from tests.support.shelf import add, make_location, together


@pytest.fixture
def van(app):
    """The code of a second location."""
    return make_location(app, "VAN")


def send(client, *lines, receive="later", **fields):
    body = {"from": "MAIN", "to": "VAN", "reason": "for Tuesday", "receive": receive, **fields}
    return client.post("/transfers", json={**body, "lines": list(lines)})


def sent(client, *lines, **fields):
    """A transfer that has been made, as its path."""
    made = send(client, *lines, **fields)
    assert made.status_code == 201, made.json
    return f"/transfers/{made.json['id']}"


def arrive(client, transfer, *lines, **fields):
    return client.post(f"{transfer}/receipts", json={"lines": list(lines), **fields})


def lies(client, path):
    """How much lies where, by location."""
    return {stock["location"]: stock["quantity"] for stock in client.get(f"{path}/stocks").json["data"]}


def became(client, transfer):
    """What a transfer has come to: its state, and of each line what was received, returned and damaged."""
    now = client.get(transfer).json
    return now["state"], [(line["received"], line["returned"], line["damaged"]) for line in now["lines"]]


def is_sound(app):
    with app.app_context():
        return list(verify()) == []


def kept(client, lamp):
    """What a refusal must leave as it is."""
    return client.get(lamp).json, lies(client, lamp), client.get("/events?limit=1000").json["data"]


ITEM = {"sku": "LAMP-1"}


def test_goods_that_are_received_now_are_there_at_once(app, member, lamp, van):
    made = send(member, {**ITEM, "quantity": 2}, receive="now", reference="T-1")

    transfer = made.json
    assert made.status_code == 201
    assert made.headers["Location"].endswith(f"/api/v1/transfers/{transfer['id']}")
    assert (transfer["state"], transfer["from"], transfer["to"], transfer["reference"]) == (
        "received",
        "MAIN",
        "VAN",
        "T-1",
    )
    assert transfer["lines"] == [
        {"line": 1, "item_id": 1, "sku": "LAMP-1", "quantity": 2, "received": 2, "returned": 0, "damaged": 0}
        | {"item_id": member.get(lamp).json["id"]}
    ]
    assert lies(member, lamp) == {"MAIN": 3, "VAN": 2}
    assert member.get(lamp).json["quantity"] == 5
    assert member.get(f"/transfers/{transfer['id']}").json == transfer
    assert is_sound(app)


def test_each_line_is_two_movements_that_name_the_transfer(member, lamp, van):
    made = send(member, {**ITEM, "quantity": 2}, receive="now", reference="T-1").json

    moved = member.get(f"{lamp}/movements").json["data"][1:]

    assert [
        (each["kind"], each["delta"], each["location"], each["location_quantity_after"], each["quantity_after"])
        for each in moved
    ] == [("transfer_out", -2, "MAIN", 3, 3), ("transfer_in", 2, "VAN", 2, 5)]
    assert {(each["transfer_id"], each["reason"], each["reference"]) for each in moved} == {
        (made["id"], "for Tuesday", "T-1")
    }


def test_what_is_on_its_way_belongs_to_the_item_and_to_no_place_that_can_be_named(app, member, lamp, van):
    transfer = sent(member, {**ITEM, "quantity": 2})
    refused = [
        member.post(f"{lamp}/movements", json={"kind": "issue", "quantity": 1, "reason": "x", "location": code})
        for code in ("IN_TRANSIT", "in_transit")
    ]
    by_transfer = send(member, {**ITEM, "quantity": 1}, **{"from": "IN_TRANSIT"})

    assert became(member, transfer) == ("in_transit", [(0, 0, 0)])
    assert lies(member, lamp) == {"MAIN": 3, "VAN": 0, "IN_TRANSIT": 2} or lies(member, lamp) == {
        "MAIN": 3,
        "IN_TRANSIT": 2,
    }
    assert member.get(lamp).json["quantity"] == 5
    assert {(each.status_code, each.json["code"]) for each in (*refused, by_transfer)} == {(422, "unknown_location")}
    assert is_sound(app)


def test_the_place_on_the_way_is_none_of_the_locations(admin, member, van):
    assert [each["code"] for each in member.get("/locations").json["data"]] == ["MAIN", "VAN"]
    assert member.get("/locations/by-code/IN_TRANSIT").status_code == 404
    assert member.get("/locations/-1").status_code == 404
    taken = member.post("/locations", json={"code": "In_Transit"})
    assert (taken.status_code, taken.json["code"]) == (409, "code_taken")


def test_goods_arrive_in_parts_go_back_or_arrive_damaged(app, member, lamp, van):
    transfer = sent(member, {**ITEM, "quantity": 5})

    first = arrive(member, transfer, {"line": 1, "received": 1})
    second = arrive(member, transfer, {"line": 1, "returned": 1, "damaged": 1}, reason="fell", reference="R-2")
    states = first.json["state"], second.json["state"]
    last = arrive(member, transfer, {"line": 1, "received": 2})

    assert (first.status_code, last.status_code) == (201, 201)
    assert (*states, last.json["state"]) == ("partly_received", "partly_received", "received")
    assert became(member, transfer) == ("received", [(3, 1, 1)])
    assert lies(member, lamp) == {"MAIN": 1, "VAN": 3}
    assert member.get(lamp).json["quantity"] == 4
    [loss] = member.get(f"{lamp}/movements?kind=issue").json["data"]
    assert (loss["delta"], loss["location"], loss["reason"], loss["reference"]) == (-1, "VAN", "fell", "R-2")
    assert f"/transfers/{loss['transfer_id']}" == transfer
    assert is_sound(app)


def test_a_transfer_of_which_all_went_back_is_received(app, member, lamp, van):
    transfer = sent(member, {**ITEM, "quantity": 2})

    arrive(member, transfer, {"line": 1, "returned": 2})

    assert became(member, transfer) == ("received", [(0, 2, 0)])
    assert lies(member, lamp)["MAIN"] == 5
    assert is_sound(app)


def test_more_than_is_on_its_way_does_not_arrive(app, member, lamp, van):
    transfer = sent(member, {**ITEM, "quantity": 2}, {**ITEM, "quantity": 1})
    before = kept(member, lamp)

    over = arrive(member, transfer, {"line": 2, "received": 1}, {"line": 1, "received": 2, "damaged": 1})
    together_over = arrive(member, transfer, {"line": 1, "received": 2}, {"line": 1, "returned": 1})
    unknown = arrive(member, transfer, {"line": 3, "received": 1})

    assert (over.status_code, over.json["code"]) == (409, "over_receipt")
    assert over.json["outstanding"] == 2
    assert [(each["index"], each["outstanding"]) for each in over.json["errors"]] == [(1, 2)]
    assert [(each["index"], each["outstanding"]) for each in together_over.json["errors"]] == [(1, 0)]
    assert (unknown.status_code, unknown.json["code"]) == (422, "unknown_line")
    assert kept(member, lamp) == before
    assert became(member, transfer) == ("in_transit", [(0, 0, 0), (0, 0, 0)])


def test_what_was_received_is_not_received_again(member, lamp, van):
    transfer = sent(member, {**ITEM, "quantity": 2}, receive="now")
    before = kept(member, lamp)

    again = arrive(member, transfer, {"line": 1, "received": 1})

    assert (again.status_code, again.json["code"], again.json["state"]) == (409, "transfer_state", "received")
    assert kept(member, lamp) == before


def test_all_lines_are_sent_or_none_and_those_of_one_item_are_checked_together(app, member, lamp, van):
    add(member, "BULB", quantity=9)
    before = kept(member, lamp)

    refused = send(member, {"sku": "BULB", "quantity": 1}, {**ITEM, "quantity": 3}, {**ITEM, "quantity": 3})

    assert (refused.status_code, refused.json["code"]) == (409, "insufficient_stock")
    assert [(each["index"], each["field"], each["quantity"]) for each in refused.json["errors"]] == [(2, "lines[2]", 2)]
    assert kept(member, lamp) == before
    assert member.get("/transfers").json["data"] == []


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"to": "main"}, 422, "same_location"),
        ({"to": "NOWHERE"}, 422, "unknown_location"),
        ({"from": "NOWHERE"}, 422, "unknown_location"),
        ({"to": "IN_TRANSIT"}, 422, "unknown_location"),
        ({"receive": "soon"}, 422, "invalid_input"),
        ({"to": "OLD"}, 409, "location_archived"),
    ],
)
def test_a_transfer_goes_between_two_places_in_use(app, member, lamp, van, fields, status, code):
    make_location(app, "OLD")
    member.delete(f"/locations/{member.get('/locations/by-code/OLD').json['id']}")
    before = kept(member, lamp)

    refused = send(member, {**ITEM, "quantity": 1}, **fields)

    assert (refused.status_code, refused.json["code"]) == (status, code)
    assert kept(member, lamp) == before


@pytest.mark.parametrize("line", [{}, {"line": 1}, {"line": 1, "received": 0}, {"line": 1, "received": -1}])
def test_a_receipt_says_what_arrived(member, lamp, van, line):
    transfer = sent(member, {**ITEM, "quantity": 2})

    assert arrive(member, transfer, line).status_code == 422


def test_a_reversal_brings_back_what_has_arrived_and_what_is_on_its_way(app, member, lamp, van):
    transfer = sent(member, {**ITEM, "quantity": 4})
    arrive(member, transfer, {"line": 1, "received": 2, "damaged": 1})

    back = member.post(f"{transfer}/reversal", json={"reason": "wrong van"})
    again = member.post(f"{transfer}/reversal", json={})

    assert (back.status_code, back.json["state"], back.json["reversed"]) == (201, "received", True)
    assert became(member, transfer) == ("received", [(0, 3, 1)])
    assert lies(member, lamp) == {"MAIN": 4, "VAN": 0}
    assert (again.status_code, again.json["code"]) == (409, "already_reversed")
    assert arrive(member, transfer, {"line": 1, "received": 1}).json["code"] == "transfer_state"
    assert is_sound(app)


def test_what_is_reserved_at_the_destination_is_brought_back_too_and_the_feed_says_so(app, member, lamp, van):
    transfer = sent(member, {**ITEM, "quantity": 4}, receive="now")
    promised = {**ITEM, "quantity": 3, "reason": "order", "location": van}
    assert member.post("/reservations", json={"reservations": [promised]}).status_code == 201

    back = member.post(f"{transfer}/reversal", json={})

    assert back.status_code == 201
    [event] = member.get("/events?type=item.oversubscribed").json["data"]
    assert (event["data"]["location"], event["data"]["quantity"], event["data"]["reserved"]) == ("VAN", 0, 3)
    assert is_sound(app)


def test_what_the_destination_does_not_have_any_more_is_not_brought_back(app, member, lamp, van):
    transfer = sent(member, {**ITEM, "quantity": 4}, receive="now")
    member.post(f"{lamp}/movements", json={"kind": "issue", "quantity": 1, "reason": "sold", "location": van})
    before = kept(member, lamp)

    refused = member.post(f"{transfer}/reversal", json={})

    assert (refused.status_code, refused.json["code"]) == (409, "insufficient_stock")
    assert [(each["index"], each["location"], each["quantity"]) for each in refused.json["errors"]] == [(0, "VAN", 3)]
    assert kept(member, lamp) == before


def test_nothing_is_left_to_be_brought_back_of_what_arrived_damaged(member, lamp, van):
    transfer = sent(member, {**ITEM, "quantity": 1})
    arrive(member, transfer, {"line": 1, "damaged": 1})

    refused = member.post(f"{transfer}/reversal", json={})

    assert (refused.status_code, refused.json["code"]) == (409, "transfer_state")


def test_one_leg_of_a_transfer_is_not_reversed_alone(member, lamp, van):
    transfer = sent(member, {**ITEM, "quantity": 1}, receive="now")
    before = kept(member, lamp)

    for leg in member.get(f"{lamp}/movements?kind=transfer_out").json["data"]:
        refused = member.post(f"/movements/{leg['id']}/reversal", json={})
        assert (refused.status_code, refused.json["code"]) == (409, "part_of_transfer")
        assert f"/transfers/{refused.json['transfer_id']}" == transfer
    assert kept(member, lamp) == before


def test_neither_end_nor_an_item_is_archived_while_goods_are_on_their_way(member, lamp, van):
    make = member.get("/locations/by-code/VAN").json
    transfer = sent(member, {**ITEM, "quantity": 1})

    place = member.delete(f"/locations/{make['id']}")
    item = member.delete(lamp)

    assert (place.status_code, place.json["code"]) == (409, "location_in_use")
    assert (item.status_code, item.json["code"]) == (409, "in_transit")
    arrive(member, transfer, {"line": 1, "returned": 1})
    assert member.delete(f"/locations/{make['id']}").status_code == 204
    assert member.delete(lamp).status_code == 204


def test_the_feed_has_every_act_with_the_transfer_as_it_became(member, lamp, van):
    transfer = sent(member, {**ITEM, "quantity": 2})
    arrive(member, transfer, {"line": 1, "received": 1})
    member.post(f"{transfer}/reversal", json={})

    events = member.get("/events?limit=1000").json["data"]
    acts = [event for event in events if event["type"].startswith("transfer.")]

    assert [event["type"] for event in acts] == ["transfer.created", "transfer.received", "transfer.reversed"]
    assert [event["data"]["state"] for event in acts] == ["in_transit", "partly_received", "received"]
    assert acts[-1]["data"] == member.get(transfer).json


def test_a_repeated_act_with_its_key_is_done_once(app, member, lamp, van):
    body = {"from": "MAIN", "to": "VAN", "reason": "x", "receive": "later", "lines": [{**ITEM, "quantity": 2}]}
    made = [member.post("/transfers", json=body, headers={"Idempotency-Key": "a"}) for _ in range(2)]
    path = f"/transfers/{made[0].json['id']}"
    received = [
        member.post(f"{path}/receipts", json={"lines": [{"line": 1, "received": 1}]}, headers={"Idempotency-Key": "b"})
        for _ in range(2)
    ]

    assert made[0].json == made[1].json
    assert received[0].json == received[1].json
    assert made[1].headers["Idempotent-Replayed"] == received[1].headers["Idempotent-Replayed"] == "true"
    assert became(member, path) == ("partly_received", [(1, 0, 0)])
    assert is_sound(app)


def test_transfers_are_listed_by_state_place_and_reference(app, member, lamp, van):
    make_location(app, "SHOP")
    sent(member, {**ITEM, "quantity": 1}, reference="one")
    sent(member, {**ITEM, "quantity": 1}, reference="two", receive="now")
    sent(member, {**ITEM, "quantity": 1}, reference="three", to="SHOP")

    def listed(query):
        return [each["reference"] for each in member.get(f"/transfers{query}").json["data"]]

    assert listed("") == ["one", "two", "three"]
    assert listed("?sort=-id&limit=2") == ["three", "two"]
    assert listed("?state=in_transit") == ["one", "three"]
    assert listed("?location=van") == ["one", "two"]
    assert listed("?location=MAIN&state=received") == ["two"]
    assert listed("?reference=three") == ["three"]
    assert listed("?location=NOWHERE") == []
    assert member.get("/transfers?reference=two").json["data"][0]["lines"][0]["received"] == 1
    assert member.get("/transfers/99999").status_code == 404


def test_a_guest_reads_transfers_and_makes_none(guest, member, lamp, van):
    transfer = sent(member, {**ITEM, "quantity": 1})

    assert guest.get(transfer).status_code == 200
    assert send(guest, {**ITEM, "quantity": 1}).status_code == 403
    assert arrive(guest, transfer, {"line": 1, "received": 1}).status_code == 403
    assert guest.post(f"{transfer}/reversal", json={}).status_code == 403


def test_of_racing_receipts_as_many_count_as_are_on_their_way(app, member, lamp, van):
    transfer = sent(member, {**ITEM, "quantity": 4})

    answers = together(*[lambda: arrive(member, transfer, {"line": 1, "received": 1})] * 8)

    assert sorted(answer.status_code for answer in answers) == [201] * 4 + [409] * 4
    assert became(member, transfer) == ("received", [(4, 0, 0)])
    assert lies(member, lamp) == {"MAIN": 1, "VAN": 4}
    assert is_sound(app)


def test_transfers_in_a_ring_lose_and_double_nothing(app, member, van):
    make_location(app, "SHOP")
    ring = ["MAIN", "VAN", "SHOP"]
    for sku in ("A", "B"):
        add(member, sku, quantity=30)
    for code in ring[1:]:
        sent(member, {"sku": "A", "quantity": 10}, {"sku": "B", "quantity": 10}, receive="now", to=code)
    ways = [(ring[i], ring[(i + 1) % 3]) for i in range(3)]
    lines = [{"sku": "A", "quantity": 3}, {"sku": "B", "quantity": 3}]

    answers = together(
        *[
            lambda way=way, order=order: send(member, *lines[::order], receive="now", **{"from": way[0], "to": way[1]})
            for way in ways
            for order in (1, -1)
        ]
    )

    assert {answer.status_code for answer in answers} == {201}
    for sku in ("A", "B"):
        path = f"/items/{member.get(f'/items/by-sku/{sku}').json['id']}"
        assert lies(member, path) == dict.fromkeys(ring, 10)
    assert is_sound(app)


def test_verify_finds_a_transfer_that_contradicts_its_movements(app, member, lamp, van):
    sent(member, {**ITEM, "quantity": 2})
    with app.app_context():
        with db.engine.begin() as connection:
            connection.execute(text("UPDATE transfer_lines SET received = 1"))
            connection.execute(text("UPDATE transfers SET state = 'received'"))
        faults = list(verify())

    assert [fault.partition(": ")[2].partition(": ")[2] or fault.partition(": ")[2] for fault in faults] == [
        "its movements where they went are -1 off its lines",
        "its movements on their way are 1 off its lines",
        "its state is received, its lines say otherwise",
    ]
