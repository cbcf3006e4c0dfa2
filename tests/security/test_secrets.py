"""Secrets: told to whom they belong, and found in no log, no event, no error and no database."""

import base64
import io
import json
import logging
import re
import threading
import urllib.parse
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import jwt
import pytest

from api.monitoring.logs import line_handler
from models.outbound.webhook import Webhook
from models.people.token import ApiToken
from models.people.user import User
from tests.support.program import PASSWORD, Program, program

LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ \S+ \[[A-Za-z0-9._-]+\] .*|    .*")
NEW_PASSWORD = "a grandmother sails by moonlight"
GUESSED = "a guess that comes quite close"
FORGED = "2026-11-20 08:00:00,000 ERROR stockroom [-] forged"
REFRESH_TOKEN = f"{'r3fresH' * 6}X.{'t0keN99' * 6}Y"
AS_A_NAME = "typed-one-field-too-early"
API_TOKEN = "stk_" + "0123456789" * 4 + "abc" + "000000"


class Session:
    """Somebody who does everything once, and remembers every secret that was used."""

    def __init__(self, service: Program) -> None:
        host, _, port = service.address.removeprefix("http://").rpartition(":")
        self.connection = HTTPConnection(host, int(port), timeout=20)
        self.secrets: set[str] = set()
        self.told = b""
        self.cookie = ""  # what the last answer sets

    def ask(self, method: str, path: str, body: Any = None, *, status: int, **headers: str) -> Any:
        sent = None if body is None else json.dumps(body).encode()
        self.connection.request(
            method,
            path if path.startswith("//") else f"/api/v1{path}",
            sent,
            {"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}},
        )
        response = self.connection.getresponse()
        answered = response.read()
        self.cookie = (response.headers["Set-Cookie"] or "").partition(";")[0]
        assert response.status == status, (method, path, answered)
        if response.status >= 400:
            self.told += answered + str(response.headers).encode()
        return json.loads(answered or b"null") if "json" in (response.headers["Content-Type"] or "") else None

    def basic(self, name: str, password: str) -> str:
        credential = base64.b64encode(f"{name}:{password}".encode()).decode()
        self.secrets |= {password, credential}
        return f"Basic {credential}"

    def secret(self, value: str) -> str:
        self.secrets |= {value, *value.split(".")} if value.count(".") == 1 else {value, value.rpartition(".")[2]}
        return value


def everything(session: Session) -> None:
    """Every way in which a secret goes into the service, the wrong ones too."""
    admin = session.basic("admin", PASSWORD)
    user = {"username": "mel", "password": session.secret("the first password of mel"), "role": "admin"}
    mel = session.ask("POST", "/users", user, status=201, Authorization=admin)
    session.ask("POST", "/users", user, status=409, Authorization=admin)
    session.ask("POST", "/users", {**user, "pasword": session.secret(GUESSED)}, status=422, Authorization=admin)
    login = {"username": "mel", "password": user["password"]}
    pair = session.ask("POST", "/auth/login", login, status=200)
    session.ask("POST", "/auth/login", {**login, "password": session.secret(GUESSED + "!")}, status=401)
    session.ask("GET", "/users/me", status=200, Authorization=f"Bearer {session.secret(pair['access_token'])}")
    spent = {"refresh_token": session.secret(pair["refresh_token"])}
    pair = session.ask("POST", "/auth/refresh", spent, status=200)
    bearer = f"Bearer {session.secret(pair['access_token'])}"
    session.secret(pair["refresh_token"])
    token = session.ask("POST", "/tokens", {"name": "till", "scopes": ["items:read"]}, status=201, Authorization=bearer)
    key = session.secret(token["token"])
    session.ask("GET", "/items", status=200, Authorization=f"Bearer {key}")
    session.ask("GET", "/items", status=200, X_API_Key=key)
    session.ask("POST", "/items", {"sku": "A", "name": "B"}, status=403, X_API_Key=key)
    session.ask("GET", "/items", status=401, X_API_Key=session.secret(key[:-1] + "!"))
    session.ask("GET", "/items", status=401, Authorization=f"Digest {session.secret('a-digest-with-a-secret')}")
    session.ask("GET", "/items", status=400, Authorization=f"Bearer {key}", X_API_Key=key)
    session.ask("GET", f"/items?access_token={key}", status=422, X_API_Key=key)
    successor = session.ask("POST", f"/tokens/{token['id']}/rotate", status=201, Authorization=bearer)
    session.secret(successor["token"])
    hooked(session, bearer)
    in_a_browser(session, login)
    session.ask("POST", "/auth/refresh", spent, status=401)
    change = {"current_password": user["password"], "new_password": session.secret(NEW_PASSWORD)}
    basic = session.basic("mel", user["password"])
    session.ask("PUT", "/users/me/password", {**change, "new_password": "short"}, status=422, Authorization=basic)
    session.ask("PUT", "/users/me/password", change, status=204, Authorization=basic)
    session.ask("PATCH", f"/users/{mel['id']}", {"password": NEW_PASSWORD + "!"}, status=200, Authorization=admin)
    session.ask("GET", "/items", status=401, Authorization=session.basic("mel", GUESSED + "?"))
    session.ask("GET", f"/nowhere/{session.secret(API_TOKEN)}", status=404)
    session.ask("GET", f"/nowhere/{session.secret(REFRESH_TOKEN)}", status=404)
    session.ask("DELETE", f"/users/{session.secret(REFRESH_TOKEN)}", status=404, Authorization=admin)
    session.ask("GET", "/items", status=401, Authorization=session.basic(session.secret(AS_A_NAME), GUESSED + "#"))


def hooked(session: Session, bearer: str) -> None:
    """Every answer with the secret of a webhook, and the refusals of one that a client brings along."""
    hook = {"url": "http://127.0.0.1:9/", "types": ["*"]}  # where nobody listens, so that deliveries fail
    guessed = {"secret": session.secret("whsec_" + base64.b64encode(GUESSED.encode()).decode())}
    session.ask("POST", "/webhooks", {**hook, **guessed}, status=422, Authorization=bearer)
    made = session.ask("POST", "/webhooks", {**hook, "since": "0"}, status=201, Authorization=bearer)
    path = f"/webhooks/{made['id']}"
    session.secret(made["secret"])
    session.ask("POST", f"{path}/rotate-secret", status=400, Authorization=bearer, Idempotency_Key="k")
    for _ in range(2):
        rotated = session.ask("POST", f"{path}/rotate-secret", status=200, Authorization=bearer)
        session.secret(rotated["secret"])
    session.ask("PATCH", path, {"active": False, **guessed}, status=422, Authorization=bearer)
    session.ask("PATCH", path, {"active": False}, status=200, Authorization=bearer, If_Match="*")
    session.ask("POST", f"{path}/test", status=202, Authorization=bearer, Idempotency_Key="k")
    session.ask("POST", f"{path}/replay", {"since": "0"}, status=202, Authorization=bearer, Idempotency_Key="l")


def in_a_browser(session: Session, login: dict[str, str]) -> None:
    """Every answer with a cookie, and the refusals of one that is right, wrong, over or beside another credential."""
    page = {"Sec_Fetch_Site": "same-origin", "X_Stockroom": "1"}
    session.ask("POST", "/session", login, status=400, Idempotency_Key="k", **page)
    session.ask("POST", "/session", login, status=201, **page)
    cookie = session.cookie
    secret = session.secret(cookie.partition("=")[2])
    session.ask("GET", "/session", status=200, Cookie=cookie, **page)
    session.ask("GET", "/items", status=401, Cookie=cookie)
    session.ask("GET", f"/items?cookie={secret}", status=422, Cookie=cookie, **page)
    session.ask("POST", "/auth/refresh", {"refresh_token": secret}, status=401, **page)
    session.ask("GET", "/items", status=401, Cookie=cookie, Authorization="Bearer stk_no", **page)
    session.ask("GET", "/items", status=401, Cookie=f"stockroom={session.secret('A' + secret[1:] + '9')}", **page)
    session.ask("DELETE", "/session", status=204, Cookie=cookie, **page)
    session.ask("GET", "/items", status=401, Cookie=cookie, **page)


def forge(session: Session) -> None:
    """Every way in which a stranger's words go into a log."""
    for end in ("\n", "\r\n", "\r", "\x0b", "\x85", "\u2028", "\x1b[2K\r"):
        text = f"x{end}{FORGED}"
        session.ask("GET", f"/{urllib.parse.quote(text)}", status=404)
        basic = base64.b64encode(f"{text}:x".encode()).decode()
        session.ask("GET", "/users/me", status=401, Authorization=f"Basic {basic}")
        header = text.encode().decode("latin-1").translate({ord("\n"): "\t", ord("\r"): "\t"})
        status = 400 if end[0] in "\x0b\x1b" else 404  # the server takes no header with such a character
        session.ask("GET", "/nowhere", status=status, User_Agent=header, Referer=header, X_Request_ID=header)


@pytest.fixture(scope="module", params=["INFO", "DEBUG"])
def day(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Session, str, str, bytes]:
    """A whole session: who did it, the log, what the audit and the feed tell, and the bytes of the database."""
    instance: Path = tmp_path_factory.mktemp("day") / "instance"
    settings = {"INSTANCE_PATH": str(instance), "PORT": "0", "ADMIN_PASSWORD": PASSWORD, "LOG_FORMAT": "text"}
    settings["WEBHOOK_ALLOW_NETS"] = "127.0.0.0/8"
    log: list[str] = []
    with program(**settings, LOG_LEVEL=request.param, LOGIN_RATE_LIMIT="", read_errors=True) as service:
        stderr = service.process.stderr
        assert stderr is not None
        reading = threading.Thread(target=lambda: log.extend(stderr.readlines()))
        reading.start()
        session = Session(service)
        with closing(session.connection):
            everything(session)
            forge(session)
            admin = session.basic("admin", PASSWORD)
            told = repr(session.ask("GET", "/audit?limit=200", status=200, Authorization=admin))
            told += repr(session.ask("GET", "/events?limit=1000", status=200, Authorization=admin))
        assert service.stop() == 0
        reading.join(20)
    stored = b"".join(path.read_bytes() for path in instance.iterdir() if path.name != "secret_key")
    return session, "".join([*service.said, *log]), told, stored


def found(secrets: set[str], text: str) -> list[str]:
    return sorted(secret for secret in secrets if secret in text or urllib.parse.quote(secret) in text)


def test_no_secret_stands_in_the_log(day):
    session, log, _, _ = day

    assert len(session.secrets) > 20
    assert log.count("\n") > 10
    assert found(session.secrets, log) == []
    assert not re.search(r"(Basic|Bearer|Digest) \S{6}", log)


def test_no_secret_stands_in_an_event(day):
    session, _, told, _ = day

    assert "sign_in.failed" in told
    assert "token.created" in told
    assert "webhook.secret_rotated" in told
    assert found(session.secrets, told) == []
    assert "scrypt" not in told


def test_no_refusal_repeats_a_secret(day):
    session, _, _, _ = day

    assert found(session.secrets, session.told.decode()) == []


def test_no_secret_stands_in_the_database(day):
    session, _, _, stored = day

    assert b"admin" in stored
    assert found(session.secrets, stored.decode("latin-1")) == []


def test_nobody_forges_a_line_of_the_log(day):
    _, log, _, _ = day
    lines = log[log.index("Ctrl+C") :].splitlines()[1:]

    assert [line for line in lines if not LINE.fullmatch(line)] == []
    assert [line for line in lines if line.startswith(FORGED[:19])] == []


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_what_looks_like_a_token_is_left_out_of_any_line(log_format):
    lines = io.StringIO()
    handler = line_handler(lines, log_format)
    access = jwt.encode({"sub": "1"}, "k" * 32)

    handler.handle(logging.makeLogRecord({"msg": f"GET /items/{API_TOKEN}?t={access}&n=1 in stk_short"}))

    assert found({API_TOKEN, access, *access.split(".")}, lines.getvalue()) == []
    assert "GET /items/stk_[removed]?t=eyJ[removed]&n=1 in stk_short" in lines.getvalue()


@pytest.mark.parametrize("model", [User, ApiToken, Webhook])
def test_the_shape_of_an_answer_has_no_place_for_a_secret(model):
    assert (
        not {"password", "password_hash", "hash", "token", "secret", "former_secret"}
        & model.SCHEMA["properties"].keys()
    )
    assert model.SCHEMA["additionalProperties"] is False
