"""Pages of a collection: by number and by cursor, in every order, both ways, with links that can be followed."""

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app import create_app
from models.database.base import db
from tests.support.clients import Client
from tests.support.databases import on_one_database, settings_for
from tests.support.shelf import add

SORTS = ("id", "sku", "name", "price", "quantity", "bin", "created_at", "updated_at")
BOTH_WAYS = [direction + name for name in SORTS for direction in ("", "-")]
# Ties in every column but the SKU; names that differ in case and accent alone; prices that a text would sort wrongly.
SHELF = [
    ("b-2", "zebra", "10", 3, "A"),
    ("B-10", "Zebra", "9", 30, "a"),
    ("a", "élan", "0.0001", 0, ""),
    ("ß", "Élan", "999999999.9999", 1_000_000_000, "é"),
    ("sS1", "apple", "10", 3, "A"),
    ("🔦", "apple pie", "10.00", 3, "B"),
    ("Z", "Apple", "9.9999", 2, "🔦"),
    ("_", "a b", "10", 3, "A"),
    ("é", "ab", "0", 10, "\uffe6"),
]


@pytest.fixture
def shelf(member: Client) -> list[dict[str, Any]]:
    """Some items, as the collection shows them."""
    names = ("sku", "name", "price", "quantity", "bin")
    lines = "\n".join(json.dumps(dict(zip(names, values, strict=True))) for values in SHELF)
    imported = member.post("/items/import", data=lines.encode(), content_type="application/x-ndjson")
    assert imported.status_code == 200, imported.json
    return member.get("/items?sort=id").json["data"]


def in_order(items, sort):
    """The items as the service promises to sort them: by code point without case, ties by id upwards."""
    column = sort.removeprefix("-")
    keys = {
        "price": lambda item: float(item["price"]),
        "name": lambda item: item["name"].casefold(),
        "sku": lambda item: item["sku"].casefold(),
    }
    by_id = sorted(items, key=lambda item: item["id"])
    return sorted(by_id, key=keys.get(column, lambda item: item[column]), reverse=sort.startswith("-"))


def ids(items):
    return [item["id"] for item in items]


def links(answer):
    return {rel: target for target, rel in re.findall(r'<([^>]*)>; rel="(\w+)"', answer.headers["Link"])}


def query_of(target):
    return {name: values[0] for name, values in parse_qs(urlsplit(target).query, keep_blank_values=True).items()}


def walk(client, path, rel="next"):
    """The answers from a path on, along the links of one kind."""
    answers = [client.get(path)]
    while rel in links(answers[-1]):
        assert len(answers) < 50
        answers.append(client.get(links(answers[-1])[rel]))
    return answers


# By number


def test_a_page_tells_where_it_stands(member, shelf):
    page = member.get("/items?limit=4&page=2")

    assert page.status_code == 200
    assert list(page.json) == ["data", "total_items", "total_pages", "current_page", "limit", "next_cursor"]
    assert ids(page.json["data"]) == ids(shelf[4:8])
    assert {name: page.json[name] for name in ("total_items", "total_pages", "current_page", "limit")} == {
        "total_items": 9,
        "total_pages": 3,
        "current_page": 2,
        "limit": 4,
    }


def test_without_a_word_the_first_fifty_come_by_id(member, shelf):
    page = member.get("/items").json

    assert (page["limit"], page["current_page"], page["total_pages"]) == (50, 1, 1)
    assert page["data"] == shelf
    assert page["next_cursor"] is None


@pytest.mark.parametrize("path", ["/tokens?limit=2", "/tokens?page=9", "/locations?limit=2", "/locations?page=9"])
def test_what_a_collection_leaves_out_is_not_counted(admin, path):
    for name in ("old", "new"):  # beside the one of the client itself
        token = admin.post("/tokens", json={"name": name, "scopes": ["items:read"]})
    assert admin.delete(f"/tokens/{token.json['id']}").status_code == 204
    admin.post("/locations", json={"code": "ATTIC", "name": "Attic"})  # beside MAIN, and what is on its way

    assert admin.get(path).json["total_items"] == 2


@pytest.mark.parametrize("sort", BOTH_WAYS)
def test_the_pages_hold_every_row_once_in_order(member, shelf, sort):
    pages = walk(member, f"/items?limit=2&sort={sort}")

    rows = [row for page in pages for row in page.json["data"]]
    assert len(pages) == 5
    assert ids(rows) == ids(in_order(shelf, sort))


@pytest.mark.parametrize("page", [4, 1000, 2**31 - 1])
def test_a_page_beyond_the_end_is_empty(member, shelf, page):
    beyond = member.get(f"/items?limit=4&page={page}")

    assert (beyond.status_code, beyond.json["data"], beyond.json["next_cursor"]) == (200, [], None)
    assert (beyond.json["current_page"], beyond.json["total_pages"]) == (page, 3)
    assert "next" not in links(beyond)
    assert ids(member.get(links(beyond)["prev"]).json["data"]) == ids(shelf[8:])


def test_no_item_is_one_empty_page(member):
    page = member.get("/items")

    assert (page.json["data"], page.json["total_items"], page.json["total_pages"]) == ([], 0, 0)
    assert set(links(page)) == {"first", "last"}
    assert member.get(links(page)["last"]).status_code == 200


def test_the_links_of_a_page_can_be_followed(member, shelf):
    page = member.get("/items?limit=2&sort=-name&q=a&page=2&fields=id")

    found = links(page)
    assert set(found) == {"first", "prev", "next", "last"}
    assert {rel: query_of(target)["page"] for rel, target in found.items()} == {
        "first": "1",
        "prev": "1",
        "next": "3",
        "last": "5",
    }
    for target in found.values():
        followed = member.get(target)
        assert followed.status_code == 200
        assert {name: query_of(target)[name] for name in ("limit", "sort", "q", "fields")} == {
            "limit": "2",
            "sort": "-name",
            "q": "a",
            "fields": "id",
        }


def test_links_keep_what_was_asked_whatever_its_letters(member):
    for number in range(2):
        add(member, f"{number} ä&b=c+d#%🔦")

    first = member.get("/items", query_string={"q": "ä&b=c+d#%🔦", "limit": 1})

    assert first.json["total_items"] == 2
    assert member.get(links(first)["next"]).json["data"][0]["sku"] == "1 ä&b=c+d#%🔦"


@pytest.mark.parametrize("number", [1, 2])
def test_a_page_hands_over_to_the_cursor_where_it_ends(member, shelf, number):
    page = member.get(f"/items?limit=3&sort=-price&page={number}").json

    rest = member.get("/items", query_string={"limit": 200, "sort": "-price", "cursor": page["next_cursor"]})

    assert ids(rest.json["data"]) == ids(in_order(shelf, "-price"))[3 * number :]


# By cursor


@pytest.mark.parametrize("sort", BOTH_WAYS)
def test_a_walk_meets_every_row_once_in_order_and_back_again(member, shelf, sort):
    there = walk(member, f"/items?cursor=&limit=2&sort={sort}")
    back = walk(member, links(there[-1])["prev"], "prev")

    expected = ids(in_order(shelf, sort))
    assert [ids(page.json["data"]) for page in there] == [expected[at : at + 2] for at in range(0, 9, 2)]
    assert [ids(page.json["data"]) for page in back] == [expected[at : at + 2] for at in range(6, -1, -2)]


@pytest.mark.parametrize("sort", BOTH_WAYS)
def test_rows_that_come_and_go_elsewhere_do_not_disturb_a_walk(member, shelf, sort):
    leaving, staying = shelf[:3], shelf[3:]
    met = []
    target = f"/items?cursor=&limit=2&sort={sort}"
    while target:
        page = member.get(target)
        met += ids(page.json["data"])
        target = links(page).get("next")
        if leaving:
            member.delete(f"/items/{leaving.pop()['id']}")
            newcomer = len(met)
            add(member, f"N{newcomer}", name="a", price=newcomer % 3, quantity=3, bin="A")

    present = [item_id for item_id in met if item_id in ids(staying)]
    assert present == ids(in_order(staying, sort))
    assert len(met) == len(set(met))


def test_a_page_by_cursor_counts_nothing(member, shelf):
    page = member.get("/items?cursor=&limit=2")

    assert list(page.json) == ["data", "next_cursor"]
    assert set(links(page)) == {"first", "next"}


def test_the_next_cursor_of_the_last_page_is_null(member, shelf):
    last = walk(member, "/items?cursor=&limit=4")[-1]

    assert last.json["next_cursor"] is None
    assert set(links(last)) == {"first", "prev"}
    assert ids(member.get(links(last)["first"]).json["data"]) == ids(shelf[:4])


def test_a_full_last_page_is_known_to_be_the_last(member, shelf):
    page = member.get("/items?cursor=&limit=9")

    assert len(page.json["data"]) == 9
    assert page.json["next_cursor"] is None


def test_the_first_page_reached_backwards_has_no_page_before(member, shelf):
    second = member.get(links(member.get("/items?cursor=&limit=3"))["next"])

    first = member.get(links(second)["prev"])

    assert ids(first.json["data"]) == ids(shelf[:3])
    assert "prev" not in links(first)
    assert ids(member.get(links(first)["next"]).json["data"]) == ids(second.json["data"])


def test_a_walk_keeps_its_filters(member, shelf):
    pages = walk(member, "/items?cursor=&limit=1&bin=A&sort=-sku")

    assert [page.json["data"][0]["sku"] for page in pages] == ["sS1", "b-2", "_"]


def test_the_limit_may_change_along_a_walk(member, shelf):
    cursor = member.get("/items?cursor=&limit=2").json["next_cursor"]

    assert ids(member.get(f"/items?cursor={cursor}&limit=3").json["data"]) == ids(shelf[2:5])


def test_the_longest_keys_make_cursors_that_work(member):
    names = [chr(0x10000 + 977 * number) * 199 + letter for number, letter in enumerate("abc")]
    for number, name in enumerate(names):
        add(member, str(number), name=name)

    pages = walk(member, "/items?cursor=&limit=1&sort=name")

    assert [page.json["data"][0]["name"] for page in pages] == names


def test_names_that_differ_only_far_behind_are_still_told_apart_by_id(member):
    for number in range(4):
        add(member, str(number), name=f"{'ﬃ' * 66} x{number}")

    pages = walk(member, "/items?cursor=&limit=1&sort=-name")

    assert [page.json["data"][0]["sku"] for page in pages] == ["0", "1", "2", "3"]


def test_names_whose_keys_are_cut_at_a_blank_sort_alike_on_every_database(member):
    for sku, end in [("1", "a x"), ("2", "a"), ("3", "b")]:
        add(member, sku, name="ﬃ" * 66 + end)

    pages = walk(member, "/items?cursor=&limit=1&sort=name")

    assert [page.json["data"][0]["sku"] for page in pages] == ["1", "2", "3"]


def test_a_cursor_outlives_a_change_of_the_secret_key(app, member, shelf, database_url, tmp_path):
    cursor = member.get("/items?cursor=&limit=2").json["next_cursor"]
    rotated = create_app(settings_for(database_url, tmp_path, SECRET_KEY="n" * 32))
    rotated.config["SECRET_KEY_FALLBACKS"] = ["k" * 32]

    page = Client(rotated, member.headers).get(f"/items?cursor={cursor}")

    with rotated.app_context():
        db.engine.dispose()
    assert ids(page.json["data"]) == ids(shelf[2:])


# What is refused


@pytest.mark.parametrize("change", ["", "sort=name", "sort=-id", "sort=-name&"])
def test_a_cursor_of_another_sort_can_not_be_read(member, shelf, change):
    cursor = member.get("/items?cursor=&limit=2&sort=price").json["next_cursor"]

    refused = member.get(f"/items?cursor={cursor}&{change}".rstrip("&"))

    assert (refused.status_code, refused.json["code"]) == (400, "invalid_cursor")


@pytest.mark.parametrize("collection", ["movements", "users"])
def test_a_cursor_of_another_collection_can_not_be_read(admin, shelf, collection):
    cursor = admin.get("/items?cursor=&limit=2").json["next_cursor"]

    refused = admin.get(f"/{collection}?cursor={cursor}")

    assert (refused.status_code, refused.json["code"]) == (400, "invalid_cursor")


@pytest.mark.parametrize(
    "spoil",
    [
        # Not the last letter, some of whose bits say nothing.
        lambda cursor: cursor[:-2] + ("A" if cursor[-2] != "A" else "B") + cursor[-1],
        lambda cursor: "X" + cursor,
        lambda cursor: cursor[: len(cursor) // 2],
        lambda cursor: cursor.partition(".")[0],
        lambda cursor: cursor + " ",
        lambda cursor: "." + cursor,
        lambda cursor: "0",
        lambda cursor: "null",
        lambda cursor: " ",
        lambda cursor: "\x00",
        lambda cursor: "ü🔦",
        lambda cursor: "x" * 5000,
    ],
)
def test_a_cursor_that_is_not_ours_can_not_be_read(member, shelf, spoil):
    cursor = member.get("/items?cursor=&limit=2").json["next_cursor"]

    refused = member.get("/items", query_string={"cursor": spoil(cursor)})

    assert (refused.status_code, refused.json["code"]) == (400, "invalid_cursor")


def test_page_and_cursor_exclude_each_other(member, shelf):
    refused = member.get("/items?page=1&cursor=")

    assert refused.status_code == 422
    assert [error["field"] for error in refused.json["errors"]] == ["cursor"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=1.0", "limit"),
        ("limit=", "limit"),
        ("limit=1&limit=2", "limit"),
        ("page=0", "page"),
        ("page=-1", "page"),
        ("page=", "page"),
        ("page=99999999999999999999999", "page"),
        ("sort=color", "sort"),
        ("sort=", "sort"),
        ("sort=--name", "sort"),
        ("sort=%2Bname", "sort"),
        ("sort=name,price", "sort"),
        ("sort=sku_key", "sort"),
        ("per_page=10", "per_page"),
        ("offset=10", "offset"),
    ],
)
@on_one_database
def test_a_page_that_makes_no_sense_is_refused(member, query, field):
    refused = member.get(f"/items?{query}")

    assert refused.status_code == 422
    assert [error["field"] for error in refused.json["errors"]] == [field]


def test_two_hundred_rows_is_the_largest_page(member):
    assert member.get("/items?limit=200").json["limit"] == 200


def test_head_tells_the_links_without_the_body(member, shelf):
    got, head = member.get("/items?limit=2"), member.head("/items?limit=2")

    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Link"] == got.headers["Link"]
    assert head.headers["Content-Length"] == got.headers["Content-Length"]
