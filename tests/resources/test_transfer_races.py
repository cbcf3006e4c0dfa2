"""Races of transfers with all else that locks items and locations: nobody waits in a ring, and nothing is lost."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from sqlalchemy import text

from models.database import transactions
from models.database.base import db
from models.stock import location, transfers
from models.stock.reservation_expiry import expire_due
from models.stock.verify import verify
from tests.resources.test_events import read_all
from tests.resources.test_location_races import create, refusals
from tests.support.databases import kind
from tests.support.files import send as import_file
from tests.support.program import SOON
from tests.support.reservations import let_expire, path_of_reservation
from tests.support.shelf import add

ROUNDS = 6
PLACES = ("MAIN", "VAN", "SHOP")
REFUSALS = {
    "",
    "insufficient_stock",
    "item_archived",
    "location_archived",
    "location_in_use",
    "location_required",
    "in_transit",
    "transfer_state",
    "over_receipt",
    "already_reversed",
    "reserved",
    "reservation_closed",
    "invalid_input",
}


@pytest.fixture
def unhealed(monkeypatch):
    """A deadlock is an error here, which otherwise is run again: so a test sees that there was none."""
    monkeypatch.setattr(transactions, "RETRIED", set())


@pytest.fixture
def paths(member):
    """The paths of three locations, by code."""
    return {"MAIN": "/locations/1", **{code: create(member, code) for code in PLACES[1:]}}


def replay(client):
    """Go through the feed, which has the order of the commits; return what lies where, by item and location.

    Fails where stock is below zero at any time, goods are at an archived location, or an item is archived while some
    of it is on its way.
    """
    stock, archived = Counter(), set()
    for event in read_all(client, limit=1000):
        data = event["data"]
        if event["type"] == "movement.created":
            assert data["location"] not in archived, event
            stock[data["item_id"], data["location"]] += data["delta"]
            assert stock[data["item_id"], data["location"]] >= 0, event
        elif event["type"].startswith("location."):
            archived = archived | {data["code"]} if data["archived"] else archived - {data["code"]}
            assert not data["archived"] or not any(stock[key] for key in stock if key[1] == data["code"]), event
        elif event["type"] == "item.archived":
            assert not stock[data["id"], "IN_TRANSIT"], event
    return {key: quantity for key, quantity in stock.items() if quantity}


def lies(client, items):
    """What lies where, as the stocks of the items say."""
    stocks = [stock for item in items for stock in client.get(f"{item}/stocks").json["data"]]
    return {(stock["item_id"], stock["location"]): stock["quantity"] for stock in stocks if stock["quantity"]}


def id_of(item):
    return int(item.rpartition("/")[2])


def send(client, way, lines, receive="later"):
    """Send goods, as a request."""
    body = {"from": way[0], "to": way[1], "reason": "a race", "receive": receive, "lines": lines}
    return client.post("/transfers", json=body)


def carrying(client, items, seed):
    """Send, receive, return and bring back goods; return the answers."""
    chance, answers = random.Random(seed), []
    for _ in range(ROUNDS):
        chosen = chance.sample(items, 2)
        lines = [{"item_id": id_of(item), "quantity": chance.randint(1, 3)} for item in chosen]
        sent = send(client, chance.sample(PLACES, 2), lines, chance.choice(("now", "later")))
        answers.append(sent)
        if sent.status_code == 201:
            path = f"/transfers/{sent.json['id']}"
            arrival = {"line": chance.randint(1, 2), chance.choice(("received", "returned", "damaged")): 1}
            answers.append(client.post(f"{path}/receipts", json={"lines": [arrival]}))
            answers.append(client.post(f"{path}/reversal", json={}))
    return answers


def moving(client, items, seed):
    """Receive and issue at any location, alone and in batches; return the answers."""
    chance, answers = random.Random(seed), []
    for _ in range(ROUNDS):
        lines = [
            {
                "item_id": id_of(item),
                "kind": kind,
                "quantity": 1,
                "reason": "a race",
                "location": place,
            }
            for item in chance.sample(items, 2)
            for kind, place in [(chance.choice(("receive", "issue")), chance.choice(PLACES))]
        ]
        answers.append(client.post("/movements", json={"movements": lines}))
        item_id = lines[0].pop("item_id")
        answers.append(client.post(f"/items/{item_id}/movements", json=lines[0]))
    return answers


def reserving(client, items, seed):
    """Reserve goods at any location, issue some of them, let some expire and release others; return the answers."""
    chance, answers = random.Random(seed), []
    for _ in range(ROUNDS):
        lines = [
            {"item_id": id_of(item), "location": chance.choice(PLACES), "quantity": 1, "reason": "a race"}
            for item in chance.sample(items, 2)
        ]
        answers.append(client.post("/reservations", json={"reservations": lines}))
        for made in answers[-1].json.get("reservations", ()):
            act = chance.choice(("fulfilment", "release", "expiry"))
            if act == "expiry":
                let_expire(client.app, made)
            else:
                body = {"json": {}} if act == "fulfilment" else {}
                answers.append(client.post(path_of_reservation(made, f"/{act}"), **body))
    return answers


def sweeping(app):
    """Write the end of reservations that have expired, again and again; return no answers."""
    with app.app_context():
        for _ in range(ROUNDS * 2):
            expire_due()
    return []


def changing_places(client, paths):
    """Make locations the default, archive them and restore them; return the answers."""
    answers = []
    for number in range(ROUNDS * 2):
        path = paths[PLACES[number % 3]]
        answers += [client.patch(path, json={"default": True}), client.delete(paths[PLACES[(number + 1) % 3]])]
        client.patch(paths[PLACES[(number + 1) % 3]], json={"archived": False})
    return answers


def archiving(client, items):
    """Archive items and restore them; return the answers."""
    answers = []
    for item in items * (ROUNDS // 2):
        answers += [client.delete(item), client.post(f"{item}/restore")]
    return answers


def importing(client, items):
    """Count items by a file, again and again; return the answers."""
    answers = []
    for number in range(ROUNDS // 2):
        rows = [f"{client.get(item).json['sku']},{5 + number},VAN" for item in items]
        answers.append(import_file(client, "\n".join(["sku,quantity,location", *rows])))
    return answers


def test_transfers_that_race_with_all_else_meet_no_deadlock_and_lose_nothing(app, member, paths, database_url, request):
    if kind(database_url) != "mysql":  # which locks locations in the order of their codes or ids, as it likes
        request.getfixturevalue("unhealed")
    items = [f"/items/{add(member, f'ITEM-{number}', quantity=20)['id']}" for number in range(4)]

    with ThreadPoolExecutor(12) as pool:
        jobs = [pool.submit(carrying, member, items, seed) for seed in range(4)]
        jobs += [pool.submit(moving, member, items, seed) for seed in range(2)]
        jobs += [pool.submit(reserving, member, items, seed) for seed in range(2)]
        others = [
            pool.submit(sweeping, app),
            pool.submit(changing_places, member, paths),
            pool.submit(archiving, member, items),
            pool.submit(importing, member, items),
        ]
        answers = [answer for job in (*jobs, *others) for answer in job.result()]

    assert {code for _, code in refusals(answers)} <= REFUSALS
    assert (201, "") in refusals(answers)
    assert replay(member) == lies(member, items)
    with app.app_context():
        assert list(verify()) == []


def test_a_transfer_holds_its_items_before_its_locations_as_all_else_does(member, paths, unhealed, monkeypatch):
    item, lock_ends, others = add(member, "LAMP", quantity=5), transfers._lock_ends, ThreadPoolExecutor(2)
    move = {"kind": "receive", "quantity": 1, "reason": "a race", "location": "MAIN"}
    assert send(member, ("MAIN", "VAN"), [{"sku": "LAMP", "quantity": 3}], "now").status_code == 201

    def lock_while_others_want_the_same(*ends):
        locked = lock_ends(*ends)
        for other in (
            lambda: member.delete(paths["SHOP"]),  # locks the main location, and waits for this one
            lambda: member.post(
                f"/items/{item['id']}/movements", json=move
            ),  # locks the item, and waits for the main one
        ):
            answers.append(others.submit(other))
            wait(answers, timeout=0.5)
        return locked

    answers = []
    monkeypatch.setattr(transfers, "_lock_ends", lock_while_others_want_the_same)
    sent = send(member, ("VAN", "SHOP"), [{"sku": "LAMP", "quantity": 3}], "now")

    assert refusals([sent, *(answer.result() for answer in answers)]) == [
        (201, ""),
        (201, ""),
        (409, "location_in_use"),
    ]
    assert lies(member, [f"/items/{item['id']}"]) == replay(member)
    others.shutdown()


def test_a_change_of_locations_locks_no_goods_on_their_way_which_receipts_lock_first(
    member, paths, unhealed, monkeypatch
):
    add(member, "LAMP", quantity=5)
    send(member, ("MAIN", "VAN"), [{"sku": "LAMP", "quantity": 3}], "now")
    back = send(member, ("VAN", "MAIN"), [{"sku": "LAMP", "quantity": 3}])
    arrival, others, answers = {"lines": [{"line": 1, "received": 3}]}, ThreadPoolExecutor(1), []
    wait_for_changes = location._wait_for_changes

    def wait_while_goods_arrive():
        wait_for_changes()
        answers.append(others.submit(member.post, f"/transfers/{back.json['id']}/receipts", json=arrival))
        wait(answers, timeout=0.5)

    monkeypatch.setattr(location, "_wait_for_changes", wait_while_goods_arrive)
    changed = member.patch(paths["SHOP"], json={"name": "Shop"})

    assert refusals([changed, *(answer.result() for answer in answers)]) == [(200, ""), (201, "")]
    others.shutdown()


def test_who_asks_what_there_is_locks_items_and_locations_and_no_stocks(app, member, paths, database_url):
    if kind(database_url) == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    ids = [add(member, f"ITEM-{number}")["id"] for number in range(2)]
    lines = [{"item_id": id_, "quantity": 5, "reason": "x", "location": "VAN"} for id_ in ids]
    received = [{**line, "kind": "receive"} for line in lines]
    assert member.post("/movements", json={"movements": received}).status_code == 201

    with app.app_context(), db.engine.begin() as rival, ThreadPoolExecutor(1) as pool:
        rival.execute(text("SELECT quantity FROM stocks FOR UPDATE"))
        answer = pool.submit(member.post, "/reservations", json={"reservations": lines})
        try:
            assert answer.result(timeout=SOON / 2).status_code == 201
        finally:
            rival.rollback()
