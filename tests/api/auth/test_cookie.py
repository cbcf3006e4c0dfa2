"""The cookie of a sign-in: how it is set, when it counts, what goes before it, and how long it lives."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from api.auth import cookie
from api.services import services_of
from api.throttle import Throttle
from models.database.base import db
from models.database.reading import PreparedQuery
from models.people import credentials
from models.people.session import Session
from tests.support.clients import OUR_PAGE, PASSWORD, Client, signed_in, with_cookie, with_password
from tests.support.databases import on_one_database
from tests.support.program import PASSWORD as PROGRAM_PASSWORD
from tests.support.watching import statements, write_locked

LOGIN = {"username": "mel", "password": PASSWORD}
BEARER_ONLY = ['Bearer realm="Stockroom API"']
DEAD = "x" * 43


@pytest.fixture
def mel(app, member):
    """The member in a browser."""
    return with_cookie(app, "mel")


@pytest.fixture
def dead(app, member):
    """A browser whose cookie opens nothing any longer."""
    return Client(app, {**OUR_PAGE, "Cookie": f"stockroom={DEAD}"})


def problem(answer):
    return answer.status_code, answer.json["code"]


def sent_as(mel, **headers):
    """The same cookie, in a request with these headers; their `_` is a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Client(mel.app, {"Cookie": mel.headers["Cookie"], **named})


# --- how it is set --------------------------------------------------------------------------------------------------

HOST, PLAIN = "__Host-stockroom", "stockroom"
PLACES = [
    ("", "http://localhost", PLAIN),
    ("", "http://localhost:8000", PLAIN),
    ("", "http://127.0.0.1:8000", PLAIN),
    ("", "http://127.8.9.1", PLAIN),
    ("", "http://[::1]:8000", PLAIN),
    ("", "http://192.168.1.5:8000", HOST),
    ("", "http://stock.example.com", HOST),
    ("", "http://localhost.example.com", HOST),
    ("", "https://stock.example.com", HOST),
    ("", "https://localhost", HOST),
    ("https://stock.example.com", "http://localhost", HOST),
    ("https://stock.example.com", "http://stock.example.com", HOST),
    ("http://stock.lan", "http://stock.lan", PLAIN),
    ("http://192.168.1.5:8000", "http://192.168.1.5:8000", PLAIN),
]


@on_one_database
@pytest.mark.parametrize(("public_url", "base_url", "name"), PLACES)
def test_the_cookie_is_bound_to_host_and_tls_wherever_a_browser_keeps_it_so(apps, member, public_url, base_url, name):
    there = Client(apps(PUBLIC_URL=public_url))

    header = there.post("/session", json=LOGIN, base_url=base_url).headers["Set-Cookie"]

    pair, *attributes = header.split("; ")
    assert pair.partition("=")[0] == name
    kept = {part for part in attributes if not part.startswith("Expires=")}
    assert kept == {"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=34560000", *(["Secure"] if name == HOST else [])}


@on_one_database
@pytest.mark.parametrize(("public_url", "base_url", "name"), PLACES)
def test_only_the_name_that_fits_the_place_is_read(app, apps, mel, public_url, base_url, name):
    there, secret = apps(PUBLIC_URL=public_url), mel.headers["Cookie"].partition("=")[2]
    other = {HOST: PLAIN, PLAIN: HOST}[name]

    def ask(*cookies):
        return Client(there, {**OUR_PAGE, "Cookie": "; ".join(cookies)}).get("/users/me", base_url=base_url)

    assert ask(f"{name}={secret}").status_code == 200
    assert ask(f"{other}={DEAD}", f"{name}={secret}").status_code == 200
    assert problem(ask(f"{other}={secret}")) == (401, "unauthorized")


# --- when it counts -------------------------------------------------------------------------------------------------

OURS = [
    {"Sec_Fetch_Site": "same-origin"},
    {"Origin": "http://localhost"},
    {"Origin": "http://localhost", "Sec_Fetch_Site": "same-origin"},
]
NOT_OURS = [
    {},
    {"Sec_Fetch_Site": "none"},
    {"Sec_Fetch_Site": "same-site"},
    {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": ""},
    {"Sec_Fetch_Site": "cross-site", "Origin": "http://localhost"},
    {"Origin": "https://localhost"},
    {"Origin": "http://localhost:8001"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Referer": "http://localhost/app/"},
]


@pytest.mark.parametrize("headers", OURS, ids=str)
def test_the_cookie_counts_in_what_our_own_page_sends(mel, lamp, headers):
    reader, writer = sent_as(mel, **headers), sent_as(mel, **headers, X_Stockroom="1")

    assert reader.get("/users/me").json["username"] == "mel"
    assert reader.head("/users/me").status_code == 200
    assert writer.patch(lamp, json={"name": "Floor lamp"}).status_code == 200


@pytest.mark.parametrize("headers", NOT_OURS, ids=str)
def test_anywhere_else_it_is_as_if_there_were_none(mel, headers):
    client = sent_as(mel, **headers, X_Stockroom="1")

    for each in (client, sent_as(client, **{**headers, "X_Stockroom": "1", "Cookie": f"stockroom={DEAD}"})):
        refused = each.get("/users/me")
        assert problem(refused) == (401, "unauthorized")
        assert "Set-Cookie" not in refused.headers


@pytest.mark.parametrize("sent", [{}, {"X_Stockroom": ""}, {"X_Stockroom": "0"}, {"X_Stockroom": "true"}], ids=str)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("headers", OURS, ids=str)
def test_nothing_is_changed_without_the_header_that_no_other_page_can_send(mel, member, lamp, headers, method, sent):
    before = member.get(lamp).json
    path = "/items" if method == "POST" else lamp

    refused = sent_as(mel, **headers, **sent).open(method, path, json={"sku": "LAMP-2", "name": "Another"})

    assert problem(refused) == (401, "unauthorized")
    assert member.get(lamp).json == before
    assert member.get("/items").json["total_items"] == 1


def test_our_origin_is_that_of_public_url_too(apps, mel):
    there = apps(PUBLIC_URL="http://stock.lan")

    def ask(origin):
        return Client(there, {**mel.headers, "Origin": origin}).get("/users/me", base_url="http://backend:8000")

    del mel.headers["Sec-Fetch-Site"]
    assert ask("http://stock.lan").status_code == 200
    assert ask("http://backend:8000").status_code == 200
    assert ask("http://stock.example.com").status_code == 401


@pytest.mark.parametrize(
    ("public_url", "sent", "status"),
    [
        ("http://stock.lan", {"X-Stockroom": "1"}, 200),
        ("http://stock.lan", {}, 401),
        ("http://stock.lan", {"X-Stockroom": "true"}, 401),
        ("http://stock.lan", {"X-Stockroom": "1", "Origin": "http://other.lan"}, 401),
        ("http://stock.lan", {"X-Stockroom": "1", "Sec-Fetch-Site": "same-site"}, 401),
        ("https://stock.lan", {"X-Stockroom": "1"}, 401),
        ("", {"X-Stockroom": "1"}, 401),
    ],
)
def test_at_an_address_without_tls_the_header_of_the_page_reads_and_writes_nothing(apps, mel, public_url, sent, status):
    secret = mel.headers["Cookie"].partition("=")[2]
    cookies = f"stockroom={secret}; __Host-stockroom={secret}"

    page = Client(apps(PUBLIC_URL=public_url), {"Cookie": cookies, **sent})

    assert page.get("/users/me").status_code == status
    assert page.post("/items", json={"sku": "A", "name": "A"}).status_code in (401, 403)


# --- when it opens nothing ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [DEAD, "", "x", "x" * 42, "x" * 44, "stk_" + "0" * 49, "%00", '"x y"', "süß", "x.y"])
def test_a_cookie_that_counts_and_opens_nothing_is_401(app, member, value):
    """The browser is not told to forget it: meanwhile it may have another one, of a sign-in or of another service."""
    headers = {**OUR_PAGE, "Cookie": f"stockroom={value}".encode().decode("latin-1")}

    refused = Client(app, headers).get("/items")

    assert problem(refused) == (401, "invalid_credentials")
    assert "Set-Cookie" not in refused.headers
    assert refused.headers.getlist("WWW-Authenticate") == BEARER_ONLY


def test_a_cookie_with_the_prefix_is_forgotten_with_its_attributes(app, mel):
    mel.headers["Cookie"] = "__Host-" + mel.headers["Cookie"]

    header = mel.delete("/session", base_url="https://stock.example.com").headers["Set-Cookie"]

    assert header.startswith("__Host-stockroom=;")
    assert {"Secure", "Path=/", "Max-Age=0"} <= set(header.split("; "))


def test_a_cookie_that_opens_nothing_blocks_nothing_that_is_open(dead):
    opened = [
        dead.post("/session", json=LOGIN),
        dead.post("/auth/login", json=LOGIN),
        dead.get("/openapi.json"),
        dead.get("//docs"),
        dead.get("//problems/not_found"),
        dead.get("//livez"),
    ]

    assert [answer.status_code for answer in opened] == [201, 200, 200, 200, 200, 200]


def test_wrong_cookies_count_as_requests_of_a_stranger(apps, dead):
    client = Client(apps(RATE_LIMIT="2/minute"), dead.headers)

    assert [client.get("/items").status_code for _ in range(3)] == [401, 401, 429]


def test_requests_with_the_cookie_count_as_those_of_its_user(apps, member, mel):
    there = apps(RATE_LIMIT="2/minute")
    clients = [Client(there, each.headers) for each in (member, mel, mel)]

    assert [client.get("/items").status_code for client in clients] == [200, 200, 429]


# --- beside another credential --------------------------------------------------------------------------------------


def test_another_credential_goes_before_the_cookie(app, member, mel, dead, monkeypatch):
    monkeypatch.setattr(credentials, "find_by_cookie", lambda _: pytest.fail("the cookie was looked at"))
    basic, bearer = with_password(app, "mel").headers, signed_in(app, "mel").headers
    key = {"X-API-Key": member.headers["Authorization"].split()[1]}

    for headers in (basic, bearer, key):
        for browser in (mel, dead):
            answer = Client(app, {**browser.headers, **headers}).get("/users/me")
            assert (answer.status_code, answer.json["username"]) == (200, "mel")
            assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer stk_no"}, {"X-API-Key": "no"}, {"Authorization": ""}])
def test_a_wrong_credential_is_refused_though_the_cookie_is_right(app, mel, headers):
    refused = Client(app, {**mel.headers, **headers}).get("/users/me")

    assert problem(refused) == (401, "invalid_credentials")
    assert "Set-Cookie" not in refused.headers
    assert mel.get("/users/me").status_code == 200


def test_a_retry_with_another_credential_of_the_user_finds_the_first_outcome(member, mel, lamp):
    sold = {"json": {"kind": "issue", "quantity": 2, "reason": "order 7"}, "headers": {"Idempotency-Key": "order-7"}}

    first, again = mel.post(f"{lamp}/movements", **sold), member.post(f"{lamp}/movements", **sold)

    assert (first.status_code, again.json) == (201, first.json)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert member.get(lamp).json["quantity"] == 3


# --- what answers say -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["1", "0", ""])
@pytest.mark.parametrize("path", ["/users/me", "/items", "//problems/not_found"])
def test_our_page_gets_no_challenge_that_would_open_a_password_box(nobody, value, path):
    wrong = {"Authorization": "Basic bWVsOm5v", "X-Stockroom": value}

    refused = nobody.get(path, headers=wrong)

    assert refused.status_code == 401
    assert refused.headers.getlist("WWW-Authenticate") == BEARER_ONLY


def test_a_wrong_password_on_the_page_opens_no_password_box_either(nobody, member):
    refused = nobody.post("/session", json={**LOGIN, "password": "wrong one"}, headers=OUR_PAGE)

    assert refused.status_code == 401
    assert refused.headers.getlist("WWW-Authenticate") == BEARER_ONLY
    assert len(nobody.post("/session", json={**LOGIN, "password": "wrong"}).headers.getlist("WWW-Authenticate")) == 2


@pytest.mark.parametrize("path", ["/items", "/users/me", "//docs", "/nowhere"])
def test_every_answer_varies_with_the_cookie(mel, nobody, path):
    for client in (mel, nobody):
        assert "cookie" in {name.lower() for name in client.get(path).vary}


# --- how long it lives ----------------------------------------------------------------------------------------------


def session_of(app):
    """The row of the only session."""
    with app.app_context():
        return db.session.scalars(select(Session)).one()


def age(app, **columns):
    """Set columns of the session, as time does, and let its next use be recorded."""
    with app.app_context():
        db.session.execute(update(Session).values(**columns))
        db.session.commit()
    services_of(app).last_uses = Throttle(60)


def ago(**span):
    return datetime.now(UTC) - timedelta(**span)


def test_a_use_prolongs_the_session_and_sets_no_cookie(app, mel):
    """The answer may come when somebody else has signed in in this browser: it must not bring the former user back."""
    age(app, created_at=ago(days=20), last_used_at=ago(seconds=61), expires_at=ago(days=-10))

    used = mel.get("/items", headers={"User-Agent": "Browser/2"}, environ_base={"REMOTE_ADDR": "192.0.2.7"})

    assert "Set-Cookie" not in used.headers
    session = mel.get("/session").json
    assert datetime.fromisoformat(session["expires_at"]) > ago(days=-29)
    assert datetime.fromisoformat(session["last_used_at"]) > ago(seconds=60)
    assert (session["address"], session["client"]) == ("192.0.2.7", "Browser/2")


def test_a_session_of_which_no_use_is_recorded_yet_is_prolonged_too(app, mel):
    age(app, created_at=ago(seconds=61), last_used_at=None, expires_at=ago(days=-10))

    assert mel.get("/items").status_code == 200
    assert session_of(app).expires_at > ago(days=-29)


def test_the_uses_of_the_same_minute_write_nothing(app, apps, mel):
    there = Client(apps(), mel.headers)
    there.get("/items")  # the first request of a process purges the audit
    before = session_of(app)

    with statements(app) as made, statements(there.app) as made_there:
        answers = [client.get("/items") for client in (mel, mel, there)]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert not [each for each in made + made_there if each.startswith(("UPDATE", "INSERT", "BEGIN IMMEDIATE"))]
    assert session_of(app).last_used_at == before.last_used_at


def test_reading_goes_on_while_the_use_can_not_be_recorded(app, mel, caplog):
    age(app, last_used_at=ago(seconds=61))

    with write_locked(app):
        answer = mel.get("/items")

    assert answer.status_code == 200
    assert session_of(app).last_used_at < ago(seconds=60)
    assert len([each for each in caplog.messages if "last use" in each]) <= 1  # none where a locked row is passed over


def test_an_expiry_holds_to_the_second(app, mel, monkeypatch):
    expires_at = session_of(app).expires_at

    for moment, status in ((expires_at - timedelta(microseconds=1), 200), (expires_at, 401)):
        monkeypatch.setattr(credentials, "now", lambda moment=moment: moment)
        assert mel.get("/users/me").status_code == status


def test_an_end_holds_to_the_second_however_often_the_session_is_used(app, mel, monkeypatch):
    ends_at = ago(seconds=-100)
    age(app, ends_at=ends_at, last_used_at=ago(seconds=61))

    used = mel.get("/session")

    assert datetime.fromisoformat(used.json["expires_at"]) == ends_at
    for moment, status in ((ends_at - timedelta(microseconds=1), 200), (ends_at, 401)):
        monkeypatch.setattr(credentials, "now", lambda moment=moment: moment)
        assert mel.get("/users/me").status_code == status


def test_who_signs_out_after_a_while_gets_one_cookie_to_forget(app, mel):
    age(app, last_used_at=ago(seconds=61))

    (header,) = mel.delete("/session").headers.getlist("Set-Cookie")

    assert "Max-Age=0" in header


def test_a_use_brings_no_session_back_that_ends_meanwhile(app, mel, monkeypatch):
    age(app, last_used_at=ago(seconds=61))
    other = with_password(app, "mel")
    found = credentials.find_by_cookie

    def overtaken(secret):
        session = found(secret)
        monkeypatch.undo()
        assert other.delete(f"/sessions/{session.session_id}").status_code == 204
        return session

    monkeypatch.setattr(credentials, "find_by_cookie", overtaken)
    mel.get("/items")

    assert mel.get("/items").status_code == 401
    assert session_of(app).ended_at is not None
    assert session_of(app).last_used_at < ago(seconds=60)


def test_a_cookie_is_looked_up_in_one_read(app, mel, monkeypatch):
    made, tuples = [], PreparedQuery.tuples
    monkeypatch.setattr(PreparedQuery, "tuples", lambda self, **values: made.append(1) or tuples(self, **values))
    context = app.test_request_context("/api/v1/users/me", headers=mel.headers)

    with context, statements(app) as others:
        assert cookie.authenticate(context.request).username == "mel"

    assert (len(made), others) == (1, [])


def test_a_request_without_a_cookie_looks_for_none(app, member, monkeypatch):
    monkeypatch.setattr(cookie, "_name", lambda _: pytest.fail("a cookie was looked for"))

    assert member.get("/items").status_code == 200
    assert problem(Client(app, OUR_PAGE).get("/items")) == (401, "unauthorized")


# --- in a real browser ----------------------------------------------------------------------------------------------

# What a page of the service does: sign in, read, write, look at its cookies, sign out, read.
VISIT = """
const [password, done] = arguments;
const headers = {"X-Stockroom": "1", "Content-Type": "application/json"};
const ask = (method, path, body) =>
    fetch("/api/v1" + path, {method, headers, body: body && JSON.stringify(body)}).then((answer) => answer.status);
(async () => [
    await ask("POST", "/session", {username: "admin", password}),
    await ask("GET", "/items"),
    await ask("POST", "/items", {sku: "LAMP-1", name: "Desk lamp"}),
    document.cookie,
    await ask("DELETE", "/session"),
    await ask("GET", "/items"),
])().then(done, (error) => done(String(error)));
"""


def test_a_browser_keeps_the_cookie_for_our_page_and_from_its_scripts(browser, service):
    browser.get(f"{service.address}/docs")

    assert browser.execute_async_script(VISIT, PROGRAM_PASSWORD) == [201, 200, 201, "", 204, 401]
