"""An import in its three steps, with other writers between them: what is written is compared, and has its event."""

from contextlib import closing

import pytest
from sqlalchemy import select

from models.database.base import db
from models.files import importing
from models.files.importing import Import
from models.files.row_faults import RefusedRows
from models.files.rules import Rules
from models.files.staging import CHUNK, Row
from models.principal import Principal
from models.stock.item import Item
from models.stock.verify import verify
from models.values import normalized
from tests.support.files import items, send
from tests.support.reservations import post_reservation
from tests.support.shelf import add, together


def row(line, sku, stock=None, **fields):
    """A row of a file, as the request's parsers would have read it."""
    return Row(line, sku, normalized(sku), fields, True, line - 1, stock or {})


@pytest.fixture
def by(member):
    """The principal of the member, to import without a request."""
    return Principal(member.user_id, "mel", "member", frozenset(), "password", request_id="tests")


def import_with(app, by, rows, meanwhile, **rules):
    """Stage and compare rows, do something else, then write them."""
    with app.app_context(), closing(Import(by, Rules(**rules))) as file:
        file.stage(rows)
        file.diff()
        meanwhile()
        return file.apply()


def barcodes_in_events(client):
    """The barcode of each item by its SKU, as a reader of the change feed knows it."""
    events = client.get("/events?limit=200").json["data"]
    known = {event["item_id"]: event["data"] for event in events if event["type"].startswith("item.")}
    return {item["sku"]: item["barcode"] for item in known.values()}


def barcodes(client):
    """The barcode of each item by its SKU."""
    return {sku: item["barcode"] for sku, item in items(client).items()}


def test_a_barcode_that_is_removed_is_a_change_with_its_event_and_version(member):
    before = add(member, "A", barcode="111")
    since = member.get("/events").json["next_cursor"]

    answer = send(member, "sku,barcode\r\nA,\r\n").json

    after = items(member)["A"]
    assert (answer["updated"], answer["unchanged"]) == (1, 0)
    assert (after["barcode"], after["version"]) == (None, before["version"] + 1)
    [event] = member.get(f"/events?since={since}").json["data"]
    assert (event["type"], event["data"]) == ("item.updated", after)


def test_a_barcode_that_is_replaced_is_a_change_with_its_event_and_version(member):
    before = add(member, "A", barcode="111")

    assert send(member, "sku,barcode\r\nA,222\r\n").json["updated"] == 1

    assert items(member)["A"]["version"] == before["version"] + 1
    assert barcodes_in_events(member) == barcodes(member) == {"A": "222"}


def test_an_item_that_is_renamed_meanwhile_keeps_its_barcode(app, member, by):
    renamed = add(member, "A", barcode="111")

    outcome = import_with(
        app,
        by,
        [row(2, "A", name="new", barcode="222")],
        lambda: member.patch(f"/items/{renamed['id']}", json={"sku": "B"}),
    )

    assert outcome["created"] == 1
    assert barcodes_in_events(member) == barcodes(member) == {"A": "222", "B": "111"}


def test_an_item_that_gets_the_barcode_of_its_row_meanwhile_keeps_it(app, member, by):
    item = add(member, "A", barcode="111")

    outcome = import_with(
        app, by, [row(2, "A", barcode="222")], lambda: member.patch(f"/items/{item['id']}", json={"barcode": "222"})
    )

    assert outcome["unchanged"] == 1
    assert barcodes_in_events(member) == barcodes(member) == {"A": "222"}


def test_the_barcode_of_a_renamed_item_is_taken_for_the_rows_that_counted_on_it(app, member, by):
    renamed = add(member, "A", name="a", barcode="111")
    add(member, "B")

    with pytest.raises(RefusedRows) as refused:
        import_with(
            app,
            by,
            [row(2, "A", name="a", barcode="222"), row(3, "B", barcode="111")],
            lambda: member.patch(f"/items/{renamed['id']}", json={"sku": "C"}),
        )

    assert [error["code"] for error in refused.value.extra["errors"]] == ["barcode_taken"]
    assert barcodes_in_events(member) == barcodes(member) == {"C": "111", "B": None}


def move(client, item, kind, quantity):
    """Record a movement of an item."""
    moved = client.post(f"/items/{item['id']}/movements", json={"kind": kind, "quantity": quantity, "reason": "sold"})
    assert moved.status_code == 201, moved.json


def moves(client, item):
    """Kind, delta and stock after it of each movement of an item."""
    rows = client.get(f"/items/{item['id']}/movements").json["data"]
    return [(row["kind"], row["delta"], row["quantity_after"]) for row in rows]


@pytest.mark.parametrize(("quantity", "delta", "after"), [("count", -2, 5), ("receive", 5, 12), ("issue", -5, 2)])
def test_what_is_sold_meanwhile_is_neither_lost_nor_doubled(app, member, by, quantity, delta, after):
    item = add(member, "A", quantity=9)

    outcome = import_with(
        app, by, [row(2, "A", stock={"quantity": 5})], lambda: move(member, item, "issue", 2), quantity=quantity
    )

    assert moves(member, item)[1:] == [("issue", -2, 7), (quantity, delta, after)]
    assert (outcome["updated"], outcome["counted"], items(member)["A"]["version"]) == (1, 1, 3)
    with app.app_context():
        assert list(verify()) == []


@pytest.mark.parametrize(
    ("quantity", "stock", "code"),
    [
        ("issue", {"quantity": 5}, "insufficient_stock"),
        ("count", {"quantity": 5, "expect_quantity": 5}, "quantity_changed"),
        ("count", {"expect_quantity": 5}, "quantity_changed"),
    ],
)
def test_what_is_sold_meanwhile_may_refuse_the_file(app, member, by, quantity, stock, code):
    item = add(member, "A", quantity=5)
    rows = [row(2, "NEW", name="n"), row(3, "A", stock=stock)]

    with pytest.raises(RefusedRows) as refused:
        import_with(app, by, rows, lambda: move(member, item, "issue", 1), quantity=quantity)

    assert [(error["row"], error["code"]) for error in refused.value.extra["errors"]] == [(2, code)]
    assert list(items(member)) == ["A"]
    assert moves(member, item)[1:] == [("issue", -1, 4)]


def test_what_is_reserved_meanwhile_may_refuse_the_file(app, member, by):
    item = add(member, "A", quantity=5)

    with pytest.raises(RefusedRows) as refused:
        import_with(
            app, by, [row(2, "A", stock={"quantity": 5})], lambda: post_reservation(member, "A", 1), quantity="issue"
        )

    assert [error["code"] for error in refused.value.extra["errors"]] == ["insufficient_stock"]
    assert moves(member, item)[1:] == []


def test_a_count_that_finds_less_than_is_reserved_meanwhile_says_so(app, member, by):
    add(member, "A", quantity=5)

    import_with(app, by, [row(2, "A", name="b", stock={"quantity": 2})], lambda: post_reservation(member, "A", 3))

    events = {event["type"]: event["data"] for event in member.get("/events").json["data"]}
    assert (events["item.oversubscribed"]["quantity"], events["item.oversubscribed"]["reserved"]) == (2, 3)
    assert (events["item.updated"]["reserved"], events["item.updated"]["available"]) == (3, 2)


@pytest.mark.parametrize("of", ["", "/stocks/MAIN"])
def test_a_reorder_level_that_is_set_meanwhile_is_crossed(app, member, by, of):
    item = add(member, "A", quantity=5)

    import_with(
        app,
        by,
        [row(2, "A", stock={"quantity": 2})],
        lambda: member.patch(f"/items/{item['id']}{of}", json={"reorder_level": 3}),
    )

    [low] = [event["data"] for event in member.get("/events").json["data"] if event["type"] == "item.low_stock"]
    assert (low["available"], low["location"]) == (2, "MAIN" if of else None)


@pytest.mark.parametrize("match", ["sku", "barcode"])
def test_an_item_that_is_created_meanwhile_is_updated(app, member, by, match):
    rows = [row(2, "A", name="new", barcode="7", stock={"quantity": 5})]

    outcome = import_with(app, by, rows, lambda: add(member, "A", barcode="7", quantity=1), match=match)

    assert (outcome["created"], outcome["updated"], outcome["counted"]) == (0, 1, 1)
    assert (items(member)["A"]["name"], items(member)["A"]["quantity"]) == ("new", 5)


def test_others_wait_for_no_row_that_nobody_has_changed_to_be_compared(app, member, by, monkeypatch):
    add(member, "A", quantity=5)
    changed = add(member, "B", quantity=5)
    rows = [row(line, f"N-{line}", name="n", stock={"quantity": 1}) for line in range(2, 600)]
    rows += [row(600, "A", stock={"quantity": 1}), row(1200, "B", stock={"quantity": 1})]
    compared = []
    read = importing.existing_items

    def reading(some, *args, **more):
        compared.append(len(some))
        return read(some, *args, **more)

    def meanwhile():
        move(member, changed, "issue", 1)
        monkeypatch.setattr(importing, "existing_items", reading)

    outcome = import_with(app, by, rows, meanwhile)

    assert compared == [len(rows) - CHUNK]
    assert (outcome["created"], outcome["updated"]) == (598, 2)


def test_imports_and_renamings_at_once_lose_no_barcode(app, member):
    first, second = add(member, "A", barcode="1"), add(member, "B", barcode="2")

    def swap(one, other):
        return lambda: send(member, f"sku,name,barcode\nA,a,{one}\nB,b,{other}\n")

    def rename(item, sku):
        return lambda: member.patch(f"/items/{item['id']}", json={"sku": sku})

    for turn in range(5):
        answers = together(
            swap(2, 1), rename(first, "C" if turn % 2 else "A"), swap(1, 2), rename(second, "B" if turn % 2 else "D")
        )
        assert {answer.status_code for answer in answers} <= {200, 409, 422, 503}, [a.json for a in answers]
        assert barcodes_in_events(member) == barcodes(member)


def test_new_items_wait_for_no_item_that_somebody_else_has_locked(app, member):
    for number in range(20):
        add(member, f"HOT-{number}", quantity=5)

    with app.app_context(), db.engine.connect() as other:
        other.execute(select(Item.id).with_for_update())
        answer = send(member, "sku,name\n" + "".join(f"S{number},new\n" for number in range(500)))

    assert (answer.status_code, answer.json.get("created")) == (200, 500), answer.json
