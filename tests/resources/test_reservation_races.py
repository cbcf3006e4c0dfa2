"""Races for what is available: of two who want the last one, one gets it, whatever each of them wants it for."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from sqlalchemy import text

from models.database.base import db
from tests.resources.test_events import read_all
from tests.support.clients import person
from tests.support.databases import kind
from tests.support.reservations import is_sound, path_of_reservation, post_reservation, promised, reserve
from tests.support.shelf import add, together

ROUNDS = 5


def codes(answers):
    """How often each outcome was: the status of a success, the code of a refusal."""
    return Counter(each.status_code if each.status_code < 300 else each.json["code"] for each in answers)


def replay(client):
    """Go through the feed, which has the order of the commits; fail where more was promised than there was."""
    quantity, reserved = Counter(), {}
    for event in read_all(client, limit=1000):
        data = event["data"]
        if event["type"] == "movement.created":
            quantity[event["item_id"]] += data["delta"]
        elif event["type"].startswith("reservation."):
            reserved[data["id"]] = (event["item_id"], data["open"] if data["state"] == "open" else 0)
        if event["type"] in ("movement.created", "reservation.created") and data.get("reservation_id") is None:
            promised_now = sum(units for item_id, units in reserved.values() if item_id == event["item_id"])
            assert promised_now <= quantity[event["item_id"]], event


def test_of_sixteen_who_reserve_one_of_ten_ten_get_it(app, member):
    item = f"/items/{add(member, 'LAST', quantity=10)['id']}"

    answers = together(*(lambda: post_reservation(member, "LAST", 1) for _ in range(16)))

    assert codes(answers) == {201: 10, "insufficient_stock": 6}
    assert promised(member, item) == (10, 10, 0)
    replay(member)
    assert is_sound(app)


def test_the_last_one_is_reserved_or_issued_and_never_both(app, member):
    issue = {"kind": "issue", "quantity": 1, "reason": "sold"}
    for number in range(ROUNDS):
        item = f"/items/{add(member, f'LAST-{number}', quantity=1)['id']}"
        answers = together(
            lambda number=number: post_reservation(member, f"LAST-{number}", 1),
            lambda item=item: member.post(f"{item}/movements", json=issue),
            lambda number=number: member.post("/movements", json={"movements": [{**issue, "sku": f"last-{number}"}]}),
        )
        assert codes(answers) == {201: 1, "insufficient_stock": 2}
    replay(member)
    assert is_sound(app)


def test_of_many_who_fulfil_or_release_one_nothing_is_issued_twice(app, member):
    for number in range(ROUNDS):
        item = f"/items/{add(member, f'BOLT-{number}', quantity=3)['id']}"
        path = path_of_reservation(reserve(member, f"BOLT-{number}", 2))
        answers = together(
            *(lambda path=path: member.post(f"{path}/fulfilment", json={"quantity": 1}) for _ in range(4)),
            lambda path=path: member.post(f"{path}/release"),
        )
        issued = codes(answers[:4])[201]
        quantity, reserved, _ = promised(member, item)
        assert (quantity, reserved) == (3 - issued, 0)
        assert codes(answers).keys() <= {200, 201, "reservation_closed"}
    replay(member)
    assert is_sound(app)


def test_batches_that_name_items_in_any_order_end_together(app, member):
    for sku in ("A", "B", "C"):
        add(member, sku, quantity=20)

    def reserving(client, *skus):
        lines = [{"sku": sku, "quantity": 1, "reason": "a race"} for sku in skus]
        return [client.post("/reservations", json={"reservations": lines}) for _ in range(ROUNDS)]

    people = [person(app, name, "member") for name in ("ann", "bob", "cyd")]
    with ThreadPoolExecutor(3) as pool:
        orders = ("ABC", "CBA", "BCA")
        made = [pool.submit(reserving, each, *order) for each, order in zip(people, orders, strict=True)]
        answers = [answer for each in made for answer in each.result()]

    assert codes(answers) == {201: 3 * ROUNDS}
    assert [item["reserved"] for item in member.get("/items").json["data"]] == [3 * ROUNDS] * 3
    assert is_sound(app)


def test_retries_at_the_same_moment_reserve_once(app, member):
    item = f"/items/{add(member, 'BOLT', quantity=10)['id']}"
    body = {"reservations": [{"sku": "BOLT", "quantity": 2, "reason": "an order"}]}
    member.documented = False  # a refusal that asks to come again has a header more than others

    answers = together(
        *(lambda: member.post("/reservations", json=body, headers={"Idempotency-Key": "order-8"}) for _ in range(6))
    )

    assert codes(answers).keys() <= {201, "idempotency_in_progress"}
    assert promised(member, item) == (10, 2, 8)


@pytest.mark.parametrize("change", ["patch", "issue", "delete"])
def test_who_has_waited_for_the_item_sees_what_was_reserved_meanwhile(app, member, database_url, change):
    if kind(database_url) == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    item = f"/items/{add(member, 'BOLT', quantity=2)['id']}"
    reserving = (
        "INSERT INTO reservations (item_id, location_id, quantity, open, state, reason, reference, user_id, "
        "created_at, updated_at) SELECT id, 1, 2, 2, 'open', 'x', '', :user_id, created_at, updated_at FROM items"
    )
    waiting = {
        "patch": lambda: member.patch(item, json={"name": "Bolt"}),
        "issue": lambda: member.post(f"{item}/movements", json={"kind": "issue", "quantity": 1, "reason": "x"}),
        "delete": lambda: member.delete(item),
    }
    with app.app_context(), db.engine.begin() as connection, ThreadPoolExecutor(1) as pool:
        connection.execute(text("SELECT id FROM items FOR UPDATE"))
        answer = pool.submit(waiting[change])
        wait([answer], timeout=0.5)  # which it must not have ended by
        connection.execute(text(reserving), {"user_id": member.user_id})
        connection.execute(text("UPDATE items SET reserving = (1 = 1)"))
        connection.commit()
        answered = answer.result()

    if change == "patch":
        assert (answered.json["reserved"], answered.json["available"]) == (2, 0)
        [updated] = member.get("/events?type=item.updated").json["data"]
        assert updated["data"] == answered.json
    else:
        assert codes([answered]) == {"insufficient_stock" if change == "issue" else "reserved": 1}
