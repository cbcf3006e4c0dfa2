"""Races of what is backdated with what is recorded now: whoever wins, no time has a negative stock."""

import threading
from collections import Counter

from models.stock.verify import verify
from tests.support.clients import Client
from tests.support.shelf import add, together

WRITERS = 6
EACH = 12


def line(kind, quantity, day=None):
    dated = {"occurred_at": f"2025-11-{day:02}T12:00:00Z"} if day else {}
    return {"kind": kind, "quantity": quantity, "reason": "a race", **dated}


def running(ledger):
    """The stock at the end of each time at which something happened."""
    total, stock = 0, {}
    for row in sorted(ledger, key=lambda row: row["occurred_at"]):
        total += row["delta"]
        stock[row["occurred_at"]] = total
    return stock


def test_of_those_who_take_the_last_ones_in_the_past_and_now_as_many_win_as_there_are(app, member):
    path = f"/items/{add(member, 'BOLT')['id']}"
    assert member.post(f"{path}/movements", json=line("receive", 3, 10)).status_code == 201

    taken = together(
        *(
            lambda day=day: member.post(f"{path}/movements", json=line("issue", 1, day))
            for day in (None, 11, 12, None, 13, 11, None, 14)
        )
    )

    assert Counter(each.status_code for each in taken) == {201: 3, 409: 5}
    assert {each.json["code"] for each in taken if each.status_code == 409} == {"insufficient_stock"}
    assert member.get(path).json["quantity"] == 0
    with app.app_context():
        assert list(verify()) == []


def test_who_backdates_and_issues_and_counts_at_once_never_leaves_a_negative_time(app, member):
    items = [f"/items/{add(member, sku)['id']}" for sku in ("BOLT", "NUT")]
    start = threading.Barrier(WRITERS)
    seen = Counter()

    def write(number):
        client = Client(app, member.headers)
        start.wait()
        for step in range(EACH):
            kind, quantity, day = (
                ("receive", 2, 1 + step % 5),
                ("issue", 3, None),
                ("issue", 1, 20 + step % 3),
                ("receive", 3, None),
                ("adjust", -1, 10),
                ("count", 4, 15) if step == EACH - 1 else ("issue", 2, None),
            )[(number + step) % 6]
            path = f"{items[(number + step // 2) % 2]}/movements"
            answer = client.post(path, json=line(kind, quantity, day))
            seen[answer.status_code, answer.json.get("code")] += 1

    threads = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(seen) <= {(201, None), (409, "insufficient_stock"), (409, "counted_since")}
    assert seen[201, None] > 10
    for path in items:
        stock = running(member.get(f"{path}/movements?limit=200").json["data"])
        assert min(stock.values()) >= 0
        assert list(stock.values())[-1] == member.get(path).json["quantity"]
    with app.app_context():
        assert list(verify()) == []
