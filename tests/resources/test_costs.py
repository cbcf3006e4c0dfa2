"""What a unit cost: it goes into the ledger with what is received, exactly, and with nothing else."""

import io
import json

import pytest
from openpyxl import Workbook, load_workbook

from tests.support.databases import on_one_database
from tests.support.files import CSV, NDJSON, XLSX, faults, send
from tests.support.shelf import add
from tests.tables.test_presets import FILES

COST = 'sku,kind,quantity,unit_cost\nBOLT,receive,3,"0.0325"\nBOLT,receive,1,\nBOLT,issue,1,\n'


def receive(client, path, cost, quantity=1):
    """Receive some units at a cost that stands exactly like this in the JSON text, and return the response."""
    text = f'{{"kind": "receive", "quantity": {quantity}, "reason": "delivery", "unit_cost": {cost}}}'
    return client.post(f"{path}/movements", data=text, content_type="application/json")


def costs(client):
    """The kind and the cost of each movement, oldest first."""
    return [(row["kind"], row["unit_cost"]) for row in client.get("/movements?limit=200").json["data"]]


def send_movements(client, file, query="", content_type=CSV):
    return client.post(f"/movements/import{query}", data=file, content_type=content_type)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ('"2.5"', "2.50"),
        ("0.1", "0.10"),
        ('"0.0325"', "0.0325"),
        ("0", "0.00"),
        ('"999999999.9999"', "999999999.9999"),
        ("null", None),
    ],
)
def test_a_cost_comes_out_as_it_went_in(member, lamp, given, kept):
    received = receive(member, lamp, given)

    assert received.status_code == 201, received.json
    assert received.json["unit_cost"] == kept
    assert member.get(f"/movements/{received.json['id']}").json["unit_cost"] == kept
    assert member.get("/events?type=movement.created").json["data"][-1]["data"] == received.json


@pytest.mark.parametrize(
    ("cost", "code"),
    [
        ('"-0.01"', "too_small"),
        ("0.00001", "too_many_decimals"),
        ("1000000000", "too_large"),
        ("true", "wrong_type"),
        ('""', "wrong_type"),
    ],
)
@on_one_database
def test_what_is_no_amount_is_no_cost(member, lamp, cost, code):
    refused = receive(member, lamp, cost)

    assert refused.status_code == 422
    assert [(error["field"], error["code"]) for error in refused.json["errors"]] == [("unit_cost", code)]
    assert costs(member) == [("opening", None)]


@pytest.mark.parametrize(("kind", "quantity"), [("issue", 1), ("adjust", 2), ("count", 7)])
@on_one_database
def test_only_what_is_received_has_a_cost(member, lamp, kind, quantity):
    line = {"kind": kind, "quantity": quantity, "reason": "x", "unit_cost": "1"}

    one = member.post(f"{lamp}/movements", json=line)
    batch = member.post("/movements", json={"movements": [{**line, "sku": "LAMP-1"}]})

    assert [one.status_code, batch.status_code] == [422, 422]
    assert [(error["field"], error["code"]) for error in one.json["errors"]] == [("unit_cost", "not_applicable")]
    assert batch.json["errors"][0]["field"] == "movements[0].unit_cost"
    assert costs(member) == [("opening", None)]
    assert member.post(f"{lamp}/movements", json={**line, "unit_cost": None}).status_code == 201


def test_a_batch_and_a_reversal_keep_to_the_cost_of_each_line(member, lamp):
    line = {"sku": "LAMP-1", "kind": "receive", "quantity": 2, "reason": "delivery"}

    recorded = member.post("/movements", json={"movements": [{**line, "unit_cost": "7.25"}, line]})
    undone = member.post(f"/movements/{recorded.json['movements'][0]['id']}/reversal", json={})

    assert [row["unit_cost"] for row in recorded.json["movements"]] == ["7.25", None]
    assert (undone.status_code, undone.json["unit_cost"]) == (201, None)


# --- files of movements ---------------------------------------------------------------------------------------------


def test_a_file_of_movements_has_a_column_for_it_and_so_has_the_export(member):
    add(member, "BOLT")

    answer = send_movements(member, COST)

    assert answer.status_code == 200, answer.json
    assert costs(member) == [("receive", "0.0325"), ("receive", None), ("issue", None)]
    exported = member.get("/movements/export?fields=sku,kind,unit_cost").text
    assert exported == "sku,kind,unit_cost\r\nBOLT,receive,0.0325\r\nBOLT,receive,\r\nBOLT,issue,\r\n"
    events = member.get("/events?type=movement.created").json["data"]
    assert [event["data"]["unit_cost"] for event in events] == ["0.0325", None, None]


@on_one_database
def test_json_lines_and_workbooks_hold_it_too(member):
    add(member, "BOLT")
    lines = [{"sku": "BOLT", "quantity": 1, "unit_cost": cost} for cost in ("2.50", 0.0325, None)]
    workbook = Workbook()
    for row in (["sku", "quantity", "unit_cost"], ["BOLT", 1, 1.5], ["BOLT", 1, None]):
        workbook.active.append(row)
    workbook.save(stored := io.BytesIO())

    as_lines = send_movements(member, "\n".join(map(json.dumps, lines)), "?kind=receive", NDJSON)
    as_cells = send_movements(member, stored.getvalue(), "?kind=receive", XLSX)

    assert (as_lines.status_code, as_cells.status_code) == (200, 200), (as_lines.json, as_cells.json)
    assert [cost for _, cost in costs(member)] == ["2.50", "0.0325", None, "1.50", None]
    book = load_workbook(io.BytesIO(member.get("/movements/export?format=xlsx&fields=unit_cost,sku").data))
    assert [cost for cost, _ in book.active.values] == ["unit_cost", 2.5, 0.0325, None, 1.5, None]


@on_one_database
def test_a_cost_in_a_file_is_written_as_a_price_is(member):
    add(member, "BOLT")
    file = "sku;quantity;unit_cost\nBOLT;1;€ 1.012,50\n"

    refused = send_movements(member, file, "?kind=receive&decimal=,")
    read = send_movements(member, file, "?kind=receive&decimal=,&currency=ignore")

    assert [(each["column"], each["code"]) for each in refused.json["errors"]] == [("unit_cost", "wrong_type")]
    assert read.status_code == 200, read.json
    assert costs(member) == [("receive", "1012.50")]


@on_one_database
def test_a_line_of_a_file_that_is_not_received_has_no_cost(member):
    add(member, "BOLT", quantity=5)

    refused = send_movements(member, "sku,kind,quantity,unit_cost\nBOLT,issue,1,2\nBOLT,receive,1,-2\n")

    assert [(each["line"], each["column"], each["code"]) for each in refused.json["errors"]] == [
        (2, "unit_cost", "not_applicable"),
        (3, "unit_cost", "too_small"),
    ]


# --- files of items -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "content_type"),
    [
        ("sku,name,quantity,unit_cost\nBOLT,Bolt,5,0.04\nNUT,Nut,0,0.02\nNAIL,Nail,2,\n", CSV),
        (
            '{"sku": "BOLT", "name": "Bolt", "quantity": 5, "unit_cost": 0.04}\n'
            '{"sku": "NUT", "name": "Nut", "unit_cost": "0.02"}\n'
            '{"sku": "NAIL", "name": "Nail", "quantity": 2, "unit_cost": null}\n',
            NDJSON,
        ),
    ],
    ids=["csv", "ndjson"],
)
def test_the_stock_that_a_new_item_begins_with_has_the_cost_of_its_row(member, file, content_type):
    answer = send(member, file, content_type=content_type)

    assert answer.status_code == 200, answer.json
    assert [(row["sku"], row["kind"], row["unit_cost"]) for row in member.get("/movements").json["data"]] == [
        ("BOLT", "opening", "0.04"),
        ("NAIL", "opening", None),
    ]
    events = member.get("/events?type=movement.created").json["data"]
    assert [event["data"]["unit_cost"] for event in events] == ["0.04", None]


def test_what_a_file_of_items_receives_has_the_cost_of_its_row(member):
    add(member, "BOLT", quantity=5)

    assert send(member, "sku,quantity,unit_cost\nBOLT,3,0.05\n", "?quantity=receive").status_code == 200

    assert costs(member) == [("opening", None), ("receive", "0.05")]


@on_one_database
def test_a_count_knows_of_no_cost_and_is_refused_with_one_unless_it_changes_nothing(member):
    add(member, "BOLT", quantity=5)

    assert faults(member, "sku,quantity,unit_cost\nBOLT,6,0.05\n") == [(2, "unit_cost", "not_applicable")]
    assert faults(member, "sku,quantity,unit_cost\nBOLT,1,0.05\n", "?quantity=issue") == [
        (2, "unit_cost", "not_applicable")
    ]
    assert send(member, "sku,quantity,unit_cost\nBOLT,5,0.05\n").json["unchanged"] == 1
    assert send(member, "sku,quantity,unit_cost\nBOLT,6,\n").json["counted"] == 1
    assert costs(member) == [("opening", None), ("count", None)]


@on_one_database
def test_the_export_of_a_shop_brings_its_costs_and_its_counts_later_leave_them_out(member):
    file = FILES["shopify"].read_text(encoding="utf-8")

    assert send(member, file, "?preset=shopify").status_code == 200
    openings = {row["sku"]: row["unit_cost"] for row in member.get("/movements").json["data"]}
    again = send(member, file.replace("shopify,14,deny", "shopify,12,deny"), "?preset=shopify")

    assert openings == {"HAT-GREY": "9.10", "HAT-GREEN": "9.10"}
    assert (again.status_code, again.json["counted"]) == (200, 1), again.json
    assert costs(member)[-1] == ("count", None)
