"""POST /movements/import: a file does what a batch does, all of it or nothing, and every fault is reported at once."""

import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from openpyxl import Workbook

from api.openapi.endpoints import endpoints
from api.paths import IMPORTS
from models.stock.verify import verify
from models.values import rfc3339
from resources import movement_rows
from resources.file_parser import FileParser
from tests.support.clients import Client
from tests.support.databases import on_one_database
from tests.support.files import CSV, NDJSON
from tests.support.shelf import add, make_location, together

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
LONG_AGO = "2025-11-01T12:00:00.000000Z"
LATER = "2025-11-05T12:00:00.000000Z"


def send(client: Client, file, query="", content_type=CSV, **headers):
    """Import a file of movements, and return the response."""
    return client.post(f"/movements/import{query}", data=file, content_type=content_type, headers=headers)


def recorded(client, file, query="", content_type=CSV):
    """Import a file that is valid; return how many movements it recorded."""
    answer = send(client, file, query, content_type)
    assert answer.status_code == 200, answer.json
    assert (answer.json["errors"], answer.json["error_counts"]) == ([], {})
    return answer.json["recorded"]


def faults(client, file, query="", content_type=CSV):
    """Import a file that is refused; return line, column and code of each of its faults."""
    refused = send(client, file, query, content_type)
    assert (refused.status_code, refused.json["code"], refused.json["recorded"]) == (422, "invalid_input", 0)
    return [(error["line"], error["column"], error["code"]) for error in refused.json["errors"]]


def ledger(client):
    """The movements, oldest first, but for the opening ones."""
    rows = client.get("/movements?limit=200").json["data"]
    return [row for row in rows if row["kind"] != "opening"]


def quantities(client):
    """The stock of each item by SKU."""
    return {item["sku"]: item["quantity"] for item in client.get("/items?limit=200").json["data"]}


@pytest.fixture
def shelf(member):
    """Five bolts, with a barcode, and seven nuts."""
    return add(member, "BOLT", quantity=5, barcode="4001"), add(member, "NUT", quantity=7)


# --- what a file does -----------------------------------------------------------------------------------------------


def test_goods_received_are_recorded_in_the_order_of_the_file(app, member, shelf):
    since = member.get("/events").json["next_cursor"]
    before = {item["sku"]: item["version"] for item in member.get("/items").json["data"]}

    answer = send(
        member,
        "SKU;Kind;Quantity;Reference;Reason\r\nNUT;receive;12;PO-1;delivery\r\nbolt;Receive;3;PO-1;\r\nNUT;issue;19;;\r\n",
    )

    assert answer.status_code == 200, answer.json
    assert answer.json == {
        "dry_run": False,
        "rows": 3,
        "recorded": 3,
        "read_as": {
            "format": "csv",
            "encoding": "utf-8",
            "delimiter": ";",
            "decimal": ".",
            "sheet": None,
            "columns": {
                "SKU": "sku",
                "Kind": "kind",
                "Quantity": "quantity",
                "Reference": "reference",
                "Reason": "reason",
            },
        },
        "errors": [],
        "error_counts": {},
    }
    rows = ledger(member)
    assert [(row["sku"], row["delta"], row["quantity_after"], row["reference"], row["reason"]) for row in rows] == [
        ("NUT", 12, 19, "PO-1", "delivery"),
        ("BOLT", 3, 8, "PO-1", "import"),
        ("NUT", -19, 0, "", "import"),
    ]
    assert {row["user"] for row in rows} == {"mel"}
    events = member.get(f"/events?since={since}").json["data"]
    assert [(event["type"], event["data"]) for event in events] == [("movement.created", row) for row in rows]
    after = {item["sku"]: (item["version"], item["quantity"]) for item in member.get("/items").json["data"]}
    assert after == {"BOLT": (before["BOLT"] + 1, 8), "NUT": (before["NUT"] + 1, 0)}
    with app.app_context():
        assert list(verify()) == []


@on_one_database
def test_one_kind_may_hold_for_the_whole_file(member, shelf):
    assert recorded(member, "barcode,quantity\n4001,3\n", "?kind=receive") == 1
    assert recorded(member, "sku,quantity\nNUT,6\n", "?kind=count") == 1
    assert recorded(member, '{"sku": "NUT", "quantity": 1}\n', "?kind=issue", NDJSON) == 1

    assert quantities(member) == {"BOLT": 8, "NUT": 5}
    assert [row["kind"] for row in ledger(member)] == ["receive", "count", "issue"]


@on_one_database
def test_a_file_that_names_kinds_beside_the_one_kind_is_refused_unless_it_says_to_leave_them_out(member, shelf):
    file = "sku,kind,quantity\nNUT,issue,1\n"

    assert faults(member, file, "?kind=receive") == [(1, "kind", "unknown_column")]
    assert recorded(member, file, "?kind=receive&extra_columns=ignore") == 1
    assert quantities(member)["NUT"] == 8


@on_one_database
def test_json_lines_and_workbooks_hold_the_same(member, shelf):
    workbook = Workbook()
    workbook.active.append(["other"])
    goods = workbook.create_sheet("Goods")
    for row in (["Barcode", "Kind", "Quantity", "When"], [4001, "receive", 2, LATER], ["4001", "count", 4.0, None]):
        goods.append(row)
    workbook.save(stored := io.BytesIO())

    assert recorded(member, '{"sku": "NUT", "kind": "adjust", "quantity": -2, "reason": "broken"}\n', "", NDJSON) == 1
    assert recorded(member, stored.getvalue(), "?sheet=Goods&columns=When:occurred_at", XLSX) == 2
    form = {
        "file": (io.BytesIO(b"\xff\xfeS\0K\0U\0,\0q\0u\0a\0n\0t\0i\0t\0y\0\n\0N\0U\0T\0,\x001\0\n\0"), "n.csv"),
        "kind": "issue",
    }
    assert member.post("/movements/import", data=form).json["recorded"] == 1

    assert quantities(member) == {"BOLT": 4, "NUT": 4}
    assert {row["occurred_at"] for row in ledger(member)} >= {LATER}


@on_one_database
def test_numbers_names_and_encodings_are_read_as_in_a_file_of_items(member):
    add(member, "Schraube M8 – größer")

    file = "Artikel;Menge;Farbe\nSchraube M8 – größer;1.200,0;rot\n".encode("cp1252")
    options = "?kind=receive&columns=Artikel:sku,Menge:quantity&extra_columns=ignore&decimal=,&encoding=windows-1252"

    assert recorded(member, file, options) == 1
    assert list(quantities(member).values()) == [1200]
    assert send(member, file, "?kind=receive").json["code"] == "encoding_needed"


@on_one_database
def test_a_file_without_lines_records_nothing(member, shelf):
    assert recorded(member, "sku,kind,quantity\n") == 0
    assert ledger(member) == []


@on_one_database
def test_a_dry_run_checks_everything_and_changes_nothing(member, shelf):
    before = member.get("/events").json

    right = send(member, "sku,quantity\nNUT,7\n", "?kind=issue&dry_run=true")
    wrong = send(member, "sku,quantity\nNUT,8\n", "?kind=issue&dry_run=true")

    assert (right.status_code, right.json["dry_run"], right.json["recorded"]) == (200, True, 1)
    assert (wrong.status_code, wrong.json["dry_run"], wrong.json["errors"][0]["code"]) == (
        422,
        True,
        "insufficient_stock",
    )
    assert quantities(member) == {"BOLT": 5, "NUT": 7}
    assert member.get("/events").json == before


@on_one_database
def test_a_dry_run_lists_what_each_line_makes_of_the_stock_in_the_order_of_the_file(member, shelf):
    rows = "NUT,receive,3\nBOLT,count,5\nbolt,issue,4\nNUT,issue,10\n"

    answer = send(member, f"sku,kind,quantity\n{rows}", "?dry_run=true").json

    assert [(each["row"], each["sku"], each["field"], each["from"], each["to"]) for each in answer["changes"]] == [
        (1, "NUT", "quantity", 7, 10),
        (3, "BOLT", "quantity", 5, 1),
        (4, "NUT", "quantity", 10, 0),
    ]
    assert "changes" not in send(member, "sku,kind,quantity\nNUT,receive,1\n").json


@on_one_database
def test_a_dry_run_lists_the_first_thousand_changes_of_the_file(member, shelf):
    rows = "".join(f"{('NUT', 'BOLT')[n % 2]},1\n" for n in range(1100))

    changes = send(member, f"sku,quantity\n{rows}", "?dry_run=true&kind=receive").json["changes"]

    assert [each["row"] for each in changes] == list(range(1, 1001))
    assert (changes[0]["sku"], changes[1]["sku"]) == ("NUT", "BOLT")
    assert quantities(member) == {"BOLT": 5, "NUT": 7}


# --- the rules are those of a batch ---------------------------------------------------------------------------------


def line(sku, kind, quantity, **more):
    return {"sku": sku, "kind": kind, "quantity": quantity, "reason": "a reason", **more}


AHEAD = rfc3339(datetime.now(UTC) + timedelta(minutes=4))
RULES = {
    "in their order": [line("A", "issue", 5), line("B", "receive", 1), line("A", "receive", 2), line("A", "issue", 2)],
    "too few": [line("A", "issue", 4), line("A", "issue", 4), line("A", "issue", 1), line("B", "issue", 8)],
    "counts": [line("A", "count", 9), line("A", "count", 9, expect_quantity=9), line("B", "count", 0)],
    "expectations": [line("A", "receive", 1), line("A", "receive", 1, expect_quantity=5)],
    "ahead": [line("A", "receive", 1, occurred_at=AHEAD), line("A", "issue", 6), line("A", "count", 1)],
    "newest first": [
        line("C", "receive", 5, occurred_at=LATER),
        line("C", "receive", 2, occurred_at=LONG_AGO),
        line("C", "issue", 3, occurred_at=LATER),
    ],
    "not there yet": [
        line("C", "receive", 5, occurred_at=LATER),
        line("C", "issue", 2, occurred_at=LONG_AGO),
        line("C", "receive", 1, occurred_at=LONG_AGO),
    ],
    "counted since": [
        line("C", "receive", 5, occurred_at=LATER),
        line("C", "count", 4, occurred_at=LATER),
        line("C", "receive", 1, occurred_at=LONG_AGO),
    ],
    "too many": [line("A", "adjust", 1_000_000_000), line("B", "adjust", -7), line("B", "adjust", -1)],
}


@pytest.mark.parametrize("lines", RULES.values(), ids=RULES)
@pytest.mark.parametrize("as_csv", [True, False], ids=["csv", "ndjson"])
def test_a_file_does_what_a_batch_does(app, member, lines, as_csv):
    def outcome(refusal):
        return [{k: error.get(k) for k in ("code", "quantity", "at")} for error in refusal.json["errors"]]

    def shelf(prefix):
        for sku, quantity in (("A", 5), ("B", 7), ("C", 0)):
            add(member, prefix + sku, quantity=quantity)
        return [{**each, "sku": prefix + each["sku"]} for each in lines]

    def moved(prefix):
        rows = [row for row in ledger(member) if row["sku"].startswith(prefix)]
        times = [row["occurred_at"] if row["occurred_at"] in (LATER, LONG_AGO, AHEAD) else "now" for row in rows]
        members = ("kind", "delta", "quantity_after", "reason")
        return [(row["sku"][1:], *(row[name] for name in members), at) for row, at in zip(rows, times, strict=True)]

    batch = member.post("/movements", json={"movements": shelf("1")})
    in_file = shelf("2")
    names = list(dict.fromkeys(name for each in in_file for name in each))
    if as_csv:
        cells = [",".join(str(each.get(name, "")) for name in names) for each in in_file]
        imported = send(member, "\n".join([",".join(names), *cells]))
    else:
        imported = send(member, "\n".join(json.dumps(each) for each in in_file), "", NDJSON)

    assert (batch.status_code < 300) == (imported.status_code == 200), (batch.json, imported.json)
    if batch.status_code >= 300:
        assert outcome(imported) == outcome(batch)
        assert [error["line"] - as_csv - 1 for error in imported.json["errors"]] == [
            error["index"] for error in batch.json["errors"]
        ]
    assert moved("2") == moved("1")
    with app.app_context():
        assert list(verify()) == []


def test_every_fault_has_its_place_and_what_the_refusal_of_a_movement_says(member, shelf):
    bolt, _ = shelf
    member.post(f"/items/{bolt['id']}/movements", json={"kind": "count", "quantity": 5, "reason": "count"})
    count = ledger(member)[-1]
    archived = add(member, "OLD")
    member.delete(f"/items/{archived['id']}")
    file = (
        "sku,barcode,kind,quantity,occurred_at,expect_quantity\n"
        f",4001,receive,1,{LONG_AGO},\n"
        "NUT,,issue,8,,\n"
        "NUT,,issue,1,,3\n"
        "OLD,,receive,1,,\n"
        "NONE,,receive,1,,\n"
        ",999,receive,1,,\n"
    )

    refused = send(member, file)

    assert (refused.status_code, refused.json["code"]) == (422, "invalid_input")
    assert [
        (error["line"], error["row"], error["column"], error["value"], error["code"])
        for error in refused.json["errors"]
    ] == [
        (2, 1, "occurred_at", LONG_AGO, "counted_since"),
        (3, 2, "quantity", "8", "insufficient_stock"),
        (4, 3, "expect_quantity", "3", "quantity_changed"),
        (5, 4, "sku", "OLD", "item_archived"),
        (6, 5, "sku", "NONE", "not_found"),
        (7, 6, "barcode", "999", "not_found"),
    ]
    since, too_few, changed = refused.json["errors"][:3]
    assert (since["movement_id"], since["at"]) == (count["id"], count["occurred_at"])
    assert (too_few["quantity"], changed["quantity"]) == (7, 7)
    assert refused.json["error_counts"] == dict.fromkeys(
        ("counted_since", "insufficient_stock", "quantity_changed", "item_archived"), 1
    ) | {"not_found": 2}
    assert quantities(member) == {"BOLT": 5, "NUT": 7}
    assert ledger(member) == [count]


@on_one_database
def test_cells_that_make_no_sense_are_faults_with_their_columns(member, shelf):
    file = (
        "sku,barcode,kind,quantity,reason,occurred_at\n"
        "NUT,4001,receive,1,,\n"
        ",,receive,1,,\n"
        "NUT,,lend,1.5,,\n"
        "NUT,,,,,\n"
        "NUT,,receive,0,,\n"
        "NUT,,adjust,0,,31.10.2025\n"
        "NUT,,receive,1,,2099-01-01T00:00:00Z\n"
        "5.90124E+12,,receive,1,,\n"
    )

    assert faults(member, file) == [
        (2, "sku", "required"),
        (3, "sku", "required"),
        (4, "kind", "not_a_choice"),
        (4, "quantity", "wrong_type"),
        (5, "kind", "not_a_choice"),
        (5, "quantity", "wrong_type"),
        (6, "quantity", "too_small"),
        (7, "occurred_at", "bad_format"),
        (8, "occurred_at", "in_future"),
        (9, "sku", "shortened_by_spreadsheet"),
    ]
    assert quantities(member)["NUT"] == 7


@on_one_database
def test_a_missing_column_is_one_fault_of_the_header(member, shelf):
    file = "kind,quantity\n" + "receive,1\n" * 3

    assert faults(member, file) == [(1, "sku", "required")]
    assert faults(member, "sku,quantity\nNUT,1\n") == [(1, "kind", "required")]
    assert faults(member, "Handle,Title,Variant SKU,Variant Price,quantity,kind\n") == [
        (1, "sku", "required"),
        (1, "Handle", "unknown_column"),
    ]
    assert "preset" not in send(member, "Handle,Title,Option1 Name,Variant SKU,Variant Price,quantity,kind\n").text


@on_one_database
def test_nothing_is_said_of_the_stock_of_an_item_whose_lines_are_not_all_known(member, shelf):
    add(member, "SCREW")
    file = "sku,kind,quantity\nNUT,receive,x\nNUT,issue,8\nBOLT,issue,6\nNONE,receive,y\nSCREW,issue,1\n"

    assert faults(member, file) == [
        (2, "quantity", "wrong_type"),
        (4, "quantity", "insufficient_stock"),
        (5, "quantity", "wrong_type"),
        (5, "sku", "not_found"),
        (6, "quantity", "insufficient_stock"),
    ]


@on_one_database
def test_every_fault_is_counted_and_the_first_thousand_are_listed(member, shelf):
    file = "sku,kind,quantity\n" + "NUT,receive,0\n" * 600 + "NONE,receive,1\n" * 600

    refused = send(member, file).json

    assert refused["error_counts"] == {"too_small": 600, "not_found": 600}
    assert [error["line"] for error in refused["errors"]] == list(range(2, 1002))


@on_one_database
def test_a_file_may_have_a_hundred_thousand_lines(member, shelf, monkeypatch):
    assert movement_rows.MAX_LINES == 100_000
    monkeypatch.setattr(movement_rows, "MAX_LINES", 3)

    assert recorded(member, "sku,quantity\n" + "NUT,1\n" * 3, "?kind=receive") == 3
    assert faults(member, "sku,quantity\n" + "NUT,1\n" * 5, "?kind=receive") == [(5, "", "too_many_rows")]
    assert quantities(member)["NUT"] == 10


@on_one_database
def test_a_date_of_a_workbook_has_no_zone_and_is_refused_with_its_cell(member, shelf):
    workbook = Workbook()
    for row in (["sku", "quantity", "occurred_at"], ["NUT", 1, datetime(2025, 11, 1, 12)]):
        workbook.active.append(row)
    workbook.save(stored := io.BytesIO())

    refused = send(member, stored.getvalue(), "?kind=receive", XLSX).json

    assert [(error["column"], error["code"]) for error in refused["errors"]] == [("occurred_at", "wrong_cell")]
    assert "C2" in refused["errors"][0]["message"]


@pytest.mark.parametrize("query", ["?preset=shopify", "?on_conflict=skip", "?kind=opening"])
@on_one_database
def test_an_option_that_says_nothing_about_movements_is_refused(member, shelf, query):
    refused = send(member, "sku,kind,quantity\nNUT,receive,1\n", query)

    assert (refused.status_code, refused.json["code"]) == (422, "invalid_input")
    assert ledger(member) == []


# --- retries, rights and others at work -----------------------------------------------------------------------------


def test_a_file_that_is_sent_again_with_its_key_is_recorded_once(app, member, shelf):
    file = "sku,quantity\nNUT,1\nBOLT,2\n"

    first = send(member, file, "?kind=issue", Idempotency_Key="goods 1")
    again = send(member, file, "?kind=issue", Idempotency_Key="goods 1")
    other = send(member, "sku,quantity\nNUT,2\n", "?kind=issue", Idempotency_Key="goods 1")

    assert (first.status_code, again.status_code) == (200, 200)
    assert (again.json, again.headers["Idempotent-Replayed"]) == (first.json, "true")
    assert (other.status_code, other.json["code"]) == (422, "idempotency_key_reused")
    assert quantities(member) == {"BOLT": 3, "NUT": 6}


def test_a_refused_file_stays_refused_under_its_key(member, shelf):
    file = "sku,quantity\nNUT,8\n"

    first = send(member, file, "?kind=issue", Idempotency_Key="goods 2")
    recorded(member, "sku,quantity\nNUT,1\n", "?kind=receive")
    again = send(member, file, "?kind=issue", Idempotency_Key="goods 2")

    assert (first.status_code, again.status_code, again.headers["Idempotent-Replayed"]) == (422, 422, "true")
    assert again.json["errors"] == first.json["errors"]
    assert quantities(member)["NUT"] == 8


def test_files_and_batches_at_once_meet_no_deadlock_and_lose_nothing(app, member):
    skus = [f"S{number}" for number in range(12)]
    for sku in skus:
        add(member, sku, quantity=10)

    def file(order):
        return lambda: send(member, "sku,quantity\n" + "".join(f"{sku},1\n" for sku in order), "?kind=receive")

    def batch(order):
        lines = [{"sku": sku, "kind": "issue", "quantity": 1, "reason": "sold"} for sku in order]
        return lambda: member.post("/movements", json={"movements": lines})

    answers = together(file(skus), batch(skus[::-1]), file(skus[::-1]), batch(skus))

    assert [answer.status_code for answer in answers] == [200, 201, 200, 201], [answer.json for answer in answers]
    assert set(quantities(member).values()) == {10}
    with app.app_context():
        assert list(verify()) == []


@on_one_database
def test_a_reader_may_import_nothing_and_a_token_for_the_stock_alone_may(app, guest, member, admin, shelf):
    file = "sku,quantity\nNUT,1\n"
    token = admin.post("/tokens", json={"name": "dock", "scopes": ["stock:write"]}).json["token"]
    dock = Client(app, {"Authorization": f"Bearer {token}"})

    assert send(guest, file, "?kind=receive").json["code"] == "insufficient_scope"
    assert send(dock, file, "?kind=receive").json["recorded"] == 1
    assert quantities(member)["NUT"] == 8


@on_one_database
def test_the_server_lets_every_path_that_takes_a_file_have_a_large_body(app: Flask):
    with app.app_context():
        taking = [endpoint.rule.rule for endpoint in endpoints(app) if isinstance(endpoint.parser, FileParser)]

    assert tuple(taking) == IMPORTS


def test_a_line_is_at_its_location(app, member, shelf):
    make_location(app, "VAN")
    file = (
        "sku,kind,quantity,location\r\nBOLT,receive,3,van\r\nBOLT,issue,1,VAN\r\nNUT,issue,2,\r\nNUT,count,4,MAIN\r\n"
    )

    assert recorded(member, file) == 4

    rows = [
        (row["sku"], row["location"], row["location_quantity_after"], row["quantity_after"]) for row in ledger(member)
    ]
    assert rows == [("BOLT", "VAN", 3, 8), ("BOLT", "VAN", 2, 7), ("NUT", "MAIN", 5, 5), ("NUT", "MAIN", 4, 4)]
    with app.app_context():
        assert list(verify()) == []


def test_a_line_at_a_location_that_has_too_little_or_is_not_there_is_a_fault(app, member, shelf):
    make_location(app, "VAN")
    file = "sku,kind,quantity,location\r\nBOLT,issue,1,VAN\r\nNUT,receive,1,NONE\r\n"

    assert faults(member, file) == [(2, "quantity", "insufficient_stock"), (3, "location", "unknown_location")]
    assert quantities(member) == {"BOLT": 5, "NUT": 7}
