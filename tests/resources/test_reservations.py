"""Reservations: what is promised is still there, and is given to nobody else."""

import pytest
from sqlalchemy import text

from models.database.base import db
from tests.resources.test_events import read_all
from tests.support.databases import on_one_database
from tests.support.reservations import (
    is_sound,
    let_expire,
    path_of_reservation,
    post_reservation,
    promised,
    reserve,
)
from tests.support.shelf import add, make_location

LATER, PAST = "2099-01-31T08:00:00.000000Z", "2026-01-05T12:00:00Z"


@pytest.fixture
def bolt(member):
    """The path of an item of which there are ten."""
    return f"/items/{add(member, 'BOLT', quantity=10)['id']}"


@pytest.fixture
def van(app):
    return make_location(app, "VAN")


def move(client, item, kind, quantity, **more):
    return client.post(f"{item}/movements", json={"kind": kind, "quantity": quantity, "reason": "a test", **more})


def fulfil(client, reservation, quantity=None):
    body = {} if quantity is None else {"quantity": quantity}
    return client.post(path_of_reservation(reservation, "/fulfilment"), json=body)


def release(client, reservation):
    return client.post(path_of_reservation(reservation, "/release"))


def refusal(answer):
    return answer.status_code, answer.json["code"]


def numbers(answer):
    """What a refusal says of the stock."""
    return {name: answer.json[name] for name in ("quantity", "reserved", "available")}


def types(client):
    """The types of the events so far."""
    return [event["type"] for event in read_all(client, limit=100)]


def stocks(client, item):
    """Quantity, reserved and available by location."""
    rows = client.get(f"{item}/stocks").json["data"]
    return {row["location"]: (row["quantity"], row["reserved"], row["available"]) for row in rows}


# --- make -----------------------------------------------------------------------------------------------------------


def test_what_is_reserved_is_still_there_and_no_longer_available(app, member, bolt):
    made = reserve(member, "bolt", 4, reference="order 8")

    assert {name: made[name] for name in ("sku", "location", "quantity", "open", "state", "expires_at")} == {
        "sku": "BOLT",
        "location": "MAIN",
        "quantity": 4,
        "open": 4,
        "state": "open",
        "expires_at": None,
    }
    assert (made["reason"], made["reference"], made["user"]) == ("an order", "order 8", "mel")
    assert promised(member, bolt) == (10, 4, 6)
    assert member.get(path_of_reservation(made)).json == made
    assert is_sound(app)


def test_who_reserves_nothing_has_all_available(member, lamp):
    assert promised(member, lamp) == (5, 0, 5)
    [listed] = member.get("/items").json["data"]
    assert list(listed)[6:9] == ["quantity", "reserved", "available"]
    assert listed["available"] == 5
    assert member.get("/stocks").json["data"][0]["available"] == 5


def test_items_by_sku_barcode_and_list_say_it_alike(member):
    item = add(member, "A/1", quantity=5, barcode="4006381333931")
    reserve(member, "A/1", 2)

    read = member.get(f"/items/{item['id']}").json
    assert (read["reserved"], read["available"]) == (2, 3)
    assert member.get("/items/by-sku/a%2F1").json == read
    assert member.get("/items/by-barcode/4006381333931").json == read
    assert member.get("/items").json["data"] == [read]
    assert member.get("/items?fields=sku,available").json["data"] == [{"sku": "A/1", "available": 3}]
    assert member.get("/items/export?fields=sku,reserved,available").text.split() == [
        "sku,reserved,available",
        "A/1,2,3",
    ]


def test_a_reservation_may_expire(member, bolt):
    before = member.get(bolt).json
    made = reserve(member, "BOLT", 1, minutes=525_600)

    assert made["expires_at"] > made["created_at"]
    after = member.get(bolt).json
    assert (after["version"], after["updated_at"] > before["updated_at"]) == (before["version"] + 1, True)


def test_no_more_is_reserved_than_is_available(app, member, bolt):
    reserve(member, "BOLT", 7)

    refused = post_reservation(member, "BOLT", 4)

    assert refusal(refused) == (409, "insufficient_stock")
    assert numbers(refused) == {"quantity": 10, "reserved": 7, "available": 3}
    [error] = refused.json["errors"]
    assert (error["field"], error["index"], error["available"]) == ("reservations[0]", 0, 3)
    assert (promised(member, bolt), types(member).count("reservation.created")) == ((10, 7, 3), 1)
    assert post_reservation(member, "BOLT", 3).status_code == 201
    assert is_sound(app)


def test_lines_of_one_item_are_checked_together_and_all_are_made_or_none(app, member, bolt):
    add(member, "NUT", quantity=1)
    lines = [{"sku": sku, "quantity": n, "reason": "x"} for sku, n in (("BOLT", 6), ("NUT", 1), ("bolt", 5))]

    refused = member.post("/reservations", json={"reservations": lines})
    before = promised(member, bolt), types(member).count("reservation.created")
    lines[2]["quantity"] = 4
    made = member.post("/reservations", json={"reservations": lines, "expires_in_minutes": 5}).json["reservations"]

    assert [(error["index"], error["quantity"], error["available"]) for error in refused.json["errors"]] == [(2, 10, 4)]
    assert before == ((10, 0, 10), 0)
    assert [(each["sku"], each["quantity"]) for each in made] == [("BOLT", 6), ("NUT", 1), ("BOLT", 4)]
    assert len({each["expires_at"] for each in made}) == 1
    assert promised(member, bolt) == (10, 10, 0)
    assert is_sound(app)


def test_each_location_has_its_own(app, member, bolt, van):
    move(member, bolt, "receive", 3, location=van)
    made = reserve(member, "BOLT", 3, location="van")

    refused = post_reservation(member, "BOLT", 1, location=van)

    assert made["location"] == "VAN"
    assert (refused.json["location"], refused.json["available"], refused.json["total"]) == ("VAN", 0, 13)
    assert post_reservation(member, "BOLT", 10).status_code == 201
    assert stocks(member, bolt) == {"MAIN": (10, 10, 0), "VAN": (3, 3, 0)}
    assert promised(member, bolt) == (13, 13, 0)
    assert [row["reserved"] for row in member.get("/stocks?location=VAN").json["data"]] == [3]
    assert "BOLT,VAN,3,3,0," in member.get("/stocks?format=csv").text
    assert is_sound(app)


def test_what_is_on_its_way_is_not_available(app, member, bolt):
    reserve(member, "BOLT", 4)
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("UPDATE items SET elsewhere = 3"))
        connection.execute(text("INSERT INTO stocks (item_id, location_id, quantity) SELECT id, -1, 3 FROM items"))

    assert promised(member, bolt) == (10, 4, 3)
    assert stocks(member, bolt) == {"MAIN": (7, 4, 3), "IN_TRANSIT": (3, 0, 0)}
    assert member.patch(bolt, json={"name": "Bolt"}).json["available"] == 3


def test_what_can_not_be_reserved_is_refused(app, member, bolt, van):
    closed = add(member, "OLD", quantity=1)
    member.delete(f"/items/{closed['id']}")
    make_location(app, "ATTIC")
    member.delete("/locations/" + str(member.get("/locations/by-code/ATTIC").json["id"]))

    assert refusal(post_reservation(member, "OLD", 1)) == (409, "item_archived")
    assert refusal(post_reservation(member, "BOLT", 1, location="NONE")) == (422, "unknown_location")
    assert refusal(post_reservation(member, "BOLT", 1, location="IN_TRANSIT")) == (422, "unknown_location")
    assert refusal(post_reservation(member, "BOLT", 1, location="ATTIC")) == (409, "location_archived")
    assert refusal(post_reservation(member, "BOLT", 1, location=van)) == (409, "insufficient_stock")
    assert refusal(post_reservation(member, "NONE", 1)) == (422, "invalid_input")
    assert "reservation.created" not in types(member)


@on_one_database
@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["reservations"]),
        ({"reservations": []}, ["reservations"]),
        ({"reservations": [{"quantity": 1, "reason": "x"}]}, ["reservations[0].item_id"]),
        ({"reservations": [{"sku": "A", "item_id": 1, "quantity": 1, "reason": "x"}]}, ["reservations[0].item_id"]),
        ({"reservations": [{"sku": "A", "quantity": 0, "reason": "x"}]}, ["reservations[0].quantity"]),
        ({"reservations": [{"sku": "A", "quantity": "1", "reason": ""}]}, None),
        ({"reservations": [{"sku": "A", "quantity": 1, "reason": "x", "kind": "issue"}]}, ["reservations[0].kind"]),
        ({"reservations": [{"sku": "A", "quantity": 1, "reason": "x"}] * 1001}, ["reservations"]),
        *(
            (
                {"reservations": [{"sku": "A", "quantity": 1, "reason": "x"}], "expires_in_minutes": minutes},
                ["expires_in_minutes"],
            )
            for minutes in (0, 525_601, None, "60", 1.5)
        ),
    ],
)
def test_what_makes_no_sense_is_refused(member, body, fields):
    refused = member.post("/reservations", json=body)

    assert refusal(refused) == (422, "invalid_input")
    if fields:
        assert [error["field"] for error in refused.json["errors"]] == fields


# --- what is reserved stays -----------------------------------------------------------------------------------------


def test_nothing_is_issued_that_is_reserved(app, member, bolt):
    reserve(member, "BOLT", 7)

    refused = move(member, bolt, "issue", 4)

    assert refusal(refused) == (409, "insufficient_stock")
    assert numbers(refused) == {"quantity": 10, "reserved": 7, "available": 3}
    assert (refused.json["location"], refused.json["total"]) == ("MAIN", 10)
    assert move(member, bolt, "issue", 3).status_code == 201
    assert promised(member, bolt) == (7, 7, 0)
    assert is_sound(app)


def test_a_backdated_issue_takes_nothing_that_is_reserved_now(member):
    item = f"/items/{add(member, 'NUT')['id']}"
    move(member, item, "receive", 5, occurred_at=PAST)
    reserve(member, "NUT", 4)

    refused = move(member, item, "issue", 2, occurred_at="2026-01-06T12:00:00Z")

    assert (refusal(refused), numbers(refused)["available"]) == ((409, "insufficient_stock"), 1)
    assert move(member, item, "issue", 1, occurred_at="2026-01-06T12:00:00Z").status_code == 201


def test_lines_of_a_batch_take_nothing_that_is_reserved_together(member, bolt):
    reserve(member, "BOLT", 7)
    line = {"sku": "BOLT", "kind": "issue", "quantity": 2, "reason": "sold"}

    refused = member.post("/movements", json={"movements": [line, line]})

    assert (refused.status_code, refused.json["errors"][0]["index"], refused.json["errors"][0]["available"]) == (
        409,
        1,
        1,
    )
    assert promised(member, bolt) == (10, 7, 3)


@pytest.mark.parametrize(
    ("kind", "quantity", "events"),
    [("count", 5, 1), ("adjust", -5, 1), ("count", 7, 0), ("adjust", -3, 0), ("receive", 1, 0)],
)
def test_what_is_there_is_recorded_even_if_more_is_reserved(app, member, bolt, kind, quantity, events):
    reserve(member, "BOLT", 7)

    assert move(member, bolt, kind, quantity).status_code == 201

    now = member.get(bolt).json
    assert now["available"] == max(0, now["quantity"] - 7)
    found = [event for event in read_all(member, limit=100) if event["type"] == "item.oversubscribed"]
    data = {"item_id": now["id"], "sku": "BOLT", "location": "MAIN", "quantity": 5, "reserved": 7, "available": 0}
    assert [(each["data"], each["item_id"]) for each in found] == [(data, now["id"])] * events
    assert is_sound(app)


def test_a_batch_that_makes_up_for_it_oversubscribes_nothing(member, bolt):
    reserve(member, "BOLT", 7)
    lines = [("adjust", -5), ("receive", 5)]

    member.post(
        "/movements",
        json={"movements": [{"sku": "BOLT", "kind": k, "quantity": q, "reason": "x"} for k, q in lines]},
    )

    assert (promised(member, bolt), "item.oversubscribed" in types(member)) == ((10, 7, 3), False)


def test_a_reversal_records_what_is_there(app, member, bolt):
    received = move(member, bolt, "receive", 5).json
    reserve(member, "BOLT", 12)

    reversed_ = member.post(f"/movements/{received['id']}/reversal", json={})

    assert (reversed_.status_code, promised(member, bolt)) == (201, (10, 12, 0))
    assert types(member)[-2:] == ["movement.created", "item.oversubscribed"]
    assert is_sound(app)


def test_where_too_much_is_promised_whoever_comes_first_gets_it(app, member, bolt):
    first, second = reserve(member, "BOLT", 5), reserve(member, "BOLT", 5)
    move(member, bolt, "count", 6)

    assert refusal(move(member, bolt, "issue", 1)) == (409, "insufficient_stock")
    assert fulfil(member, first).status_code == 201
    refused = fulfil(member, second)
    assert (refusal(refused), refused.json["quantity"]) == ((409, "insufficient_stock"), 1)
    assert promised(member, bolt) == (1, 5, 0)
    assert types(member).count("item.oversubscribed") == 1
    assert is_sound(app)


def test_an_item_is_not_archived_while_some_of_it_is_reserved(member, bolt):
    made = reserve(member, "BOLT", 2)

    refused = member.delete(bolt)

    assert (refusal(refused), refused.json["reserved"]) == ((409, "reserved"), 2)
    release(member, made)
    assert member.delete(bolt).status_code == 204


def test_a_location_is_not_archived_while_something_is_reserved_there(app, member, bolt, van):
    place = f"/locations/{member.get('/locations/by-code/VAN').json['id']}"
    move(member, bolt, "receive", 2, location=van)
    made = reserve(member, "BOLT", 2, location=van)
    move(member, bolt, "count", 0, location=van)

    assert refusal(member.delete(place)) == (409, "location_in_use")
    release(member, made)
    assert member.delete(place).status_code == 204
    assert is_sound(app)


def test_a_file_issues_nothing_that_is_reserved(app, member, bolt):
    reserve(member, "BOLT", 7)
    file = "sku,kind,quantity,reason\nBOLT,issue,2,x\nBOLT,issue,2,x\n"

    def send(file):
        return member.post("/movements/import", data=file, content_type="text/csv")

    refused = send(file)
    assert [(error["row"], error["code"], error["available"]) for error in refused.json["errors"]] == [
        (2, "insufficient_stock", 1)
    ]
    assert send("sku,kind,quantity,reason\nBOLT,issue,3,x\nBOLT,count,5,x\n").status_code == 200
    assert (promised(member, bolt), types(member).count("item.oversubscribed")) == ((5, 7, 0), 1)
    assert is_sound(app)


def test_a_file_of_items_issues_nothing_that_is_reserved_and_counts_what_is_there(app, member, bolt, van):
    move(member, bolt, "receive", 9, location=van)
    reserve(member, "BOLT", 7)

    def send(file, query):
        return member.post(f"/items/import{query}", data=file, content_type="text/csv")

    refused = send("sku,quantity,location\nBOLT,4,MAIN\n", "?quantity=issue")
    assert [(error["code"], error["value"]) for error in refused.json["errors"]] == [("insufficient_stock", "4")]
    assert "of which 7 are reserved" in refused.json["errors"][0]["message"]
    assert send("sku,quantity,location\nBOLT,3,MAIN\n", "?quantity=issue").status_code == 200
    assert send("sku,quantity,location\nBOLT,9,VAN\n", "?quantity=issue").status_code == 200
    assert "item.oversubscribed" not in types(member)
    assert send("sku,quantity,location\nBOLT,6,MAIN\n", "").status_code == 200
    assert (promised(member, bolt), types(member).count("item.oversubscribed")) == ((6, 7, 0), 1)
    assert is_sound(app)


# --- fulfil and release ---------------------------------------------------------------------------------------------


def test_a_fulfilment_issues_what_was_reserved(app, member, bolt):
    made = reserve(member, "BOLT", 4, reference="order 8")

    answer = fulfil(member, made)

    movement, reservation = answer.json["movement"], answer.json["reservation"]
    assert (answer.status_code, reservation) == (201, {**made, "open": 0, "state": "fulfilled"})
    assert {name: movement[name] for name in ("kind", "delta", "reason", "reference", "reservation_id")} == {
        "kind": "issue",
        "delta": -4,
        "reason": "an order",
        "reference": "order 8",
        "reservation_id": made["id"],
    }
    assert member.get(answer.headers["Location"]).json == movement
    assert promised(member, bolt) == (6, 0, 6)
    assert types(member)[-2:] == ["movement.created", "reservation.fulfilled"]
    assert is_sound(app)


def test_the_rest_of_a_fulfilment_stays_open(app, member, bolt):
    made = reserve(member, "BOLT", 4)

    first = fulfil(member, made, 1).json["reservation"]
    too_much = fulfil(member, made, 4)
    second = fulfil(member, made, 3).json["reservation"]

    assert (first["open"], first["state"]) == (3, "open")
    assert (refusal(too_much), too_much.json["open"]) == ((409, "over_fulfilment"), 3)
    assert (second["open"], second["state"]) == (0, "fulfilled")
    assert [each["delta"] for each in member.get(f"{bolt}/movements?kind=issue").json["data"]] == [-1, -3]
    assert is_sound(app)


def test_what_is_released_is_available_again(app, member, bolt):
    made = reserve(member, "BOLT", 4)
    fulfil(member, made, 1)

    released = release(member, made)

    assert (released.status_code, released.json["state"], released.json["open"]) == (200, "released", 3)
    assert promised(member, bolt) == (9, 0, 9)
    assert types(member)[-1] == "reservation.released"
    assert is_sound(app)


@pytest.mark.parametrize("state", ["fulfilled", "released", "expired"])
def test_only_an_open_reservation_is_changed(app, member, bolt, state):
    made = reserve(member, "BOLT", 4, minutes=5)
    {"fulfilled": fulfil, "released": release}.get(state, lambda *_: let_expire(app, made))(member, made)
    before = types(member)

    for refused in (
        fulfil(member, made),
        release(member, made),
        member.patch(path_of_reservation(made), json={"expires_at": LATER}),
    ):
        assert (refusal(refused), refused.json["state"]) == ((409, "reservation_closed"), state)
    assert types(member) == before


def test_a_fulfilment_is_reversed_as_any_issue_and_opens_nothing(app, member, bolt):
    movement = fulfil(member, reserve(member, "BOLT", 4)).json["movement"]

    reversed_ = member.post(f"/movements/{movement['id']}/reversal", json={})

    assert (reversed_.status_code, reversed_.json["reservation_id"]) == (201, None)
    assert promised(member, bolt) == (10, 0, 10)
    assert member.get("/reservations").json["data"][0]["state"] == "fulfilled"
    assert is_sound(app)


def test_a_reservation_follows_its_item_and_its_location_to_other_names(app, member, bolt, van):
    move(member, bolt, "receive", 3, location=van)
    made = reserve(member, "BOLT", 3, location=van)
    member.patch(bolt, json={"sku": "SCREW"})
    member.patch(f"/locations/{member.get('/locations/by-code/VAN').json['id']}", json={"code": "TRUCK"})

    movement = fulfil(member, made).json["movement"]

    assert (movement["sku"], movement["location"]) == ("SCREW", "TRUCK")
    assert is_sound(app)


def test_unknown_reservations_are_not_found(member):
    for path in ("", "/fulfilment", "/release"):
        answer = member.get("/reservations/7") if not path else member.post(f"/reservations/7{path}")
        assert answer.status_code == 404
    assert member.patch("/reservations/7", json={"expires_at": LATER}).status_code == 404


# --- the time -------------------------------------------------------------------------------------------------------


def test_the_time_of_a_reservation_is_changed(member, bolt):
    made = reserve(member, "BOLT", 4)

    changed = member.patch(path_of_reservation(made), json={"expires_at": LATER})
    again = member.patch(path_of_reservation(made), json={"expires_at": LATER})

    assert (changed.status_code, changed.json) == (200, {**made, "expires_at": LATER})
    assert (again.json, types(member).count("reservation.updated")) == (changed.json, 1)
    assert changed.headers["ETag"] == member.get(path_of_reservation(made)).headers["ETag"]


@pytest.mark.parametrize("body", [{"expires_at": None}, {"expires_at": PAST}, {}, {"expires_at": LATER, "open": 3}])
def test_a_time_that_is_none_or_past_is_refused(member, bolt, body):
    made = reserve(member, "BOLT", 4, minutes=9)

    refused = member.patch(path_of_reservation(made), json=body)

    assert refusal(refused) == (422, "invalid_input")
    assert member.get(path_of_reservation(made)).json == made


def test_a_change_of_what_others_have_changed_is_refused(member, bolt):
    made = reserve(member, "BOLT", 4, minutes=9)
    etag = member.get(path_of_reservation(made)).headers["ETag"]
    fulfil(member, made, 1)

    refused = member.patch(path_of_reservation(made), json={"expires_at": LATER}, headers={"If-Match": etag})

    assert refused.status_code == 412


def test_the_tag_of_an_item_follows_what_is_reserved(app, member, bolt):
    tags = [member.get(bolt).headers["ETag"]]
    made = reserve(member, "BOLT", 4, minutes=9)
    tags.append(member.get(bolt).headers["ETag"])
    let_expire(app, made)
    tags.append(member.get(bolt).headers["ETag"])

    assert len(set(tags)) == 3
    assert member.patch(bolt, json={"name": "x"}, headers={"If-Match": tags[1]}).status_code == 412
    assert member.patch(bolt, json={"name": "x"}, headers={"If-Match": tags[2]}).json["available"] == 10


def test_what_has_expired_is_available_at_once(app, member, bolt):
    made = reserve(member, "BOLT", 10, minutes=9)
    assert move(member, bolt, "issue", 1).status_code == 409

    let_expire(app, made)

    assert promised(member, bolt) == (10, 0, 10)
    assert member.get(path_of_reservation(made)).json["state"] == "expired"
    assert stocks(member, bolt) == {"MAIN": (10, 0, 10)}
    assert move(member, bolt, "issue", 1).status_code == 201
    reserve(member, "BOLT", 9)
    assert is_sound(app)


# --- list -----------------------------------------------------------------------------------------------------------


def test_reservations_are_listed_by_item_location_state_and_reference(app, member, bolt, van):
    add(member, "NUT", quantity=9)
    move(member, bolt, "receive", 3, location=van)
    made = [
        reserve(member, "BOLT", 1),
        reserve(member, "BOLT", 2, minutes=9, reference="order 8"),
        reserve(member, "NUT", 3, minutes=9, reference="order 8"),
        reserve(member, "BOLT", 1, location=van),
        reserve(member, "BOLT", 4),
        reserve(member, "BOLT", 1),
    ]
    let_expire(app, made[1])
    release(member, made[4])
    fulfil(member, made[5])

    def found(query):
        page = member.get(f"/reservations?{query}").json
        assert page["total_items"] == len(page["data"])
        return [made.index(next(each for each in made if each["id"] == row["id"])) for row in page["data"]]

    assert found("sku=bolt") == found(f"item_id={made[0]['item_id']}") == [0, 1, 3, 4, 5]
    assert found("state=open") == [0, 2, 3]
    assert found("state=open&sku=BOLT&location=van") == [3]
    assert found("state=expired") == found("state=expired&reference=order%208") == [1]
    assert (found("state=released"), found("state=fulfilled")) == ([4], [5])
    assert found("reference=order%208&sort=-id") == [2, 1]
    assert found("location=nowhere") == found("sku=none") == []
    assert {row["state"] for row in member.get("/reservations?state=expired").json["data"]} == {"expired"}


def test_the_list_is_read_in_pages_and_as_a_table(member, bolt):
    made = [reserve(member, "BOLT", 1) for _ in range(3)]

    page = member.get("/reservations?limit=2&cursor=").json
    rest = member.get(f"/reservations?limit=2&cursor={page['next_cursor']}").json
    table = member.get("/reservations?format=csv").text.splitlines()

    assert [*page["data"], *rest["data"]] == made
    assert table[0] == ",".join(page["data"][0])
    assert len(table) == 4
    refused = member.get("/reservations?user=mel&sort=quantity").json["errors"]
    assert [error["code"] for error in refused] == ["unknown_parameter", "not_a_choice"]


# --- retries, who, verify -------------------------------------------------------------------------------------------


def test_a_retry_with_its_key_reserves_and_issues_nothing_twice(app, member, bolt):
    body = {"reservations": [{"sku": "BOLT", "quantity": 4, "reason": "an order"}]}
    keyed = {"headers": {"Idempotency-Key": "order-8"}}
    made, again = (member.post("/reservations", json=body, **keyed) for _ in range(2))
    [reservation] = made.json["reservations"]

    for path, request in (
        ("/fulfilment", {"json": {"quantity": 1}}),
        ("/release", {}),
    ):
        keyed = {"headers": {"Idempotency-Key": path}}
        first, second = (member.post(path_of_reservation(reservation, path), **request, **keyed) for _ in range(2))
        assert (first.json, second.headers["Idempotent-Replayed"]) == (second.json, "true")

    assert (made.json, again.headers["Idempotent-Replayed"]) == (again.json, "true")
    assert promised(member, bolt) == (9, 0, 9)
    assert is_sound(app)


def test_every_change_has_its_event_with_the_reservation_as_it_became(member, bolt):
    made = reserve(member, "BOLT", 4, minutes=9)
    changed = member.patch(path_of_reservation(made), json={"expires_at": LATER}).json
    fulfilled = fulfil(member, made, 1).json["reservation"]
    released = release(member, made).json

    events = [event for event in read_all(member, limit=100) if event["type"].startswith("reservation.")]
    assert [(event["type"].removeprefix("reservation."), event["data"]) for event in events] == [
        ("created", made),
        ("updated", changed),
        ("fulfilled", fulfilled),
        ("released", released),
    ]
    assert {event["item_id"] for event in events} == {made["item_id"]}


@on_one_database
@pytest.mark.parametrize("name", ["reserved", "available"])
def test_what_is_reserved_of_an_item_is_no_field_to_be_set(member, bolt, name):
    refused = [member.patch(bolt, json={name: 1}), member.post("/items", json={"sku": "A", "name": "A", name: 1})]

    assert [each.json["errors"][0]["code"] for each in refused] == ["read_only", "read_only"]


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE reservations SET open = 2", "is open, 2 of 4 are open, its movements have issued 1"),
        ("UPDATE reservations SET state = 'fulfilled'", "is fulfilled, 3 of 4 are open"),
        ("UPDATE reservations SET open = 0, quantity = 1", "is open, 0 of 1 are open"),
        ("UPDATE items SET reserving = (1 = 0)", "(BOLT): has open reservations, and is not marked"),
    ],
)
def test_verify_finds_what_is_wrong(app, member, bolt, statement, words):
    fulfil(member, reserve(member, "BOLT", 4), 1)
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text(statement))

    verified = app.test_cli_runner().invoke(args=["verify"])

    assert (verified.exit_code, words in verified.stdout) == (1, True), verified.stdout


def test_an_item_whose_last_reservation_has_ended_reserves_no_more(app, member, bolt):
    first, second = reserve(member, "BOLT", 4), reserve(member, "BOLT", 4)
    flags = []
    for end in (lambda: None, lambda: release(member, first), lambda: fulfil(member, second)):
        end()
        with app.app_context(), db.engine.connect() as connection:
            flags.append(bool(connection.execute(text("SELECT reserving FROM items")).scalar_one()))

    assert flags == [True, True, False]
