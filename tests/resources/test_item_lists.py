"""The list of items: each filter alone and with others, the search, and the projection."""

import pytest

from tests.support.clients import person
from tests.support.databases import on_one_database
from tests.support.shelf import add

SHELF = {
    "LAMP-1": {"name": "Desk lamp", "bin": "A-01", "barcode": "4006", "tags": ["light", "oak"], "price": "12.50"},
    "LAMP-2": {"name": "Floor lamp", "bin": "A-02", "tags": ["light"], "price": "80", "description": "Oak foot"},
    "desk": {"name": "Desk", "bin": "a-01", "tags": ["Light", "oak"], "price": "200", "barcode": "4006x"},
    "plain": {"name": "Plain thing"},
}


@pytest.fixture
def shelf(member):
    """Some items by their SKU."""
    return {sku: add(member, sku, **fields) for sku, fields in SHELF.items()}


def found(client, **query):
    """The SKUs of the items that a query finds, after checking that all its answers agree."""
    answered = client.get("/items", query_string=query)
    assert answered.status_code == 200, answered.json
    skus = [item["sku"] for item in answered.json["data"]]
    assert answered.json["total_items"] == len(skus)
    walked = client.get("/items", query_string={**query, "cursor": ""})
    assert [item["sku"] for item in walked.json["data"]] == skus
    return skus


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["LAMP-1", "LAMP-2", "desk", "plain"]),
        ({"sku": "lamp-1"}, ["LAMP-1"]),
        ({"sku": "DESK"}, ["desk"]),
        ({"sku": "LAMP"}, []),
        ({"barcode": "4006"}, ["LAMP-1"]),
        ({"barcode": "4006X"}, []),
        ({"tag": "light"}, ["LAMP-1", "LAMP-2"]),
        ({"tag": "Light"}, ["desk"]),
        ({"tag": "ligh"}, []),
        ({"bin": "A-01"}, ["LAMP-1"]),
        ({"bin": "a-01"}, ["desk"]),
        ({"bin": ""}, ["plain"]),
        ({"tag": "oak", "bin": "A-01"}, ["LAMP-1"]),
        ({"tag": "oak", "q": "desk", "min_price": "100"}, ["desk"]),
        ({"tag": "light", "sku": "desk"}, []),
        ({"q": "lamp", "max_price": "12.5"}, ["LAMP-1"]),
        ({"q": "oak"}, ["LAMP-2"]),
        ({"sort": "-price", "tag": "light"}, ["LAMP-2", "LAMP-1"]),
    ],
)
def test_a_list_holds_what_meets_every_condition(member, shelf, query, expected):
    assert found(member, **query) == expected


def test_archived_items_are_listed_when_asked_for_and_then_alone(member, shelf):
    member.delete(f"/items/{shelf['desk']['id']}")

    assert found(member) == found(member, archived="false") == ["LAMP-1", "LAMP-2", "plain"]
    assert found(member, archived="true") == ["desk"]
    assert found(member, archived="true", tag="light") == []


def test_stock_is_low_at_the_reorder_level_and_below(member):
    for sku, level, quantity in [("none", None, 0), ("below", 5, 4), ("at", 5, 5), ("above", 5, 6), ("zero", 0, 0)]:
        add(member, sku, reorder_level=level, quantity=quantity)

    assert found(member, low_stock="true") == ["below", "at", "zero"]
    assert found(member, low_stock="false") == ["none", "above"]


def test_stock_that_is_moved_becomes_low(member):
    item = add(member, "A", reorder_level=5, quantity=6)
    assert found(member, low_stock="true") == []

    member.post(f"/items/{item['id']}/movements", json={"kind": "issue", "quantity": 1, "reason": "x"})

    assert found(member, low_stock="true") == ["A"]


def test_updated_since_includes_its_own_moment(member, shelf):
    moved = shelf["LAMP-2"]
    member.post(f"/items/{moved['id']}/movements", json={"kind": "receive", "quantity": 1, "reason": "x"})
    moment = member.get(f"/items/{moved['id']}").json["updated_at"]

    assert found(member, updated_since=moment) == ["LAMP-2"]
    assert found(member, updated_since=shelf["desk"]["updated_at"]) == ["LAMP-2", "desk", "plain"]
    assert found(member, updated_since="2999-01-01T00:00:00+01:00") == []


def test_updated_since_reads_the_zone(member):
    moment = add(member, "A")["updated_at"]
    hours, minutes = moment[11:13], moment[14:16]

    elsewhere = f"{moment[:11]}{hours}:{minutes}{moment[16:-1]}+00:00"

    assert found(member, updated_since=elsewhere) == ["A"]
    assert found(member, updated_since=elsewhere.replace("+00:00", "-00:01")) == []
    assert found(member, updated_since=elsewhere.replace("+00:00", "+00:01")) == ["A"]


def test_a_list_by_tag_follows_its_changes(member):
    item = add(member, "A", tags=["one", "two"])

    member.patch(f"/items/{item['id']}", json={"tags": ["two", "three"]})

    assert [found(member, tag=tag) for tag in ("one", "two", "three")] == [[], ["A"], ["A"]]
    assert member.get(f"/items/{item['id']}").json["tags"] == ["two", "three"]


@pytest.mark.parametrize(
    ("attributes", "skus"),
    [
        (["colour:green"], ["A", "B"]),
        (["colour:green", "watts:7"], ["A"]),
        (["watts:7"], ["A", "C"]),
        (["dimmable:true"], ["A"]),
        (["length:2.5"], ["B"]),
        (["ratio:1:4"], ["B"]),
        (["note:two\nlines"], ["B"]),
        (["caf\u00e9:"], ["C"]),
        (["cafe\u0301:"], ["C"]),
        (["colour:Green"], ["C"]),
        (["colour:gree"], []),
        (["watts:7.0"], []),
        (["colour:green", "watts:8"], []),
        (["colour:green", *(f"none{number}:" for number in range(9))], []),
    ],
)
def test_items_are_listed_and_exported_by_their_attributes_and_must_have_each(member, attributes, skus):
    add(member, "A", attributes={"colour": "green", "watts": 7, "dimmable": True})
    add(member, "B", attributes={"colour": "green", "length": 2.5, "ratio": "1:4", "note": "two\nlines"})
    add(member, "C", attributes={"colour": "Green", "watts": "7", "cafe\u0301": ""})
    exported = member.get("/items/export", query_string={"attribute": attributes, "fields": "sku"}).text

    assert found(member, attribute=attributes) == skus
    assert exported.split()[1:] == skus


def test_a_list_by_attribute_follows_its_changes(member):
    """Two attributes can be written alike: `a:b` with `c`, and `a` with `b:c`."""
    item = add(member, "A", attributes={"a": "b:c", "a:b": "c", "size": 1})
    before = [found(member, attribute=entry) for entry in ("a:b:c", "size:1", "size:2")]

    member.patch(f"/items/{item['id']}", json={"attributes": {"size": 2, "a": None}})

    assert before == [["A"], ["A"], []]
    assert [found(member, attribute=entry) for entry in ("a:b:c", "size:1", "size:2")] == [["A"], [], ["A"]]
    member.put(f"/items/{item['id']}", json={"sku": "A", "name": "A"})
    assert found(member, attribute="size:2") == []


def test_the_links_of_a_list_have_every_attribute_that_was_asked_for(member):
    for sku in "ABC":
        add(member, sku, attributes={"colour": "green", "watts": 7})
    first = member.get("/items?attribute=colour:green&attribute=watts:7&limit=2")

    assert '?attribute=colour%3Agreen&attribute=watts%3A7&limit=2&page=2>; rel="next"' in first.headers["Link"]


def test_an_item_with_many_tags_is_listed_once(member):
    add(member, "A", tags=["one", "two", "three"])

    assert found(member, tag="two", q="a") == ["A"]


# Search


@pytest.mark.parametrize(
    "q",
    [
        "needle",
        "NEEDLE",
        "eedl",
        "needle sku7",
        "SKU7 Übergröße",
        "ÜBERGRÖSSE",
        "übergrösse",
        "u\u0308bergr",
        "zweite needle 4006381",
        "  needle   sku7  ",
        "needle\tsku7",
        "🔦",
        "100%",
        "a_b",
        "c\\d",
        "e/f",
        "it's",
        '"quoted"',
        "ΣΊΣΥΦΟΣ",
    ],
)
def test_a_search_finds_all_its_words_in_sku_name_description_or_barcode(member, q):
    text = 'zweite\nZeile 🔦 100% a_b c\\d e/f it\'s "quoted" Σίσυφος'
    add(member, "sku7/x", name="Needle Übergröße", description=text, barcode="4006381333931")
    add(member, "haystack")

    assert found(member, q=q) == ["sku7/x"]


@pytest.mark.parametrize("q", ["%", "_", "\\", "/", "100%", "a_b", "[a]", "*", "?", "^", "%%", "\\%", "/%", "'", "--"])
def test_signs_are_searched_as_they_are(member, q):
    add(member, "1", name=f"before {q} after")
    add(member, "2", name="before 1000 aXb after")

    assert found(member, q=q) == ["1"]


@pytest.mark.parametrize("q", ["needle hay", "needles", "unit7", "shelf7", "tag7", "attribute7", "needlesku", "uber"])
def test_a_search_finds_no_item_that_lacks_a_word(member, q):
    fields = {"unit": "unit7", "bin": "shelf7", "tags": ["tag7"], "attributes": {"attribute7": "attribute7"}}
    add(member, "sku", name="needle über", **fields)
    add(member, "other", name="hay")

    assert found(member, q=q) == []


@pytest.mark.parametrize("q", ["", " ", "\t"])
def test_a_search_without_a_word_finds_all(member, q):
    add(member, "A")

    assert found(member, q=q) == ["A"]


def test_a_search_follows_changes(member):
    item = add(member, "A", name="old", description="old", barcode="old")

    member.patch(f"/items/{item['id']}", json={"name": "fresh", "description": None, "barcode": None})

    assert (found(member, q="old"), found(member, q="fresh")) == ([], ["A"])


# Projection


def test_fields_are_those_asked_for_in_their_order(member, shelf):
    listed = member.get("/items?fields=sku,quantity,id&limit=1").json

    assert [list(item) for item in listed["data"]] == [["sku", "quantity", "id"]]
    assert listed["data"][0] == {"sku": "LAMP-1", "quantity": 0, "id": shelf["LAMP-1"]["id"]}


def test_every_field_of_an_item_can_be_asked_for(member, shelf):
    listed = member.get("/items", query_string={"fields": ",".join(shelf["desk"]), "sku": "desk"})

    assert listed.json["data"] == [shelf["desk"]]


def test_without_fields_an_item_is_listed_as_it_is_read(member, shelf):
    listed = member.get("/items?sku=lamp-1").text

    assert member.get(f"/items/{shelf['LAMP-1']['id']}").text.strip() in listed


# What is refused


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("archived=TRUE", "archived"),
        ("archived=1", "archived"),
        ("archived=", "archived"),
        ("low_stock=yes", "low_stock"),
        ("sku=", "sku"),
        ("sku=%20a", "sku"),
        ("barcode=", "barcode"),
        ("tag=", "tag"),
        ("tag=a&tag=b", "tag"),
        ("attribute=", "attribute[0]"),
        ("attribute=colour", "attribute[0]"),
        ("attribute=a:b&attribute=:b", "attribute[1]"),
        ("attribute=a:b&attribute=a:b", "attribute[1]"),
        (f"attribute={'a' * 65}:{'b' * 1001}", "attribute[0]"),
        ("&".join(f"attribute=a:{number}" for number in range(11)), "attribute"),
        ("bin=%00", "bin"),
        ("q=%00", "q"),
        ("q=" + "x" * 201, "q"),
        ("updated_since=2026-01-31", "updated_since"),
        ("updated_since=2026-01-31T08:00:00", "updated_since"),
        ("updated_since=2026-02-30T08:00:00Z", "updated_since"),
        ("updated_since=2026-01-31T08:00:00+01:00", "updated_since"),
        ("fields=", "fields"),
        ("fields=color", "fields[0]"),
        ("fields=id,search_text", "fields[1]"),
        ("fields=id,id", "fields[1]"),
        ("fields=id,", "fields[1]"),
        ("name=lamp", "name"),
        ("Q=lamp", "Q"),
    ],
)
@on_one_database
def test_a_condition_that_makes_no_sense_is_refused(member, query, field):
    refused = member.get(f"/items?{query}")

    assert refused.status_code == 422
    assert [error["field"] for error in refused.json["errors"]] == [field]


def test_all_faults_of_a_query_are_told_at_once(member):
    refused = member.get("/items?limit=0&archived=x&colour=red&sort=up")

    assert {error["field"] for error in refused.json["errors"]} == {"limit", "archived", "colour", "sort"}


def test_a_list_needs_the_scope_of_reading(app, nobody):
    writer = person(app, "wes", "member", ["items:write"])

    assert writer.get("/items").status_code == 403
    assert nobody.get("/items").status_code == 401
