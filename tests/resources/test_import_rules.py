"""The rules of an import: what a row does to an item that is there, or that is not, and what its quantity means."""

import pytest

from models.stock.verify import verify
from tests.support.databases import on_one_database
from tests.support.files import NDJSON, faults, imported, items, send
from tests.support.shelf import add, make_location


def counts(client, file, query="", content_type="text/csv"):
    """Import a valid file; return its counts that are not 0."""
    answer = send(client, file, query, content_type)
    assert answer.status_code == 200, answer.json
    names = ("created", "updated", "unchanged", "skipped", "counted", "emptied")
    return {name: answer.json[name] for name in names if answer.json[name]}


def movements(client):
    """SKU, kind, delta, stock after it and reason of every movement, oldest first."""
    rows = client.get("/movements?limit=200").json["data"]
    return [(row["sku"], row["kind"], row["delta"], row["quantity_after"], row["reason"]) for row in rows]


def adds_up(app):
    """Whether every quantity equals its movements, each of which has its event."""
    with app.app_context():
        return list(verify()) == []


# --- items that are not there -----------------------------------------------------------------------------------------


@on_one_database
def test_on_missing_skip_leaves_out_what_is_not_there(member):
    add(member, "A", quantity=1)

    assert counts(member, "sku,quantity\na,3\nB,7\n", "?on_missing=skip") == {"updated": 1, "skipped": 1, "counted": 1}

    assert {sku: item["quantity"] for sku, item in items(member).items()} == {"A": 3}


@on_one_database
def test_on_missing_fail_refuses_what_is_not_there(member):
    add(member, "A", name="a")
    file = "sku,name\nA,new\nB,b\n"

    assert faults(member, file, "?on_missing=fail") == [(3, "sku", "not_found")]
    assert items(member)["A"]["name"] == "a"


@on_one_database
def test_a_file_may_only_create(member):
    add(member, "A", name="a")

    assert counts(member, "sku,name\nA,x\nB,b\n", "?on_conflict=skip") == {"created": 1, "skipped": 1}
    assert faults(member, "sku,name\nB,x\nC,c\n", "?on_conflict=fail") == [(2, "sku", "sku_taken")]
    assert counts(member, "sku,name\nD,d\n", "?on_conflict=skip&on_missing=skip") == {"skipped": 1}


# --- found by barcode -------------------------------------------------------------------------------------------------


def test_a_row_is_found_by_its_barcode(app, member):
    add(member, "A", barcode="4006381333931", quantity=1)
    add(member, "B", barcode="77", quantity=1)

    file = "barcode,price,quantity,sku\n4006381333931,2.50,5,\n77,1,1,b\n"
    assert counts(member, file, "?match=barcode") == {"updated": 2, "counted": 1}

    stock = items(member)
    assert [(stock[sku]["price"], stock[sku]["quantity"]) for sku in "AB"] == [("2.50", 5), ("1.00", 1)]
    assert counts(member, file, "?match=barcode") == {"unchanged": 2}
    assert adds_up(app)


def test_a_barcode_that_is_not_there_makes_an_item_if_the_row_has_sku_and_name(app, member):
    file = "barcode,sku,name,quantity\n77,A,a,5\n"

    assert counts(member, file, "?match=barcode") == {"created": 1}

    assert (items(member)["A"]["barcode"], items(member)["A"]["quantity"]) == ("77", 5)
    assert adds_up(app)


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        ("99,,n", "sku", "required"),
        ("99,N,", "name", "too_short"),
        (",N,n", "barcode", "too_short"),
        ("99,A,a", "sku", "sku_taken"),
        ("99,c,a", "sku", "sku_taken"),
        ("77,B,a", "sku", "sku_differs"),
        ("77,New,a", "sku", "sku_differs"),
        ("5.90124E+12,N,n", "barcode", "shortened_by_spreadsheet"),
    ],
)
def test_a_row_found_by_barcode_never_renames_an_item_nor_moves_a_barcode(member, row, column, code):
    add(member, "A", barcode="77")
    add(member, "B", barcode="88")
    add(member, "C")
    before = items(member)

    assert faults(member, f"barcode,sku,name\n{row}\n", "?match=barcode") == [(2, column, code)]
    assert items(member) == before


@on_one_database
def test_a_file_found_by_barcode_needs_no_column_of_skus_but_one_of_barcodes(member):
    add(member, "A", barcode="77", quantity=4)

    assert faults(member, "sku,quantity\nA,1\n", "?match=barcode") == [(1, "barcode", "required")]
    assert faults(member, '{"sku": "A", "quantity": 1}', "?match=barcode", NDJSON) == [(1, "barcode", "required")]
    assert faults(member, '{"barcode": null}', "?match=barcode", NDJSON) == [(1, "barcode", "null")]
    assert counts(member, '{"barcode": "77", "quantity": 1}', "?match=barcode", NDJSON) == {"updated": 1, "counted": 1}
    assert faults(member, "barcode\n77\n77\n", "?match=barcode") == [(3, "barcode", "repeated")]


@on_one_database
def test_a_preset_leaves_out_the_rows_without_what_they_are_found_by(member):
    file = "Handle,Title,Option1 Name,Variant SKU,Variant Barcode,Variant Price,Image Src\n"
    add(member, "OURS", barcode="8720001")

    query = "?preset=shopify&match=barcode"
    assert counts(member, f"{file}hat,Hat,Size,HAT-S,,9,a\nhat,,,,'8720001,8,\n", query) == {"updated": 1, "skipped": 1}

    assert items(member)["OURS"]["price"] == "8.00"


# --- what a quantity means --------------------------------------------------------------------------------------------


def test_quantities_may_be_received(app, member):
    add(member, "A", quantity=5)
    since = member.get("/events").json["next_cursor"]
    file = "sku,name,quantity\nA,A,3\nB,b,2\nC,c,0\nD,d,\n"

    assert counts(member, file, "?quantity=receive") == {"created": 3, "updated": 1, "counted": 1}

    assert movements(member)[1:] == [("A", "receive", 3, 8, "import"), ("B", "opening", 2, 2, "import")]
    events = member.get(f"/events?since={since}&type=movement.created").json["data"]
    assert sorted((event["data"]["sku"], event["data"]["quantity_after"]) for event in events) == [("A", 8), ("B", 2)]
    assert items(member)["A"]["version"] == 2
    assert adds_up(app)


def test_quantities_may_be_issued_down_to_nothing(app, member):
    add(member, "A", quantity=5)
    add(member, "B", quantity=5)

    file = "sku,quantity\nA,5\nB,0\n"
    assert counts(member, file, "?quantity=issue") == {"updated": 1, "unchanged": 1, "counted": 1}

    assert movements(member)[2:] == [("A", "issue", -5, 0, "import")]
    assert adds_up(app)


def test_no_row_issues_more_than_there_is(member):
    add(member, "A", quantity=5)
    add(member, "B", quantity=5)
    before = items(member), movements(member)
    file = "sku,name,quantity\nA,a,2\nB,b,6\nC,c,1\nD,d,0\n"

    refused = send(member, file, "?quantity=issue")

    assert (refused.status_code, refused.json["code"]) == (422, "invalid_input")
    assert refused.json["errors"] == [
        {
            "field": "quantity",
            "line": 3,
            "row": 2,
            "column": "quantity",
            "value": "6",
            "code": "insufficient_stock",
            "message": "item 'B' has 5; 6 can't go",
        },
        {
            "field": "quantity",
            "line": 4,
            "row": 3,
            "column": "quantity",
            "value": "1",
            "code": "insufficient_stock",
            "message": "quantity can't be issued; there is no item with the sku 'C'",
        },
    ]
    assert refused.json["error_counts"] == {"insufficient_stock": 2}
    assert (items(member), movements(member)) == before


@on_one_database
def test_no_row_receives_more_than_an_item_can_have(member):
    add(member, "A", quantity=999_999_999)

    assert faults(member, "sku,quantity\nA,2\n", "?quantity=receive") == [(2, "quantity", "stock_limit")]
    assert counts(member, "sku,quantity\nA,1\n", "?quantity=receive") == {"updated": 1, "counted": 1}


@on_one_database
def test_a_column_of_quantities_may_be_ignored_whatever_it_holds(member):
    add(member, "A", quantity=5)
    file = "sku,name,quantity\nA,new,n/a\nB,b,7\n"

    assert counts(member, file, "?quantity=ignore") == {"created": 1, "updated": 1}
    assert counts(member, '{"sku": "A", "quantity": "n/a"}', "?quantity=ignore", NDJSON) == {"unchanged": 1}

    assert {sku: item["quantity"] for sku, item in items(member).items()} == {"A": 5, "B": 0}


@pytest.mark.parametrize(
    ("fields", "query", "counted", "stock"),
    [
        ("sku,name,quantity", "", 1, 5),
        ("sku,name,quantity", "?quantity=ignore", 0, 3),
        ("sku,name", "", 0, 3),
    ],
)
@on_one_database
def test_an_edited_export_undoes_what_was_sold_meanwhile_unless_its_quantities_are_left_out(
    member, fields, query, counted, stock
):
    item = add(member, "A", quantity=5)
    exported = member.get(f"/items/export?fields={fields}").text
    member.post(f"/items/{item['id']}/movements", json={"kind": "issue", "quantity": 2, "reason": "sold"})

    answer = send(member, exported.replace("A,A", "A,new"), query).json

    assert (answer["updated"], answer["counted"]) == (1, counted)
    assert [(each["name"], each["quantity"]) for each in items(member).values()] == [("new", stock)]


@on_one_database
def test_a_negative_quantity_is_refused_or_zero(member):
    add(member, "A", quantity=5)
    add(member, "B", quantity=5)

    assert faults(member, "sku,quantity\nA,-3\n") == [(2, "quantity", "too_small")]
    assert counts(member, "sku,quantity\nA,-3\n", "?negative=zero") == {"updated": 1, "counted": 1}
    assert counts(member, '{"sku": "B", "quantity": -1}', "?negative=zero&quantity=receive", NDJSON) == {"unchanged": 1}

    assert {sku: item["quantity"] for sku, item in items(member).items()} == {"A": 0, "B": 5}
    assert faults(member, "sku,reorder_level\nA,-3\n", "?negative=zero") == [(2, "reorder_level", "too_small")]


# --- expected quantities and reasons ----------------------------------------------------------------------------------


def test_a_row_may_expect_a_stock(app, member):
    add(member, "A", quantity=5)
    add(member, "B", quantity=5)

    file = "sku,name,quantity,expect_quantity\nA,A,7,5\nB,B,9,\nC,c,1,0\n"
    assert counts(member, file) == {"created": 1, "updated": 2, "counted": 2}

    assert {sku: item["quantity"] for sku, item in items(member).items()} == {"A": 7, "B": 9, "C": 1}
    assert adds_up(app)


@pytest.mark.parametrize("quantity", ["count", "receive", "issue", "ignore"])
def test_a_row_whose_stock_is_another_than_expected_refuses_the_file(member, quantity):
    add(member, "A", quantity=5)
    before = items(member), movements(member)
    file = "sku,name,quantity,expect_quantity\nA,A,1,4\nB,b,,1\n"

    refused = send(member, file, f"?quantity={quantity}").json

    assert [(e["row"], e["column"], e["value"], e["code"]) for e in refused["errors"]] == [
        (1, "expect_quantity", "4", "quantity_changed"),
        (2, "expect_quantity", "1", "quantity_changed"),
    ]
    assert refused["errors"][0]["message"] == "item 'A' has 5, not 4"
    assert (items(member), movements(member)) == before


def test_a_row_gives_its_movement_a_reason(member):
    add(member, "A", quantity=5)

    imported(member, 'sku,name,quantity,reason\nA,A,7,"found, behind the shelf"\nB,b,1,first\nC,c,2,\n')

    assert movements(member)[1:] == [
        ("A", "count", 2, 7, "found, behind the shelf"),
        ("B", "opening", 1, 1, "first"),
        ("C", "opening", 2, 2, "import"),
    ]


@on_one_database
def test_a_reason_is_one_line_of_some_length(member):
    add(member, "A")
    rows = f'A,"two\nlines"\nA,{"x" * 501}\n'

    assert faults(member, f"sku,reason\n{rows}")[:2] == [(2, "reason", "bad_characters"), (4, "reason", "too_long")]


# --- empty cells ------------------------------------------------------------------------------------------------------

FULL = {"description": "long", "price": "2.00", "barcode": "1", "tags": ["t"], "reorder_level": 3, "quantity": 5}
EMPTY = "sku,name,description,price,barcode,tags,reorder_level,quantity\nA,A,,,,,,\n"


@on_one_database
def test_cells_that_empty_a_field_are_counted(member):
    add(member, "A", **FULL)
    add(member, "B")

    assert counts(member, f"{EMPTY}B,B,,,,,,\n") == {"updated": 1, "unchanged": 1, "emptied": 5}
    assert counts(member, f"{EMPTY}C,c,,,,,,\n") == {"created": 1, "unchanged": 1}
    add(member, "D", price="2.00", barcode="2")
    assert counts(member, "sku,price\nD,0\n") == {"updated": 1}
    assert counts(member, '{"sku": "D", "barcode": null}', content_type=NDJSON) == {"updated": 1, "emptied": 1}


@on_one_database
def test_an_empty_cell_may_keep_what_is_there(member):
    before = add(member, "A", **FULL)

    assert counts(member, f"{EMPTY},C,,,,,,\n".replace("\n,C", "\nC,c"), "?empty=keep") == {
        "created": 1,
        "unchanged": 1,
    }
    assert counts(member, "sku,name,price\nA,,3\n", "?empty=keep") == {"updated": 1}
    line = '{"sku": "A", "price": null, "barcode": null, "unit": "kg"}'
    assert counts(member, line, "?empty=keep", NDJSON) == {"updated": 1}

    changed = {"price": "3.00", "unit": "kg", "version": before["version"] + 2}
    assert items(member)["A"] == {**before, **changed, "updated_at": items(member)["A"]["updated_at"]}
    assert faults(member, "sku,name\nX,\n", "?empty=keep") == [(2, "name", "required")]


# --- a dry run --------------------------------------------------------------------------------------------------------


def test_a_dry_run_lists_what_would_change(member):
    add(member, "A", name="old", quantity=5, tags=["x"])
    add(member, "B", barcode="7", attributes={"w": 1})
    file = "sku,name,quantity,tags,barcode,attributes\na,new,2,x|y,8,\nB,B,0,,,\nC,c,3,,,\n"

    answer = send(member, file, "?dry_run=true&quantity=receive").json

    assert answer["changes"] == [
        {"row": 1, "sku": "A", "field": "name", "from": "old", "to": "new"},
        {"row": 1, "sku": "A", "field": "tags", "from": ["x"], "to": ["x", "y"]},
        {"row": 1, "sku": "A", "field": "barcode", "from": None, "to": "8"},
        {"row": 1, "sku": "A", "field": "quantity", "from": 5, "to": 7},
        {"row": 2, "sku": "B", "field": "barcode", "from": "7", "to": None},
        {"row": 2, "sku": "B", "field": "attributes", "from": {"w": 1}, "to": {}},
        {"row": 3, "sku": "C", "field": "name", "from": None, "to": "c"},
        {"row": 3, "sku": "C", "field": "quantity", "from": None, "to": 3},
    ]
    assert (answer["updated"], answer["created"], answer["counted"], answer["emptied"]) == (2, 1, 1, 2)
    assert items(member)["A"]["name"] == "old"


@on_one_database
def test_a_dry_run_lists_the_first_thousand_changes_and_long_values_in_part(member):
    long = {"sku": "A", "name": "a", "description": "x" * 300, "attributes": {"k": "y" * 300}}

    rows = "".join(f"B{n},b\n" for n in range(1100))
    many = send(member, f"sku,name\n{rows}", "?dry_run=true").json
    add(member, **long)
    cut = send(member, "sku,description,attributes\nA,,\n", "?dry_run=true").json["changes"]

    assert (len(many["changes"]), many["created"], many["rows"]) == (1000, 1100, 1100)
    assert [(change["from"][-1], len(change["from"])) for change in cut] == [("…", 201), ("…", 201)]


# --- repeated requests ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quantity", ["receive", "issue"])
def test_a_keyed_receipt_or_issue_is_booked_once(app, member, quantity):
    add(member, "A", quantity=5)
    file, query, key = "sku,quantity\nA,2\n", f"?quantity={quantity}", {"Idempotency-Key": "k"}
    first = send(member, file, query, **key)

    again = [send(member, file, query, **key) for _ in range(2)]

    assert {response.headers["Idempotent-Replayed"] for response in again} == {"true"}
    assert [response.json for response in again] == [first.json] * 2
    assert items(member)["A"]["quantity"] == {"receive": 7, "issue": 3}[quantity]
    other = send(member, file, "?quantity=count", **key)
    assert (other.status_code, other.json["code"]) == (422, "idempotency_key_reused")
    assert adds_up(app)


@pytest.mark.parametrize(
    "query",
    [
        "on_missing=make",
        "match=name",
        "quantity=add",
        "empty=null",
        "negative=ignore",
        "on_conflict=replace",
        "quantity=",
    ],
)
@on_one_database
def test_a_rule_that_there_is_not_is_refused_by_name(member, query):
    refused = send(member, "sku,name\nA,a\n", f"?{query}")

    assert [(e["field"], e["code"]) for e in refused.json["errors"]] == [(query.partition("=")[0], "not_a_choice")]
    assert items(member) == {}


# Where it is: once there are several locations, a column says it


def at_van(client):
    """The stock of each item in the van."""
    return {row["sku"]: row["quantity"] for row in client.get("/stocks?location=VAN").json["data"]}


def test_a_row_counts_what_is_at_its_location(app, member):
    make_location(app, "VAN")
    add(member, "A", quantity=5)
    file = "sku,name,quantity,location\r\nA,a,2,van\r\nB,b,3,VAN\r\nC,c,4,\r\n"

    assert counts(member, file)["counted"] == 1
    assert imported(member, file) == (0, 0, 3)

    assert at_van(member) == {"A": 2, "B": 3}
    assert {sku: item["quantity"] for sku, item in items(member).items()} == {"A": 7, "B": 3, "C": 4}
    assert adds_up(app)


def test_a_quantity_without_a_location_is_refused_if_it_is_another_than_that_in_all(app, member):
    make_location(app, "VAN")
    add(member, "A", quantity=5)
    assert imported(member, "sku,quantity,location\r\nA,2,VAN\r\n") == (0, 1, 0)

    assert imported(member, "sku,name,quantity\r\nA,a,7\r\n") == (0, 1, 0)
    assert faults(member, "sku,quantity\r\nA,6\r\n") == [(2, "quantity", "location_required")]
    assert imported(member, "sku,quantity\r\nA,6\r\n", "?quantity=receive") == (0, 1, 0)

    assert items(member)["A"]["quantity"] == 13
    assert adds_up(app)


def test_a_location_that_is_not_there_refuses_its_row(app, member):
    make_location(app, "VAN")

    assert faults(member, "sku,name,quantity,location\r\nA,a,1,NONE\r\n") == [(2, "location", "unknown_location")]
    assert items(member) == {}


def test_with_another_default_a_file_counts_what_is_there(app, member):
    make_location(app, "VAN", default=True)

    assert imported(member, "sku,name,quantity\r\nA,a,2\r\nB,b,3\r\n") == (2, 0, 0)
    assert imported(member, "sku,quantity\r\nA,1\r\nB,3\r\n") == (0, 1, 1)

    assert at_van(member) == {"A": 1, "B": 3}
    assert adds_up(app)
