"""POST /items/import: what a file may hold, what it changes, and that a file with a fault changes nothing."""

import io
import json

import pytest
from sqlalchemy import text

from app import create_app
from models.database.base import db
from models.files import row_faults
from models.stock.verify import verify
from tests.support.clients import Client, person
from tests.support.databases import on_one_database, settings_for
from tests.support.files import HEADER, NDJSON, faults, imported, items, send
from tests.support.shelf import add, together


def ledger(client):
    """Every movement, oldest first."""
    return client.get("/movements?limit=200").json["data"]


def adds_up(app):
    """Whether every quantity equals its movements, each of which has its event."""
    with app.app_context():
        return list(verify()) == []


# --- what a file does -----------------------------------------------------------------------------------------------


def test_new_rows_become_items_with_an_opening_movement(app, member):
    file = (
        f'{HEADER}\nLAMP-1,Desk lamp,"Bright, warm",piece,12.50,5,2,Aisle 3,4006381333931,desk|light,"{{""w"": 7}}"\n'
    )

    assert imported(member, file) == (1, 0, 0)

    lamp = items(member)["LAMP-1"]
    wanted = {"name": "Desk lamp", "description": "Bright, warm", "unit": "piece", "price": "12.50", "quantity": 5}
    wanted |= {"reorder_level": 2, "bin": "Aisle 3", "barcode": "4006381333931", "tags": ["desk", "light"]}
    assert {name: lamp[name] for name in wanted} == wanted
    assert (lamp["attributes"], lamp["version"]) == ({"w": 7}, 1)
    [movement] = ledger(member)
    assert (movement["kind"], movement["delta"], movement["reason"], movement["user"]) == (
        "opening",
        5,
        "import",
        "mel",
    )
    assert member.get("/items?tag=desk").json["total_items"] == 1
    assert member.get("/items?q=bright").json["total_items"] == 1
    assert adds_up(app)


def test_a_new_item_has_the_defaults_of_what_is_left_out_or_empty(member):
    imported(member, f"{HEADER}\nA,a,,,,,,,,,\n")
    imported(member, "name,sku\nb,B\n")

    for item in items(member).values():
        assert (item["price"], item["quantity"], item["reorder_level"], item["barcode"]) == ("0.00", 0, None, None)
        assert (item["description"], item["unit"], item["tags"], item["attributes"]) == ("", "", [], {})
    assert ledger(member) == []


def test_an_existing_item_gets_the_columns_that_are_there(member):
    before = add(member, "LAMP-1", name="Desk lamp", price="12.50", tags=["old"], bin="Aisle 3", quantity=5)

    assert imported(member, "tags,price,sku\ny,1,lamp-1\n") == (0, 1, 0)

    after = items(member)["LAMP-1"]
    assert (after["tags"], after["price"], after["bin"], after["quantity"]) == (["y"], "1.00", "Aisle 3", 5)
    assert after["version"] == before["version"] + 1
    assert (member.get("/items?tag=old").json["total_items"], member.get("/items?tag=y").json["total_items"]) == (0, 1)


def test_what_a_file_says_of_attributes_is_found_by_them(member):
    entries = ("size:1", "size:2", "hue:red")
    imported(member, 'sku,name,attributes\nA,a,"{""size"": 1, ""hue"": ""red""}"\nB,b,"{""size"": 1}"\n')
    before = [[item["sku"] for item in member.get(f"/items?attribute={entry}").json["data"]] for entry in entries]

    imported(member, 'sku,attributes\nA,"{""size"": 2}"\nB,\n')

    after = [[item["sku"] for item in member.get(f"/items?attribute={entry}").json["data"]] for entry in entries]
    assert (before, after) == ([["A", "B"], [], ["A"]], [[], ["A"], []])


def test_an_empty_cell_empties_its_field_and_leaves_the_stock_alone(member):
    add(member, "A", description="long", price="2.00", barcode="1", tags=["t"], reorder_level=3, quantity=5)

    assert imported(member, "sku,description,price,barcode,tags,reorder_level,quantity\nA,,,,,,\n") == (0, 1, 0)

    item = items(member)["A"]
    assert (item["description"], item["price"], item["barcode"], item["tags"]) == ("", "0.00", None, [])
    assert (item["reorder_level"], item["quantity"]) == (None, 5)


def test_a_quantity_becomes_a_count_where_it_differs(app, member):
    add(member, "A", quantity=5)
    add(member, "B", quantity=5)
    since = member.get("/events").json["next_cursor"]

    assert imported(member, "sku,quantity\nA,5\nB,2\n") == (0, 1, 1)

    last = ledger(member)[2:]
    assert [(m["sku"], m["kind"], m["delta"], m["quantity_after"], m["reason"]) for m in last] == [
        ("B", "count", -3, 2, "import")
    ]
    assert (items(member)["B"]["quantity"], items(member)["B"]["version"]) == (2, 2)
    assert [event["type"] for event in member.get(f"/events?since={since}").json["data"]] == ["movement.created"]
    assert adds_up(app)


def test_the_same_file_twice_changes_nothing(member):
    file = f'{HEADER}\nA,a,d,kg,0.0325,5,1,Aisle,77,x|y,"{{""b"": 1, ""a"": 0.5}}"\nB,b,,,,,,,,,\n'
    assert imported(member, file) == (2, 0, 0)
    before, movements, events = items(member), ledger(member), member.get("/events").json

    assert imported(member, file) == (0, 0, 2)

    assert (items(member), ledger(member), member.get("/events").json) == (before, movements, events)


def test_attributes_differ_as_in_json_where_1_is_not_true_and_the_order_of_names_is_nothing(member):
    add(member, "A", attributes={"w": 1, "x": 2})

    outcomes = [
        imported(member, f'{{"sku": "A", "attributes": {attributes}}}', content_type=NDJSON)
        for attributes in ('{"x": 2, "w": 1}', '{"x": 2, "w": true}', '{"x": 2.0, "w": true}')
    ]

    assert outcomes == [(0, 0, 1), (0, 1, 0), (0, 1, 0)]
    assert json.dumps(items(member)["A"]["attributes"]) == '{"x": 2.0, "w": true}'


def test_every_change_is_an_event_as_if_made_alone(member):
    add(member, "A", quantity=5)
    since = member.get("/events").json["next_cursor"]

    imported(member, "sku,name,quantity\nA,new name,7\nB,b,3\n")

    events = member.get(f"/events?since={since}").json["data"]
    assert sorted(event["type"] for event in events) == [
        *("item.created", "item.updated", "movement.created", "movement.created")
    ]
    by_type = {(event["type"], event["data"]["sku"]): event["data"] for event in events}
    assert by_type["item.updated", "A"]["name"] == "new name"
    assert (by_type["item.updated", "A"]["quantity"], by_type["item.created", "B"]["quantity"]) == (5, 0)
    assert by_type["movement.created", "A"]["quantity_after"] == 7
    stock = items(member)
    assert by_type["item.created", "B"] == {**stock["B"], "quantity": 0, "available": 0}
    assert stock["A"]["version"] == 3


def test_two_items_may_swap_their_barcodes(member):
    add(member, "A", barcode="1")
    add(member, "B", barcode="2")

    assert imported(member, "sku,barcode\nA,2\nB,1\n") == (0, 2, 0)

    assert [items(member)[sku]["barcode"] for sku in "AB"] == ["2", "1"]


def test_a_dry_run_tells_the_same_and_changes_nothing(member):
    add(member, "A", quantity=5)
    before = items(member), member.get("/events").json
    file = "sku,name,quantity\nA,a,6\nB,b,1\n"

    foretold = send(member, file, "?dry_run=true").json

    assert (items(member), member.get("/events").json) == before
    del foretold["changes"]
    assert foretold == {**send(member, file).json, "dry_run": True}
    assert (foretold["created"], foretold["updated"], foretold["unchanged"]) == (1, 1, 0)


def test_a_dry_run_tells_the_faults_too(member):
    refused = send(member, "sku,name\n,x\n", "?dry_run=true")

    assert (refused.status_code, refused.json["dry_run"]) == (422, True)


def test_on_conflict_skip_leaves_alone_what_is_there(member):
    add(member, "A", name="as it was")
    archived = add(member, "B")
    member.delete(f"/items/{archived['id']}")

    answer = send(member, "sku,name\na,new\nB,new\nC,new\n", "?on_conflict=skip").json

    assert (answer["created"], answer["updated"], answer["unchanged"], answer["skipped"]) == (1, 0, 0, 2)
    assert items(member)["A"]["name"] == "as it was"


def test_on_conflict_fail_refuses_what_is_there(member):
    add(member, "A", name="as it was")

    assert faults(member, "sku,name\nB,b\na,new\n", "?on_conflict=fail") == [(3, "sku", "sku_taken")]
    assert list(items(member)) == ["A"]


def test_json_lines_are_imported_as_csv_is(member):
    lines = [{"sku": "A", "name": "a", "price": "1.5", "tags": ["x"], "attributes": {"w": 1}, "quantity": 2}]
    lines += [{"sku": "B", "name": "b", "barcode": None, "price": 0.1}]
    file = "\n\n".join(map(json.dumps, lines)) + "\n"

    assert imported(member, file, content_type=NDJSON) == (2, 0, 0)
    assert imported(member, file, content_type=NDJSON) == (0, 0, 2)

    assert (items(member)["A"]["tags"], items(member)["B"]["price"]) == (["x"], "0.10")


@pytest.mark.parametrize(("name", "content_type"), [("stock.csv", "application/vnd.ms-excel"), ("x.ndjson", "")])
def test_a_form_with_a_file_does_as_well(member, name, content_type):
    text = '{"sku": "A", "name": "a"}\n' if name.endswith("json") else "sku;name\r\nA;a\r\n"

    sent = member.post("/items/import", data={"file": (io.BytesIO(text.encode()), name, content_type)})

    assert (sent.status_code, sent.json["created"]) == (200, 1), sent.json


# --- what is wrong with a file --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ("A,a,,,12.50,,,,,,", []),
        ('A,a,,,"12,50",,,,,,', [("price", "wrong_type")]),
        ('A,a,,,"1,250.00",,,,,,', [("price", "wrong_type")]),
        ("A,a,,,€5,,,,,,", [("price", "wrong_type")]),
        ("A,a,,,-1,,,,,,", [("price", "too_small")]),
        ("A,a,,,0.00001,,,,,,", [("price", "too_many_decimals")]),
        ("A,a,,,,1.0,,,,,", []),
        ("A,a,,,,1.5,,,,,", [("quantity", "wrong_type")]),
        ("A,a,,,,-1,,,,,", [("quantity", "too_small")]),
        ("A,a,,,,1e3,,,,,", [("quantity", "wrong_type")]),
        ("A,a,,,,1000000001,,,,,", [("quantity", "too_large")]),
        ("A,a,,,,,many,,,,", [("reorder_level", "wrong_type")]),
        (",a,,,,,,,,,", [("sku", "too_short")]),
        ("A,,,,,,,,,,", [("name", "too_short")]),
        (" A, a ,,,,,,,,,", []),
        ('"A\nB",a,,,,,,,,,', [("sku", "bad_characters")]),
        ("A,a,,,,,,,,x|x,", [("tags", "repeated")]),
        ("A,a,,,,,,,,x||y,", [("tags", "too_short")]),
        ("A,a,,,,,,,,,{", [("attributes", "malformed_json")]),
        ("A,a,,,,,,,,,[]", [("attributes", "wrong_type")]),
        ('A,a,,,,,,,,,"{""a"": {}}"', [("attributes", "wrong_type")]),
        ('A,a,,,,,,,,,"{""a"": 1, ""a"": 2}"', [("attributes", "malformed_json")]),
        (
            "A,,,,x,y,z,,,,",
            [(c, "wrong_type") for c in ("price", "quantity", "reorder_level")] + [("name", "too_short")],
        ),
        ("A,a", [("", "wrong_length")]),
        ("A,a,,,,,,,,,,more", [("", "wrong_length")]),
        ("A,a,,,,,,,,,,,,", []),
    ],
)
def test_a_cell_is_read_by_the_rules_of_its_field(member, row, found):
    answer = send(member, f"{HEADER}\n{row}\n")

    listed = [(error["column"], error["code"]) for error in answer.json.get("errors", [])]
    assert sorted(listed) == sorted(found)
    assert (answer.status_code, len(items(member))) == ((422, 0) if found else (200, 1))


@pytest.mark.parametrize(
    ("header", "column", "code", "words"),
    [
        ("name,price", "sku", "required", "sku is missing among the columns"),
        ("sku,nmae", "nmae", "unknown_column", "did you mean 'name'?"),
        ("sku,Prices", "Prices", "unknown_column", "did you mean 'price'?"),
        ("sku,name,Name ", "name", "repeated", "name must be named once; the header has 'name' (column 2) and 'Name '"),
        ("sku,,name", "", "unknown_column", "The column 2 without a name has to be named, or deleted"),
        ("", "", "required", "The file is empty"),
    ],
)
@on_one_database
def test_a_header_names_known_columns_once_and_the_sku(member, header, column, code, words):
    refused = send(member, f"{header}\nA,b,c\n" if header else "")

    assert refused.status_code == 422
    assert (refused.json["errors"][0]["line"], refused.json["errors"][0]["column"]) == (1, column)
    assert refused.json["errors"][0]["code"] == code
    assert words in refused.json["errors"][0]["message"]


def test_every_fault_is_reported_with_its_line_and_value_and_nothing_is_changed(member):
    archived = add(member, "OLD")
    member.delete(f"/items/{archived['id']}")
    add(member, "HOLDER", barcode="77")
    events = member.get("/events").json
    file = (
        "sku,name,description,price,barcode\n"
        'A,good,"two\nlines",1,\n'
        "B,b,,free,\n"
        "\n"
        "old,c,,1,\n"
        'C,"",,1,77\n'
        f"{'x' * 65},d,,{'9' * 120},\n"
        "a,again,,1,\n"
    )

    refused = send(member, file)

    assert [(e["line"], e["column"], e["code"]) for e in refused.json["errors"]] == [
        (4, "price", "wrong_type"),
        (6, "sku", "item_archived"),
        (7, "name", "too_short"),
        (7, "barcode", "barcode_taken"),
        (8, "sku", "too_long"),
        (8, "price", "wrong_type"),
        (9, "sku", "repeated"),
    ]
    by_code = {error["code"]: error for error in refused.json["errors"]}
    assert by_code["repeated"]["message"] == "sku 'a' stands on line 2 already"
    assert [len(e["value"]) for e in refused.json["errors"] if e["line"] == 8] == [65, 100]
    assert "'HOLDER'" in by_code["barcode_taken"]["message"]
    assert list(items(member)) == ["HOLDER"]
    assert member.get("/events").json == events


def test_a_barcode_stands_in_one_row_only(member):
    assert faults(member, "sku,name,barcode\nA,a,7\nB,b,\nC,c,7\n") == [(4, "barcode", "repeated")]


@pytest.mark.parametrize("file", [b"\xff\xfes", b"\xfe\xff\x00", b"\xff\xfes\x00k\x00u\x00\n\x00A"])
@on_one_database
def test_a_text_that_breaks_off_within_a_character_is_a_fault_of_the_file(member, file):
    for content_type in ("text/csv", NDJSON):
        refused = send(member, file, content_type=content_type)

        assert (refused.status_code, refused.json["code"]) == (422, "bad_encoding"), refused.json
    assert items(member) == {}


@on_one_database
def test_a_header_of_very_many_names_is_one_fault(member):
    refused = send(member, ",".join(f"column{n}" for n in range(60_000)) + "\n")

    [error] = refused.json["errors"]
    assert (refused.status_code, error["line"], error["code"]) == (422, 1, "too_many_columns")
    assert "60000 columns; at most 200" in error["message"]


@on_one_database
def test_of_very_many_unknown_members_the_first_are_reported(member):
    line = json.dumps({"sku": "A", **{f"m{n}": 0 for n in range(300_000)}, "price": "free"})

    refused = send(member, line + '\n{"sku": "B", "name": 5}\n', content_type=NDJSON)

    assert [error["column"] for error in refused.json["errors"] if error["code"] != "unknown_column"] == [
        "price",
        "name",
    ]
    assert len(refused.json["errors"]) == 2 + 100


def test_a_new_item_needs_a_name(member):
    assert faults(member, "sku,quantity\nA,5\n") == [(2, "name", "required")]


def test_all_faults_are_counted_and_the_first_thousand_are_listed(member):
    add(member, "HOLDER", barcode="7")
    rows = [f"A{n},a,x,\n" for n in range(1500)] + ["A1,a,1,\n", "B,b,1,7\n", ",b,1,\n"]

    refused = send(member, "sku,name,price,barcode\n" + "".join(rows)).json

    assert [error["line"] for error in refused["errors"]] == [*range(2, 1002)]
    assert refused["error_counts"] == {"wrong_type": 1500, "repeated": 1, "barcode_taken": 1, "too_short": 1}
    assert "1503 faults, of which the first 1000 are listed" in refused["detail"]
    assert (refused["rows"], refused["skipped"], refused["counted"], refused["emptied"]) == (1503, 0, 0, 0)


@on_one_database
def test_a_file_with_very_many_faults_is_read_no_further_and_says_so(member, monkeypatch):
    monkeypatch.setattr(row_faults, "MAX_COUNTED", 1200)
    add(member, "HOLDER", barcode="7")
    rows = [f"A{n},a,x,\n" for n in range(1500)]

    for file in ("".join(rows), "A,a,1,\n" * 1500, "B,b,1,7\n" + "A,a,1,\n" * 1300):
        refused = send(member, f"sku,name,price,barcode\n{file}").json

        assert sum(refused["error_counts"].values()) == 1200
        assert "1200 faults or more, of which the first 1000 are listed" in refused["detail"]


def test_json_lines_are_read_strictly(member):
    lines = ['{"sku": "A", "name": "a", "color": "red"}', "5", '{"name": "b"}', '{"sku": "C", "name": null}', "{"]
    lines += ['{"sku": "D", "name": "d", "quantity": ""}', '{"sku": "E", "name": "e", "price": NaN}']

    assert faults(member, "\n".join(lines), content_type=NDJSON) == [
        (1, "color", "unknown_column"),
        (2, "", "not_an_object"),
        (3, "sku", "required"),
        (4, "name", "null"),
        (5, "", "malformed_json"),
        (6, "quantity", "wrong_type"),
        (7, "", "malformed_json"),
    ]


@pytest.mark.parametrize("value", ["[100000000000000000000]", '["\\ud800"]', "[0.1e30]"])
def test_a_value_that_no_field_can_have_is_reported_as_it_was_sent(member, value):
    refused = send(member, f'{{"sku": "A", "name": {value}}}', content_type=NDJSON)

    assert [(e["column"], e["code"]) for e in refused.json["errors"]] == [("name", "wrong_type")]
    assert refused.json["errors"][0]["value"].startswith("[")


# --- who, how much, how often ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("scopes", [["items:write"], ["stock:write"], ["items:read", "stock:write"]])
def test_a_token_needs_both_scopes(app, member, scopes):
    refused = send(person(app, "pat", "member", scopes), "sku,name\nA,a\n")

    assert (refused.status_code, refused.json["code"]) == (403, "insufficient_scope")
    assert items(member) == {}


@pytest.mark.parametrize("content_type", ["application/json", "text/html", "", "text/csv; charset=klingon"])
def test_another_media_type_is_415(member, content_type):
    assert send(member, "sku,name\nA,a\n", content_type=content_type).status_code == 415


@pytest.mark.parametrize("data", [{}, {"other": "x"}, {"file": "no file"}])
def test_a_form_without_its_one_file_is_400(member, data):
    sent = member.post("/items/import", data=data, content_type="multipart/form-data")

    assert (sent.status_code, sent.json["code"]) == (400, "bad_request")


@pytest.mark.parametrize("query", ["?dry_run=yes", "?on_conflict=replace", "?dryrun=true"])
def test_a_query_that_means_nothing_is_422_and_nothing_is_imported(member, query):
    assert send(member, "sku,name\nA,a\n", query).status_code == 422
    assert items(member) == {}


def test_a_file_may_be_larger_than_a_body_and_is_413_beyond_its_own_limit(app, database_url, member, tmp_path):
    limited = create_app(settings_for(database_url, tmp_path, MAX_BODY_MB="1", MAX_IMPORT_MB="2"))
    client = Client(limited, member.headers)
    row = "A{},a," + "long " * 200 + "\n"
    large = "sku,name,description\n" + "".join(row.format(n) for n in range(1500)).replace(" \n", "\n")
    try:
        refused = send(client, large * 2)

        assert (refused.status_code, refused.json["code"]) == (413, "content_too_large")
        assert imported(client, large) == (1500, 0, 0)
    finally:
        with limited.app_context():
            db.engine.dispose()


def test_a_keyed_import_is_done_once(member):
    file = "sku,name,quantity\nA,a,5\n"
    first = send(member, file, **{"Idempotency-Key": "k"})
    member.post("/movements", json={"movements": [{"sku": "A", "kind": "issue", "quantity": 2, "reason": "sold"}]})

    second = send(member, file, **{"Idempotency-Key": "k"})

    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.json == first.json
    assert items(member)["A"]["quantity"] == 3
    other = send(member, file + "B,b,1\n", **{"Idempotency-Key": "k"})
    assert (other.status_code, other.json["code"]) == (422, "idempotency_key_reused")


def test_a_keyed_refusal_is_kept(member):
    file = "sku,name\nA,a\nA,b\n"
    first = send(member, file, **{"Idempotency-Key": "k"})

    second = send(member, file, **{"Idempotency-Key": "k"})

    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.json["errors"] == first.json["errors"]


def test_many_rows_are_all_or_none(app, member):
    rows = [f"S{n},name {n},{n % 7}\n" for n in range(1700)]

    assert faults(member, "sku,name,quantity\n" + "".join(rows) + "S9999,bad,x\n") == [(1702, "quantity", "wrong_type")]
    assert items(member) == {}

    assert imported(member, "sku,name,quantity\n" + "".join(rows)) == (1700, 0, 0)
    assert imported(member, "sku,name,quantity\n" + "".join(rows[::-1])) == (0, 0, 1700)
    assert adds_up(app)


def test_imports_and_movements_at_once_keep_quantity_and_ledger_alike(app, member):
    skus = [f"S{n}" for n in range(40)]
    for sku in skus:
        add(member, sku, quantity=10)

    def count(quantity, order):
        return lambda: send(member, "sku,quantity\n" + "".join(f"{sku},{quantity}\n" for sku in order))

    def issue(order):
        lines = [{"sku": sku, "kind": "issue", "quantity": 1, "reason": "sold"} for sku in order]
        return lambda: member.post("/movements", json={"movements": lines})

    answers = together(count(20, skus), issue(skus[::-1]), count(30, skus[::-1]), issue(skus), issue(skus))

    assert {answer.status_code for answer in answers} == {200, 201}
    assert adds_up(app)


def test_two_imports_of_the_same_new_items_create_each_once(app, member):
    file = "sku,name,quantity\n" + "".join(f"S{n},n,{n}\n" for n in range(30))

    answers = together(*[lambda: send(member, file)] * 3)

    assert [answer.status_code for answer in answers] == [200] * 3, [answer.json for answer in answers]
    assert sorted(answer.json["created"] for answer in answers) == [0, 0, 30]
    assert len(items(member)) == 30
    assert adds_up(app)


def rows_read_one_by_one(app):
    """How many rows PostgreSQL has read by going through whole tables; unknown to other databases."""
    with app.app_context(), db.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        if connection.dialect.name != "postgresql":
            pytest.skip("only PostgreSQL keeps plans from transaction to transaction")
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
        return connection.scalar(text("SELECT sum(seq_tup_read) FROM pg_stat_user_tables"))


def test_an_import_looks_rows_up_also_where_plans_were_made_for_a_small_stock(app, member):
    before = rows_read_one_by_one(app)
    for n in range(10):  # enough for the checks of foreign keys to keep their plans
        add(member, f"OLD-{n}", quantity=1, tags=["t"])
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("ANALYZE items"))
    for n in range(10):
        add(member, f"OLDER-{n}", quantity=1, tags=["t"])

    rows = 2000
    imported(member, "sku,name,quantity,tags\n" + "".join(f"S{n},n,1,t\n" for n in range(rows)))

    assert rows_read_one_by_one(app) - before < 20 * rows
