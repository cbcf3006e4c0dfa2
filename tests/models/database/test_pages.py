"""Pages of filtered lists: whichever way leads to their rows, they are the same rows in the same order."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import pytest

from models.database import filters, pages
from models.database.pages import Key, Order
from models.stock import item_query, ledger
from models.stock.item import Item
from models.stock.movement import Movement
from tests.support.files import NDJSON, imported


def is_low(item):
    return item["reorder_level"] is not None and item["quantity"] <= item["reorder_level"]


LIMIT = 4
# Many equals in every column.
ITEMS = [
    {
        "sku": f"S{n:02}",
        "name": f"lamp {n % 3}" if n % 4 else f"desk {n % 5}",
        "price": n % 4,
        "quantity": n % 3,
        "reorder_level": [None, 1, 0][n % 3],
        "bin": f"L{n % 2}",
        "tags": ["all", f"t{n % 5}"],
    }
    for n in range(23)
]
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
# Conditions, and which items meet them.
ITEM_FILTERS = [
    ({}, lambda item: True),
    ({"q": "lamp"}, lambda item: "lamp" in item["name"]),
    ({"q": "am"}, lambda item: "lamp" in item["name"]),
    ({"q": "am 1"}, lambda item: "lamp" in item["name"] and "1" in item["name"] + item["sku"]),
    ({"tag": "all"}, lambda item: True),
    ({"tag": "t1"}, lambda item: "t1" in item["tags"]),
    ({"tag": "none"}, lambda item: False),
    ({"bin": "L1"}, lambda item: item["bin"] == "L1"),
    ({"low_stock": True}, is_low),
    ({"low_stock": False}, lambda item: not is_low(item)),
    ({"min_price": Decimal(1)}, lambda item: item["price"] >= 1),
    ({"min_price": Decimal(1), "max_price": Decimal(2)}, lambda item: 1 <= item["price"] <= 2),
    (
        {"tag": "t2", "bin": "L1", "low_stock": False},
        lambda item: "t2" in item["tags"] and item["bin"] == "L1" and not is_low(item),
    ),
    ({"q": "lamp", "min_price": Decimal(2)}, lambda item: "lamp" in item["name"] and item["price"] >= 2),
    ({"updated_since": LONG_AGO, "tag": "all"}, lambda item: True),
    ({"updated_since": LONG_AGO, "bin": "nowhere"}, lambda item: False),
]
ITEM_SORTS = {"id": Item.id, "name": Item.name_key, "price": Item.price}
DAYS = [f"2026-01-0{day}T00:00:00.000000Z" for day in (1, 2, 3)]
SECOND, THIRD = (datetime.fromisoformat(day) for day in DAYS[1:])
LEDGER_FILTERS = [
    ({}, lambda row: True),
    ({"sku": "s01"}, lambda row: row["sku"] == "S01"),
    ({"kind": "receive"}, lambda row: row["kind"] == "receive"),
    ({"kind": "count"}, lambda row: False),
    ({"user": "mel"}, lambda row: row["user"] == "mel"),
    ({"user": "ada", "kind": "issue"}, lambda row: (row["user"], row["kind"]) == ("ada", "issue")),
    ({"reference": "O-1"}, lambda row: row["reference"] == "O-1"),
    ({"reference": ""}, lambda row: row["reference"] == ""),
    ({"since": SECOND}, lambda row: row["occurred_at"] >= DAYS[1]),
    (
        {"since": SECOND, "until": THIRD, "user": "mel"},
        lambda row: row["occurred_at"] == DAYS[1] and row["user"] == "mel",
    ),
    ({"until": SECOND, "kind": "issue"}, lambda row: row["occurred_at"] < DAYS[1] and row["kind"] == "issue"),
]
LEDGER_SORTS = {"id": Movement.id, "occurred_at": Movement.occurred_at}


@pytest.fixture(params=[(0, 10**6, 10**6), (0, 0, 10**6), (5, 4, 8)], ids=str)
def ways(request, monkeypatch):
    """From how many rows on a page is far down, and how many rows are few and are many: so every way is taken."""
    far, few, many = request.param
    monkeypatch.setattr(pages, "FAR", far)
    monkeypatch.setattr(filters, "FEW", few)
    monkeypatch.setattr(pages, "MANY", many)


@pytest.fixture
def stock(admin, member):
    """Items, some of them with movements of two people at the same times."""
    imported(member, "\n".join(map(json.dumps, ITEMS)), content_type=NDJSON)
    for number in range(9):
        common = {"sku": f"S{number:02}", "quantity": 1, "reason": "x", "occurred_at": DAYS[number % 3]}
        reference = {"reference": f"O-{number % 4}"} if number % 2 else {}
        lines = [{**common, **reference, "kind": kind} for kind in ("receive", "issue")]
        sent = (member if number % 2 else admin).post("/movements", json={"movements": lines})
        assert sent.status_code == 201, sent.json


@pytest.fixture
def context(app, stock):
    """The context that models need, once everything is there."""
    with app.app_context():
        yield


def check(matching, id_column, sorts, cases, rows):
    """Assert that each list has its rows in every order, by number, by cursor, and by cursor back again."""
    for conditions, is_met in cases:
        met = sorted(filter(is_met, rows), key=lambda row: row["id"])
        for name, column in sorts.items():
            for falling in (False, True):
                expected = [row["id"] for row in sorted(met, key=lambda row, key=name: row[key], reverse=falling)]
                order = Order(column, id_column, falling, ids_falling=False)
                query = matching(**conditions).in_order_of(column)
                said = (conditions, name, falling)
                assert by_number(query, order) == (expected, len(expected)), said
                assert by_cursor(query, order) == expected, said
                back = order.reversed if name != "id" else order._replace(falling=not falling)
                assert by_cursor(query, back) == expected[::-1], said


def by_number(query, order):
    found, offset = [], 0
    while True:
        rows, total = pages.numbered(query, order, LIMIT, offset)
        found += [row[0] for row in rows]
        offset += LIMIT
        if offset >= total:
            return found, total


def by_cursor(query, order):
    found, key = [], None
    while rows := pages.beyond(query, order, LIMIT, key):
        found += [row[0] for row in rows]
        key = Key(*rows[-1][-2:])
    return found


def test_a_page_of_items_is_the_same_by_every_way(context, ways):
    rows = [{**item, "id": number} for number, item in enumerate(ITEMS, 1)]
    ids = {row["sku"]: row["id"] for batch in item_query.batches() for row in batch}

    check(item_query.matching, Item.id, ITEM_SORTS, ITEM_FILTERS, [{**row, "id": ids[row["sku"]]} for row in rows])


def test_a_page_of_the_ledger_is_the_same_by_every_way(context, ways):
    rows = [row for batch in ledger.batches() for row in batch]
    assert len(rows) > 25
    assert all(one["id"] < other["id"] for one, other in pairwise(rows))

    check(ledger.matching, Movement.id, LEDGER_SORTS, LEDGER_FILTERS, rows)


@pytest.mark.parametrize("falling", [False, True])
def test_a_page_far_behind_the_last_row_is_empty(context, ways, falling):
    order = Order(Item.name_key, Item.id, falling, ids_falling=False)

    assert pages.numbered(item_query.matching().in_order_of(Item.name_key), order, LIMIT, 1000) == ([], len(ITEMS))


def test_totals_follow_every_change(member, stock):
    def totals():
        paths = ("/items?limit=1", "/items?tag=t1&limit=1", "/movements?limit=1", "/movements?kind=receive&limit=1")
        return [member.get(path).json["total_items"] for path in paths]

    before = totals()
    assert totals() == before
    created = member.post("/items", json={"sku": "new", "name": "new", "tags": ["t1"]}).headers["Location"]
    assert totals() == [before[0] + 1, before[1] + 1, *before[2:]]
    moved = member.post(f"{created}/movements", json={"kind": "receive", "quantity": 1, "reason": "x"})
    assert moved.status_code == 201, moved.json
    assert totals() == [before[0] + 1, before[1] + 1, before[2] + 1, before[3] + 1]
    member.delete(created)
    assert totals() == [*before[:2], before[2] + 1, before[3] + 1]
