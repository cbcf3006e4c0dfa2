"""Reports: what the stock is worth, what has to be ordered, and what goes, page by page and as a file."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from openpyxl import load_workbook
from sqlalchemy import select

from models.database.base import db
from models.database.transactions import transactional
from models.principal import SCOPES_OF_ROLE, Principal
from models.stock.lines import Line
from models.stock.location import Location
from models.stock.movement import Movement
from models.stock.place import MAIN_ID
from models.stock.transfer import Transfer
from models.values import rfc3339
from tests.support.databases import on_one_database
from tests.support.shelf import add, make_location

DAYS = [datetime(2025, 11, day, tzinfo=UTC) for day in range(1, 30)]


def record(client, item, kind, quantity, day=None, **fields):
    """Record a movement, now or on a day of November 2025, and return its id."""
    at = {} if day is None else {"occurred_at": rfc3339(DAYS[day])}
    line = {"kind": kind, "quantity": quantity, "reason": "test", **at, **fields}
    answer = client.post(f"/items/{item['id']}/movements", json=line)
    assert answer.status_code == 201, answer.json
    return answer.json["id"]


def valued(client, query=""):
    """The quantity, cost and value of each item by SKU."""
    report = client.get(f"/reports/valuation{query}")
    assert report.status_code == 200, report.json
    return {row["sku"]: (row["quantity"], row["unit_cost"], row["value"]) for row in report.json["data"]}


def carry(app, client, *lines):
    """Record legs of a transfer, which no client can."""
    by = Principal(client.user_id, "mel", "member", SCOPES_OF_ROLE["member"], "token", request_id="test")
    with app.app_context():
        transactional(Movement.record)([Line(kind, quantity, "test", **more) for kind, quantity, more in lines], by)


@pytest.fixture
def van_transfer(app, member):
    """The id of a transfer from the first location to a van."""
    make_location(app, "VAN")
    with app.app_context():
        to_id = db.session.scalar(select(Location.id).where(Location.code == "VAN"))
        common = {"state": "in_transit", "reason": "test", "reference": "", "reversed": False, "created_at": DAYS[0]}
        transfer = Transfer(from_id=MAIN_ID, to_id=to_id, user_id=member.user_id, updated_at=DAYS[0], **common)
        db.session.add(transfer)
        db.session.commit()
        return transfer.id


# --- valuation ------------------------------------------------------------------------------------------------------


def test_the_value_is_that_of_the_moving_average_and_what_has_no_cost_counts_with_its_price(member):
    bolt, nut = add(member, "BOLT", price="9"), add(member, "NUT", price="0.50", quantity=4)
    add(member, "NONE", price="100")
    record(member, bolt, "receive", 10, unit_cost="1.00")
    record(member, bolt, "issue", 5)
    record(member, bolt, "receive", 5, unit_cost="2.00")
    record(member, bolt, "receive", 3)

    report = member.get("/reports/valuation").json

    assert datetime.fromisoformat(report.pop("at")) <= datetime.now(UTC)
    assert report == {
        "method": "average",
        "value": "21.50",
        "items": 2,
        "without_cost": 1,
        "data": [
            {"item_id": bolt["id"], "sku": "BOLT", "quantity": 13, "unit_cost": "1.50", "value": "19.50"},
            {"item_id": nut["id"], "sku": "NUT", "quantity": 4, "unit_cost": "0.50", "value": "2.00"},
        ],
        "next_cursor": None,
    }


def test_the_method_last_takes_the_latest_cost_in_time_and_not_the_one_recorded_last(member):
    bolt = add(member, "BOLT")
    record(member, bolt, "receive", 1, day=5, unit_cost="5")
    record(member, bolt, "receive", 1, day=3, unit_cost="3")
    record(member, bolt, "receive", 1, day=7)

    assert valued(member, "?method=last") == {"BOLT": (3, "5.00", "15.00")}
    assert valued(member, "?method=average") == {"BOLT": (3, "4.00", "12.00")}


def test_at_a_time_only_what_had_occurred_by_then_counts(member):
    bolt = add(member, "BOLT")
    record(member, bolt, "receive", 4, day=1, unit_cost="1")
    record(member, bolt, "receive", 4, day=3, unit_cost="2")
    record(member, bolt, "issue", 8, day=5)

    found = [valued(member, f"?at={rfc3339(DAYS[day])}").get("BOLT") for day in (0, 1, 2, 3, 5)]

    assert found == [None, (4, "1.00", "4.00"), (4, "1.00", "4.00"), (8, "1.50", "12.00"), None]
    report = member.get(f"/reports/valuation?at={rfc3339(DAYS[3])}").json
    assert (report["at"], report["value"], report["items"]) == (rfc3339(DAYS[3]), "12.00", 1)
    assert valued(member) == {}


def test_the_average_is_rounded_once_to_four_decimals_half_to_even(member):
    for sku, costs in (("THIRD", ("1", "1", "2")), ("EVEN", ("0.0001", "0.0002")), ("ODD", ("0.0002", "0.0003"))):
        item = add(member, sku)
        for cost in costs:
            record(member, item, "receive", 1, unit_cost=cost)

    assert valued(member) == {
        "THIRD": (3, "1.3333", "3.9999"),
        "EVEN": (2, "0.0002", "0.0004"),
        "ODD": (2, "0.0002", "0.0004"),
    }


def test_once_the_stock_was_empty_the_next_receipt_begins_anew(member):
    bolt = add(member, "BOLT")
    record(member, bolt, "receive", 10, unit_cost="1")
    record(member, bolt, "issue", 10)
    record(member, bolt, "receive", 2, unit_cost="3")

    assert valued(member) == {"BOLT": (2, "3.00", "6.00")}


def test_what_was_received_by_mistake_and_reversed_never_was(member):
    bolt = add(member, "BOLT")
    record(member, bolt, "receive", 10, unit_cost="1")
    mistake = record(member, bolt, "receive", 10, unit_cost="999")
    record(member, bolt, "receive", 10, unit_cost="2")
    before = valued(member)["BOLT"]
    assert member.post(f"/movements/{mistake}/reversal", json={}).status_code == 201

    assert before == (30, "334.00", "10020.00")
    assert valued(member) == {"BOLT": (20, "1.50", "30.00")}
    assert valued(member, "?method=last")["BOLT"][1] == "2.00"


def test_a_transfer_leaves_what_an_item_is_worth_as_it_is(app, member):
    make_location(app, "VAN")
    bolt = add(member, "BOLT")
    record(member, bolt, "receive", 10, day=0, unit_cost="1.00")
    legs = {"sku": "BOLT", "occurred_at": DAYS[1]}, {"sku": "BOLT", "location": "VAN", "occurred_at": DAYS[3]}

    carry(app, member, ("transfer_out", 10, legs[0]), ("transfer_in", 10, legs[1]))
    record(member, bolt, "receive", 10, day=2, unit_cost="2.00")

    assert valued(member) == {"BOLT": (20, "1.50", "30.00")}


def test_archived_items_that_have_stock_are_worth_something(member):
    bolt = add(member, "BOLT", price="2", quantity=3)
    assert member.delete(f"/items/{bolt['id']}").status_code == 204

    assert valued(member) == {"BOLT": (3, "2.00", "6.00")}


def test_the_largest_stock_is_worth_exactly_what_it_is(member):
    for sku in "AB":
        add(member, sku, price="999999999.9999", quantity=1_000_000_000)

    assert member.get("/reports/valuation").json["value"] == "1999999999999800000.00"


def test_the_totals_of_each_page_are_those_of_all(member):
    for number in range(5):
        add(member, f"S{number}", price="1", quantity=number + 1)

    first = member.get("/reports/valuation?limit=3").json
    second = member.get(f"/reports/valuation?limit=3&cursor={first['next_cursor']}").json

    assert [row["sku"] for row in (*first["data"], *second["data"])] == ["S0", "S1", "S2", "S3", "S4"]
    assert second["next_cursor"] is None
    totals = {"value": "15.00", "items": 5, "without_cost": 5}
    assert all(page.items() >= totals.items() for page in (first, second))
    record(member, first["data"][0] | {"id": first["data"][0]["item_id"]}, "receive", 1, unit_cost="4")
    again = member.get(f"/reports/valuation?limit=3&cursor={first['next_cursor']}").json
    assert (again["value"], again["without_cost"]) == ("22.00", 4)


# --- reorder --------------------------------------------------------------------------------------------------------


def test_what_is_at_or_below_its_level_is_to_be_ordered_up_to_it(member):
    bolt = add(member, "BOLT", quantity=2, reorder_level=5)
    add(member, "FULL", quantity=6, reorder_level=5)
    add(member, "FREE", quantity=0)
    edge = add(member, "EDGE", name="At the edge", quantity=5, reorder_level=5)
    gone = add(member, "GONE", quantity=0, reorder_level=1)
    member.delete(f"/items/{gone['id']}")

    listed = member.get("/reports/reorder").json
    more = member.get("/reports/reorder?reorder_to=12").json["data"]

    common = {"quantity": 2, "available": 2, "reorder_level": 5}
    assert listed["next_cursor"] is None
    assert listed["data"] == [
        {"item_id": bolt["id"], "sku": "BOLT", "name": "BOLT", **common, "to_order": 3},
        {"item_id": edge["id"], "sku": "EDGE", "name": "At the edge", **common, "quantity": 5, "available": 5}
        | {"to_order": 0},
    ]
    assert [row["to_order"] for row in more] == [10, 7]
    assert [row["to_order"] for row in member.get("/reports/reorder?reorder_to=1").json["data"]] == [0, 0]


def test_of_a_location_it_is_the_stocks_with_a_level_of_their_own(app, member):
    make_location(app, "VAN")
    bolt, nut = add(member, "BOLT", quantity=9, reorder_level=20), add(member, "NUT", quantity=1)
    record(member, bolt, "receive", 2, location="VAN")
    for item, place, level in ((bolt, "VAN", 4), (bolt, "MAIN", 9), (nut, "MAIN", 0)):
        settings = {"reorder_level": level}
        assert member.patch(f"/items/{item['id']}/stocks/{place}", json=settings).status_code == 200

    van = member.get("/reports/reorder?location=van&reorder_to=10").json["data"]
    main = member.get("/reports/reorder?location=MAIN").json["data"]

    assert [(row["sku"], row["quantity"], row["available"], row["to_order"]) for row in van] == [("BOLT", 2, 2, 8)]
    assert [(row["sku"], row["quantity"], row["reorder_level"], row["to_order"]) for row in main] == [("BOLT", 9, 9, 0)]
    assert member.get("/reports/reorder?location=ATTIC").json["code"] == "unknown_location"


def test_what_is_on_its_way_is_not_available_yet(app, member, van_transfer):
    bolt = add(member, "BOLT", quantity=9, reorder_level=5)
    on_its_way = {"sku": "BOLT", "location": "IN_TRANSIT", "transfer_id": van_transfer}

    carry(app, member, ("transfer_out", 4, {"sku": "BOLT"}), ("transfer_in", 4, on_its_way))

    [row] = member.get("/reports/reorder").json["data"]
    assert (row["item_id"], row["quantity"], row["available"], row["to_order"]) == (bolt["id"], 9, 5, 0)


# --- turnover -------------------------------------------------------------------------------------------------------


def test_the_turnover_is_what_was_issued_and_not_undone(member):
    bolt, nut = add(member, "BOLT", name="Bolt"), add(member, "NUT")
    record(member, bolt, "receive", 50, day=0)
    record(member, bolt, "issue", 7, day=1)
    record(member, bolt, "issue", 4, day=12)
    record(member, bolt, "issue", 2, day=15)
    record(member, bolt, "adjust", -1, day=15)
    undone = record(member, bolt, "issue", 9, day=14)
    member.post(f"/movements/{undone}/reversal", json={})
    period = f"since={rfc3339(DAYS[10])}&until={rfc3339(DAYS[20])}"

    then = member.get(f"/reports/turnover?{period}").json
    since_then = member.get(f"/reports/turnover?since={rfc3339(DAYS[10])}").json["data"][0]

    assert (then["since"], then["until"], then["next_cursor"]) == (rfc3339(DAYS[10]), rfc3339(DAYS[20]), None)
    # Of 15 in ten days there are 36 left: the reversal came long after.
    assert then["data"] == [
        {"item_id": bolt["id"], "sku": "BOLT", "name": "Bolt", "quantity": 36, "issued": 15, "days_of_cover": 24.0}
        | {"idle_since": rfc3339(DAYS[15])},
        {"item_id": nut["id"], "sku": "NUT", "name": "NUT", "quantity": 0, "issued": 0, "days_of_cover": None}
        | {"idle_since": None},
    ]
    assert (since_then["issued"], since_then["idle_since"]) == (6, rfc3339(DAYS[15]))


def test_the_period_has_its_beginning_and_not_its_end(member):
    bolt = add(member, "BOLT")
    record(member, bolt, "receive", 9, day=0)
    for day in (1, 2, 3):
        record(member, bolt, "issue", 1, day=day)

    [row] = member.get(f"/reports/turnover?since={rfc3339(DAYS[1])}&until={rfc3339(DAYS[3])}").json["data"]

    assert (row["issued"], row["days_of_cover"], row["idle_since"]) == (2, 6.0, rfc3339(DAYS[2]))


def test_without_a_period_it_is_the_last_thirty_days(member):
    bolt = add(member, "BOLT", quantity=9)
    record(member, bolt, "issue", 3)

    report = member.get("/reports/turnover").json

    since, until = (datetime.fromisoformat(report[name]) for name in ("since", "until"))
    assert until - since == timedelta(days=30)
    assert (report["data"][0]["issued"], report["data"][0]["days_of_cover"]) == (3, 60.0)


def test_what_a_transfer_has_damaged_is_no_turnover(app, member, van_transfer):
    add(member, "BOLT", quantity=9)

    carry(app, member, ("issue", 4, {"sku": "BOLT", "transfer_id": van_transfer}))

    [row] = member.get("/reports/turnover").json["data"]
    assert (row["quantity"], row["issued"], row["idle_since"]) == (5, 0, None)


# --- of all reports -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["valuation", "reorder", "turnover"])
def test_a_file_has_all_rows_whatever_a_page_has(member, guest, name):
    for number in range(3):
        add(member, f"S{number}", price="12.50", quantity=number + 1, reorder_level=9)
    rows = member.get(f"/reports/{name}?limit=2").json["data"]
    columns = list(rows[0])

    table = guest.get(f"/reports/{name}", headers={"Accept": "text/csv"})
    lines_of_csv = table.text.splitlines()
    lines = guest.get(f"/reports/{name}?format=ndjson").text.splitlines()
    book = load_workbook(io.BytesIO(guest.get(f"/reports/{name}?format=xlsx").data))

    assert len(rows) == 2
    assert lines_of_csv[0] == ",".join(columns)
    assert [line.split(",")[1] for line in lines_of_csv[1:]] == ["S0", "S1", "S2"]
    assert len(lines) == 3
    assert f'filename="{name}-' in table.headers["Content-Disposition"]
    header, *cells = book.active.values
    assert list(header) == columns
    assert len(cells) == 3
    if name == "valuation":
        assert cells[1] == (rows[1]["item_id"], "S1", 2, 12.5, 25)


@pytest.mark.parametrize("name", ["valuation", "reorder", "turnover"])
def test_pages_follow_each_other_by_their_cursors(member, name):
    for number in range(3):
        add(member, f"S{number}", quantity=1, reorder_level=9)

    first = member.get(f"/reports/{name}?limit=2")
    second = member.get(f"/reports/{name}?limit=2&cursor={first.json['next_cursor']}")

    assert [row["sku"] for row in (*first.json["data"], *second.json["data"])] == ["S0", "S1", "S2"]
    assert 'rel="next"' in first.headers["Link"]
    assert 'rel="prev"' in second.headers["Link"]


@pytest.mark.parametrize(
    ("path", "field", "code"),
    [
        ("valuation?method=fifo", "method", "not_a_choice"),
        ("valuation?at=yesterday", "at", "bad_format"),
        ("valuation?page=1", "page", "unknown_parameter"),
        ("valuation?format=csv&limit=5", "limit", "not_applicable"),
        ("turnover?format=xlsx&cursor=", "cursor", "not_applicable"),
        ("turnover?delimiter=;", "delimiter", "not_applicable"),
        ("turnover?since=2026-01-02T00:00:00Z&until=2026-01-02T00:00:00Z", "since", "too_large"),
        ("turnover?since=9000-01-01T00:00:00Z", "since", "too_large"),
        ("reorder?reorder_to=0", "reorder_to", "too_small"),
        ("reorder?limit=201", "limit", "too_large"),
    ],
)
@on_one_database
def test_what_says_nothing_about_a_report_is_refused(guest, path, field, code):
    refused = guest.get(f"/reports/{path}")

    assert refused.status_code == 422
    assert [(error["field"], error["code"]) for error in refused.json["errors"]] == [(field, code)]
