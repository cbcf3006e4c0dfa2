"""Signing in with a browser at an OpenID provider: a real one for the way there and back, ours for the wrong ways."""

import base64
import hashlib
import http.client
import json
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
from sqlalchemy import select, update

from api.auth import code_flow
from models.database.base import db
from models.people.session import Session
from models.people.token import ApiToken
from tests.support.clients import OUR_PAGE, PASSWORD, V1, Client
from tests.support.databases import on_one_database
from tests.support.documented import assert_documented
from tests.support.identity_provider import AUDIENCE, DISCOVERY, OTHER_RSA, SigningKey, provider

LOGIN, CALLBACK = "/auth/oidc/login", "/auth/oidc/callback"
CALLBACK_URL = "http://localhost/api/v1/auth/oidc/callback"


class Person:
    """Somebody with a browser, which keeps the cookie of the service."""

    def __init__(self, app):
        self.client = Client(app)
        self.cookie = ""

    def begin(self, query=""):
        """Go to the login; the parameters with which the browser is sent to the provider."""
        self.sent = self.client.get(LOGIN + query)
        assert self.sent.status_code == 302, self.sent.text
        self._keep(self.sent)
        self.location = urlsplit(self.sent.headers["Location"])
        self.asked = {name: values[0] for name, values in parse_qs(self.location.query).items()}
        return self.asked

    def come_back(self, **query):
        """Go to the callback with this answer."""
        browser = self.client.app.test_client(use_cookies=False)
        answer = browser.get(f"{V1}{CALLBACK}?{urlencode(query)}", headers={"Cookie": f"stockroom_oidc={self.cookie}"})
        assert_documented(self.client.app, answer)
        self._keep(answer)
        return answer

    def _keep(self, answer):
        for header in answer.headers.getlist("Set-Cookie"):
            cookies = SimpleCookie(header)
            if "stockroom_oidc" in cookies:
                self.cookie = cookies["stockroom_oidc"].value


def ask(address, method, path, body=None, media="application/x-www-form-urlencoded"):
    """The headers and the body of what the real provider answers."""
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        connection.request(method, path, body, {"Content-Type": media})
        answer = connection.getresponse()
        return answer.headers, answer.read()
    finally:
        connection.close()


def answers(address):
    """Whether anybody listens there yet."""
    try:
        return bool(ask(address, "GET", DISCOVERY))
    except OSError:
        return False


@pytest.fixture(scope="module")
def real():
    """The address of a real provider, in a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"127.0.0.1:{port}"
    deadline = time.monotonic() + 30
    while not answers(address):
        assert process.poll() is None, "the provider ended"
        assert time.monotonic() < deadline, "the provider does not start"
    yield address
    process.terminate()
    process.wait()


@pytest.fixture
def idp():
    """A provider of our own, which can be wrong."""
    with provider() as found:
        yield found


@pytest.fixture
def served(apps):
    """Makes services on the same database, each with the issuer and the settings given."""
    return lambda issuer, **environ: apps(OIDC_ISSUER=issuer, OIDC_AUDIENCE=AUDIENCE, **environ)


@pytest.fixture
def person(served, real):
    """Somebody who signs in at the real provider."""
    return Person(served(f"http://{real}", OIDC_CLIENT_SECRET="secret", OIDC_ROLE_CLAIM="realm_access.roles"))


@pytest.fixture
def tester(served, idp):
    """Somebody who signs in at ours."""
    return Person(served(idp.issuer))


def known(address, sub, **claims):
    """Make somebody known to the real provider."""
    ask(address, "PUT", f"/users/{sub}", json.dumps(claims), "application/json")


def sign_in_there(location, **form):
    """Fill in the form of the real provider; what it sends the browser back with."""
    headers, _ = ask(location.netloc, "POST", f"{location.path}?{location.query}", urlencode(form))
    assert headers["Location"].startswith(CALLBACK_URL)
    return {name: values[0] for name, values in parse_qs(urlsplit(headers["Location"]).query).items()}


def problem(answer):
    return answer.status_code, answer.json["code"]


# --- there and back -------------------------------------------------------------------------------------------------


def test_who_signs_in_at_the_provider_gets_a_pair_that_opens_what_the_role_may(person, real):
    known(real, "mia-1", preferred_username="mia", realm_access={"roles": ["member"]})
    person.begin()

    pair = person.come_back(**sign_in_there(person.location, sub="mia-1"))

    assert pair.status_code == 200, pair.json
    assert set(pair.json) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert pair.headers["Cache-Control"] == "no-store"
    mia = Client(person.client.app, {"Authorization": f"Bearer {pair.json['access_token']}"})
    assert (mia.get("/users/me").json["username"], mia.get("/users/me").json["role"]) == ("mia", "member")
    assert mia.post("/tokens", json={"name": "till", "scopes": ["items:read"]}).status_code == 201
    refreshed = person.client.post("/auth/refresh", json={"refresh_token": pair.json["refresh_token"]})
    assert refreshed.status_code == 200
    assert mia.post("/auth/logout").status_code == 204
    assert mia.get("/users/me").status_code == 401


def test_an_id_token_of_the_real_provider_is_no_credential(person, real):
    known(real, "bo-1", preferred_username="bo")
    query = urlencode({"response_type": "code", "client_id": AUDIENCE, "redirect_uri": CALLBACK_URL, "scope": "openid"})
    code = sign_in_there(urlsplit(f"http://{real}/oauth2/authorize?{query}"), sub="bo-1")["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK_URL}
    body = urlencode({**form, "client_id": AUDIENCE, "client_secret": "any"})
    token = json.loads(ask(real, "POST", "/oauth2/token", body)[1])["id_token"]

    assert Client(person.client.app, {"Authorization": f"Bearer {token}"}).get("/users/me").status_code == 401


def test_the_browser_is_sent_with_a_state_a_nonce_and_a_challenge_that_are_new_each_time(tester, idp):
    first, second = tester.begin(), tester.begin()

    assert tester.location._replace(query="").geturl() == f"{idp.issuer}/authorize"
    assert (first["response_type"], first["client_id"], first["redirect_uri"]) == ("code", AUDIENCE, CALLBACK_URL)
    assert "openid" in first["scope"].split()
    assert first["code_challenge_method"] == "S256"
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name]) == 43
        assert first[name] != second[name]


@pytest.mark.parametrize(("base_url", "secure"), [("http://localhost", False), ("https://localhost", True)])
def test_the_cookie_goes_back_to_the_callback_only_and_no_script_sees_it(tester, base_url, secure):
    header = tester.client.get(LOGIN, base_url=base_url).headers["Set-Cookie"]

    assert {"HttpOnly", "SameSite=Lax", "Path=/api/v1/auth/oidc/callback", "Max-Age=86400"} <= set(header.split("; "))
    assert ("Secure" in header.split("; ")) is secure


def test_the_service_sends_the_browser_nowhere_else(tester):
    refused = tester.client.get(f"{LOGIN}?redirect=https://evil.example.com")

    assert problem(refused) == (422, "invalid_input")


def come_back_with(tester, idp, key=None, query="", **claims):
    """Come back with a code for which the provider gives an ID token with these claims."""
    asked = tester.begin(query)
    own = {"nonce": asked["nonce"], **claims}
    idp.answers["/token"] = {"id_token": idp.token(key, **own) if key else idp.token(**own)}
    return tester.come_back(code="c", state=asked["state"], session_state="x", iss=idp.issuer)


def test_the_code_is_exchanged_with_the_verifier_of_the_challenge(tester, idp):
    assert come_back_with(tester, idp).status_code == 200

    form = idp.forms[0]
    digest = hashlib.sha256(form.pop("code_verifier").encode()).digest()
    assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == tester.asked["code_challenge"]
    assert form == {
        "grant_type": "authorization_code",
        "code": "c",
        "redirect_uri": CALLBACK_URL,
        "client_id": AUDIENCE,
    }


def test_a_client_of_its_own_with_a_secret_is_told_so(served, idp):
    idp.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    tester = Person(served(idp.issuer, OIDC_CLIENT_ID="web", OIDC_CLIENT_SECRET="geheim"))

    assert come_back_with(tester, idp, aud="web").status_code == 200
    assert (idp.forms[0]["client_id"], idp.forms[0]["client_secret"]) == ("web", "geheim")
    assert come_back_with(tester, idp, aud=AUDIENCE).status_code == 401


# --- for the page ---------------------------------------------------------------------------------------------------


def session_cookie(answer):
    """The attributes of the cookie of the page, the pair of name and value first; empty if none is set."""
    headers = answer.headers.getlist("Set-Cookie")
    return next((header.split("; ") for header in headers if header.startswith("stockroom=")), [])


def test_who_comes_from_the_page_returns_there_with_a_cookie_and_without_tokens(person, real):
    known(real, "pia-1", preferred_username="pia", realm_access={"roles": ["member"]})
    person.begin("?page=true")

    back = person.come_back(**sign_in_there(person.location, sub="pia-1"))

    assert (back.status_code, back.headers["Location"], back.data) == (302, "http://localhost/app/", b"")
    pair, *attributes = session_cookie(back)
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(attributes)
    (max_age,) = (int(part.removeprefix("Max-Age=")) for part in attributes if part.startswith("Max-Age="))
    assert 12 * 3600 - 60 < max_age <= 12 * 3600
    pia = Client(person.client.app, {**OUR_PAGE, "Cookie": pair})
    assert (pia.get("/users/me").json["username"], pia.get("/users/me").json["role"]) == ("pia", "member")
    assert pia.get("/session").json["kind"] == "cookie"
    assert pia.delete("/session").status_code == 204
    assert pia.get("/users/me").status_code == 401


@pytest.mark.parametrize(("environ", "hours"), [({}, 12), ({"OIDC_SESSION_HOURS": "1"}, 1)])
def test_a_cookie_of_the_provider_ends_after_its_hours_however_often_it_is_used(served, idp, environ, hours):
    tester = Person(served(idp.issuer, **environ))
    pair = session_cookie(come_back_with(tester, idp, query="?page=true"))[0]
    mia = Client(tester.client.app, {**OUR_PAGE, "Cookie": pair})

    session = mia.get("/session").json
    lasting = datetime.fromisoformat(session["expires_at"]) - datetime.fromisoformat(session["created_at"])
    expire_soon(tester.client.app, -1)

    assert lasting == timedelta(hours=hours)
    assert problem(mia.get("/users/me")) == (401, "invalid_credentials")


@pytest.mark.parametrize(
    ("claims", "answer", "code"),
    [
        ({}, {"error": "access_denied"}, "sign_in_refused"),
        ({}, {"state": "another"}, "invalid_state"),
        ({"nonce": "another"}, {}, "invalid_credentials"),
    ],
    ids=str,
)
@on_one_database
def test_a_refusal_goes_back_to_the_page_by_its_code_and_signs_nobody_in(tester, idp, admin, claims, answer, code):
    asked = tester.begin("?page=true")
    idp.answers["/token"] = {"id_token": idp.token(**{"nonce": asked["nonce"], **claims})}

    back = tester.come_back(**{"code": "c", "state": asked["state"], **answer})

    assert (back.status_code, back.headers["Location"]) == (302, f"http://localhost/app/?problem={code}")
    assert session_cookie(back) == []
    assert admin.get("/users").json["total_items"] == 1


@on_one_database
def test_who_takes_too_long_at_the_provider_is_told_so_on_the_page(tester, idp, monkeypatch):
    state = tester.begin("?page=true")["state"]
    monkeypatch.setattr(code_flow, "LIFETIME", -1)

    late = tester.come_back(code="c", state=state)

    assert (late.status_code, late.headers["Location"]) == (302, "http://localhost/app/?problem=invalid_state")
    assert "/token" not in idp.asked


def test_a_provider_that_is_away_and_a_user_who_may_not_come_in_are_refusals_too(tester, idp, admin):
    come_back_with(tester, idp)
    mia = next(user for user in admin.get("/users").json["data"] if user["username"] == "mia")
    admin.delete(f"/users/{mia['id']}")
    inactive = come_back_with(tester, idp, query="?page=true")
    state = tester.begin("?page=true")["state"]
    idp.answers["/token"] = 500

    away = tester.come_back(code="c", state=state)
    not_begun = Client(admin.app).get(f"{LOGIN}?page=true")

    assert not_begun.headers["Location"] == "http://localhost/app/?problem=not_found"  # no provider is set there
    assert inactive.headers["Location"] == "http://localhost/app/?problem=invalid_credentials"
    assert away.headers["Location"] == "http://localhost/app/?problem=issuer_unreachable"
    assert session_cookie(inactive) == session_cookie(away) == []


@pytest.mark.parametrize("query", ["", "?page=false"])
def test_who_does_not_come_from_the_page_gets_tokens_and_no_cookie(tester, idp, query):
    pair = come_back_with(tester, idp, query=query)

    assert set(pair.json) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert session_cookie(pair) == []


def test_a_transaction_of_an_older_version_goes_on(tester, idp):
    asked = tester.begin()
    with tester.client.app.app_context():
        signer = code_flow._signer()
        tester.cookie = signer.dumps(signer.loads(tester.cookie)[:3])
    idp.answers["/token"] = {"id_token": idp.token(nonce=asked["nonce"])}

    assert tester.come_back(code="c", state=asked["state"]).status_code == 200


# --- the end of a sign-in -------------------------------------------------------------------------------------------


def expire_soon(app, seconds):
    """Let every sign-in that has an end come to it in so many seconds."""
    with app.app_context():
        db.session.execute(update(Session).where(Session.ends_at.is_not(None)).values(ends_at=now_in(seconds)))
        db.session.commit()


def now_in(seconds):
    return datetime.now(UTC) + timedelta(seconds=seconds)


@pytest.mark.parametrize(("environ", "hours"), [({}, 12), ({"OIDC_SESSION_HOURS": "1"}, 1)])
def test_a_sign_in_at_the_provider_ends_after_its_hours_however_often_it_is_refreshed(served, idp, environ, hours):
    tester = Person(served(idp.issuer, **environ))
    pair = come_back_with(tester, idp).json
    again = tester.client.post("/auth/refresh", json={"refresh_token": pair["refresh_token"]}).json

    with tester.client.app.app_context():
        (session,) = db.session.scalars(select(Session)).all()
    assert session.ends_at - session.created_at == timedelta(hours=hours)
    expire_soon(tester.client.app, -1)
    refused = tester.client.post("/auth/refresh", json={"refresh_token": again["refresh_token"]})
    assert problem(refused) == (401, "sign_in_expired")
    assert "OpenID provider" in refused.json["detail"]
    assert len(refused.headers.getlist("WWW-Authenticate")) == 2


def test_the_access_token_of_such_a_sign_in_ends_with_it(tester, idp):
    pair = come_back_with(tester, idp).json
    assert pair["expires_in"] == 900
    expire_soon(tester.client.app, 60)

    again = tester.client.post("/auth/refresh", json={"refresh_token": pair["refresh_token"]}).json

    assert 50 <= again["expires_in"] <= 60
    claims = jwt.decode(again["access_token"], options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] <= 60


def test_a_sign_in_with_a_password_has_no_such_end(app, member):
    pair = Client(app).post("/auth/login", json={"username": "mel", "password": PASSWORD}).json

    with app.app_context():
        assert db.session.scalars(select(Session.ends_at)).all() == [None]
    assert Client(app).post("/auth/refresh", json={"refresh_token": pair["refresh_token"]}).status_code == 200


def signed_in_there(tester, idp):
    """Somebody with the access token of a sign-in at the provider."""
    pair = come_back_with(tester, idp).json
    return Client(tester.client.app, {"Authorization": f"Bearer {pair['access_token']}"})


def days_left(token):
    return (datetime.fromisoformat(token["expires_at"]) - datetime.now(UTC)) / timedelta(days=1)


@pytest.mark.parametrize(("environ", "days"), [({}, 30), ({"OIDC_TOKEN_DAYS": "7"}, 7)])
def test_an_api_token_made_in_such_a_sign_in_lives_no_longer_than_the_settings_let_it(served, idp, environ, days):
    mia = signed_in_there(Person(served(idp.issuer, **environ)), idp)
    token = {"name": "till", "scopes": ["items:read"]}

    unlimited = mia.post("/tokens", json=token)
    shorter = mia.post("/tokens", json={**token, "expires_in_days": 2})
    longer = mia.post("/tokens", json={**token, "expires_in_days": days + 1})

    assert days - 0.1 < days_left(unlimited.json) <= days
    assert 1.9 < days_left(shorter.json) <= 2
    assert problem(longer) == (422, "invalid_input")
    assert [fault["field"] for fault in longer.json["errors"]] == ["expires_in_days"]
    assert mia.get("/tokens").json["total_items"] == 2


def test_a_token_that_is_rotated_in_such_a_sign_in_lives_no_longer_either(tester, idp):
    mia = signed_in_there(tester, idp)
    with tester.client.app.app_context():
        user_id = mia.get("/users/me").json["id"]
        old = ApiToken.issue(user_id=user_id, name="old", scopes=["items:read"], expires_in_days=None).row.id
        db.session.commit()

    rotated = mia.post(f"/tokens/{old}/rotate").json

    assert 29.9 < days_left(rotated) <= 30


# --- the wrong ways -------------------------------------------------------------------------------------------------


def test_a_sign_in_is_finished_once(person, real):
    person.begin()
    cookie, back = person.cookie, sign_in_there(person.location, sub="once")
    assert person.come_back(**back).status_code == 200

    assert problem(person.come_back(**back)) == (400, "invalid_state")
    person.cookie = cookie
    assert problem(person.come_back(**back)) == (401, "sign_in_refused")


@pytest.mark.parametrize("state", ["", "x", "é", "x" * 43, None])
def test_a_wrong_state_is_refused_before_the_provider_is_asked(tester, idp, state):
    tester.begin()

    refused = tester.come_back(code="c", **({} if state is None else {"state": state}))

    assert problem(refused) == (400, "invalid_state")
    assert "/token" not in idp.asked


def test_a_state_of_another_browser_is_refused(tester, idp):
    other = Person(tester.client.app)
    other.begin()
    tester.begin()

    assert problem(tester.come_back(code="c", state=other.asked["state"])) == (400, "invalid_state")
    tester.cookie = ""
    assert problem(tester.come_back(code="c", state=tester.asked["state"])) == (400, "invalid_state")
    assert "/token" not in idp.asked


def test_a_cookie_that_was_changed_or_is_too_old_is_refused(tester, monkeypatch):
    state = tester.begin()["state"]
    cookie = tester.cookie
    tester.cookie = f"x{cookie}"

    assert problem(tester.come_back(code="c", state=state)) == (400, "invalid_state")
    monkeypatch.setattr(code_flow, "LIFETIME", -1)
    tester.cookie = cookie
    assert problem(tester.come_back(code="c", state=state)) == (400, "invalid_state")
    monkeypatch.setattr(code_flow, "KEPT", -1)
    tester.cookie = cookie
    assert problem(tester.come_back(code="c", state=state)) == (400, "invalid_state")


def test_an_answer_in_the_name_of_another_issuer_is_refused(tester, idp):
    state = tester.begin()["state"]

    assert problem(tester.come_back(code="c", state=state, iss="https://evil.example.com")) == (400, "invalid_state")
    assert "/token" not in idp.asked


def test_who_refuses_at_the_provider_is_told_so(person):
    person.begin()
    ask(person.location.netloc, "POST", f"{person.location.path}?{person.location.query}", "action=deny")

    refused = person.come_back(error="access_denied", state=person.asked["state"])

    assert problem(refused) == (401, "sign_in_refused")
    assert refused.json["detail"] == "The OpenID provider did not let you in: access_denied."
    assert len(refused.headers.getlist("WWW-Authenticate")) == 2


def test_words_that_a_stranger_puts_into_an_error_are_not_repeated(tester):
    state = tester.begin()["state"]

    refused = tester.come_back(error="Call +1 555 0100 to unlock", state=state)

    assert problem(refused) == (401, "sign_in_refused")
    assert "555" not in refused.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "other"},
        {"azp": "other"},
        {"iss": "https://evil.example.com"},
        {"exp": 1},
        {"sub": None},
        pytest.param({"key": SigningKey(OTHER_RSA.private, "RS256", "one")}, id="another's key"),
    ],
    ids=str,
)
@on_one_database
def test_an_id_token_that_is_not_for_this_sign_in_is_refused(tester, idp, admin, wrong):
    refused = come_back_with(tester, idp, **wrong)

    assert problem(refused) == (401, "invalid_credentials")
    assert admin.get("/users").json["total_items"] == 1


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (400, (401, "sign_in_refused")),
        (401, (401, "sign_in_refused")),
        (500, (503, "issuer_unreachable")),
        (b"no JSON", (503, "issuer_unreachable")),
        ([], (503, "issuer_unreachable")),
        ({}, (401, "invalid_credentials")),
        ({"id_token": 7}, (401, "invalid_credentials")),
    ],
    ids=str,
)
@on_one_database
def test_a_code_that_can_not_be_exchanged_signs_nobody_in(tester, idp, admin, answer, outcome):
    state = tester.begin()["state"]
    idp.answers["/token"] = answer

    assert problem(tester.come_back(code="c", state=state)) == outcome
    assert admin.get("/users").json["total_items"] == 1


def test_an_issuer_that_is_away_or_has_no_door_is_503(tester, idp):
    idp.answers[DISCOVERY] = 500
    away = tester.client.get(LOGIN)
    assert (problem(away), away.headers["Retry-After"]) == ((503, "issuer_unreachable"), "5")


@pytest.mark.parametrize("endpoint", [None, "http://evil.example.com/authorize", "javascript:alert(1)", 7])
def test_a_door_that_others_could_watch_is_not_used(tester, idp, endpoint):
    idp.metadata["authorization_endpoint"] = endpoint

    assert problem(tester.client.get(LOGIN)) == (503, "issuer_unreachable")


def test_a_deactivated_user_does_not_come_in_by_this_door(tester, idp, admin):
    come_back_with(tester, idp)
    mia = next(user for user in admin.get("/users").json["data"] if user["username"] == "mia")
    admin.delete(f"/users/{mia['id']}")

    assert problem(come_back_with(tester, idp)) == (401, "invalid_credentials")
