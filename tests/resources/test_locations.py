"""Locations: create, read, list, change, archive, restore; and exactly one is the default."""

from urllib.parse import quote

import pytest

from tests.resources.test_events import read_all
from tests.support.clients import Client
from tests.support.databases import on_one_database
from tests.support.shelf import add

MAIN = "/locations/1"
READ_ONLY = [("id", "read_only"), ("version", "read_only"), ("created_at", "read_only"), ("updated_at", "read_only")]


@pytest.fixture
def van(member):
    """The path of a location that is not the default."""
    created = member.post("/locations", json={"code": "VAN", "name": "The van"})
    assert created.status_code == 201, created.json
    return created.headers["Location"]


def put_there(client: Client, item: str, code: str, quantity: int = 2, kind: str = "receive"):
    """Record a movement at a location."""
    body = {"kind": kind, "quantity": quantity, "reason": "a test", "location": code}
    return client.post(f"{item}/movements", json=body)


def codes(client, query=""):
    """The codes of the listed locations, in the order of the list."""
    return [each["code"] for each in client.get(f"/locations{query}").json["data"]]


def defaults(client):
    """The codes of the default locations, also among the archived ones."""
    listed = [each for archived in ("false", "true") for each in _listed(client, archived)]
    return [each["code"] for each in listed if each["default"]]


def _listed(client, archived):
    return client.get(f"/locations?archived={archived}").json["data"]


def feed(client):
    """The types of the events so far, and the codes of their locations."""
    return [(event["type"], event["data"].get("code")) for event in read_all(client, limit=100)]


def everything(client):
    """All locations and all events."""
    return [_listed(client, archived) for archived in ("false", "true")], read_all(client, limit=100)


def refusal(answer):
    return answer.status_code, answer.json["code"]


def faults(answer):
    """The field and code of every validation error."""
    return [(each["field"], each["code"]) for each in answer.json["errors"]]


# --- create, read, list ---------------------------------------------------------------------------------------------


def test_there_is_one_location_from_the_beginning_and_it_is_the_default(guest):
    [main] = guest.get("/locations").json["data"]

    assert (main["code"], main["name"], main["default"], main["archived"]) == ("MAIN", "", True, False)
    assert guest.get(MAIN).json == guest.get("/locations/by-code/main").json == main


def test_a_new_location_is_empty_and_not_the_default(member):
    created = member.post("/locations", json={"code": "VAN"})

    assert created.status_code == 201
    kept = {name: created.json[name] for name in ("code", "name", "default", "archived", "version")}
    assert kept == {"code": "VAN", "name": "", "default": False, "archived": False, "version": 1}
    again = member.get(created.headers["Location"])
    assert (again.json, again.headers["ETag"]) == (created.json, created.headers["ETag"])
    assert member.get("/locations?sort=-id").json["data"][0] == created.json
    assert defaults(member) == ["MAIN"]


def test_a_location_may_be_the_default_from_the_beginning(member):
    created = member.post("/locations", json={"code": "SHOP", "default": True})

    assert (created.status_code, created.json["default"]) == (201, True)
    assert defaults(member) == ["SHOP"]
    assert member.post("/locations", json={"code": "VAN", "default": False}).json["default"] is False


def test_the_list_has_what_is_not_archived_or_what_is_sorted_and_in_pages(member, van):
    shop = member.post("/locations", json={"code": "shop", "name": "A shop"}).headers["Location"]
    member.post("/locations", json={"code": "Attic", "name": "Zinc"})
    member.delete(shop)

    assert codes(member) == ["MAIN", "VAN", "Attic"]
    assert codes(member, "?archived=true") == ["shop"]
    assert codes(member, "?sort=code") == ["Attic", "MAIN", "VAN"]
    assert codes(member, "?sort=-name") == ["Attic", "VAN", "MAIN"]
    assert codes(member, "?sort=code&limit=2&page=2") == ["VAN"]
    first = member.get("/locations?sort=code&limit=2&cursor=").json
    assert codes(member, f"?sort=code&limit=2&cursor={first['next_cursor']}") == ["VAN"]
    assert faults(member.get("/locations?sort=version&code=VAN")) == [
        ("code", "unknown_parameter"),
        ("sort", "not_a_choice"),
    ]


@pytest.mark.parametrize("code", ["VAN", "van", "Van"])
def test_a_taken_code_is_refused_whatever_its_case(member, van, code):
    shop = member.post("/locations", json={"code": "SHOP"}).headers["Location"]
    before = everything(member)

    for refused in (member.post("/locations", json={"code": code}), member.patch(shop, json={"code": code})):
        assert refusal(refused) == (409, "code_taken")
    assert refusal(member.post("/locations", json={"code": code, "default": True})) == (409, "code_taken")
    assert everything(member) == before


def test_the_code_of_an_archived_location_is_taken_too(member, van):
    member.delete(van)
    before = everything(member)

    assert refusal(member.post("/locations", json={"code": "van"})) == (409, "code_taken")
    assert everything(member) == before


@pytest.mark.parametrize("code", ["", " VAN", "V\u0000N", "V\nN", "x" * 65, ".", "..", "V\u200bN", 7, None, ["VAN"]])
@on_one_database
def test_what_is_no_code_is_refused(member, code):
    refused = member.post("/locations", json={"code": code})

    assert refused.status_code == 422
    assert [field for field, _ in faults(refused)] == ["code"]
    assert codes(member) == ["MAIN"]


@pytest.mark.parametrize("code", ["Lager 2/Süd", "x" * 64, "a/../b", "50%", "?#&", "日本"])
def test_a_code_is_kept_as_written_and_read_by_its_path(member, code):
    path = f"/locations/by-code/{quote(code)}"
    created = member.put(path, json={})

    assert (created.status_code, created.json["code"]) == (201, code)
    assert member.get(path).json == member.get(created.headers["Location"]).json == created.json


@on_one_database
def test_every_fault_of_a_body_is_reported(member):
    refused = member.post("/locations", json={"nmae": "x", "name": 7, "default": "yes", "archived": True, "id": 3})

    assert sorted(faults(refused)) == [
        ("archived", "read_only"),
        ("code", "required"),
        ("default", "wrong_type"),
        ("id", "read_only"),
        ("name", "wrong_type"),
        ("nmae", "unknown_field"),
    ]
    assert codes(member) == ["MAIN"]


# --- by code --------------------------------------------------------------------------------------------------------


def test_a_put_creates_the_location_of_a_code_and_then_replaces_it(member):
    created = member.put("/locations/by-code/VAN", json={"name": "The van", "code": "VAN"})
    same = member.put("/locations/by-code/van", json={"name": "The van"})
    changed = member.put("/locations/by-code/van", json={})

    assert [each.status_code for each in (created, same, changed)] == [201, 200, 200]
    assert same.headers["ETag"] == created.headers["ETag"]
    assert changed.json == {
        **created.json,
        "name": "",
        "version": 2,
        "updated_at": changed.json["updated_at"],
    }
    assert feed(member) == [("location.created", "VAN"), ("location.updated", "VAN")]


def test_a_put_moves_the_default_and_a_put_without_it_leaves_it(member):
    created = member.put("/locations/by-code/VAN", json={"default": True})
    member.put("/locations/by-code/VAN", json={"name": "The van"})

    assert created.json["default"] is True
    assert defaults(member) == ["VAN"]
    assert member.put("/locations/by-code/main", json={"default": True}).json["default"] is True
    assert defaults(member) == ["MAIN"]


def test_a_put_that_is_not_what_its_path_says_is_refused(member, van):
    before = everything(member)

    assert faults(member.put("/locations/by-code/van", json={"code": "SHOP"})) == [("code", "mismatch")]
    assert faults(member.put("/locations/by-code/%20van", json={})) == [("code", "bad_characters")]
    assert faults(member.put("/locations/by-code/van", json={"default": False})) == [("default", "not_a_choice")]
    assert refusal(member.get("/locations/by-code/a%00b")) == (404, "not_found")
    assert refusal(member.get("/locations/by-code/shop")) == (404, "not_found")
    assert everything(member) == before


@on_one_database
def test_a_put_without_a_body_creates_nothing(member):
    assert refusal(member.put("/locations/by-code/shop")) == (400, "malformed_json")
    assert codes(member) == ["MAIN"]


def test_a_put_honours_what_it_expects(member, van):
    stale = member.get(van).headers["ETag"]
    member.patch(van, json={"name": "A van"})
    before = everything(member)
    path = "/locations/by-code/van"

    assert member.put(path, json={}, headers={"If-Match": stale}).status_code == 412
    assert member.put(path, json={}, headers={"If-None-Match": "*"}).status_code == 412
    assert member.put("/locations/by-code/shop", json={}, headers={"If-Match": "*"}).status_code == 412
    assert everything(member) == before
    assert member.put("/locations/by-code/shop", json={}, headers={"If-None-Match": "*"}).status_code == 201


# --- change ---------------------------------------------------------------------------------------------------------


def test_code_and_name_can_be_changed_and_its_ledger_has_the_new_code(member, van, lamp):
    put_there(member, lamp, "VAN")

    changed = member.patch(van, json={"code": "Truck", "name": None})

    assert (changed.json["code"], changed.json["name"], changed.json["version"]) == ("Truck", "", 2)
    assert [row["location"] for row in member.get(f"{lamp}/movements").json["data"]] == ["MAIN", "Truck"]
    assert put_there(member, lamp, "truck").status_code == 201
    assert refusal(put_there(member, lamp, "VAN")) == (422, "unknown_location")


def test_only_the_case_of_a_code_can_be_changed_too(member, van):
    assert member.patch(van, json={"code": "Van"}).json["code"] == "Van"


def test_a_change_that_changes_nothing_leaves_the_entity_tag_and_is_no_event(member, van):
    before, events = member.get(van), feed(member)

    same = member.patch(van, json={"code": "VAN", "name": "The van", "archived": False})

    assert same.headers["ETag"] == member.patch(van, json={}).headers["ETag"] == before.headers["ETag"]
    assert member.patch(MAIN, json={"default": True}).json["version"] == 1
    assert feed(member) == events


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"default": False}, [("default", "not_a_choice")]),
        ({"archived": True}, [("archived", "not_a_choice")]),
        (
            {"default": None, "code": None, "archived": None},
            [("code", "null"), ("default", "null"), ("archived", "null")],
        ),
        ({"id": 3, "version": 3, "created_at": "x", "updated_at": "x"}, READ_ONLY),
        ({"default": 1, "name": "x" * 201}, [("name", "too_long"), ("default", "wrong_type")]),
    ],
)
@on_one_database
def test_a_patch_that_makes_no_sense_is_refused_by_field(member, van, body, expected):
    before = everything(member)

    refused = member.patch(van, json=body)

    assert refused.status_code == 422
    assert sorted(faults(refused)) == sorted(expected)
    assert everything(member) == before


@on_one_database
def test_the_refusal_says_how_the_default_and_the_archive_are_left(member, van):
    [default] = member.patch(MAIN, json={"default": False}).json["errors"]
    [archived] = member.patch(van, json={"archived": True}).json["errors"]

    assert default["message"].endswith("another location stops being the default when this one becomes it")
    assert archived["message"].endswith("DELETE archives a location")


@pytest.mark.parametrize(("method", "body", "status"), [("PATCH", {"default": True}, 200), ("DELETE", None, 204)])
def test_a_change_is_refused_when_the_location_is_no_longer_as_read(member, van, method, body, status):
    stale = member.get(van).headers["ETag"]
    current = member.patch(van, json={"name": "A van"}).headers["ETag"]
    before = everything(member)

    refused = member.open(method, van, json=body, headers={"If-Match": stale})

    assert refusal(refused) == (412, "precondition_failed")
    assert everything(member) == before
    assert member.open(method, van, json=body, headers={"If-Match": current}).status_code == status


def test_who_has_the_current_state_gets_no_body(member, van):
    for path in (van, "/locations/by-code/van"):
        tag = member.get(path).headers["ETag"]
        assert member.get(path, headers={"If-None-Match": tag}).status_code == 304
        assert member.head(path).headers["ETag"] == tag


def test_where_if_match_is_required_a_change_without_it_is_refused(apps, member, van):
    careful = Client(apps(REQUIRE_IF_MATCH="true"), member.headers)
    before = everything(member)

    for method, path in (("PATCH", van), ("DELETE", van), ("PUT", "/locations/by-code/van")):
        body = None if method == "DELETE" else {"name": "A van"}
        assert refusal(careful.open(method, path, json=body)) == (428, "precondition_required")
    assert everything(member) == before


def test_a_retry_with_its_key_creates_and_changes_nothing_twice(member):
    key = {"Idempotency-Key": "a van"}
    first, again = (member.post("/locations", json={"code": "VAN"}, headers=key) for _ in range(2))
    van = first.headers["Location"]
    changes = [member.patch(van, json={"name": "A van"}, headers={"Idempotency-Key": "7"}) for _ in range(2)]

    assert (again.status_code, again.json, again.headers["Location"]) == (201, first.json, van)
    assert again.headers["Idempotent-Replayed"] == changes[1].headers["Idempotent-Replayed"] == "true"
    assert changes[1].json == changes[0].json
    assert refusal(member.post("/locations", json={"code": "X"}, headers=key)) == (422, "idempotency_key_reused")
    assert feed(member) == [("location.created", "VAN"), ("location.updated", "VAN")]


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize("location_id", ["2147483647", "2147483648", "0", "01"])
def test_a_location_that_does_not_exist_is_not_found(member, method, location_id):
    answer = member.open(method, f"/locations/{location_id}", json={} if method == "PATCH" else None)

    assert refusal(answer) == (404, "not_found")


def test_a_guest_reads_locations_and_changes_none(guest, member, van):
    before = everything(member)

    assert guest.get(van).json["code"] == "VAN"
    for method, path in (("PATCH", van), ("DELETE", van), ("PUT", "/locations/by-code/X"), ("POST", "/locations")):
        refused = guest.open(method, path, json=None if method == "DELETE" else {"code": "X"})
        assert refused.status_code == 403
    assert everything(member) == before


# --- the default ----------------------------------------------------------------------------------------------------


def test_a_location_that_becomes_the_default_takes_it_from_the_one_before(member, van):
    main = member.get(MAIN).json

    changed = member.patch(van, json={"default": True}).json

    assert (changed["default"], changed["version"]) == (True, 2)
    before = member.get(MAIN).json
    assert before == {**main, "default": False, "version": 2, "updated_at": before["updated_at"]}
    assert defaults(member) == ["VAN"]
    events = read_all(member)[-2:]
    assert [(event["type"], event["data"]) for event in events] == [
        ("location.updated", before),
        ("location.updated", changed),
    ]


def test_what_names_no_location_is_at_the_default_one(member, van, lamp):
    member.patch(van, json={"default": True})
    member.post(f"{lamp}/movements", json={"kind": "receive", "quantity": 2, "reason": "delivery"})
    desk = add(member, "DESK", quantity=7)

    rows = member.get("/movements?sort=id").json["data"]
    at = [(row["sku"], row["location"], row["location_quantity_after"], row["quantity_after"]) for row in rows]
    assert at == [("LAMP-1", "MAIN", 5, 5), ("LAMP-1", "VAN", 2, 7), ("DESK", "VAN", 7, 7)]
    assert refusal(put_there(member, f"/items/{desk['id']}", "MAIN", 1, "issue")) == (409, "insufficient_stock")


# --- archive and restore --------------------------------------------------------------------------------------------


def test_to_delete_is_to_archive_and_may_be_repeated(member, van, lamp):
    assert member.delete(van).status_code == 204
    gone = member.get(van).json

    assert (gone["archived"], gone["version"]) == (True, 2)
    assert member.delete(van).status_code == 204
    assert member.get("/locations/by-code/van").json == gone
    assert refusal(put_there(member, lamp, "VAN")) == (409, "location_archived")
    assert feed(member)[-1] == ("location.archived", "VAN")


def test_a_restored_location_takes_stock_again(member, van, lamp):
    member.delete(van)

    restored = member.patch(van, json={"archived": False})

    assert (restored.status_code, restored.json["archived"], restored.json["version"]) == (200, False, 3)
    assert put_there(member, lamp, "VAN").status_code == 201
    assert read_all(member)[-2]["data"] == restored.json


def test_an_archived_location_is_restored_before_or_while_it_is_changed(member, van):
    member.delete(van)
    before = everything(member)

    for body in ({"name": "A van"}, {"code": "X"}, {"default": True}, {}):
        assert refusal(member.patch(van, json=body)) == (409, "location_archived")
        assert refusal(member.put("/locations/by-code/van", json={})) == (409, "location_archived")
    assert everything(member) == before
    changed = member.patch(van, json={"archived": False, "code": "TRUCK", "default": True})
    assert (changed.json["archived"], changed.json["code"], changed.json["default"]) == (False, "TRUCK", True)
    assert defaults(member) == ["TRUCK"]


def test_the_main_location_is_not_archived_whether_it_is_the_default_or_not(member, van):
    for _ in range(2):
        before = everything(member)
        refused = member.delete(MAIN)
        assert refusal(refused) == (409, "location_in_use")
        assert "is the main location" in refused.json["detail"]
        assert everything(member) == before
        member.patch(van, json={"default": True})


def test_the_default_location_is_not_archived(member, van):
    member.patch(van, json={"default": True})
    before = everything(member)

    refused = member.delete(van)

    assert refusal(refused) == (409, "location_in_use")
    assert "make another one the default" in refused.json["detail"]
    assert everything(member) == before
    member.patch(MAIN, json={"default": True})
    assert member.delete(van).status_code == 204


def test_a_location_is_not_archived_before_its_stock_is_gone(member, van, lamp):
    put_there(member, lamp, "VAN")
    before = everything(member)

    refused = member.delete(van)

    assert refusal(refused) == (409, "location_in_use")
    assert "has stock" in refused.json["detail"]
    assert everything(member) == before
    put_there(member, lamp, "VAN", 2, "issue")
    assert member.delete(van).status_code == 204
    assert [row["location"] for row in member.get(f"{lamp}/movements").json["data"]] == ["MAIN", "VAN", "VAN"]
