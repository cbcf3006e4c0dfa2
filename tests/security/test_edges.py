"""The edges: what may be kept, what browsers are told, and whose word about addresses counts."""

import re

import pytest

from tests.support.clients import PASSWORD, Client, signed_in, with_password
from tests.support.databases import on_one_database

PROXY = "127.0.0.1"
SPOOFED = {
    "X_Forwarded_For": "203.0.113.66",
    "X_Forwarded_Proto": "https",
    "X_Forwarded_Host": "evil.example",
    "X_Forwarded_Port": "444",
    "Forwarded": "for=203.0.113.66;proto=https;host=evil.example",
    "X_Real_IP": "203.0.113.66",
}


# --- caches ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def people(app, admin, member):
    """Paths that tell of people, who may ask for them, and how whoever has the answer is answered."""
    basic = with_password(app, "ada")
    token = basic.post("/tokens", json={"name": "till", "scopes": ["items:read"]}).json
    return {
        "/users": (admin, 200),
        f"/users/{admin.user_id}": (admin, 304),
        "/users/me": (admin, 304),
        "/audit": (admin, 200),
        "/tokens": (basic, 200),
        f"/tokens/{token['id']}": (basic, 304),
        "/tokens/current": (member, 304),
    }


def test_no_cache_keeps_what_tells_of_people(people):
    for path, (client, status) in people.items():
        answer = client.get(path)
        again = client.get(path, headers={"If-None-Match": answer.headers.get("ETag", '"none"')})

        assert (answer.status_code, again.status_code) == (200, status), path
        assert answer.headers["Cache-Control"] == again.headers["Cache-Control"] == "no-store", path


def test_no_cache_keeps_a_pair_of_tokens_a_cookie_or_a_new_token(app, admin, nobody):
    pair = nobody.post("/auth/login", json={"username": "ada", "password": PASSWORD})
    begun = nobody.post("/session", json={"username": "ada", "password": PASSWORD})
    next_ = nobody.post("/auth/refresh", json={"refresh_token": pair.json["refresh_token"]})
    token = with_password(app, "ada").post("/tokens", json={"name": "till", "scopes": ["items:read"]})

    assert [answer.status_code for answer in (pair, begun, next_, token)] == [200, 201, 200, 201]
    assert {answer.headers["Cache-Control"] for answer in (pair, begun, next_, token)} == {"no-store"}


@pytest.mark.parametrize("path", ["/items", "{}", "{}/movements", "/movements", "/movements/[]", "/events", "/stats"])
def test_a_browser_may_keep_the_stock_for_itself_and_asks_each_time(member, lamp, path):
    movement = member.get(f"{lamp}/movements").json["data"][0]

    answer = member.get(path.format(lamp).replace("[]", str(movement["id"])))

    assert answer.status_code == 200, answer.json
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert {"authorization", "cookie", "x-api-key", "accept"} <= {name.lower() for name in answer.vary}


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/items/999"), ("GET", "/items?limit=0"), ("POST", "/items"), ("GET", "/nowhere")]
)
def test_no_cache_keeps_a_refusal(member, method, path):
    answer = member.open(method, path)

    assert answer.status_code >= 400
    assert answer.headers["Cache-Control"] == "no-store"


# --- browsers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/items", "/items/999", "/users", "/nowhere", "//", "//docs", "//livez", "//problems/not_found"]
)
@on_one_database
def test_every_answer_tells_browsers_to_trust_it_with_nothing(guest, path):
    headers = guest.get(path).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "Server" not in headers
    assert "Set-Cookie" not in headers


def test_https_is_insisted_on_over_https_and_not_over_http(guest):
    assert "Strict-Transport-Security" not in guest.get("/items").headers
    assert guest.get("/items", base_url="https://localhost").headers["Strict-Transport-Security"] == "max-age=31536000"


@pytest.mark.parametrize(
    "sent", ["a b", "a\tb", "x" * 129, "<script>", '"; drop', "../../etc/passwd", "{{7*7}}", "%0d%0aX: y", "\x7f", "ü"]
)
@on_one_database
def test_a_request_id_that_could_do_harm_is_replaced(site, sent):
    answer = site.ask("GET", "/nowhere", X_Request_ID=sent)

    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-ID"])
    assert answer.json["request_id"] == answer.headers["X-Request-ID"]


# --- whose word counts ----------------------------------------------------------------------------------------------


def used_from(app, guest) -> str:
    """The address that the guest's token was last used from."""
    return with_password(app, "gus").get("/tokens").json["data"][0]["last_used_ip"]


def authorization(client: Client) -> dict[str, str]:
    return {"Authorization": client.headers["Authorization"]}


@pytest.mark.parametrize("trusted", ["", "192.0.2.1", "127.0.0.2", "::1"])
def test_what_a_client_forwards_of_itself_changes_nothing(app, sites, guest, trusted):
    site = sites(TRUSTED_PROXY=trusted)

    answer = site.ask("GET", "/items", **SPOOFED, **authorization(guest))

    assert answer.status == 200
    assert "Strict-Transport-Security" not in answer.headers
    assert b"evil.example" not in answer.body + str(answer.headers).encode()
    assert used_from(app, guest) == "127.0.0.1"


def test_what_the_trusted_proxy_forwards_counts(app, sites, guest):
    site = sites(TRUSTED_PROXY=PROXY)

    answer = site.ask("GET", "/items", **SPOOFED, **authorization(guest))

    assert answer.status == 200
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert used_from(app, guest) == "203.0.113.66"


def test_of_several_addresses_the_one_that_the_proxy_added_counts(app, sites, guest):
    site = sites(TRUSTED_PROXY=PROXY)

    site.ask("GET", "/items", X_Forwarded_For="198.51.100.1, 203.0.113.66", **authorization(guest))

    assert used_from(app, guest) == "203.0.113.66"


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("203.0.113.66:1234", "203.0.113.66"),
        ("198.51.100.1, 203.0.113.66:1234", "203.0.113.66"),
        ("[2001:db8::7]:1234", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ('"[2001:db8::7]:1234"', "2001:db8::7"),
        ("2001:DB8:0::7", "2001:db8::7"),
        ("fe80::7%eth0", "fe80::7"),
        ("::ffff:203.0.113.66", "203.0.113.66"),
        ("[::ffff:203.0.113.66]:1234", "203.0.113.66"),
        ("unknown", PROXY),
        ("_hidden:1234", PROXY),
        ("203.0.113.66, unknown", PROXY),
        ("203.0.113.66,", PROXY),
        ("999.1.1.1", PROXY),
        ("", PROXY),
    ],
)
def test_the_last_hop_is_an_address_however_the_proxy_writes_it_or_that_of_the_proxy(app, sites, guest, said, address):
    site = sites(TRUSTED_PROXY=PROXY)

    assert site.ask("GET", "/items", X_Forwarded_For=said, **authorization(guest)).status == 200

    assert used_from(app, guest) == address


def test_ports_of_one_client_are_one_client_and_two_mapped_addresses_are_two(sites):
    site = sites(TRUSTED_PROXY=PROXY, RATE_LIMIT="2/minute")

    def ask(said):
        return site.ask("GET", "/openapi.json", X_Forwarded_For=said).status

    assert [ask(f"[2001:db8::7]:{port}") for port in range(1, 5)] == [200, 200, 429, 429]
    assert [ask(f"::ffff:203.0.113.{last}") for last in range(1, 5)] == [200] * 4
    assert [ask(said) for said in ("unknown", "_hidden", "x", "")] == [200, 200, 429, 429]


@pytest.mark.parametrize("said", ["unknown", "_hidden", "203.0.113.66:1234", "[2001:db8::1]", "x" * 300, "1, , 2", "ü"])
def test_an_address_that_is_none_breaks_nothing(sites, guest, said):
    site = sites(TRUSTED_PROXY=PROXY, RATE_LIMIT="100/minute", LOGIN_RATE_LIMIT="100/minute")

    answered = [
        site.ask("GET", "/items", X_Forwarded_For=said, **credential).status
        for credential in (authorization(guest), {}, with_password(site.app, "gus", "the wrong one").headers)
    ]

    assert answered == [200, 401, 401]


def test_an_address_that_is_spoofed_neither_escapes_a_limit_nor_locks_another_out(sites, guest):
    site = sites(RATE_LIMIT="2/minute")

    answered = [site.ask("GET", "/openapi.json", X_Forwarded_For=f"203.0.113.{n}").status for n in range(4)]

    assert answered == [200, 200, 429, 429]


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:80"],
)
@on_one_database
def test_a_host_that_is_not_ours_stands_in_no_answer(sites, member, lamp, host):
    site = sites(HOSTS="stock.example.com")
    item = b'{"sku": "SHADE-1", "name": "Shade"}'
    answers = [
        site.ask("POST", "/items", item, Content_Type="application/json", **authorization(member), Host=host),
        site.ask("GET", "/items?limit=1", **authorization(member), Host=host),
        site.ask("GET", "/nowhere", Host=host),
        site.ask("GET", "/openapi.json", Host=host),
    ]

    assert [answer.status for answer in answers] == [400] * 4
    for answer in answers:
        assert host.encode() not in str(answer.headers).encode() + answer.body


@pytest.mark.parametrize("host", ["evil.example/path", "evil.example@stock", "", "evil example", "[::1", '"><script>'])
@on_one_database
def test_a_host_that_is_none_is_refused_and_not_repeated(site, member, host):
    item = b'{"sku": "SHADE-1", "name": "Shade"}'
    answers = [
        site.ask("POST", "/items", item, Content_Type="application/json", **authorization(member), Host=host),
        site.ask("GET", "/openapi.json", Host=host),
    ]

    assert [answer.status for answer in answers] == [400, 400]
    for answer in answers:
        assert not host or host.encode() not in str(answer.headers).encode() + answer.body
    assert member.get("/items").json["data"] == []


def test_a_request_for_another_server_is_answered_as_our_own(sites, guest):
    site = sites(HOSTS="stock.example.com")
    head = "GET http://evil.example/api/v1/items HTTP/1.1\nHost: stock.example.com\nAuthorization: "

    answer = site.send(head + guest.headers["Authorization"])

    assert answer.status == 200
    assert b"evil.example" not in answer.body + str(answer.headers).encode()


def test_a_sign_in_works_behind_the_proxy_as_before_it(app, sites, guest):
    gus = signed_in(app, "gus")

    assert sites(TRUSTED_PROXY=PROXY).ask("GET", "/users/me", **SPOOFED, **authorization(gus)).status == 200
