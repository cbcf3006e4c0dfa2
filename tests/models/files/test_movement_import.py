"""An import of movements in its three steps, with other writers between them: what is recorded is checked again."""

from contextlib import closing

import pytest
from sqlalchemy import select

from models.database.base import db
from models.files import movement_import, movement_staging
from models.files.movement_import import MovementImport
from models.files.movement_staging import StagedLine
from models.files.row_faults import RefusedRows
from models.principal import Principal
from models.stock.item import Item
from models.stock.verify import verify
from tests.support.files import items
from tests.support.reservations import path_of_reservation, post_reservation, reserve
from tests.support.shelf import add, together


def line(number, sku=None, kind="receive", quantity=1, **more):
    """A line of a file, as the request's parsers would have read it."""
    return StagedLine(number, number - 1, True, sku=sku, kind=kind, quantity=quantity, **more)


@pytest.fixture
def by(member):
    """The principal of the member, to import without a request."""
    return Principal(member.user_id, "mel", "member", frozenset(), "password", request_id="tests")


def import_with(app, by, lines, *meanwhile, before_writing=lambda: None):
    """Stage and check lines, let others send requests, then record them; return lines and codes of the faults."""
    with app.app_context(), closing(MovementImport(by)) as file:
        file.stage(lines)
        file.diff()
        assert not file.faults
        for operation in meanwhile:
            [answer] = together(operation)
            assert answer.status_code < 300, answer.json
        before_writing()
        try:
            file.apply()
        except RefusedRows as refused:
            return [(error["line"], error["code"]) for error in refused.extra["errors"]]
        finally:
            assert list(verify()) == []
    return []


def stock(client):
    """The stock of each item by SKU."""
    return {sku: item["quantity"] for sku, item in items(client).items()}


def test_what_nobody_has_changed_meanwhile_is_written_as_it_was_prepared(app, member, by, monkeypatch):
    add(member, "A", quantity=3)
    add(member, "B", quantity=2, barcode="4001")

    def nothing_is_prepared_again():
        for name in ("read_stocks", "take_lines", "plan_moves", "prepare_moves"):
            monkeypatch.delattr(movement_import, name)

    lines = [line(2, "B", "count", 9), line(3, "A", "issue", 1), line(4, barcode="4001"), line(5, "A", "issue", 2)]

    assert import_with(app, by, lines, before_writing=nothing_is_prepared_again) == []

    assert stock(member) == {"A": 0, "B": 10}


def test_what_is_sold_meanwhile_is_missed_at_the_end(app, member, by):
    item = add(member, "A", quantity=3)
    sale = {"kind": "issue", "quantity": 1, "reason": "sold"}

    codes = import_with(
        app,
        by,
        [line(2, "A", "issue", 2), line(3, "A", "issue", 1)],
        lambda: member.post(f"/items/{item['id']}/movements", json=sale),
    )

    assert codes == [(3, "insufficient_stock")]
    assert stock(member) == {"A": 2}


def test_what_is_reserved_meanwhile_is_missed_at_the_end(app, member, by):
    add(member, "A", quantity=3)

    codes = import_with(
        app,
        by,
        [line(2, "A", "issue", 2), line(3, "A", "issue", 1)],
        lambda: post_reservation(member, "A", 1),
    )

    assert codes == [(3, "insufficient_stock")]
    assert stock(member) == {"A": 3}


@pytest.mark.parametrize("end", ["release", "fulfilment"])
def test_what_is_reserved_no_longer_by_the_end_counts(app, member, by, end):
    add(member, "A", quantity=3)
    path = path_of_reservation(reserve(member, "A", 2), f"/{end}")

    assert import_with(app, by, [line(2, "A", "count", 1)], lambda: member.post(path)) == []

    assert stock(member) == {"A": 1}
    assert "item.oversubscribed" not in {event["type"] for event in member.get("/events").json["data"]}


@pytest.mark.parametrize("of", ["", "/stocks/MAIN"])
def test_a_reorder_level_that_is_set_meanwhile_is_crossed(app, member, by, of):
    path = f"/items/{add(member, 'A', quantity=5)['id']}{of}"
    lines = [line(2, "A", "issue", 2), line(3, "A", "issue", 1)]

    assert import_with(app, by, lines, lambda: member.patch(path, json={"reorder_level": 3})) == []

    *_, last = member.get("/events").json["data"]
    assert (last["type"], last["data"]["available"]) == ("item.low_stock", 2)
    assert last["data"]["location"] == ("MAIN" if of else None)


def test_what_others_have_moved_meanwhile_counts(app, member, by):
    items = [add(member, sku, quantity=3) for sku in ("A", "B")]
    delivery = {"kind": "receive", "quantity": 10, "reason": "delivery"}

    codes = import_with(
        app,
        by,
        [line(2, "A", "issue", 2), line(3, "B", "issue", 1), line(4, "A", "count", 12)],
        lambda: member.post(f"/items/{items[0]['id']}/movements", json=delivery),
    )

    assert codes == []
    ledger = member.get("/movements?limit=200").json["data"][-3:]
    assert [(row["sku"], row["delta"], row["quantity_after"]) for row in ledger] == [
        ("A", -2, 11),
        ("B", -1, 2),
        ("A", 1, 12),
    ]
    events = member.get("/events?limit=200").json["data"]
    assert [event["data"] for event in events[-3:]] == ledger


def test_an_item_that_is_renamed_meanwhile_is_no_longer_found(app, member, by):
    item = add(member, "A", quantity=3)

    codes = import_with(app, by, [line(2, "A")], lambda: member.patch(f"/items/{item['id']}", json={"sku": "B"}))

    assert codes == [(2, "not_found")]
    assert stock(member) == {"B": 3}


def test_items_that_exchange_their_names_meanwhile_are_found_by_their_new_ones(app, member, by):
    first, second = add(member, "A", quantity=1), add(member, "B", quantity=2, barcode="4001")

    lines = [line(2, "A", "issue", 1), line(3, barcode="4001"), line(4, "B"), line(5, "A")]

    codes = import_with(
        app,
        by,
        lines,
        lambda: member.patch(f"/items/{first['id']}", json={"sku": "C"}),
        lambda: member.patch(f"/items/{second['id']}", json={"sku": "A", "barcode": None}),
        lambda: member.patch(f"/items/{first['id']}", json={"sku": "B", "barcode": "4001"}),
    )

    assert codes == []
    assert stock(member) == {"A": 2, "B": 3}
    ledger = [(row["sku"], row["delta"]) for row in member.get("/movements").json["data"][2:]]
    assert ledger == [("A", -1), ("B", 1), ("B", 1), ("A", 1)]


def test_an_item_that_gives_its_barcode_to_a_far_one_meanwhile_is_looked_up_again(app, member, by, monkeypatch):
    monkeypatch.setattr(movement_staging, "CHUNK", 1)
    first, second = add(member, "A", barcode="4001"), add(member, "B")

    codes = import_with(
        app,
        by,
        [line(2, barcode="4001", quantity=4), line(3, "A"), line(4, "B")],
        lambda: member.patch(f"/items/{first['id']}", json={"barcode": None}),
        lambda: member.patch(f"/items/{second['id']}", json={"barcode": "4001"}),
    )

    assert codes == []
    assert stock(member) == {"A": 1, "B": 5}


def test_an_item_that_loses_its_barcode_meanwhile_is_not_moved(app, member, by):
    add(member, "A")
    loser, winner = add(member, "B", barcode="4001"), add(member, "C")

    codes = import_with(
        app,
        by,
        [line(2, "A"), line(3, barcode="4001")],
        lambda: member.patch(f"/items/{loser['id']}", json={"barcode": None}),
        lambda: member.patch(f"/items/{winner['id']}", json={"barcode": "4001"}),
    )

    assert codes == []
    assert stock(member) == {"A": 1, "B": 0, "C": 1}


def test_lines_are_applied_in_small_parts_and_recorded_in_the_order_of_the_file(app, member, by, monkeypatch):
    monkeypatch.setattr(movement_staging, "CHUNK", 3)
    skus = [f"S{number}" for number in range(5)]
    for sku in skus:
        add(member, sku)
    order = [skus[number * 7 % 5] for number in range(23)]

    assert import_with(app, by, [line(number, sku) for number, sku in enumerate(order, 2)]) == []

    assert [row["sku"] for row in member.get("/movements?limit=200").json["data"]] == order
    assert stock(member) == {sku: order.count(sku) for sku in skus}


def test_a_file_waits_for_no_item_that_it_does_not_move(app, member, by):
    add(member, "A")
    for number in range(20):
        add(member, f"HOT-{number}", quantity=5)

    with app.app_context(), db.engine.connect() as other:
        other.execute(select(Item.id).where(Item.sku != "A").with_for_update())
        assert import_with(app, by, [line(2, "A")]) == []

    assert stock(member)["A"] == 1
