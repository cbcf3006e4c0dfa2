"""The change feed and the audit: what a reader may count on."""

import pytest

from tests.support.files import imported


def read_all(client, limit=2, path="/events", join="?"):
    """Walk the feed from the beginning in small steps."""
    events, cursor, more = [], "", True
    while more:
        page = client.get(f"{path}{join}limit={limit}&since={cursor}").json
        events += page["data"]
        cursor, more = page["next_cursor"], page["has_more"]
    return events


def test_every_change_is_told_in_order_with_the_thing_as_it_became(member, lamp):
    member.patch(lamp, json={"name": "Lamp"})
    moved = member.post(f"{lamp}/movements", json={"kind": "issue", "quantity": 2, "reason": "order 7"}).json
    member.delete(lamp)
    restored = member.post(f"{lamp}/restore").json

    events = read_all(member)

    assert [event["type"] for event in events] == [
        "item.created",
        "movement.created",
        "item.updated",
        "movement.created",
        "item.archived",
        "item.restored",
    ]
    assert events[3]["data"] == moved
    assert events[5]["data"] == restored
    assert {event["item_id"] for event in events} == {restored["id"]}
    assert [event["id"] for event in events] == sorted(event["id"] for event in events)


def test_an_event_says_who_when_and_in_which_request(member):
    answer = member.post("/items", json={"sku": "A", "name": "B"}, headers={"X-Request-ID": "order-7"})

    (event,) = member.get("/events").json["data"]

    assert (event["actor"], event["request_id"]) == ("mel", "order-7")
    assert event["at"].endswith("Z")
    assert event["data"] == answer.json


def test_replaying_the_feed_rebuilds_the_stock(member, lamp):
    for quantity in (1, 4, 2):
        member.post(f"{lamp}/movements", json={"kind": "count", "quantity": quantity, "reason": "counted"})
    stock = {}
    deltas = {}

    for event in read_all(member):
        if event["type"] == "movement.created":
            stock[event["item_id"]] = event["data"]["quantity_after"]
            deltas[event["item_id"]] = deltas.get(event["item_id"], 0) + event["data"]["delta"]
        else:
            stock[event["item_id"]] = event["data"]["quantity"]

    assert stock == deltas == {member.get(lamp).json["id"]: 2}


def test_a_reader_may_ask_for_the_events_of_one_type(member, admin, lamp):
    member.patch(lamp, json={"name": "Lamp"})
    member.post(f"{lamp}/movements", json={"kind": "issue", "quantity": 2, "reason": "order 7"})
    everything = read_all(member)

    movements = read_all(member, limit=1, path="/events?type=movement.created", join="&")

    assert [event["type"] for event in everything].count("movement.created") == 2
    assert movements == [event for event in everything if event["type"] == "movement.created"]
    assert member.get("/events?type=user.created").json["data"] == []  # the feed is of the stock
    assert member.get("/events?type=").status_code == 422


def test_a_reader_without_news_keeps_its_cursor(member, lamp):
    cursor = member.get("/events").json["next_cursor"]

    page = member.get(f"/events?since={cursor}").json

    assert page == {"data": [], "next_cursor": cursor, "has_more": False}


def test_what_changes_nothing_is_not_told(member, lamp):
    cursor = member.get("/events").json["next_cursor"]

    member.patch(lamp, json={"name": "Desk lamp"})
    member.post(f"{lamp}/restore")
    member.post(f"{lamp}/movements", json={"kind": "issue", "quantity": 9, "reason": "refused"})

    assert member.get(f"/events?since={cursor}").json["data"] == []


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "9" * 19, "١"])
def test_a_cursor_that_is_none_is_refused(member, cursor):
    refused = member.get(f"/events?since={cursor}")

    assert (refused.status_code, refused.json["code"]) == (400, "invalid_cursor")


def test_the_events_of_a_large_import_come_all_and_in_their_order(member):
    rows = 1200  # with a movement each these are more events than are kept in memory

    imported(member, "sku,name,quantity\n" + "".join(f"S{number},n,{number + 1}\n" for number in range(rows)))

    events = read_all(member, limit=200)
    assert [event["id"] for event in events] == sorted({event["id"] for event in events})
    created = [event["data"]["sku"] for event in events if event["type"] == "item.created"]
    moved = [(event["data"]["sku"], event["data"]["delta"]) for event in events if event["type"] == "movement.created"]
    assert created == [f"S{number}" for number in range(rows)]
    assert moved == [(f"S{number}", number + 1) for number in range(rows)]
