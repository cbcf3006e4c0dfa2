"""Mass assignment: no body sets what is not its own to set."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from api.requests.parsers import NOTHING, RequestParser
from tests.support.clients import PASSWORD, Client, with_password

# What some table has as a column, or some code as a name, and a value that it could take.
NOT_TO_BE_SET: dict[str, Any] = {
    "id": 1,
    "user_id": 1,
    "role": "admin",
    "roles": ["admin"],
    "is_admin": True,
    "active": True,
    "scopes": ["users:write"],
    "locations": ["MAIN"],
    "location_ids": [1],
    "password_hash": "scrypt:1:1:1$x$y",
    "username_key": "ada",
    "hash": "0" * 64,
    "prefix": "stk_mine",
    "token": "stk_mine",
    "revoked_at": None,
    "expires_at": "2099-01-01T00:00:00Z",
    "last_used_ip": "203.0.113.7",
    "version": 99,
    "quantity": 99,
    "quantity_after": 99,
    "delta": 99,
    "reverses": 1,
    "user": "ada",
    "actor": "ada",
    "by": "ada",
    "archived": True,
    "created_at": "2020-01-01T00:00:00Z",
    "updated_at": "2020-01-01T00:00:00Z",
    "sku_key": "lamp",
    "_sa_instance_state": None,
    "__class__": "User",
    "__proto__": {"role": "admin"},
}


def forms(app: Flask) -> Iterator[tuple[str, str, RequestParser]]:
    """Every method that takes a JSON body: how it is asked, where, and what it takes."""
    for rule in app.url_map.iter_rules():
        resource = getattr(app.view_functions[rule.endpoint], "view_class", None)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS", "GET"}:
            parser = resource.operations[method].parser if resource else NOTHING
            if parser.fields:
                path = rule.rule
                for argument in rule.arguments:
                    kind = next(kind for kind in ("id", "sku", "code") if f"<{kind}:{argument}>" in path)
                    path = path.replace(f"<{kind}:{argument}>", "2147483647" if kind == "id" else "SHADE-1")
                yield method, path, parser


def names(form: RequestParser) -> set[str]:
    return {*form.fields}


@pytest.fixture
def asked(apps, admin) -> Client:
    """An admin with a password, where even registration is open: whoever may ask anything."""
    return with_password(apps(ALLOW_REGISTRATION="true"), "ada")


def test_no_body_sets_what_is_not_its_own_to_set(asked, admin, lamp):
    before = [admin.get(path).json for path in ("/users", "/items", "/movements")]
    methods = list(forms(asked.app))
    assert len(methods) > 10

    let_in = {}
    for method, path, form in methods:
        foreign = {name: value for name, value in NOT_TO_BE_SET.items() if name not in names(form)}
        refused = asked.open(method, path, json={**(form.example or {}), **foreign})
        faults = {fault["field"] for fault in refused.json.get("errors", [])}
        if refused.status_code != 422 or foreign.keys() - faults:
            let_in[method, path] = (refused.status_code, sorted(foreign.keys() - faults))

    assert len(methods) >= 14
    assert let_in == {}
    assert [admin.get(path).json for path in ("/users", "/items", "/movements")] == before


def test_what_a_form_may_set_is_written_here(asked):
    """A form that grows must not grow by what only the service may set."""
    own = {
        (method, path): names(form) & NOT_TO_BE_SET.keys()
        for method, path, form in forms(asked.app)
        if names(form) & NOT_TO_BE_SET.keys()
    }

    v1 = "/api/v1"
    assert own == {
        ("POST", f"{v1}/users"): {"role", "locations"},
        ("PATCH", f"{v1}/users/2147483647"): {"role", "active", "locations"},
        ("POST", f"{v1}/tokens"): {"scopes", "locations"},
        ("POST", f"{v1}/items"): {"quantity"},
        ("POST", f"{v1}/items/2147483647/movements"): {"quantity"},
        ("PATCH", f"{v1}/locations/2147483647"): {"archived"},
        ("PATCH", f"{v1}/reservations/2147483647"): {"expires_at"},
        ("POST", f"{v1}/reservations/2147483647/fulfilment"): {"quantity"},
        ("POST", f"{v1}/webhooks"): {"active"},
        ("PATCH", f"{v1}/webhooks/2147483647"): {"active"},
        ("POST", f"{v1}/subscriptions"): {"active"},
        ("PATCH", f"{v1}/subscriptions/2147483647"): {"active"},
    }


@pytest.mark.parametrize("role", ["guest", "member"])
def test_nobody_raises_oneself(app, admin, role):
    created = admin.post("/users", json={"username": "pat", "password": PASSWORD, "role": role})
    pat = with_password(app, "pat")

    attempts = [
        pat.patch(f"/users/{created.json['id']}", json={"role": "admin"}),
        pat.post("/users", json={"username": "eve", "password": PASSWORD, "role": "admin"}),
        pat.post("/tokens", json={"name": "mine", "scopes": ["users:write"]}),
        pat.put(
            "/users/me/password",
            json={"current_password": PASSWORD, "new_password": "another long one", "role": "admin"},
        ),
        pat.put("/users/me", json={"role": "admin"}),
    ]

    assert [attempt.status_code for attempt in attempts] == [403, 403, 422, 422, 405]
    assert pat.get("/users/me").json["role"] == role
    assert pat.get("/tokens").json["total_items"] == 0


@pytest.mark.parametrize("query", ["user_id=1", "role=admin", "as=ada", "_method=DELETE", "access_token=stk_x"])
def test_a_query_sets_nothing_either(guest, query):
    refused = guest.get(f"/items?{query}")

    assert refused.status_code == 422
    assert [fault["code"] for fault in refused.json["errors"]] == ["unknown_parameter"]


def test_a_method_is_not_overridden(member, lamp):
    answer = member.post(lamp, headers={"X-HTTP-Method-Override": "DELETE", "X-Method-Override": "DELETE"})

    assert answer.status_code == 405
    assert member.get(lamp).json["archived"] is False
