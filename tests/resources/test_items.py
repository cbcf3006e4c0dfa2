"""Items: every field and its rules, create, read, replace, patch, archive and restore, by id and by SKU."""

import json
from functools import partial

import pytest

from tests.support.clients import HERE, person
from tests.support.databases import on_one_database
from tests.support.shelf import add, body, path_of, together

FULL = {
    "sku": "LAMP/7 b",
    "name": "Desk lamp",
    "description": "Oak foot.\n\n\tCable: 2 m",
    "unit": "piece",
    "price": "12.5",
    "reorder_level": 3,
    "bin": "A-01",
    "barcode": "4006381333931",
    "tags": ["new", "light", "a,b"],
    "attributes": {"z": "last", "colour": "grün", "watts": 7, "dimmable": True, "height": 0.1, "a": 1.0},
}
DEFAULTS = {
    "description": "",
    "unit": "",
    "price": "0.00",
    "quantity": 0,
    "reorder_level": None,
    "bin": "",
    "barcode": None,
    "tags": [],
    "attributes": {},
    "archived": False,
    "version": 1,
}
ENTRIES = [f"k{number}" for number in range(50)]


def test_an_item_is_answered_as_it_was_given(member):
    created = member.post("/items", **body(FULL))

    assert created.status_code == 201
    shown = {name: created.json[name] for name in FULL}
    assert json.dumps(shown) == json.dumps({**FULL, "price": "12.50"})
    assert created.headers["Location"] == f"{HERE}/api/v1/items/{created.json['id']}"
    assert member.get(created.headers["Location"]).text == created.text


def test_what_is_left_out_takes_its_default(member):
    item = add(member, "A")

    assert {name: item[name] for name in DEFAULTS} == DEFAULTS
    assert item["created_at"] == item["updated_at"]
    assert item["created_at"].endswith("Z")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sku", "x" * 64),
        ("name", "n" * 200),
        ("description", "d" * 4000),
        ("description", "𝄞" * 4000),
        ("unit", "u" * 32),
        ("price", "999999999.9999"),
        ("quantity", 0),
        ("quantity", 1_000_000_000),
        ("reorder_level", 0),
        ("reorder_level", 1_000_000_000),
        ("bin", "l" * 100),
        ("barcode", "b" * 64),
        ("tags", [f"{'t' * 48}{number}" for number in range(10, 60)]),
        ("attributes", dict.fromkeys(ENTRIES, "x" * 1000)),
        ("attributes", {"n" * 64: -(2**53 - 1), "most": 2**53 - 1}),
        ("attributes", {"no": False, "lines": "a\nb", "tiny": 5e-324, "big": 1.7976931348623157e308}),
    ],
)
def test_a_value_at_its_limit_is_kept(member, field, value):
    created = member.post("/items", json={"sku": "A", "name": "a", field: value})

    assert created.status_code == 201, created.json
    assert member.get(created.headers["Location"]).json[field] == value


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("sku", "", "too_short"),
        ("sku", "x" * 65, "too_long"),
        ("sku", " A", "bad_characters"),
        ("sku", "A ", "bad_characters"),
        ("sku", "A\u00a0B", "bad_characters"),
        ("sku", "A\nB", "bad_characters"),
        ("sku", "A\u0000B", "bad_characters"),
        ("sku", "A\ufffdB", "bad_characters"),
        ("sku", 7, "wrong_type"),
        ("sku", None, "null"),
        ("name", "", "too_short"),
        ("name", "n" * 201, "too_long"),
        ("name", "two\nlines", "bad_characters"),
        ("name", None, "null"),
        ("description", "d" * 4001, "too_long"),
        ("description", "\u0000", "bad_characters"),
        ("description", None, "null"),
        ("unit", "u" * 33, "too_long"),
        ("quantity", -1, "too_small"),
        ("quantity", 1_000_000_001, "too_large"),
        ("quantity", 1.0, "wrong_type"),
        ("quantity", "5", "wrong_type"),
        ("quantity", True, "wrong_type"),
        ("quantity", None, "null"),
        ("reorder_level", -1, "too_small"),
        ("reorder_level", 1_000_000_001, "too_large"),
        ("bin", "l" * 101, "too_long"),
        ("barcode", "", "too_short"),
        ("barcode", "b" * 65, "too_long"),
        ("tags", "light", "wrong_type"),
        ("tags", [str(number) for number in range(51)], "wrong_length"),
        ("attributes", [], "wrong_type"),
        ("attributes", dict.fromkeys([*ENTRIES, "more"], 1), "wrong_length"),
    ],
)
@on_one_database
def test_a_value_beyond_its_limit_is_refused(member, field, value, code):
    refused = member.post("/items", json={"sku": "A", "name": "a", field: value})

    assert refused.status_code == 422
    assert [(error["field"], error["code"]) for error in refused.json["errors"]] == [(field, code)]
    assert member.get("/items").json["total_items"] == 0


@pytest.mark.parametrize(
    ("field", "value", "part", "code"),
    [
        ("tags", ["a", ""], "tags[1]", "too_short"),
        ("tags", ["a", "a"], "tags[1]", "repeated"),
        ("tags", ["a|b"], "tags[0]", "bad_format"),
        ("tags", ["t" * 51], "tags[0]", "too_long"),
        ("tags", [1], "tags[0]", "wrong_type"),
        ("attributes", {"a": None}, "attributes.a", "wrong_type"),
        ("attributes", {"a": {}}, "attributes.a", "wrong_type"),
        ("attributes", {"a": []}, "attributes.a", "wrong_type"),
        ("attributes", {"": 1}, "attributes.", "too_short"),
        ("attributes", {"a": "x" * 1001}, "attributes.a", "too_long"),
        ("attributes", {"a": 2**53}, "attributes.a", "too_large"),
    ],
)
@on_one_database
def test_a_fault_inside_a_list_or_object_says_where(member, field, value, part, code):
    refused = member.post("/items", json={"sku": "A", "name": "a", field: value})

    assert refused.status_code == 422
    assert [(error["field"], error["code"]) for error in refused.json["errors"]] == [(part, code)]


def test_sku_and_name_are_required_and_both_are_told(member):
    refused = member.post("/items", json={"unit": "piece"})

    assert refused.status_code == 422
    assert {(error["field"], error["code"]) for error in refused.json["errors"]} == {
        ("sku", "required"),
        ("name", "required"),
    }


def test_an_unknown_field_names_the_nearest(member):
    refused = member.post("/items", json={"sku": "A", "name": "a", "barcod": "1"})

    assert refused.status_code == 422
    assert refused.json["errors"][0]["code"] == "unknown_field"
    assert "'barcode'" in refused.json["errors"][0]["message"]


@pytest.mark.parametrize("field", ["id", "archived", "version", "created_at", "updated_at"])
@pytest.mark.parametrize("method", ["post", "put", "patch"])
@on_one_database
def test_what_the_service_sets_can_not_be_sent(member, lamp, method, field):
    before = member.get(lamp).text

    refused = getattr(member, method)("/items" if method == "post" else lamp, json={"sku": "B", "name": "b", field: 1})

    assert refused.status_code == 422
    assert [(error["field"], error["code"]) for error in refused.json["errors"]] == [(field, "read_only")]
    assert member.get(lamp).text == before


@pytest.mark.parametrize("quantity", [5, 6, None, "5"])
@pytest.mark.parametrize("method", ["put", "patch"])
@pytest.mark.parametrize("by_sku", [False, True])
def test_only_movements_change_the_quantity(member, lamp, method, by_sku, quantity):
    if by_sku and method == "patch":
        method = "put"
    path = path_of("LAMP-1") if by_sku else lamp

    refused = getattr(member, method)(path, json={"sku": "LAMP-1", "name": "Desk lamp", "quantity": quantity})

    assert refused.status_code == 422
    assert [(error["field"], error["code"]) for error in refused.json["errors"]] == [("quantity", "use_movements")]
    assert member.get(lamp).json["quantity"] == 5


# Opening stock


def test_the_opening_stock_is_the_first_row_of_the_ledger(member):
    item = add(member, "A", quantity=7)

    ledger = member.get(f"/items/{item['id']}/movements").json["data"]

    assert (item["quantity"], item["version"]) == (7, 1)
    assert [(row["kind"], row["delta"], row["quantity_after"]) for row in ledger] == [("opening", 7, 7)]


@pytest.mark.parametrize("quantity", [None, 0])
def test_without_opening_stock_the_ledger_is_empty(member, quantity):
    item = add(member, "A", **({} if quantity is None else {"quantity": quantity}))

    assert member.get(f"/items/{item['id']}/movements").json["data"] == []


def test_opening_stock_needs_the_scope_of_stock_too(app, member):
    clerk = person(app, "cle", "member", ["items:read", "items:write"])

    refused = clerk.post("/items", json={"sku": "A", "name": "a", "quantity": 1})

    assert refused.status_code == 403
    assert refused.json["code"] == "insufficient_scope"
    assert clerk.get("/items").json["total_items"] == 0
    assert add(clerk, "A")["quantity"] == 0


# Replace


def test_put_replaces_every_field_and_keeps_the_stock(member):
    item = add(member, **FULL, quantity=5)

    replaced = member.put(f"/items/{item['id']}", json={"sku": "B", "name": "b"})

    assert replaced.status_code == 200
    kept = {"id": item["id"], "created_at": item["created_at"], "updated_at": replaced.json["updated_at"]}
    stock = {"quantity": 5, "reserved": 0, "available": 5}
    assert replaced.json == {**DEFAULTS, **kept, **stock, "sku": "B", "name": "b", "version": 2}
    assert replaced.json["updated_at"] > item["updated_at"]
    assert member.get(f"/items/{item['id']}").json == replaced.json


@pytest.mark.parametrize("missing", ["sku", "name"])
def test_put_needs_what_creation_needs(member, lamp, missing):
    body = {"sku": "B", "name": "b"}
    del body[missing]

    refused = member.put(lamp, json=body)

    assert refused.status_code == 422
    assert refused.json["errors"][0]["field"] == missing
    assert member.get(lamp).json["name"] == "Desk lamp"


@pytest.mark.parametrize("method", ["put", "patch"])
def test_a_change_that_changes_nothing_leaves_the_version(member, method):
    item = add(member, **FULL)

    answered = getattr(member, method)(
        f"/items/{item['id']}", json={**FULL, "price": "12.5000"}
    )  # names in another order

    assert answered.status_code == 200
    assert answered.json == item
    assert member.get(f"/items/{item['id']}").json == item


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"a": 1}, {"a": True}),
        ({"a": 0}, {"a": False}),
        ({"a": 1}, {"a": 1.0}),
        ({"a": 1, "b": 2}, {"c": 3, "b": 2, "a": 1}),
        ({"a": "1"}, {"a": 1}),
    ],
)
def test_attributes_keep_kind_and_order_when_replaced(member, before, after):
    item = add(member, "A", attributes=before)

    member.put(f"/items/{item['id']}", **body({"sku": "A", "name": "A", "attributes": after}))

    kept = member.get(f"/items/{item['id']}").json
    assert json.dumps(kept["attributes"]) == json.dumps(after)
    assert kept["version"] == 2


# Patch (RFC 7396)


@pytest.mark.parametrize("media_type", ["application/json", "application/merge-patch+json"])
@pytest.mark.parametrize(
    ("patch", "changed"),
    [
        ({"name": "Lamp"}, {"name": "Lamp"}),
        ({"sku": "lamp/7 B"}, {"sku": "lamp/7 B"}),
        ({"description": None, "unit": None, "bin": None}, {"description": "", "unit": "", "bin": ""}),
        ({"price": None}, {"price": "0.00"}),
        ({"reorder_level": None, "barcode": None}, {"reorder_level": None, "barcode": None}),
        ({"tags": ["light", "new"]}, {"tags": ["light", "new"]}),
        ({"tags": []}, {"tags": []}),
        ({"tags": None}, {"tags": []}),
        ({"attributes": None}, {"attributes": {}}),
        (
            {"attributes": {"colour": None, "watts": 8, "new": "x"}},
            {"attributes": {"z": "last", "watts": 8, "new": "x"}},
        ),
    ],
)
def test_a_merge_patch_changes_what_it_names(member, media_type, patch, changed):
    item = add(member, **{**FULL, "attributes": {"z": "last", "colour": "red", "watts": 7}})

    patched = member.patch(f"/items/{item['id']}", data=json.dumps(patch), content_type=media_type)

    assert patched.status_code == 200, patched.json
    expected = {**item, **changed, "version": 2, "updated_at": patched.json["updated_at"]}
    assert json.dumps(patched.json) == json.dumps(expected)
    assert member.get(f"/items/{item['id']}").text == patched.text


@pytest.mark.parametrize("patch", [{}, {"attributes": {}}, {"attributes": {"none": None}}, {"name": "Desk lamp"}])
def test_a_merge_patch_without_a_difference_leaves_the_version(member, patch):
    item = add(member, **FULL)

    patched = member.patch(f"/items/{item['id']}", json=patch)

    assert patched.status_code == 200
    assert patched.json == item


@pytest.mark.parametrize(("field", "code"), [("sku", "null"), ("name", "null")])
def test_a_merge_patch_can_not_unset_what_is_required(member, lamp, field, code):
    refused = member.patch(lamp, json={field: None})

    assert refused.status_code == 422
    assert refused.json["errors"][0]["code"] == code
    assert member.get(lamp).json["version"] == 1


def test_patches_can_not_pile_up_more_attributes_than_an_item_may_have(member):
    item = add(member, "A", attributes=dict.fromkeys(ENTRIES, 1))

    refused = member.patch(f"/items/{item['id']}", json={"name": "b", "attributes": {"more": 1}})

    assert refused.status_code == 422
    assert [(error["field"], error["code"]) for error in refused.json["errors"]] == [("attributes", "wrong_length")]
    assert member.get(f"/items/{item['id']}").json == item
    swapped = member.patch(f"/items/{item['id']}", json={"attributes": {"k0": None, "more": 1}})
    assert list(swapped.json["attributes"]) == [*ENTRIES[1:], "more"]


def test_a_merge_patch_media_type_is_for_patch_alone(member, lamp):
    refused = member.put(lamp, data='{"sku": "B", "name": "b"}', content_type="application/merge-patch+json")

    assert refused.status_code == 415
    assert member.get(lamp).json["sku"] == "LAMP-1"


# Taken names


@pytest.mark.parametrize(
    ("taken", "wanted"),
    [
        ("lamp-1", "LAMP-1"),
        ("straße", "STRASSE"),
        ("STRASSE", "straße"),
        ("café", "CAFÉ"),
        ("caf\u00e9", "CAFE\u0301"),
        ("Ωmega ς", "ωMEGA Σ"),
        ("it's", "IT'S"),
        ("\u0390" * 21, "\u03aa\u0301" * 21),
        ("ﬃ" * 21, "FFI" * 21),
    ],
)
@pytest.mark.parametrize("archived", [False, True])
def test_a_sku_is_taken_whatever_its_case_and_composition(member, taken, wanted, archived):
    first = add(member, taken)
    second = add(member, "other")
    if archived:
        member.delete(f"/items/{first['id']}")

    refusals = [
        member.post("/items", json={"sku": wanted, "name": "x"}),
        member.put(f"/items/{second['id']}", json={"sku": wanted, "name": "x"}),
        member.patch(f"/items/{second['id']}", json={"sku": wanted}),
    ]

    assert [(refused.status_code, refused.json["code"]) for refused in refusals] == [(409, "sku_taken")] * 3
    assert member.get(f"/items/{second['id']}").json == second


@pytest.mark.parametrize("archived", [False, True])
def test_a_barcode_is_taken_once(member, archived):
    first = add(member, "A", barcode="it's 1")
    second = add(member, "B")
    if archived:
        member.delete(f"/items/{first['id']}")

    refusals = [
        member.post("/items", json={"sku": "C", "name": "x", "barcode": "it's 1"}),
        member.put(f"/items/{second['id']}", json={"sku": "B", "name": "x", "barcode": "it's 1"}),
        member.patch(f"/items/{second['id']}", json={"barcode": "it's 1"}),
        member.put(path_of("B"), json={"name": "x", "barcode": "it's 1"}),
        member.put(path_of("C"), json={"name": "x", "barcode": "it's 1"}),
    ]

    assert [(refused.status_code, refused.json["code"]) for refused in refusals] == [(409, "barcode_taken")] * 5
    assert member.get(f"/items/{second['id']}").json == second
    assert member.get(path_of("C")).status_code == 404


def test_skus_that_fold_to_thrice_their_length_are_told_apart_to_the_end(member):
    first, second = add(member, "ﬃ" * 63 + "a"), add(member, "ﬃ" * 63 + "b")

    assert member.get(path_of("ﬃ" * 63 + "A")).json == first
    assert member.get(path_of("ﬃ" * 63 + "B")).json == second


def test_many_items_may_have_no_barcode(member):
    add(member, "A", barcode=None)

    assert add(member, "B", barcode=None)["barcode"] is None


def test_an_item_may_spell_its_own_sku_anew(member, lamp):
    renamed = member.patch(lamp, json={"sku": "Lamp-1"})

    assert renamed.status_code == 200
    assert member.get(path_of("LAMP-1")).json["sku"] == "Lamp-1"


# Archive and restore


def test_an_archived_item_leaves_the_list_and_keeps_its_history(member, lamp):
    assert member.delete(lamp).status_code == 204

    item = member.get(lamp).json
    assert (item["archived"], item["quantity"], item["version"]) == (True, 5, 2)
    assert member.get("/items").json["data"] == []
    assert len(member.get(f"{lamp}/movements").json["data"]) == 1


def test_archiving_twice_is_as_good_as_once(member, lamp):
    first = member.delete(lamp)
    archived = member.get(lamp).json

    second = member.delete(lamp)

    assert (first.status_code, second.status_code, second.data) == (204, 204, b"")
    assert member.get(lamp).json == archived


@pytest.mark.parametrize(
    ("method", "below", "body"),
    [
        ("put", "", {"sku": "LAMP-1", "name": "x"}),
        ("patch", "", {"name": "x"}),
        ("post", "/movements", {"kind": "receive", "quantity": 1, "reason": "x"}),
    ],
)
def test_an_archived_item_refuses_changes_and_movements(member, lamp, method, below, body):
    member.delete(lamp)
    archived = member.get(lamp).json

    refused = getattr(member, method)(lamp + below, json=body)

    assert (refused.status_code, refused.json["code"]) == (409, "item_archived")
    assert member.get(lamp).json == archived


def test_put_by_sku_does_not_wake_an_archived_item(member, lamp):
    member.delete(lamp)

    refused = member.put(path_of("lamp-1"), json={"name": "x"})

    assert (refused.status_code, refused.json["code"]) == (409, "item_archived")
    assert member.get("/items").json["total_items"] == 0


def test_restoring_brings_an_item_back_as_it_was(member, lamp):
    before = member.get(lamp).json
    member.delete(lamp)

    restored = member.post(f"{lamp}/restore")

    assert restored.status_code == 200
    assert restored.json == {**before, "version": 3, "updated_at": restored.json["updated_at"]}
    assert member.get("/items").json["data"] == [restored.json]
    assert member.patch(lamp, json={"name": "x"}).status_code == 200


def test_restoring_a_live_item_changes_nothing(member, lamp):
    before = member.get(lamp).json

    restored = member.post(f"{lamp}/restore")

    assert restored.status_code == 200
    assert restored.json == before
    assert member.get(lamp).json == before


# By SKU


@pytest.mark.parametrize(
    "sku",
    [
        "A/B", "/A", "A/", "//A//", "a b", "...", ".a", "a/../b", "./a", "a%2Fb", "%", "%zz", "a?b=c", "a#b", "a;b=c",
        "a+b", "a&b=c", "🔦", "日本", "'\"", "\\", "a:b", "@", "items", "1", "restore", "<id>", "{sku}", "~", "é",
        "x" * 64, "🔦" * 64,
    ],
)  # fmt: skip
def test_any_sku_can_be_addressed_by_its_path(member, sku):
    created = member.put(path_of(sku), json={"name": "first"})
    replaced = member.put(path_of(sku), json={"name": "second"})

    assert (created.status_code, replaced.status_code) == (201, 200)
    assert created.json["sku"] == sku
    assert created.headers["Location"] == f"{HERE}/api/v1/items/{created.json['id']}"
    assert "Location" not in replaced.headers
    assert member.get(path_of(sku)).json == replaced.json == member.get(created.headers["Location"]).json


@pytest.mark.parametrize(
    ("written", "asked"),
    [("straße", "STRASSE"), ("É", "é"), ("é", "É"), ("\u00e9", "e\u0301"), ("E\u0301", "\u00e9"), ("Lamp", "lAMP")],
)
def test_case_and_composition_do_not_matter_by_sku(member, written, asked):
    created = add(member, written)

    replaced = member.put(path_of(asked), json={"name": "x"})

    assert member.get(path_of(asked)).json == replaced.json
    assert (replaced.json["id"], replaced.json["sku"]) == (created["id"], written)


@pytest.mark.parametrize(
    ("stored", "asked"), [("AB", "A"), ("A", "AB"), ("A_", "AB"), ("A%", "AB"), ("é", "e"), ("A", "A/")]
)
def test_another_sku_is_not_found(member, stored, asked):
    add(member, stored)

    assert member.get(path_of(asked)).status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        *((path, 422) for path in ("A%20", "%20A", "A%00", "%FF", "A%C2%A0", "A%09B", "x" * 5000)),
        ("A%0A", 404),  # the path of no route
    ],
)
def test_what_no_sku_can_be_is_not_found_and_not_created(member, path, status):
    add(member, "A")

    read, written = member.get(f"/items/by-sku/{path}"), member.put(f"/items/by-sku/{path}", json={"name": "x"})

    assert read.status_code == 404
    assert written.status_code == status
    assert member.get("/items").json["total_items"] == 1


def test_put_by_sku_takes_the_spelling_of_the_body_when_it_creates(member):
    created = member.put(path_of("lamp"), json={"sku": "LAMP", "name": "x"})

    assert (created.status_code, created.json["sku"]) == (201, "LAMP")


def test_put_by_sku_keeps_the_sku_as_first_written(member, lamp):
    replaced = member.put(path_of("lamp-1"), json={"sku": "Lamp-1", "name": "x"})

    assert (replaced.status_code, replaced.json["sku"]) == (200, "LAMP-1")


@pytest.mark.parametrize("exists", [False, True])
def test_a_sku_in_the_body_must_match_the_path(member, exists):
    if exists:
        add(member, "A")

    refused = member.put(path_of("A"), json={"sku": "B", "name": "x"})

    assert refused.status_code == 422
    assert [(error["field"], error["code"]) for error in refused.json["errors"]] == [("sku", "mismatch")]
    assert member.get("/items").json["total_items"] == int(exists)


def test_racing_creations_of_one_sku_leave_one_item(member):
    for path in map(path_of, "ABCDE"):
        answers = together(*[partial(member.put, path, json={"name": name}) for name in "ab"])

        assert sorted(answer.status_code for answer in answers) == [200, 201]
        assert len({answer.json["id"] for answer in answers}) == 1
        assert {answer.json["version"] for answer in answers} == {1, 2}
    assert member.get("/items").json["total_items"] == 5


def test_racing_posts_of_one_sku_leave_one_item(member):
    answers = together(
        *[partial(member.post, "/items", json={"sku": sku, "name": "x"}) for sku in ("Ä", "ä", "A\u0308")]
    )

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    assert member.get("/items").json["total_items"] == 1


# What is not there, and what may be done


@pytest.mark.parametrize("item_id", ["999", "0", "-1", "abc", "99999999999999999999", "1.0"])
@pytest.mark.parametrize(
    ("method", "below", "body"),
    [
        ("get", "", None),
        ("put", "", {"sku": "A", "name": "a"}),
        ("patch", "", {"name": "a"}),
        ("delete", "", None),
        ("post", "/restore", None),
    ],
)
def test_an_item_that_is_not_there_is_not_found(member, item_id, method, below, body):
    answered = getattr(member, method)(f"/items/{item_id}{below}", json=body)

    assert (answered.status_code, answered.json["code"]) == (404, "not_found")


@pytest.mark.parametrize("by_sku", [False, True])
def test_head_is_get_without_the_body(member, lamp, by_sku):
    path = path_of("lamp-1") if by_sku else lamp

    got, head = member.get(path), member.head(path)

    assert (head.status_code, head.data) == (200, b"")
    for name in ("ETag", "Content-Type", "Content-Length", "Cache-Control", "Vary"):
        assert head.headers[name] == got.headers[name]


def test_a_guest_reads_and_changes_nothing(guest, member, lamp):
    before = member.get(lamp).json
    body = {"sku": "LAMP-1", "name": "x"}

    refusals = [
        guest.post("/items", json={"sku": "B", "name": "b"}),
        guest.put(lamp, json=body),
        guest.patch(lamp, json={"name": "x"}),
        guest.delete(lamp),
        guest.post(f"{lamp}/restore"),
        guest.put(path_of("LAMP-1"), json=body),
    ]

    assert [refused.status_code for refused in refusals] == [403] * 6
    assert guest.get(lamp).json == before
    assert guest.get("/items").json["data"] == [before]


@pytest.mark.parametrize("price", ["0", "0.0001", "0.0325", "0.005", "0.1", "7", "12.50", "999999999.9999"])
def test_an_item_looks_the_same_wherever_it_is_answered(member, price):
    described = {
        "tags": ["a", "ä"],
        "attributes": {"b": 1, "a": 0.5, "c": True, "d": "ä"},
        "reorder_level": 0,
        "barcode": "4",
    }
    created = member.post("/items", json={"sku": "Ä 1", "name": "Lampe", "price": price, "quantity": 3, **described})

    path = created.headers["Location"]
    read = member.get(path)
    assert read.json == created.json
    assert read.headers["ETag"] == created.headers["ETag"]
    assert member.get("/items/by-sku/ä 1").json == created.json
    assert member.get("/items").json["data"] == [created.json]
    assert member.get("/items?cursor=").json["data"] == [created.json]
    assert (
        json.loads(member.get("/items/export", headers={"Accept": "application/x-ndjson"}).data)["price"]
        == read.json["price"]
    )
    assert member.patch(path, json={}, headers={"If-Match": read.headers["ETag"]}).json == created.json


def test_a_movement_looks_the_same_wherever_it_is_answered(member, lamp):
    moment = "2026-01-31T08:00:00.000000Z"
    moved = {"kind": "receive", "quantity": 2, "reason": "order 7", "reference": "O-7", "occurred_at": moment}
    recorded = member.post(f"{lamp}/movements", json=moved)

    assert recorded.json["occurred_at"] == moment
    read = member.get(recorded.headers["Location"])
    assert read.json == recorded.json
    assert read.headers["ETag"] == recorded.headers["ETag"]
    assert recorded.json in member.get("/movements").json["data"]
    assert member.get("/events").json["data"][-1]["data"] == recorded.json


@pytest.mark.parametrize("id_", ["\uff11", "\u0661", "01", "00001", "0", "+1", "1.0"])
def test_an_id_has_one_path(member, lamp, id_):
    stem, _, number = lamp.rpartition("/")

    assert member.get(f"{stem}/{id_.replace('1', number)}").status_code == 404


@pytest.mark.parametrize("coding", ["gzip", "br", "GZIP, identity"])
def test_a_compressed_body_is_415_and_told_what_is_read(member, lamp, coding):
    movement = {"kind": "issue", "quantity": 1, "reason": "sold"}
    for path, content in (
        (f"{lamp}/movements", {"json": movement}),
        ("/items/import", {"data": "sku,quantity\nLAMP-1,0\n"}),
    ):
        refused = member.post(path, headers={"Content-Encoding": coding}, **content)

        assert (refused.status_code, refused.json["code"]) == (415, "unsupported_media_type")
        assert refused.headers["Accept-Encoding"] == "identity"
    assert member.get(lamp).json["quantity"] == 5
    assert member.post(f"{lamp}/movements", json=movement, headers={"Content-Encoding": "identity"}).status_code == 201
