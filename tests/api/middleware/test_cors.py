"""CORS: pages of the origins that the settings name may call the API from a browser, and no others."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from app import create_app
from models.database.base import db
from tests.support.clients import Client, with_cookie
from tests.support.databases import on_one_database, settings_for

SHOP, ADMIN = "https://shop.example.com", "http://localhost:5173"
pytestmark = on_one_database  # what is said here is the same on each

ALLOWING = ("Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Allow-Methods")
STRANGERS = [
    "https://evil.example.com",
    "http://shop.example.com",
    "https://shop.example.com:8443",
    "https://shop.example.com.evil.example",
    "https://evilshop.example.com",
    "https://shopXexample.com",
    "https://SHOP.example.com",  # no browser writes it so
    "https://shop.example.com/",
    "https://shop.example.com https://evil.example.com",
    "null",
    "*",
    "",
]


@pytest.fixture
def opened(app: Flask, database_url: str, tmp_path) -> Iterator[Callable[..., Flask]]:
    """Makes applications that pages of these origins may call."""
    made = []

    def make(*origins: str, **environ: str) -> Flask:
        made.append(create_app(settings_for(database_url, tmp_path, CORS_ORIGINS=",".join(origins), **environ)))
        return made[-1]

    yield make
    for each in made:
        with each.app_context():
            db.engine.dispose()


def from_page(client: Client, app: Flask, origin: str) -> Client:
    """Somebody who calls from a page of this origin."""
    return Client(app, {**client.headers, "Origin": origin})


def listed(answer, header: str) -> set[str]:
    return {part.strip().lower() for part in answer.headers.get(header, "").split(",")}


@pytest.mark.parametrize("origin", [SHOP, ADMIN])
def test_a_page_of_a_named_origin_may_read_answers_and_the_headers_that_matter(opened, guest, origin):
    answer = from_page(guest, opened(SHOP, ADMIN), origin).get("/items")

    assert answer.status_code == 200
    assert answer.headers.getlist("Access-Control-Allow-Origin") == [origin]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert {"etag", "link", "location", "retry-after", "ratelimit", "x-request-id"} <= listed(
        answer, "Access-Control-Expose-Headers"
    )
    assert "origin" in listed(answer, "Vary")


def test_every_header_of_an_answer_that_a_page_could_need_is_exposed(opened, member):
    page = from_page(member, opened(SHOP, RATE_LIMIT="100/minute"), SHOP)
    made = page.post("/items", json={"sku": "LAMP-1", "name": "Desk lamp"})
    answers = [made, page.get("/items"), page.get("/nowhere"), page.get("/users"), page.get("/items/export")]
    known_anyway = {"cache-control", "content-length", "content-type", "date"}  # the Fetch standard's safelist
    for_browsers = {
        "access-control-allow-origin", "access-control-expose-headers", "content-security-policy",
        "cross-origin-resource-policy", "referrer-policy", "vary", "x-content-type-options", "x-frame-options",
    }  # fmt: skip

    for answer in answers:
        answer.close()  # an export ends in its own context, and not where it is forgotten
        sent = {name.lower() for name in answer.headers.keys()}  # noqa: SIM118 - headers iterate as pairs
        assert sent - known_anyway - for_browsers <= listed(answer, "Access-Control-Expose-Headers")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_a_preflight_lets_the_page_send_what_the_api_takes(opened, nobody, method):
    asked = {
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization, content-type, idempotency-key, if-match, x-api-key",
    }

    answer = from_page(nobody, opened(SHOP), SHOP).open("OPTIONS", "/items/1", headers=asked)

    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP
    assert method.lower() in listed(answer, "Access-Control-Allow-Methods")
    asked_headers = {name.strip() for name in asked["Access-Control-Request-Headers"].split(",")}
    assert asked_headers <= listed(answer, "Access-Control-Allow-Headers")
    assert "*" not in answer.headers["Access-Control-Allow-Headers"]
    assert answer.headers["Access-Control-Max-Age"] == "600"
    assert answer.data == b""


@pytest.mark.parametrize("origin", [SHOP, *STRANGERS])
def test_no_page_of_another_origin_may_send_the_header_of_our_page_or_a_cookie(opened, guest, member, origin):
    app = opened(SHOP)
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-stockroom"}

    preflight = from_page(Client(app), app, origin).open("OPTIONS", "/items", headers=asked)
    sent = from_page(with_cookie(app, "mel"), app, origin)
    refused = sent.post("/items", json={"sku": "A", "name": "A"}, headers={"Sec-Fetch-Site": "cross-site"})

    for answer in (preflight, refused):
        assert "x-stockroom" not in listed(answer, "Access-Control-Allow-Headers")
        assert "Access-Control-Allow-Credentials" not in answer.headers
    assert (refused.status_code, refused.json["code"]) == (
        (401, "unauthorized") if origin == SHOP else (403, "cross_site")
    )
    assert guest.get("/items").json["data"] == []


def test_a_plain_options_is_no_preflight(opened, nobody):
    answer = from_page(nobody, opened(SHOP), SHOP).open("OPTIONS", "/items")

    assert answer.headers["Access-Control-Allow-Origin"] == SHOP
    assert "Access-Control-Allow-Methods" not in answer.headers


@pytest.mark.parametrize("origin", STRANGERS)
def test_a_page_of_another_origin_gets_no_leave(opened, guest, origin):
    page = from_page(guest, opened(SHOP, ADMIN), origin)
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}

    for answer in (page.get("/items"), page.open("OPTIONS", "/items", headers=asked)):
        assert [name for name in ALLOWING if name in answer.headers] == []
        assert "origin" in listed(answer, "Vary")


def test_who_calls_without_an_origin_is_told_nothing_but_that_it_would_matter(opened, guest):
    answer = Client(opened(SHOP, ADMIN), guest.headers).get("/items")

    assert [name for name in ALLOWING if name in answer.headers] == []
    assert "origin" in listed(answer, "Vary")


@pytest.mark.parametrize("origin", ["http://1:3000", "http://::3000", "http://[::1]:30000", "http://[::2]:3000"])
def test_an_address_in_brackets_is_itself_and_no_pattern(opened, guest, origin):
    app = opened("http://[::1]:3000")

    assert "Access-Control-Allow-Origin" not in from_page(guest, app, origin).get("/items").headers
    assert "Access-Control-Allow-Origin" in from_page(guest, app, "http://[::1]:3000").get("/items").headers


def test_an_origin_is_set_in_any_case(opened, guest):
    answer = from_page(guest, opened("https://Shop.Example.com"), SHOP).get("/items")

    assert answer.headers["Access-Control-Allow-Origin"] == SHOP


@pytest.mark.parametrize("origin", [SHOP, "null"])
def test_unless_an_origin_is_named_there_is_none(app, guest, origin):
    answer = from_page(guest, app, origin).get("/items")

    assert [name for name in answer.headers.keys() if name.startswith("Access-Control")] == []  # noqa: SIM118


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/items", None, 401),
        ("GET", "/nowhere", None, 404),
        ("PATCH", "/items", None, 405),
        ("POST", "/auth/login", {"username": "gus"}, 422),
        ("POST", "/auth/login", {"username": "gus", "password": "a wrong password"}, 401),
        ("POST", "/auth/login", {"username": "gus", "password": "another wrong password"}, 429),
    ],
)
def test_a_page_may_read_refusals_too(opened, guest, nobody, method, path, body, status):
    page = from_page(nobody, opened(SHOP, LOGIN_RATE_LIMIT="1/minute"), SHOP)
    if status == 429:
        page.post("/auth/login", json={"username": "gus", "password": "a wrong password"})

    refused = page.open(method, path, json=body)

    assert refused.status_code == status
    assert refused.headers["Access-Control-Allow-Origin"] == SHOP
    assert "www-authenticate" in listed(refused, "Access-Control-Expose-Headers")


def test_a_page_may_read_a_failure_too(opened, guest, monkeypatch):
    page = from_page(guest, opened(SHOP), SHOP)
    monkeypatch.setattr("models.stock.item_query.matching", lambda *_, **__: 1 / 0)

    failed = page.get("/items")

    assert failed.status_code == 500
    assert failed.headers["Access-Control-Allow-Origin"] == SHOP


def test_the_docs_and_problem_pages_are_for_their_own_origin(opened, nobody):
    page = from_page(nobody, opened(SHOP), SHOP)

    for path in ("//docs", "//problems/not_found"):
        assert "Access-Control-Allow-Origin" not in page.get(path).headers
