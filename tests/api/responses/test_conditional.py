"""Conditional requests: a strong tag on each thing, 304 for a reader, 412 and 428 for a writer, inside the write."""

from collections.abc import Iterator
from functools import partial

import pytest

from app import create_app
from models.database.base import db
from tests.support.clients import Client, person
from tests.support.databases import on_one_database, settings_for
from tests.support.shelf import add, path_of, together

CHANGE = {"sku": "LAMP-1", "name": "changed"}
PUT, PATCH, DELETE = ("put", "", CHANGE), ("patch", "", {"name": "changed"}), ("delete", "", None)
RESTORE = ("post", "/restore", None)
WRITES = [PUT, PATCH, DELETE]


def status_of(operation) -> int:
    """The status of a write that succeeds."""
    return 204 if operation == DELETE else 200


def write(client, path, operation, **headers):
    method, below, body = operation
    return getattr(client, method)(path + below, json=body, headers=headers)


# Reading


def test_the_tag_is_strong_and_changes_when_the_item_does(member, lamp):
    first = member.get(lamp).headers["ETag"]
    again = member.get(lamp).headers["ETag"]
    member.post(f"{lamp}/movements", json={"kind": "issue", "quantity": 1, "reason": "x"})
    moved = member.get(lamp).headers["ETag"]

    assert first == again != moved
    assert first[0] == first[-1] == '"'


def test_every_answer_of_one_item_carries_the_tag_that_reading_it_gives(member):
    created = member.post("/items", json={"sku": "A", "name": "a", "quantity": 2, "price": 0.1})
    path = created.headers["Location"]
    answers = [
        created,
        member.get(path_of("a")),
        member.put(path, json={"sku": "A", "name": "b"}),
        member.patch(path, json={"name": "c"}),
        member.put(path_of("A"), json={"name": "d"}),
    ]
    assert answers[0].headers["ETag"] == answers[1].headers["ETag"]
    assert answers[-1].headers["ETag"] == member.get(path).headers["ETag"]
    assert len({answer.headers["ETag"] for answer in answers}) == 4


@pytest.mark.parametrize("template", ["{}", "W/{}", '"other", {}', '{} , "other"', "*", '"a,b",{}'])
@pytest.mark.parametrize("method", ["get", "head"])
def test_a_reader_who_has_it_gets_304_without_a_body(member, lamp, method, template):
    read = member.get(lamp)

    again = getattr(member, method)(lamp, headers={"If-None-Match": template.format(read.headers["ETag"])})

    assert (again.status_code, again.data) == (304, b"")
    for name in ("ETag", "Cache-Control", "Vary"):
        assert again.headers[name] == read.headers[name]
    assert "Content-Type" not in again.headers


@pytest.mark.parametrize("template", ['"a",,{}', ",{}", '{} , , "b",', ' , "a" ,\t{}'])
def test_empty_elements_of_a_list_of_tags_are_nothing(member, lamp, template):
    etag = member.get(lamp).headers["ETag"]

    assert member.get(lamp, headers={"If-None-Match": template.format(etag)}).status_code == 304
    patched = member.patch(lamp, json={"name": "x"}, headers={"If-Match": template.format(etag)})
    assert patched.status_code == 200


@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize("template", ['"stale"', "W/{}"])
def test_a_reader_who_expects_another_tag_is_refused(member, lamp, method, template):
    etag = member.get(lamp).headers["ETag"]

    refused = getattr(member, method)(lamp, headers={"If-Match": template.format(etag)})
    stale_and_known = member.get(lamp, headers={"If-Match": '"stale"', "If-None-Match": etag})

    assert (refused.status_code, stale_and_known.status_code) == (412, 412)
    for tags in (etag, "*", f'"a", {etag}'):
        assert getattr(member, method)(lamp, headers={"If-Match": tags}).status_code == 200


@pytest.mark.parametrize("path", ["/items", "/movements", "/items/export", "/stats", "/events"])
@on_one_database
def test_what_has_no_tag_is_not_what_a_reader_expects(member, path):
    assert member.get(path, headers={"If-Match": '"stale"'}).status_code == 412
    assert member.get(path, headers={"If-Match": "stale"}).status_code == 400
    assert member.get(path, headers={"If-Match": "*"}).status_code == 200


@pytest.mark.parametrize("header", ["If-Match", "If-None-Match"])
@pytest.mark.parametrize("value", ['"stale"', "*", "malformed"])
def test_a_condition_where_none_is_honoured_is_refused_with_a_hint_and_nothing_changes(member, lamp, header, value):
    movement = member.post(f"{lamp}/movements", json={"kind": "receive", "quantity": 1, "reason": "x"}).json
    line = {"sku": "LAMP-1", "kind": "issue", "quantity": 1, "reason": "x"}
    before = member.get(lamp).json, member.get("/movements").json
    posts = {
        f"{lamp}/movements": {"kind": "issue", "quantity": 1, "reason": "x"},
        "/movements": {"movements": [line]},
        f"/movements/{movement['id']}/reversal": {},
        "/items": {"sku": "A", "name": "a"},
    }
    for path, body in posts.items():
        refused = member.post(path, json=body, headers={header: value})

        assert (refused.status_code, refused.json["code"]) == (400, "invalid_header"), path
        assert header in refused.json["detail"]
        assert "expect_quantity" in refused.json["detail"]
    imported = member.post("/items/import", data="sku,quantity\nLAMP-1,1\n", headers={header: value})
    assert (imported.status_code, imported.json["code"]) == (400, "invalid_header")
    assert (member.get(lamp).json, member.get("/movements").json) == before


@pytest.mark.parametrize("tags", ['"other"', 'W/"other"', '"other", "another"', '"*"', '""'])
def test_a_reader_who_has_something_else_gets_it_anew(member, lamp, tags):
    again = member.get(lamp, headers={"If-None-Match": tags})

    assert again.status_code == 200
    assert again.json["sku"] == "LAMP-1"


# Writing


@pytest.mark.parametrize("operation", WRITES)
@pytest.mark.parametrize("template", ["{}", '"other", {}', "{},W/{}", "*"])
def test_a_write_with_the_current_tag_goes_through(member, lamp, operation, template):
    etag = member.get(lamp).headers["ETag"]

    written = write(member, lamp, operation, **{"If-Match": template.format(etag, etag)})

    assert written.status_code == status_of(operation)
    assert member.get(lamp).json["version"] == 2


@pytest.mark.parametrize("operation", [*WRITES, RESTORE])
@pytest.mark.parametrize("template", ['"other"', "W/{}", '"a", "b"', '"*"', '""'])
def test_a_write_with_another_tag_is_refused_and_changes_nothing(member, lamp, operation, template):
    if operation == RESTORE:
        member.delete(lamp)
    before = member.get(lamp)

    refused = write(member, lamp, operation, **{"If-Match": template.format(before.headers["ETag"])})

    assert (refused.status_code, refused.json["code"]) == (412, "precondition_failed")
    assert member.get(lamp).json == before.json


@pytest.mark.parametrize("header", ["If-Match", "If-None-Match"])
@pytest.mark.parametrize(
    "value", ["", ",", "abc", '"abc', 'abc"', '"a" "b"', '*, "a"', 'w/"a"', 'W/ "a"', '"a b"', "**"]
)
@on_one_database
def test_a_malformed_header_of_a_write_can_not_be_read(member, lamp, header, value):
    refused = write(member, lamp, PATCH, **{header: value})

    assert (refused.status_code, refused.json["code"]) == (400, "invalid_header")
    assert header in refused.json["detail"]
    assert member.get(lamp).json["version"] == 1


def test_a_malformed_header_of_a_read_can_not_be_read(member, lamp):
    refused = member.get(lamp, headers={"If-None-Match": "abc"})

    assert (refused.status_code, refused.json["code"]) == (400, "invalid_header")


@pytest.mark.parametrize("operation", WRITES)
@pytest.mark.parametrize("template", ["*", "{}", "W/{}"])
def test_if_none_match_forbids_changing_what_it_names(member, lamp, operation, template):
    before = member.get(lamp)

    refused = write(member, lamp, operation, **{"If-None-Match": template.format(before.headers["ETag"])})

    assert (refused.status_code, refused.json["code"]) == (412, "precondition_failed")
    assert member.get(lamp).json == before.json


def test_a_missing_item_is_not_found_whatever_the_condition(member):
    for name in ("If-Match", "If-None-Match"):
        assert member.patch("/items/999", json={"name": "x"}, headers={name: "*"}).status_code == 404


# By SKU


def test_put_by_sku_with_if_none_match_creates_and_never_replaces(member):
    only_new = {"If-None-Match": "*"}

    created = member.put(path_of("A"), json={"name": "first"}, headers=only_new)
    refused = member.put(path_of("a"), json={"name": "second"}, headers=only_new)

    assert (created.status_code, refused.status_code) == (201, 412)
    assert member.get(path_of("A")).json["name"] == "first"


def test_put_by_sku_with_if_none_match_does_not_touch_an_archived_item(member, lamp):
    member.delete(lamp)

    refused = member.put(path_of("LAMP-1"), json={"name": "x"}, headers={"If-None-Match": "*"})

    assert refused.status_code == 412
    assert member.get(lamp).json["name"] == "Desk lamp"


@pytest.mark.parametrize("tags", ["*", '"a"'])
def test_put_by_sku_with_if_match_replaces_and_never_creates(member, tags):
    refused = member.put(path_of("A"), json={"name": "x"}, headers={"If-Match": tags})

    assert refused.status_code == 412
    assert member.get("/items").json["total_items"] == 0


@pytest.mark.parametrize("header", ["If-Match", "If-None-Match"])
def test_put_by_sku_with_a_malformed_header_creates_nothing(member, header):
    refused = member.put(path_of("A"), json={"name": "x"}, headers={header: "abc"})

    assert refused.status_code == 400
    assert member.get("/items").json["total_items"] == 0


def test_put_by_sku_honours_the_tag(member, lamp):
    etag = member.get(lamp).headers["ETag"]

    first = member.put(path_of("lamp-1"), json={"name": "first"}, headers={"If-Match": etag})
    second = member.put(path_of("lamp-1"), json={"name": "second"}, headers={"If-Match": etag})

    assert (first.status_code, second.status_code) == (200, 412)
    assert member.get(lamp).json["name"] == "first"


# Races


@pytest.mark.parametrize("by_sku", [False, True])
def test_of_writers_with_the_same_tag_exactly_one_wins(member, lamp, by_sku):
    for attempt in range(5):
        etag = member.get(lamp).headers["ETag"]
        path = path_of("LAMP-1") if by_sku else lamp
        bodies = [{"sku": "LAMP-1", "name": f"{attempt} {writer}"} for writer in range(4)]

        answers = together(*[partial(member.put, path, json=body, headers={"If-Match": etag}) for body in bodies])

        assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
        (winner,) = [answer for answer in answers if answer.status_code == 200]
        assert member.get(lamp).json == winner.json
        assert winner.json["version"] == attempt + 2


def test_a_writer_with_a_tag_and_a_movement_do_not_overlook_each_other(member, lamp):
    for attempt in range(5):
        before = member.get(lamp)
        move = {"kind": "receive", "quantity": 1, "reason": "x"}

        patched, moved = together(
            partial(member.patch, lamp, json={"name": f"n{attempt}"}, headers={"If-Match": before.headers["ETag"]}),
            partial(member.post, f"{lamp}/movements", json=move),
        )

        after = member.get(lamp).json
        assert moved.status_code == 201
        assert after["quantity"] == before.json["quantity"] + 1
        assert after["version"] == before.json["version"] + (2 if patched.status_code == 200 else 1)
        assert (after["name"] == f"n{attempt}") == (patched.status_code == 200)


def test_of_racing_creations_that_forbid_replacing_exactly_one_wins(member):
    for path in map(path_of, "ABCDE"):
        answers = together(
            *[partial(member.put, path, json={"name": name}, headers={"If-None-Match": "*"}) for name in "abc"]
        )

        assert sorted(answer.status_code for answer in answers) == [201, 412, 412]
        (winner,) = [answer for answer in answers if answer.status_code == 201]
        assert member.get(path).json == winner.json


# REQUIRE_IF_MATCH


@pytest.fixture
def careful(app, database_url, tmp_path) -> Iterator[Client]:
    """A member of a service that requires If-Match."""
    strict_app = create_app(settings_for(database_url, tmp_path, REQUIRE_IF_MATCH="true"))
    yield person(strict_app, "cara", "member")
    with strict_app.app_context():
        db.engine.dispose()


@pytest.mark.parametrize("operation", WRITES)
def test_where_it_is_required_a_write_without_a_tag_is_refused(careful, operation):
    item = add(careful, "LAMP-1")
    path = f"/items/{item['id']}"

    refused = write(careful, path, operation)

    assert (refused.status_code, refused.json["code"]) == (428, "precondition_required")
    assert careful.get(path).json == item
    etag = careful.get(path).headers["ETag"]
    assert write(careful, path, operation, **{"If-Match": etag}).status_code == status_of(operation)


def test_where_it_is_required_creating_and_restoring_need_none(careful):
    created = careful.put(path_of("A"), json={"name": "a"})
    replaced = careful.put(path_of("A"), json={"name": "b"})
    exists = careful.put(path_of("A"), json={"name": "b"}, headers={"If-None-Match": "*"})
    restored = careful.post(f"{created.headers['Location']}/restore")

    answers = [created, replaced, exists, restored]
    assert [answer.status_code for answer in answers] == [201, 428, 412, 200]
