"""The names of the service: which `Host` it answers to."""

import re

import pytest

from tests.support.clients import Client, person, with_password

LOOPBACK = ["localhost", "localhost:8000", "LOCALHOST", "127.0.0.1", "127.8.9.1:80", "[::1]", "[::1]:8000"]
OURS = ["stock.example.com", "Stock.Example.com:8443", "10.0.0.7", "[2001:db8::7]:8000", "public.example.com"]
OTHERS = [
    "evil.example",
    "stock.example.com.evil.example",
    "xstock.example.com",
    "10.0.0.70",
    "[2001:db8::70]",
    "a b",
    "",
]


@pytest.fixture
def named(apps, guest):
    """Asks a service with names of its own, by one of them."""
    app = apps(HOSTS="stock.example.com, 10.0.0.7,[2001:db8::7]", PUBLIC_URL="https://public.example.com")
    return lambda host, path="/items": Client(app, {**guest.headers, "Host": host}).get(path)


@pytest.mark.parametrize("host", [*LOOPBACK, *OURS])
def test_it_answers_to_its_own_names_and_to_those_of_loopback(named, host):
    assert named(host).status_code == 200


@pytest.mark.parametrize("host", OTHERS)
@pytest.mark.parametrize("path", ["/items", "//livez", "//docs", "/nowhere"])
def test_any_other_name_is_400_once_names_are_set(named, host, path):
    refused = named(host, path)

    assert (refused.status_code, refused.json["code"]) == (400, "bad_request")
    assert "HOSTS" in refused.json["detail"]


@pytest.mark.parametrize("host", [*LOOPBACK, *OURS, "evil.example"])
def test_any_name_will_do_unless_names_are_set(guest, host):
    assert guest.get("/items", headers={"Host": host}).status_code == 200


# --- absolute URLs --------------------------------------------------------------------------------------------------


def links(answer):
    return {rel: target for target, rel in re.findall(r'<([^>]*)>; rel="(\w+)"', answer.headers["Link"])}


@pytest.mark.parametrize(
    ("base_url", "public", "base"),
    [
        ("http://localhost", "", "http://localhost"),
        ("http://stock.local:8000", "", "http://stock.local:8000"),
        ("https://[2001:db8::7]:8443", "", "https://[2001:db8::7]:8443"),
        ("http://10.0.0.7:8000", "https://Stock.example.com", "https://stock.example.com"),
    ],
)
def test_links_and_locations_are_urls_that_clients_can_follow_as_they_are(apps, member, base_url, public, base):
    mel = Client(apps(PUBLIC_URL=public), member.headers)

    made = [mel.post("/items", json={"sku": sku, "name": sku}, base_url=base_url) for sku in "ABC"]
    page = mel.get("/items?limit=1&page=2", base_url=base_url)
    walk = mel.get("/items?limit=1&cursor=", base_url=base_url)

    assert [each.headers["Location"] for each in made] == [f"{base}/api/v1/items/{each.json['id']}" for each in made]
    assert sorted(links(page)) == ["first", "last", "next", "prev"]
    assert all(target.startswith(f"{base}/api/v1/items?") for target in (*links(page).values(), *links(walk).values()))


def test_every_answer_that_creates_something_says_where_in_full(app, admin, member, lamp):
    mel, item = with_password(app, "mel"), {"kind": "receive", "quantity": 1, "reason": "order 7"}
    user = {"username": "pat", "password": "a long sentence is best"}
    created = [
        admin.post("/users", json=user),
        mel.post("/tokens", json={"name": "till", "scopes": ["items:read"]}),
        member.post(f"{lamp}/movements", json=item),
        member.post(f"{lamp}/movements", json=item, headers={"Idempotency-Key": "k"}),
        member.post(f"{lamp}/movements", json=item, headers={"Idempotency-Key": "k"}),
    ]

    assert [each.status_code for each in created] == [201] * len(created)
    assert {each.headers["Location"].partition("/api/")[0] for each in created} == {"http://localhost"}
    assert created[-1].headers["Location"] == created[-2].headers["Location"]


def test_an_answer_that_is_replayed_to_another_name_points_there(app, member):
    item = {"json": {"sku": "A", "name": "A"}, "headers": {"Idempotency-Key": "k"}}
    member.post("/items", **item, base_url="http://one.example")

    again = member.post("/items", **item, base_url="http://two.example")

    assert again.headers["Location"].startswith("http://two.example/api/v1/items/")
    assert person(app, "mel", "member").get(again.headers["Location"].partition("example")[2]).status_code == 200
