"""Low stock: the feed says once that what is available has fallen to a reorder level, and once that it is over it."""

import json
from collections import Counter

import pytest
from sqlalchemy import text

from api.sweeper import sweep
from models.database.base import db
from models.stock import low_stock
from tests.resources.test_events import read_all
from tests.support.databases import on_one_database
from tests.support.files import NDJSON, send
from tests.support.reservations import is_sound, let_expire, path_of_reservation, promised, reserve
from tests.support.shelf import add, make_location, together

LOW, RESTOCKED = "item.low_stock", "item.restocked"
WHY = {"reason": "a test"}


@pytest.fixture
def van(app):
    return make_location(app, "VAN")


@pytest.fixture
def bolt(member):
    """The path of an item of which there are ten, and which is low at five."""
    return f"/items/{add(member, 'BOLT', quantity=10, reorder_level=5)['id']}"


def done(answer):
    """An answer to a write that was made."""
    assert answer.status_code < 300, answer.json
    return answer


def move(client, item, kind, quantity, **more):
    return done(client.post(f"{item}/movements", json={"kind": kind, "quantity": quantity, **WHY, **more}))


def batch(client, *lines):
    return done(client.post("/movements", json={"movements": [{"sku": "BOLT", **WHY, **line} for line in lines]}))


def movement_file(client, *lines, query=""):
    rows = "\n".join(json.dumps({"sku": "BOLT", **WHY, **line}) for line in lines)
    return done(client.post(f"/movements/import{query}", data=rows, content_type=NDJSON))


def transfer(client, quantity, receive, **ends):
    lines = [{"sku": "BOLT", "quantity": quantity}]
    body = {"from": "MAIN", "to": "VAN", "lines": lines, "receive": receive, **WHY, **ends}
    return f"/transfers/{done(client.post('/transfers', json=body)).json['id']}"


def own_level(client, item, place, level):
    """Set the level of a stock."""
    return done(client.patch(f"{item}/stocks/{place}", json={"reorder_level": level}))


def crossings(client):
    """Type, location and what was available of each event so far."""
    return [
        (event["type"], event["data"]["location"], event["data"]["available"])
        for event in read_all(client, limit=200)
        if event["type"] in (LOW, RESTOCKED)
    ]


# --- one crossing ---------------------------------------------------------------------------------------------------


def test_what_falls_to_its_level_is_low_once_and_restocked_once(app, member, bolt):
    for quantity in (4, 1, 1, 2):
        move(member, bolt, "issue", quantity)
    assert crossings(member) == [(LOW, None, 5)]

    for quantity in (2, 1, 1, 3):
        move(member, bolt, "receive", quantity)
    assert crossings(member) == [(LOW, None, 5), (RESTOCKED, None, 6)]

    move(member, bolt, "issue", 9)
    assert crossings(member)[2:] == [(LOW, None, 0)]
    assert is_sound(app)


def test_the_event_says_what_there_is_and_follows_the_act(member, bolt):
    reserve(member, "BOLT", 2)
    move(member, bolt, "issue", 3)

    *_, moved, low = member.get("/events").json["data"]

    assert (moved["type"], low["type"]) == ("movement.created", LOW)
    assert (low["item_id"], low["actor"], low["request_id"]) == (moved["item_id"], "mel", moved["request_id"])
    assert low["data"] == {
        "item_id": moved["item_id"],
        "sku": "BOLT",
        "location": None,
        "quantity": 7,
        "reserved": 2,
        "available": 5,
        "reorder_level": 5,
    }


def test_what_is_available_counts_and_not_the_quantity(member, bolt):
    reserve(member, "BOLT", 4)
    move(member, bolt, "receive", 1)
    assert crossings(member) == []

    move(member, bolt, "issue", 2)

    assert promised(member, bolt) == (9, 4, 5)
    assert crossings(member) == [(LOW, None, 5)]


def test_more_that_is_reserved_than_there_is_changes_nothing_at_zero(member, bolt):
    reserve(member, "BOLT", 8)
    for quantity in (3, 0, 4, 9):
        move(member, bolt, "count", quantity)
    assert crossings(member) == [(LOW, None, 2)]

    move(member, bolt, "count", 14)

    assert crossings(member)[1:] == [(RESTOCKED, None, 6)]


# --- every path -----------------------------------------------------------------------------------------------------


def reversed_receipt(client, item):
    moved = move(client, item, "receive", 5)
    move(client, item, "issue", 5)
    done(client.post(f"/movements/{moved.json['id']}/reversal", json={}))


FALLS = {
    "an issue": lambda client, item: move(client, item, "issue", 5),
    "an adjustment": lambda client, item: move(client, item, "adjust", -5),
    "a count": lambda client, item: move(client, item, "count", 5),
    "one that is backdated": lambda client, item: move(
        client, item, "issue", 5, occurred_at=client.get(f"{item}/movements").json["data"][0]["occurred_at"]
    ),
    "a batch": lambda client, item: batch(
        client, *({"kind": "issue", "quantity": each} for each in (1, 1, 1)), {"kind": "count", "quantity": 5}
    ),
    "a file of movements": lambda client, item: movement_file(client, *[{"kind": "issue", "quantity": 1}] * 5),
    "a file of items": lambda client, item: send(client, "sku,quantity\r\nbolt,5\r\n"),
    "a file that issues": lambda client, item: send(client, "sku,quantity\r\nbolt,5\r\n", "?quantity=issue"),
    "a reversal": reversed_receipt,
    "a transfer": lambda client, item: transfer(client, 5, "later"),
    "a reservation": lambda client, item: reserve(client, "BOLT", 5),
    "two reservations at once": lambda client, item: done(
        client.post("/reservations", json={"reservations": [{"sku": "BOLT", "quantity": n, **WHY} for n in (2, 3)]})
    ),
    "a higher level": lambda client, item: client.patch(item, json={"reorder_level": 10}),
    "a higher level by PUT": lambda client, item: client.put(
        item, json={"sku": "BOLT", "name": "Bolt", "reorder_level": 10}
    ),
    "a higher level in a file": lambda client, item: send(client, "sku,reorder_level\r\nBOLT,10\r\n"),
}


@pytest.mark.parametrize("act", FALLS)
def test_whatever_lowers_it_to_the_level_says_so_once(app, member, bolt, van, act):
    FALLS[act](member, bolt)

    available = promised(member, bolt)[2]
    assert crossings(member) == [(LOW, None, available)]
    assert available <= member.get(bolt).json["reorder_level"]
    assert is_sound(app)


def release_all(client, item):
    made = reserve(client, "BOLT", 6)
    done(client.post(path_of_reservation(made, "/release")))


def expire(client, item):
    made = reserve(client, "BOLT", 6, minutes=9)
    let_expire(client.app, made)
    assert sweep(client.app) == 1


def receive_transfer(client, item, what="received"):
    path = transfer(client, 6, "later")
    done(client.post(f"{path}/receipts", json={"lines": [{"line": 1, what: 6}]}))


def bring_back_transfer(client, item):
    done(client.post(f"{transfer(client, 6, 'later')}/reversal", json={}))


def reverse_issue(client, item):
    moved = move(client, item, "issue", 6)
    done(client.post(f"/movements/{moved.json['id']}/reversal", json={}))


def after_issue(act):
    """An act after the item has become low."""

    def rising(client, item):
        move(client, item, "issue", 6)
        done(act(client, item))

    return rising


RISES = {
    "a receipt": after_issue(lambda client, item: move(client, item, "receive", 2)),
    "an adjustment": after_issue(lambda client, item: move(client, item, "adjust", 2)),
    "a count": after_issue(lambda client, item: move(client, item, "count", 6)),
    "a batch": after_issue(lambda client, item: batch(client, *[{"kind": "receive", "quantity": 1}] * 2)),
    "a file of movements": after_issue(
        lambda client, item: movement_file(client, *[{"kind": "receive", "quantity": 1}] * 2)
    ),
    "a file of items": after_issue(lambda client, item: send(client, "sku,quantity\r\nBOLT,9\r\n")),
    "a reversal": reverse_issue,
    "a release": release_all,
    "the end of a reservation": expire,
    "the receipt of a transfer": receive_transfer,
    "what a transfer returns": lambda client, item: receive_transfer(client, item, "returned"),
    "a transfer that is brought back": bring_back_transfer,
    "a lower level": after_issue(lambda client, item: client.patch(item, json={"reorder_level": 3})),
    "a lower level by PUT": after_issue(
        lambda client, item: client.put(item, json={"sku": "BOLT", "name": "Bolt", "reorder_level": 3})
    ),
    "a lower level in a file": after_issue(lambda client, item: send(client, "sku,reorder_level\r\nBOLT,3\r\n")),
}


@pytest.mark.parametrize("act", RISES)
def test_whatever_raises_it_over_the_level_again_says_so_once(app, member, bolt, van, act):
    RISES[act](member, bolt)

    assert crossings(member) == [(LOW, None, 4), (RESTOCKED, None, promised(member, bolt)[2])]
    assert is_sound(app)


def test_a_batch_that_dips_and_recovers_says_nothing(member, bolt):
    there_and_back = [{"kind": "issue", "quantity": 9}, {"kind": "receive", "quantity": 5}]

    batch(member, *there_and_back)
    movement_file(member, *there_and_back[::-1])

    assert promised(member, bolt) == (2, 0, 2)
    assert crossings(member) == [(LOW, None, 2)]
    batch(member, {"kind": "receive", "quantity": 5}, {"kind": "issue", "quantity": 3})
    assert crossings(member) == [(LOW, None, 2)]


def test_a_batch_says_so_of_each_of_its_items(member):
    for sku, quantity in (("A", 10), ("B", 2), ("C", 10)):
        add(member, sku, quantity=quantity, reorder_level=5)
    lines = [("C", "issue", 5), ("B", "receive", 4), ("A", "issue", 6)]

    done(
        member.post(
            "/movements",
            json={"movements": [{"sku": sku, "kind": kind, "quantity": n, **WHY} for sku, kind, n in lines]},
        )
    )

    found = [(event["type"], event["data"]["sku"]) for event in member.get("/events").json["data"][-3:]]
    assert found == [(LOW, "A"), (RESTOCKED, "B"), (LOW, "C")]


def test_a_fulfilment_takes_what_was_reserved_and_says_nothing(app, member, bolt, van):
    own_level(member, bolt, "MAIN", 2)
    made = reserve(member, "BOLT", 8)
    assert crossings(member) == [(LOW, None, 2), (LOW, "MAIN", 2)]

    for _ in range(2):
        done(member.post(path_of_reservation(made, "/fulfilment"), json={"quantity": 4}))

    assert promised(member, bolt) == (2, 0, 2)
    assert len(crossings(member)) == 2
    assert is_sound(app)


def test_a_refused_act_says_nothing(member, bolt):
    lines = [{"sku": "BOLT", "kind": "issue", "quantity": quantity, **WHY} for quantity in (5, 6)]

    assert member.post("/movements", json={"movements": lines}).status_code == 409

    assert crossings(member) == []


def test_a_retry_says_nothing_again(member, bolt):
    acts = {
        f"{bolt}/movements": {"kind": "issue", "quantity": 5, **WHY},
        "/reservations": {"reservations": [{"sku": "BOLT", "quantity": 1, **WHY}]},
    }
    for path, body in acts.items():
        for _ in range(2):
            done(member.post(path, json=body, headers={"Idempotency-Key": path}))

    assert crossings(member) == [(LOW, None, 5)]


def test_a_dry_run_says_nothing(member, bolt):
    send(member, "sku,quantity,reorder_level\r\nBOLT,1,20\r\n", "?dry_run=true")
    movement_file(member, {"kind": "issue", "quantity": 9}, query="?dry_run=true")

    assert crossings(member) == []


# --- levels ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [10, 11])
def test_a_first_level_at_or_over_what_is_available_says_so(member, level):
    item = f"/items/{add(member, 'BOLT', quantity=10)['id']}"

    member.patch(item, json={"reorder_level": level})

    assert crossings(member) == [(LOW, None, 10)]


@pytest.mark.parametrize(
    "set_level",
    [
        lambda client, item, level: client.patch(item, json={"reorder_level": level}),
        lambda client, item, level: send(client, f"sku,reorder_level\r\nBOLT,{level}\r\n"),
    ],
    ids=["PATCH", "a file"],
)
@pytest.mark.parametrize(
    "take",
    [
        lambda client: reserve(client, "BOLT", 2),
        lambda client: transfer(client, 2, "later"),
        lambda client: let_expire(client.app, reserve(client, "BOLT", 2, minutes=9)),
    ],
    ids=["reserved", "on its way", "past its time"],
)
def test_a_level_is_compared_with_what_is_available(member, bolt, van, set_level, take):
    take(member)
    for level in (7, 8, 9, 7):
        done(set_level(member, bolt, level))

    assert crossings(member) == [(LOW, None, 8), (RESTOCKED, None, 8)]


def test_a_level_that_is_set_below_or_taken_away_says_nothing(member, bolt):
    for level in (9, 0, None, 5):
        done(member.patch(bolt, json={"reorder_level": level}))
    assert crossings(member) == []
    move(member, bolt, "issue", 5)

    done(member.put(bolt, json={"sku": "BOLT", "name": "Bolt"}))
    send(member, "sku,reorder_level\r\nBOLT,\r\n")

    assert crossings(member) == [(LOW, None, 5)]
    done(member.patch(bolt, json={"reorder_level": 5}))
    assert crossings(member) == [(LOW, None, 5)] * 2


def test_another_field_or_the_same_level_again_says_nothing(member, bolt):
    move(member, bolt, "issue", 5)
    for body in ({"name": "New"}, {"reorder_level": 5}, {"reorder_level": 6}):
        done(member.patch(bolt, json=body))
    send(member, "sku,name,reorder_level\r\nBOLT,Newer,7\r\n")

    assert crossings(member) == [(LOW, None, 5)]


def test_an_item_that_is_created_low_archived_or_restored_says_nothing(member):
    item = f"/items/{add(member, 'BOLT', quantity=3, reorder_level=5)['id']}"
    member.put("/items/by-sku/NUT", json={"name": "Nut", "reorder_level": 0})
    send(member, "sku,name,quantity,reorder_level\r\nPIN,Pin,1,5\r\nCAP,Cap,0,5\r\n")
    done(member.delete(item))
    done(member.post(f"{item}/restore"))
    assert crossings(member) == []

    move(member, item, "receive", 3)

    assert crossings(member) == [(RESTOCKED, None, 6)]


@pytest.mark.parametrize(
    ("quantity", "level", "said"),
    [
        (6, 7, [(LOW, None, 6)]),
        (5, 4, []),
        (4, 3, []),
        (4, 4, [(LOW, None, 4)]),
        (12, 12, [(LOW, None, 12)]),
        (12, 11, []),
    ],
)
def test_a_file_that_changes_stock_and_level_is_one_act(app, member, bolt, quantity, level, said):
    send(member, f"sku,quantity,reorder_level\r\nBOLT,{quantity},{level}\r\n")

    assert crossings(member) == said
    assert is_sound(app)


def test_an_item_that_is_low_may_be_restocked_by_both_at_once(member, bolt):
    move(member, bolt, "issue", 6)

    send(member, "sku,quantity,reorder_level\r\nBOLT,5,4\r\n")

    assert crossings(member) == [(LOW, None, 4), (RESTOCKED, None, 5)]


def test_very_many_items_of_a_file_are_each_said_once(member, monkeypatch):
    monkeypatch.setattr(low_stock, "CHUNK", 2)
    skus = [f"NUT-{number}" for number in range(7)]
    send(member, "sku,name,quantity,reorder_level\r\n" + "".join(f"{sku},Nut,9,5\r\n" for sku in skus))

    send(member, "sku,quantity\r\n" + "".join(f"{sku},4\r\n" for sku in skus))
    movement_file(member, *({"sku": sku, "kind": "receive", "quantity": 5} for sku in skus))

    found = [event for event in read_all(member, limit=200) if event["type"] in (LOW, RESTOCKED)]
    assert Counter((event["type"], event["data"]["sku"]) for event in found) == {
        (type_, sku): 1 for type_ in (LOW, RESTOCKED) for sku in skus
    }


# --- locations ------------------------------------------------------------------------------------------------------


def test_a_stock_with_a_level_of_its_own_is_said_beside_the_total(app, member, bolt, van):
    own_level(member, bolt, "MAIN", 4)
    own_level(member, bolt, "van", 2)
    assert crossings(member) == [(LOW, "VAN", 0)]

    transfer(member, 6, "now")
    assert crossings(member)[1:] == [(LOW, "MAIN", 4), (RESTOCKED, "VAN", 6)]

    move(member, bolt, "issue", 5, location="VAN")
    assert crossings(member)[3:] == [(LOW, None, 5), (LOW, "VAN", 1)]
    assert is_sound(app)


def test_the_event_of_a_stock_has_its_numbers(member, bolt, van):
    transfer(member, 6, "now")
    own_level(member, bolt, "VAN", 2)
    reserve(member, "BOLT", 1, location="VAN")
    move(member, bolt, "issue", 3, location="VAN")

    [low] = member.get(f"/events?type={LOW}").json["data"]

    stock = member.get(f"{bolt}/stocks/VAN").json
    assert low["data"] == {name: value for name, value in stock.items() if name != "bin"}
    assert (low["data"]["available"], low["data"]["reserved"], low["data"]["quantity"]) == (2, 1, 3)


def test_what_is_on_its_way_is_available_nowhere(member, bolt, van):
    for place in ("MAIN", "VAN"):
        own_level(member, bolt, place, 1)
    path = transfer(member, 9, "later")
    assert crossings(member) == [(LOW, "VAN", 0), (LOW, None, 1), (LOW, "MAIN", 1)]

    done(member.post(f"{path}/receipts", json={"lines": [{"line": 1, "received": 7, "damaged": 1}]}))

    assert crossings(member)[3:] == [(RESTOCKED, None, 8), (RESTOCKED, "VAN", 7)]


def test_what_is_reserved_at_a_location_is_not_available_there(app, member, bolt, van):
    transfer(member, 5, "now")
    own_level(member, bolt, "VAN", 3)
    own_level(member, bolt, "MAIN", 3)

    made = reserve(member, "BOLT", 2, location="VAN")
    done(member.post(path_of_reservation(made, "/release")))
    let_expire(app, reserve(member, "BOLT", 2, minutes=9, location="VAN"))
    assert sweep(app) == 1

    assert crossings(member) == [(LOW, "VAN", 3), (RESTOCKED, "VAN", 5)] * 2


def test_what_is_reserved_at_another_location_is_available_here(member, bolt, van):
    transfer(member, 5, "now")
    own_level(member, bolt, "VAN", 3)
    reserve(member, "BOLT", 4, location="MAIN")
    assert crossings(member) == []

    move(member, bolt, "issue", 2, location="VAN")

    assert crossings(member) == [(LOW, None, 4), (LOW, "VAN", 3)]


def test_a_level_of_a_stock_is_set_raised_lowered_and_taken_away(app, member, bolt, van):
    transfer(member, 3, "now")
    before = member.get(bolt).json
    expected = {3: [(LOW, "VAN", 3)], 4: [], 2: [(RESTOCKED, "VAN", 3)], 9: [(LOW, "VAN", 3)], None: [], 0: []}
    said = []
    for level, more in expected.items():
        own_level(member, bolt, "VAN", level)
        said += more
        assert crossings(member) == said
        assert is_sound(app)

    after = member.get(bolt).json
    assert after["version"] == before["version"] + len(expected)
    assert after["updated_at"] > before["updated_at"]
    done(member.patch(f"{bolt}/stocks/VAN", json={"bin": "shelf 3"}))
    own_level(member, bolt, "VAN", 0)
    assert member.get(bolt).json == after


def test_files_say_so_of_stocks_at_locations(member, bolt, van):
    own_level(member, bolt, "VAN", 2)
    send(member, "sku,quantity,location\r\nBOLT,5,VAN\r\n")
    movement_file(member, {"kind": "issue", "quantity": 3, "location": "VAN"})

    assert crossings(member) == [(LOW, "VAN", 0), (RESTOCKED, "VAN", 5), (LOW, "VAN", 2)]


def test_an_item_without_a_level_may_have_a_stock_with_one(member, van):
    item = f"/items/{add(member, 'BOLT', quantity=10)['id']}"
    own_level(member, item, "MAIN", 4)

    move(member, item, "issue", 6)
    move(member, item, "receive", 1, location="VAN")

    assert crossings(member) == [(LOW, "MAIN", 4)]


# --- the end of reservations ----------------------------------------------------------------------------------------


def test_nothing_is_said_between_the_end_of_a_reservation_and_its_event(app, member, bolt):
    let_expire(app, reserve(member, "BOLT", 6, minutes=9))
    assert promised(member, bolt) == (10, 0, 10)
    move(member, bolt, "receive", 1)
    move(member, bolt, "issue", 1)
    member.patch(bolt, json={"reorder_level": 6})
    send(member, "sku,quantity\r\nBOLT,9\r\n")
    assert crossings(member) == [(LOW, None, 4)]

    assert (sweep(app), sweep(app)) == (1, 0)

    assert crossings(member)[1:] == [(RESTOCKED, None, 9)]
    [*_, expired, restocked] = member.get("/events").json["data"]
    assert (expired["type"], restocked["actor"]) == ("reservation.expired", "system")


def test_what_several_reservations_free_at_once_is_one_crossing(app, member, bolt):
    for _ in range(3):
        let_expire(app, reserve(member, "BOLT", 3, minutes=9))

    assert sweep(app) == 3

    assert crossings(member) == [(LOW, None, 4), (RESTOCKED, None, 10)]


# --- others at the same time ----------------------------------------------------------------------------------------


def test_of_sixteen_who_issue_one_each_one_says_that_it_is_low(app, member):
    item = f"/items/{add(member, 'BOLT', quantity=20, reorder_level=10)['id']}"

    together(*(lambda: move(member, item, "issue", 1) for _ in range(16)))

    assert crossings(member) == [(LOW, None, 10)]
    assert is_sound(app)


def test_who_reserves_issues_and_receives_at_once_leaves_what_the_feed_says(app, member, van):
    item = f"/items/{add(member, 'BOLT', quantity=9, reorder_level=8)['id']}"
    for _ in range(3):
        together(
            *(lambda: move(member, item, "issue", 1) for _ in range(3)),
            *(lambda: reserve(member, "BOLT", 1) for _ in range(2)),
            *(lambda: move(member, item, "receive", 3) for _ in range(2)),
        )
        said = [type_ for type_, *_ in crossings(member)]
        assert said == [LOW, RESTOCKED] * (len(said) // 2) + [LOW] * (len(said) % 2)
        is_low = promised(member, item)[2] <= 8
        assert said[-1:] == ([LOW] if is_low else [RESTOCKED] if said else [])
    assert is_sound(app)


# --- what it costs --------------------------------------------------------------------------------------------------


def test_where_no_level_can_be_crossed_nothing_is_read_for_it(app, member, van, monkeypatch):
    add(member, "FREE", quantity=10)
    add(member, "FAR", quantity=1000, reorder_level=5)
    monkeypatch.delattr(low_stock, "read_states")

    for sku in ("FREE", "FAR"):
        item = f"/items/{member.get(f'/items/by-sku/{sku}').json['id']}"
        done(member.patch(item, json={"reorder_level": {"FREE": None, "FAR": 7}[sku]}))
        move(member, item, "issue", 1)
        move(member, item, "receive", 2, location="VAN")
        made = reserve(member, sku, 2)
        done(member.post(path_of_reservation(made, "/fulfilment"), json={}))
        movement_file(member, {"sku": sku, "kind": "issue", "quantity": 1})
        send(member, f"sku,quantity\r\n{sku},900\r\n")
        done(member.patch(item, json={"name": "New"}))
    done(member.post(path_of_reservation(reserve(member, "FREE", 2), "/release")))
    let_expire(app, reserve(member, "FREE", 2, minutes=9))
    assert sweep(app) == 1


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("1 = 0", "(BOLT): has a stock with a reorder level, and is not marked"),
        ("1 = 1", "(NUT): has no stock with a reorder level, and is marked"),
    ],
)
def test_verify_finds_an_item_that_does_not_know_of_the_levels_of_its_stocks(app, member, bolt, value, words):
    add(member, "NUT")
    own_level(member, bolt, "MAIN", 2)
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text(f"UPDATE items SET levelled = ({value})"))

    verified = app.test_cli_runner().invoke(args=["verify"])

    assert (verified.exit_code, words in verified.stdout) == (1, True), verified.stdout


@on_one_database
def test_the_feed_can_be_read_by_these_types(member, bolt):
    move(member, bolt, "issue", 5)
    move(member, bolt, "receive", 5)

    found = [member.get(f"/events?type={type_}").json["data"] for type_ in (LOW, RESTOCKED)]

    assert [[event["type"] for event in events] for events in found] == [[LOW], [RESTOCKED]]
