"""A scanner needs one call: items are read, and moved, by their barcode."""

import pytest

from tests.support.files import send
from tests.support.shelf import add, together


def line(barcode: str, quantity: int = 1, kind: str = "issue", **more: object) -> dict[str, object]:
    return {"barcode": barcode, "kind": kind, "quantity": quantity, "reason": "scanned", **more}


def move(client, *lines):
    return client.post("/movements", json={"movements": list(lines)})


@pytest.mark.parametrize("barcode", ["4006381333931", "A/B 1", "ü"])
def test_an_item_is_read_by_its_barcode_with_the_same_tag(member, barcode):
    item = add(member, "LAMP-1", barcode=barcode)

    found = member.get(f"/items/by-barcode/{barcode}")

    assert found.json == item
    assert found.headers["ETag"] == member.get(f"/items/{item['id']}").headers["ETag"]


@pytest.mark.parametrize("barcode", ["5", "4006381333931 ", "x" * 65, "%00"])
def test_a_barcode_that_no_item_has_is_not_found(member, barcode):
    add(member, "LAMP-1", barcode="4006381333931")

    refused = member.get(f"/items/by-barcode/{barcode}")

    assert (refused.status_code, refused.json["code"]) == (404, "not_found")


def test_lines_may_name_an_item_by_barcode_sku_or_id(member):
    lamp = add(member, "LAMP-1", barcode="111", quantity=5)
    add(member, "BULB-1", barcode="222", quantity=5)

    moved = move(
        member,
        line("222", 2),
        {"sku": "bulb-1", "kind": "issue", "quantity": 1, "reason": "typed"},
        {"item_id": lamp["id"], "kind": "receive", "quantity": 1, "reason": "typed"},
        line("111", 3),
    )

    assert moved.status_code == 201, moved.json
    assert [(row["sku"], row["quantity_after"]) for row in moved.json["movements"]] == [
        ("BULB-1", 3),
        ("BULB-1", 2),
        ("LAMP-1", 6),
        ("LAMP-1", 3),
    ]


def test_a_barcode_that_nobody_has_refuses_the_whole_batch_and_names_its_line(member):
    add(member, "LAMP-1", barcode="111", quantity=5)

    refused = move(member, line("111"), line("999"))

    assert (refused.status_code, refused.json["code"]) == (422, "invalid_input")
    assert [(fault["index"], fault["code"]) for fault in refused.json["errors"]] == [(1, "not_found")]
    assert member.get("/items/by-barcode/111").json["quantity"] == 5


def test_a_line_that_names_its_item_twice_is_refused(member):
    add(member, "LAMP-1", barcode="111", quantity=5)

    refused = move(member, line("111", sku="LAMP-1"))

    assert refused.status_code == 422
    assert [(fault["field"], fault["code"]) for fault in refused.json["errors"]] == [
        ("movements[0].item_id", "required")
    ]
    assert member.get("/items/by-barcode/111").json["quantity"] == 5


def test_while_barcodes_are_swapped_each_scan_moves_the_item_that_had_it(member):
    one, two = (add(member, sku, barcode=sku, quantity=50) for sku in ("A", "B"))

    def swap():
        for barcode, item in (("C", one), ("A", two), ("B", one)) * 3:
            answer = member.patch(f"/items/{item['id']}", json={"barcode": barcode})
            assert answer.status_code in (200, 409)  # 409: the other one still has it
        return answer

    scans = together(swap, *[lambda: move(member, line("A"), line("B"))] * 6)[1:]

    recorded = [scan for scan in scans if scan.status_code == 201]
    assert {scan.status_code for scan in scans} <= {201, 422}  # 422: at that time no item had one of the two
    stock = [member.get(f"/items/{item['id']}").json["quantity"] for item in (one, two)]
    assert sum(stock) == 100 - 2 * len(recorded)


def test_an_item_is_patched_by_its_sku_whatever_the_case(member):
    item = add(member, "LAMP/1", bin="A-1")
    tag = member.get(f"/items/{item['id']}").headers["ETag"]

    changed = member.patch("/items/by-sku/lamp/1", json={"bin": "B-2"}, headers={"If-Match": tag})
    stale = member.patch("/items/by-sku/lamp/1", json={"bin": "C-3"}, headers={"If-Match": tag})
    nobody = member.patch("/items/by-sku/none", json={"bin": "C-3"})

    assert (changed.status_code, changed.json["bin"], changed.json["version"]) == (200, "B-2", 2)
    assert (stale.status_code, nobody.status_code) == (412, 404)
    assert member.get(f"/items/{item['id']}").json == changed.json


def test_a_patch_by_sku_honours_its_idempotency_key(member):
    add(member, "LAMP-1")
    key = {"Idempotency-Key": "k-1"}

    first = member.patch("/items/by-sku/LAMP-1", json={"name": "Lamp"}, headers=key)
    again = member.patch("/items/by-sku/LAMP-1", json={"name": "Lamp"}, headers=key)

    assert (again.json, again.headers["Idempotent-Replayed"]) == (first.json, "true")


@pytest.mark.parametrize(("written", "asked"), [("Gr\u00fcn", "Gru\u0308n"), ("Gru\u0308n", "Gr\u00fcn")])
def test_a_barcode_and_a_tag_are_found_in_either_form_of_their_accents(member, written, asked):
    item = add(member, "A", barcode=written, tags=[written], quantity=5)

    assert member.get(f"/items/by-barcode/{asked}").json["id"] == item["id"]
    for name in ("barcode", "tag"):
        assert member.get("/items", query_string={name: asked}).json["total_items"] == 1
    assert move(member, line(asked)).status_code == 201
    assert member.post("/items", json={"sku": "B", "name": "b", "barcode": asked}).json["code"] == "barcode_taken"
    assert send(member, f"sku,barcode,tags\nA,{asked},{asked}\n").json["unchanged"] == 1


@pytest.mark.parametrize("dots", [".", ".."])
def test_what_no_url_can_end_with_is_no_sku_and_no_barcode(member, dots):
    for field in ("sku", "barcode"):
        refused = member.post("/items", json={"sku": "A", "name": "a", field: dots})

        assert (refused.status_code, refused.json["errors"][0]["field"]) == (422, field)
        assert "no URL" in refused.json["errors"][0]["message"]
    assert send(member, f"sku,name\n{dots},a\n").json["errors"][0]["column"] == "sku"
    assert add(member, "...", barcode="...")["sku"] == "..."
    assert member.get("/items/by-barcode/...").status_code == 200
