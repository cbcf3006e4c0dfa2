"""The care of tokens: used from where they belong, and rotated before they end."""

from datetime import timedelta

import pytest

from models.database.base import db
from models.people.token import ApiToken
from models.values import now
from tests.support.clients import Client, with_password
from tests.support.databases import on_one_database

BODY = {"name": "till", "scopes": ["items:read"]}


@pytest.fixture
def mel(app, member):
    return with_password(app, "mel")


def made(mel, **fields):
    answer = mel.post("/tokens", json={**BODY, **fields})
    assert answer.status_code == 201, answer.json
    return answer.json


def holder(app, told) -> Client:
    return Client(app, {"Authorization": f"Bearer {told['token']}"})


def from_(address: str) -> dict[str, dict[str, str]]:
    return {"environ_base": {"REMOTE_ADDR": address}}


# --- networks -------------------------------------------------------------------------------------------------------


def test_a_token_shows_the_networks_it_may_be_used_from_and_null_means_anywhere(mel):
    networks = ["203.0.113.7", "198.51.100.0/24", "2001:db8::/32", "::1"]

    told = made(mel, allowed_ips=networks)

    assert told["allowed_ips"] == mel.get(f"/tokens/{told['id']}").json["allowed_ips"] == networks
    assert made(mel)["allowed_ips"] is None
    assert made(mel, allowed_ips=None)["allowed_ips"] is None


@pytest.mark.parametrize(
    ("networks", "address", "is_let_in"),
    [
        (["203.0.113.7"], "203.0.113.7", True),
        (["203.0.113.7"], "203.0.113.8", False),
        (["203.0.113.7"], "::ffff:203.0.113.7", True),
        (["198.51.100.0/24"], "198.51.100.255", True),
        (["198.51.100.0/24"], "198.51.101.0", False),
        (["198.51.100.0/24", "10.0.0.0/8"], "10.9.8.7", True),
        (["2001:db8::/32"], "2001:db8:ffff::1", True),
        (["2001:db8::/32"], "2001:db9::1", False),
        (["2001:db8::/32"], "198.51.100.1", False),
        (["0.0.0.0/0"], "::1", False),
        (["::1"], "[::1]", True),
        (["0.0.0.0/0", "::/0"], "unknown", False),
    ],
)
def test_a_token_opens_the_service_from_its_networks_alone(app, mel, networks, address, is_let_in):
    till = holder(app, made(mel, allowed_ips=networks))

    answer = till.get("/items", **from_(address))

    assert answer.status_code == (200 if is_let_in else 401)
    if not is_let_in:
        assert answer.json["code"] == "address_not_allowed"
        assert len(answer.headers.getlist("WWW-Authenticate")) == 2


@pytest.mark.parametrize("path", ["/items", "/users/me", "/tokens/current", "/openapi.json", "//problems/not_found"])
def test_from_elsewhere_a_token_opens_nothing_as_api_key_neither(app, mel, path):
    till = Client(app, {"X-API-Key": made(mel, allowed_ips=["203.0.113.7"])["token"]})

    assert till.get(path).json["code"] == "address_not_allowed"


def test_a_use_from_elsewhere_is_told_in_the_audit_and_is_no_use(app, admin, mel):
    told = made(mel, allowed_ips=["203.0.113.7"])

    holder(app, told).get("/items", **from_("198.51.100.66"))

    assert mel.get(f"/tokens/{told['id']}").json["last_used_at"] is None
    refused = [event for event in admin.get("/audit").json["data"] if event["type"] == "access.refused"]
    assert [(event["actor"], event["data"]["code"]) for event in refused] == [("mel", "address_not_allowed")]
    assert refused[0]["data"]["token_id"] == told["id"]


def test_a_use_from_elsewhere_counts_for_that_address_and_not_for_the_owner(apps, mel):
    told = made(mel, allowed_ips=["203.0.113.7"])
    till = holder(apps(RATE_LIMIT="2/minute"), told)

    stolen = [till.get("/items", **from_("198.51.100.66")).status_code for _ in range(4)]
    own = [till.get("/items", **from_("203.0.113.7")).status_code for _ in range(2)]

    assert stolen == [401, 401, 429, 429]
    assert own == [200, 200]


@pytest.mark.parametrize(
    ("networks", "field", "code"),
    [
        ([], "allowed_ips", "wrong_length"),
        (["10.0.0.1"] * 2, "allowed_ips[1]", "repeated"),
        ([f"10.0.0.{n}" for n in range(21)], "allowed_ips", "wrong_length"),
        ("10.0.0.1", "allowed_ips", "wrong_type"),
        ([1], "allowed_ips[0]", "wrong_type"),
        (["10.0.0.1/8"], "allowed_ips[0]", "bad_format"),
        (["10.0.0.0/33"], "allowed_ips[0]", "bad_format"),
        (["10.0.0"], "allowed_ips[0]", "bad_format"),
        (["010.0.0.1"], "allowed_ips[0]", "bad_format"),
        (["10.0.0.0/255.0.0.0"], "allowed_ips[0]", "bad_format"),
        (["fe80::1%eth0"], "allowed_ips[0]", "bad_format"),
        (["till.example.com"], "allowed_ips[0]", "bad_format"),
        (["*"], "allowed_ips[0]", "too_short"),
        ([" 10.0.0.1"], "allowed_ips[0]", "bad_characters"),
    ],
)
@on_one_database
def test_networks_that_make_no_sense_are_refused(mel, networks, field, code):
    refused = mel.post("/tokens", json={**BODY, "allowed_ips": networks})

    assert refused.status_code == 422
    assert [(fault["field"], fault["code"]) for fault in refused.json["errors"]] == [(field, code)]
    assert mel.get("/tokens").json["total_items"] == 1


def test_a_network_with_an_address_inside_is_refused_with_the_network_that_could_be_meant(mel):
    refused = mel.post("/tokens", json={**BODY, "allowed_ips": ["10.1.2.3/8"]})

    assert "10.0.0.0/8" in refused.json["errors"][0]["message"]


# --- the last week --------------------------------------------------------------------------------------------------


def ends_in(app, told, **time) -> None:
    with app.app_context():
        db.session.get(ApiToken, told["id"]).expires_at = now() + timedelta(**time)
        db.session.commit()


@pytest.mark.parametrize(("days", "path"), [(6.99, "/items"), (1, "/users"), (0.01, "/items?limit=0"), (3, "/items/9")])
def test_in_its_last_week_a_token_is_told_how_many_seconds_it_has_on_refusals_too(app, mel, days, path):
    told = made(mel, expires_in_days=30)
    ends_in(app, told, days=days)

    left = int(holder(app, told).get(path).headers["X-Token-Expires-In"])

    assert days * 86400 - 10 <= left <= days * 86400


@pytest.mark.parametrize("time", [{"days": 7, "minutes": 1}, {"days": 3000}])
def test_before_its_last_week_it_is_told_nothing(app, mel, time):
    told = made(mel, expires_in_days=30)
    ends_in(app, told, **time)

    assert "X-Token-Expires-In" not in holder(app, told).get("/items").headers
    assert "X-Token-Expires-In" not in holder(app, made(mel)).get("/items").headers


def test_a_successor_has_the_networks_and_the_lifetime_of_the_old_and_the_old_is_told_its_end(app, mel):
    old = made(mel, allowed_ips=["127.0.0.1", "203.0.113.0/24"], expires_in_days=30)

    successor = mel.post(f"/tokens/{old['id']}/rotate").json

    assert (successor["allowed_ips"], successor["scopes"]) == (old["allowed_ips"], old["scopes"])
    assert holder(app, successor).get("/items", **from_("203.0.113.9")).status_code == 200
    assert holder(app, successor).get("/items", **from_("203.0.114.9")).status_code == 401
    told = holder(app, old).get("/items").headers["X-Token-Expires-In"]
    assert 86390 <= int(told) <= 86400
