"""Who is asking, and what they may do: credentials, roles, scopes, and what ends them."""

import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from api.services import services_of
from app import create_app
from models.database.base import db
from models.people.token import ApiToken
from models.people.user import User
from models.principal import SCOPES, SCOPES_OF_ROLE
from tests.support.clients import PASSWORD, PASSWORD_HASH, V1, Client, person, signed_in, with_cookie, with_password
from tests.support.databases import on_one_database, settings_for

# What each method of each path needs: a scope or several, or one of these words.
OPEN, ANYONE, PASSWORD_ONLY, TOKEN_ONLY, SIGN_IN_ONLY = "open", "anyone", "password", "token", "sign_in"
COOKIE_ONLY = "cookie"  # a credential that may what the access token of a sign-in may
CLOSED = "closed"  # unless the settings open it
PERSON = "person"  # beside a scope: no API token
READ, WRITE, STOCK, HOOKS = "items:read", "items:write", "stock:write", "webhooks:write"
NEEDS: dict[str, dict[str, str]] = {
    "/auth/login": {"POST": OPEN},
    "/auth/refresh": {"POST": OPEN},
    "/auth/logout": {"POST": SIGN_IN_ONLY},
    "/auth/register": {"POST": CLOSED},
    "/auth/oidc/login": {"GET": OPEN},
    "/auth/oidc/callback": {"GET": OPEN},
    "/session": {"POST": OPEN, "GET": SIGN_IN_ONLY, "DELETE": SIGN_IN_ONLY},
    "/sessions": {"GET": PASSWORD_ONLY},
    "/sessions/{}": {"DELETE": PASSWORD_ONLY},
    "/users/me": {"GET": ANYONE},
    "/users/me/password": {"PUT": PASSWORD_ONLY},
    "/users": {"GET": "users:read", "POST": "users:write"},
    "/users/{}": {"GET": "users:read", "PATCH": "users:write", "DELETE": "users:write"},
    "/tokens": {"GET": PASSWORD_ONLY, "POST": PASSWORD_ONLY},
    "/tokens/{}": {"GET": PASSWORD_ONLY, "DELETE": PASSWORD_ONLY},
    "/tokens/{}/rotate": {"POST": PASSWORD_ONLY},
    "/tokens/current": {"GET": TOKEN_ONLY},
    "/items": {"GET": READ, "POST": WRITE},
    "/items/{}": {"GET": READ, "PUT": WRITE, "PATCH": WRITE, "DELETE": WRITE},
    "/items/{}/restore": {"POST": WRITE},
    "/items/by-sku/{}": {"GET": READ, "PUT": WRITE, "PATCH": WRITE},
    "/items/by-barcode/{}": {"GET": READ},
    "/items/{}/quantity": {"GET": READ},
    "/items/{}/history": {"GET": READ},
    "/items/{}/label": {"GET": READ},
    "/items/{}/stocks": {"GET": READ},
    "/items/{}/stocks/{}": {"GET": READ, "PATCH": WRITE},
    "/stocks": {"GET": READ},
    "/items/{}/movements": {"GET": READ, "POST": STOCK},
    "/movements": {"GET": READ, "POST": STOCK},
    "/movements/{}": {"GET": READ},
    "/movements/{}/reversal": {"POST": STOCK},
    "/reservations": {"GET": READ, "POST": STOCK},
    "/reservations/{}": {"GET": READ, "PATCH": STOCK},
    "/reservations/{}/fulfilment": {"POST": STOCK},
    "/reservations/{}/release": {"POST": STOCK},
    "/locations": {"GET": READ, "POST": WRITE},
    "/locations/{}": {"GET": READ, "PATCH": WRITE, "DELETE": WRITE},
    "/locations/by-code/{}": {"GET": READ, "PUT": WRITE},
    "/transfers": {"GET": READ, "POST": STOCK},
    "/transfers/{}": {"GET": READ},
    "/transfers/{}/receipts": {"POST": STOCK},
    "/transfers/{}/reversal": {"POST": STOCK},
    "/imports/presets": {"GET": READ},
    "/items/export": {"GET": READ},
    "/movements/export": {"GET": READ},
    "/items/import": {"POST": f"{WRITE} {STOCK}"},
    "/movements/import": {"POST": STOCK},
    "/events": {"GET": READ},
    "/audit": {"GET": "audit:read"},
    "/subscriptions": {"GET": "webhooks:write", "POST": "webhooks:write"},
    "/subscriptions/{}": dict.fromkeys(("GET", "PATCH", "DELETE"), "webhooks:write"),
    "/reports/valuation": {"GET": READ},
    "/reports/reorder": {"GET": READ},
    "/reports/turnover": {"GET": READ},
    "/stats": {"GET": READ},
    "/webhooks": {"GET": HOOKS, "POST": HOOKS},
    "/webhooks/{}": {"GET": HOOKS, "PATCH": HOOKS, "DELETE": HOOKS},
    "/webhooks/{}/rotate-secret": {"POST": HOOKS},
    "/webhooks/{}/replay": {"POST": HOOKS},
    "/webhooks/{}/skip": {"POST": f"{HOOKS} {PERSON}"},
    "/webhooks/{}/test": {"POST": HOOKS},
    "/webhooks/{}/deliveries": {"GET": HOOKS},
    "/webhooks/{}/deliveries/{}/redeliver": {"POST": HOOKS},
    "/openapi.json": {"GET": OPEN},
    "//problems/{}": {"GET": OPEN},
    "//livez": {"GET": OPEN},
    "//readyz": {"GET": OPEN},
    "//metrics": {"GET": OPEN},
    "//docs": {"GET": OPEN},
    "//docs/{}": {"GET": OPEN},
    "//": {"GET": OPEN},
    "//i/{}": {"GET": OPEN},
    "//app/": {"GET": OPEN},
    "//app/{}": {"GET": OPEN},
    "//app/worker.js": {"GET": OPEN},
    "//app/files/{}/{}": {"GET": OPEN},
}
# The routes that do without input, and what else is no plain answer, behind the door.
WITHOUT_INPUT = (
    *("/restore", "/rotate", "/reversal", "/fulfilment", "/release"),
    *("/rotate-secret", "/test", "/redeliver"),
)
OTHER_ANSWERS = {
    "GET //i/{}": "302",
    "POST /auth/logout": "204",
    "DELETE /session": "204",
    "POST /items/import": "415 unsupported_media_type",
    "POST /movements/import": "415 unsupported_media_type",
    "GET /auth/oidc/login": "404 not_found",  # which no provider is set for
    "GET /auth/oidc/callback": "404 not_found",
}


def encoded(credentials: str | bytes) -> str:
    """Credentials as HTTP Basic sends them."""
    return b64encode(credentials.encode() if isinstance(credentials, str) else credentials).decode()


def routes(app: Flask) -> dict[str, set[str]]:
    """Every path, as Client takes it, and its methods."""
    found: dict[str, set[str]] = {}
    for rule in app.url_map.iter_rules():
        path = re.sub("<[^>]*>", "{}", rule.rule)
        path = path.removeprefix(V1) if path.startswith(V1) else f"/{path}"
        found.setdefault(path, set()).update((rule.methods or set()) - {"HEAD", "OPTIONS"})
    return found


def outcome(client: Client, method: str, path: str) -> str:
    """How a request without input is answered; nothing has the id it asks for, so nothing changes."""
    answer = client.open(method, path.replace("{}", "2147483647"))
    return str(answer.status_code) if answer.status_code < 400 else f"{answer.status_code} {answer.json['code']}"


def admitted(method: str, path: str) -> str:
    """How it is answered past the door."""
    if other := OTHER_ANSWERS.get(f"{method} {path}"):
        return other
    if method in ("PUT", "PATCH") or (method == "POST" and not path.endswith(WITHOUT_INPUT)):
        return "400 malformed_json"
    return "404 not_found" if "{}" in path else "200"


@pytest.fixture
def other_app(database_url: str, app: Flask, tmp_path: Path) -> Iterator[Flask]:
    """Another process on the same database, as far as the service can tell."""
    other = create_app(settings_for(database_url, tmp_path))
    yield other
    with other.app_context():
        db.engine.dispose()


@pytest.fixture
def mel(app: Flask, member: Client) -> Client:
    """The member, with a password."""
    return with_password(app, "mel")


# --- credentials ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC", "bAsIc"])
def test_the_scheme_basic_is_known_in_any_case(app, mel, scheme):
    answer = Client(app, {"Authorization": f"{scheme} {encoded(f'mel:{PASSWORD}')}"}).get("/users/me")

    assert (answer.status_code, answer.json["username"]) == (200, "mel")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_the_scheme_bearer_is_known_in_any_case(app, member, scheme):
    secret = member.headers["Authorization"].split()[1]

    answer = Client(app, {"Authorization": f"{scheme} {secret}"}).get("/users/me")

    assert (answer.status_code, answer.json["username"]) == (200, "mel")


def test_an_api_token_may_come_as_an_api_key(app, member):
    secret = member.headers["Authorization"].split()[1]

    assert Client(app, {"X-API-Key": secret}).get("/users/me").json["username"] == "mel"


@pytest.mark.parametrize("name", ["mel", "MEL", "token", "Token"])
def test_an_api_token_may_come_as_the_password_of_its_owner_or_of_the_user_token(app, member, monkeypatch, name):
    monkeypatch.setattr("api.auth.passwords.check_password_hash", lambda *_: pytest.fail("a token is no password"))
    secret = member.headers["Authorization"].split()[1]
    spreadsheet = with_password(app, name, secret)

    assert spreadsheet.get("/users/me").json["username"] == "mel"
    assert spreadsheet.get("/tokens/current").json == member.get("/tokens/current").json
    assert spreadsheet.post("/items", json={"sku": "A", "name": "A"}).status_code == 201
    assert (spreadsheet.get("/tokens").status_code, spreadsheet.get("/tokens").json["code"]) == (
        403,
        "password_required",
    )


def test_such_a_token_has_its_scopes_and_its_networks_and_no_more(app, admin, member):
    scoped = person(app, "mel", "member", ["items:read"]).headers["Authorization"].split()[1]
    with app.app_context():
        options = {"scopes": ["items:read"], "expires_in_days": None, "allowed_ips": ["203.0.113.0/24"]}
        bound = ApiToken.issue(user_id=member.user_id, name="bound", **options).secret
        db.session.commit()

    refused = with_password(app, "token", scoped).post("/items", json={"sku": "A", "name": "A"})
    elsewhere = with_password(app, "mel", bound).get("/items")

    assert (refused.status_code, refused.json["code"]) == (403, "insufficient_scope")
    assert (elsewhere.status_code, elsewhere.json["code"]) == (401, "address_not_allowed")


@pytest.mark.parametrize("name", ["ada", "", "nobody", "token ", "mel:x"])
def test_under_another_name_a_token_is_no_password(app, admin, member, name):
    secret = member.headers["Authorization"].split()[1]

    assert with_password(app, name, secret).get("/users/me").status_code == 401


def test_a_token_opens_no_sign_in_and_changes_no_password(app, member, nobody):
    secret = member.headers["Authorization"].split()[1]
    change = {"current_password": secret, "new_password": "a long sentence is best"}

    assert nobody.post("/auth/login", json={"username": "mel", "password": secret}).status_code == 401
    assert with_password(app, "mel", secret).put("/users/me/password", json=change).status_code == 403
    assert with_password(app, "mel").put("/users/me/password", json=change).status_code == 422


def test_a_revoked_token_is_no_password_any_longer(app, mel, member):
    secret = member.headers["Authorization"].split()[1]
    mel.delete(f"/tokens/{mel.get('/tokens').json['data'][0]['id']}")

    assert with_password(app, "token", secret).get("/users/me").status_code == 401


def test_a_user_name_is_found_whatever_its_case(app, mel):
    assert with_password(app, "MEL").get("/users/me").json["username"] == "mel"


@pytest.mark.parametrize(
    "password", ["with:colons:in it", "ein Paßwort für Süßes", "密码是十二个字以上的中文", "😀😃😄😁😆😅🤣😂🙂🙃😉😊"]
)
def test_a_password_may_have_any_printable_character(admin, app, password):
    created = admin.post("/users", json={"username": "pat", "password": password})

    assert created.status_code == 201, created.json
    assert with_password(app, "pat", password).get("/users/me").status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic ",
        f"Basic {encoded('mel')}",
        f"Basic {encoded('mel:')}",
        f"Basic {encoded(':')}",
        f"Basic {encoded(f':{PASSWORD}')}",
        f"Basic {encoded(f'mel:{PASSWORD} ')}",
        f"Basic {encoded(f'mel :{PASSWORD}')}",
        f"Basic {encoded(f'mel{chr(0)}:{PASSWORD}')}",
        f"Basic {encoded(f'mel:{PASSWORD}{chr(0)}')}",
        f"Basic {encoded(f'mel:{PASSWORD}').rstrip('=')}=====",
        f"Basic !{encoded(f'mel:{PASSWORD}')}",
        f"Basic {encoded(f'mel:{PASSWORD}')}, Basic {encoded(f'mel:{PASSWORD}')}",
        "Basic not base64 at all",
        f"Basic {encoded('mel:' + 'x' * 5000)}",
        f"Basic {encoded('mel:süß süß süß süß'.encode('latin-1'))}",
        f"Basic {encoded(b'mel:' + bytes(range(128, 256)))}",
        f"Bearer {encoded(f'mel:{PASSWORD}')}",
        f"Nonsense {encoded(f'mel:{PASSWORD}')}",
        f"Digest {encoded(f'mel:{PASSWORD}')}",
        'Digest username="mel", realm="Stockroom API", nonce="0", uri="/", response="0"',
        f"mel:{PASSWORD}",
        encoded(f"mel:{PASSWORD}"),
        "Bearer",
        "Bearer ",
        'Bearer token="mel"',
        "Bearer stk_",
        "Bearer stk_" + "0" * 49,
        "Bearer süß",
        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJtZWwifQ.",
    ],
)
def test_a_credential_that_opens_nothing_is_401_with_both_challenges(app, mel, header):
    refused = Client(app, {"Authorization": header}).get("/users/me")

    assert refused.status_code == 401
    assert refused.json["code"] == "invalid_credentials"
    basic, bearer = refused.headers.getlist("WWW-Authenticate")
    assert basic == 'Basic realm="Stockroom API", charset="UTF-8"'
    error = ', error="invalid_token"' if header.startswith("Bearer") else ""
    assert bearer == f'Bearer realm="Stockroom API"{error}'


@pytest.mark.parametrize("key", ["", " ", "stk_", PASSWORD, "Bearer {}", "{}x", "x{}", "{},{}"])
def test_an_api_key_that_opens_nothing_is_401(app, member, key):
    secret = member.headers["Authorization"].split()[1]

    refused = Client(app, {"X-API-Key": key.format(secret, secret)}).get("/users/me")

    assert (refused.status_code, refused.json["code"]) == (401, "invalid_credentials")
    assert len(refused.headers.getlist("WWW-Authenticate")) == 2


def test_no_credential_is_401_with_both_challenges(nobody):
    refused = nobody.get("/users/me")

    assert (refused.status_code, refused.json["code"]) == (401, "unauthorized")
    assert refused.headers.getlist("WWW-Authenticate") == [
        'Basic realm="Stockroom API", charset="UTF-8"',
        'Bearer realm="Stockroom API"',
    ]


def test_two_credentials_at_once_are_refused_even_if_both_are_good(app, member):
    secret = member.headers["Authorization"].split()[1]

    refused = member.get("/users/me", headers={"X-API-Key": secret})

    assert (refused.status_code, refused.json["code"]) == (400, "bad_request")


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer stk_no"}, {"X-API-Key": "no"}, {"Authorization": ""}])
def test_a_wrong_credential_is_refused_where_none_is_needed(nobody, headers):
    assert nobody.get("//problems/not_found").status_code == 200
    assert nobody.get("//problems/not_found", headers=headers).status_code == 401


def test_a_right_credential_is_welcome_where_none_is_needed(mel):
    assert mel.get("//problems/not_found").status_code == 200


# --- passwords ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mel", "ina", "nadim"], ids=["known", "inactive", "unknown"])
def test_every_wrong_password_costs_one_check_whoever_it_is_for(app, admin, mel, monkeypatch, name):
    ina = person(app, "ina", "guest")
    assert admin.delete(f"/users/{ina.user_id}").status_code == 204
    checks = []
    monkeypatch.setattr("api.auth.passwords.check_password_hash", lambda *_: checks.append(1) or False)

    answers = [with_password(app, name, "a wrong password").get("/users/me") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].json["detail"] == answers[1].json["detail"]
    assert len(checks) == 1


def test_when_too_many_passwords_are_checked_a_new_one_waits_and_tokens_do_not(app, member, mel):
    passwords = services_of(app).passwords
    taken = 0
    while passwords._places.acquire(blocking=False):
        taken += 1
    try:
        busy, with_token = with_password(app, "mel", "some new password").get("/users/me"), member.get("/users/me")
        changing = mel.put("/users/me/password", json={"current_password": PASSWORD, "new_password": "twelve chars"})
    finally:
        for _ in range(taken):
            passwords._places.release()

    assert (busy.status_code, busy.json["code"], busy.headers["Retry-After"]) == (429, "too_many_requests", "1")
    assert changing.status_code == 429
    assert with_token.status_code == 200
    assert mel.get("/users/me").status_code == 200


# --- who may do what ------------------------------------------------------------------------------------------------


def test_every_route_says_what_it_needs(app):
    silent = {
        f"{method} {path}"
        for path, methods in routes(app).items()
        for method in methods
        if method not in NEEDS.get(path, {})
    }

    assert silent == set(), "add these to NEEDS"


def refusal(needs: str, role: str | None, scopes: frozenset[str], method: str) -> str | None:
    """What the table of the contract says: how somebody is refused at the door, or None."""
    if needs == OPEN:
        return None
    if needs == CLOSED:
        return "403 registration_closed"
    if role is None:
        return "401 unauthorized"
    if needs in (PASSWORD_ONLY, TOKEN_ONLY, SIGN_IN_ONLY):
        is_met = needs == method or (needs == PASSWORD_ONLY and method == SIGN_IN_ONLY)
        return None if is_met else f"403 {needs}_required"
    if needs == ANYONE or scopes.issuperset({*needs.split()} - {PERSON}):
        return "403 password_required" if PERSON in needs.split() and method == TOKEN_ONLY else None
    return "403 insufficient_scope" if method == TOKEN_ONLY else "403 forbidden"


def as_access_token(method: str | None) -> str | None:
    """The credential that may the same."""
    return SIGN_IN_ONLY if method == COOKIE_ONLY else method


CASTS = [
    (None, None, "nobody"),
    *((role, None, PASSWORD_ONLY) for role in SCOPES_OF_ROLE),
    *((role, None, SIGN_IN_ONLY) for role in SCOPES_OF_ROLE),
    *((role, None, COOKIE_ONLY) for role in SCOPES_OF_ROLE),
    *((role, sorted(scopes), TOKEN_ONLY) for role, scopes in SCOPES_OF_ROLE.items()),
    *(("admin", [scope], TOKEN_ONLY) for scope in SCOPES),
    ("guest", list(SCOPES), TOKEN_ONLY),  # a token made when its owner was an admin
    ("member", ["users:read"], TOKEN_ONLY),
]


@on_one_database
@pytest.mark.parametrize(
    ("role", "scopes", "method"), CASTS, ids=[f"{role} {method} {scopes or ''}" for role, scopes, method in CASTS]
)
def test_each_route_admits_exactly_those_it_should(app, nobody, role, scopes, method):
    client = person(app, "pat", role, scopes) if role else nobody
    enter = {PASSWORD_ONLY: with_password, SIGN_IN_ONLY: signed_in, COOKIE_ONLY: with_cookie}.get(method)
    may = SCOPES_OF_ROLE.get(role, frozenset()).intersection(SCOPES if scopes is None else scopes)

    found, wanted = {}, {}
    for path, methods in routes(app).items():
        client = enter(app, "pat") if enter else client  # anew, because some operations end a sign-in
        for verb in sorted(methods, key="DELETE".__eq__):
            found[verb, path] = outcome(client, verb, path)
            wanted[verb, path] = refusal(NEEDS[path][verb], role, may, as_access_token(method)) or admitted(verb, path)

    assert found == wanted


@on_one_database
def test_head_asks_for_what_get_asks(app, nobody, guest):
    for client in (nobody, guest):
        for path in (path.replace("{}", "2147483647") for path, methods in routes(app).items() if "GET" in methods):
            assert client.head(path).status_code == client.get(path).status_code, path


def test_options_needs_no_credential_and_tells_the_methods(app, nobody):
    for path, methods in routes(app).items():
        for headers in ({}, {"Authorization": "Bearer stk_no"}):
            answer = nobody.open("OPTIONS", path.replace("{}", "2147483647"), headers=headers)

            assert answer.status_code == 200, path
            assert set(answer.headers["Allow"].split(", ")) - {"HEAD", "OPTIONS"} == methods
            assert answer.data == b""


def test_too_little_scope_is_told_as_rfc_6750_says(app):
    reader = person(app, "mel", "member", ["items:read"])

    refused = reader.post("/items", json={"sku": "LAMP-1", "name": "Desk lamp"})

    assert (refused.status_code, refused.json["code"]) == (403, "insufficient_scope")
    assert refused.headers.getlist("WWW-Authenticate") == [
        'Bearer error="insufficient_scope", scope="items:write", realm="Stockroom API"'
    ]
    assert reader.get("/items").json["data"] == []


def test_too_low_a_role_is_told_by_its_name(app):
    person(app, "gus", "guest")

    refused = with_password(app, "gus").post("/items", json={"sku": "LAMP-1", "name": "Desk lamp"})

    assert (refused.status_code, refused.json["code"]) == (403, "forbidden")
    assert "WWW-Authenticate" not in refused.headers
    assert "member or admin" in refused.json["detail"]


def test_an_opening_stock_needs_the_scope_to_move_stock_too(app):
    writer = person(app, "mel", "member", ["items:read", "items:write"])

    refused = writer.post("/items", json={"sku": "LAMP-1", "name": "Desk lamp", "quantity": 5})

    assert refused.status_code == 403
    assert 'scope="stock:write"' in refused.headers["WWW-Authenticate"]
    assert writer.get("/items").json["data"] == []


# --- what ends a credential, from the next request on, in every process ----------------------------------------------


@pytest.fixture
def everywhere(app, other_app, member):
    """Answers the statuses of a request, by token and by password, in both processes; called once, all caches know."""

    def statuses(method="GET", path="/users/me", password=PASSWORD):
        token, basic = member.headers, with_password(app, "mel", password).headers
        return [
            Client(each, headers).open(method, path, json={} if method == "POST" else None).status_code
            for each in (app, other_app)
            for headers in (token, basic)
        ]

    assert statuses() == [200, 200, 200, 200]
    return statuses


def test_a_lowered_role_counts_at_once_and_narrows_the_tokens(admin, member, everywhere):
    assert everywhere("POST", "/items") == [422] * 4

    assert admin.patch(f"/users/{member.user_id}", json={"role": "guest"}).status_code == 200

    assert everywhere("POST", "/items") == [403] * 4
    assert everywhere("GET", "/items") == [200] * 4


def test_a_raised_role_counts_at_once_but_widens_no_token(admin, member, everywhere):
    assert admin.patch(f"/users/{member.user_id}", json={"role": "admin"}).status_code == 200

    assert everywhere("GET", "/users") == [403, 200, 403, 200]


@pytest.mark.parametrize(("how", "body", "status"), [("DELETE", None, 204), ("PATCH", {"active": False}, 200)])
def test_a_deactivated_user_is_out_at_once_and_in_again_when_reactivated(admin, member, everywhere, how, body, status):
    path = f"/users/{member.user_id}"
    assert admin.open(how, path, json=body).status_code == status

    assert everywhere() == [401] * 4

    assert admin.patch(path, json={"active": True}).json["active"] is True
    assert everywhere() == [401, 200, 401, 200]  # tokens are revoked, the password is right again


@pytest.mark.parametrize("who", ["mel", "admin"])
def test_a_changed_password_ends_the_old_one_at_once_and_no_token(admin, member, mel, everywhere, who):
    new = "another battery staple"
    if who == "mel":
        body = {"current_password": PASSWORD, "new_password": new}
        assert mel.put("/users/me/password", json=body).status_code == 204
    else:
        assert admin.patch(f"/users/{member.user_id}", json={"password": new}).status_code == 200

    assert everywhere() == [200, 401, 200, 401]
    assert everywhere(password=new) == [200, 200, 200, 200]


def test_a_revoked_token_is_out_at_once(mel, everywhere):
    token = mel.get("/tokens").json["data"][0]

    assert mel.delete(f"/tokens/{token['id']}").status_code == 204

    assert everywhere() == [401, 200, 401, 200]


def test_an_expired_token_is_out_at_once(app, mel, everywhere):
    with app.app_context():
        token = db.session.query(ApiToken).one()
        token.expires_at = token.created_at
        db.session.commit()

    assert everywhere() == [401, 200, 401, 200]


def test_a_name_given_anew_does_not_inherit_a_verdict(app, mel):
    assert mel.get("/users/me").status_code == 200
    with app.app_context():
        user = User.by_name("mel")
        user.password_hash = PASSWORD_HASH[:-1] + ("0" if PASSWORD_HASH[-1] != "0" else "1")
        db.session.commit()

    assert mel.get("/users/me").status_code == 401
