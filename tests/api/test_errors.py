"""Errors: one shape, whatever went wrong and wherever; nothing leaks, and the log knows."""

import errno
import io
import logging
import re
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import flask_restful
import pytest
from flask import Flask
from sqlalchemy import event, text
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import TooManyRequests

from api.monitoring.logs import line_handler
from api.problems import CODE_OF_STATUS, PROBLEMS
from app import create_app
from models.database import writer_queue
from models.database.base import db
from models.database.schema import migrate
from models.database.writer_queue import WRITE, WRITE_WAIT
from models.people.token import new_secret
from resources.users import CurrentUserResource
from tests.support.clients import V1, Client, person, with_password
from tests.support.databases import on_one_database, settings_for
from tests.support.durations import within
from tests.support.problems import MEMBERS, assert_problem

# The members of every problem document.
ITEM = {"sku": "A-1", "name": "Anvil"}


def own_app(tmp_path: Path, **environ: str) -> Flask:
    """An application with these settings, on a SQLite file of its own."""
    app = create_app(settings_for(f"sqlite:///{(tmp_path / 'own.sqlite3').as_posix()}", tmp_path, **environ))
    app.testing = True
    with app.app_context():
        migrate()
    return app


@pytest.fixture
def sqlite_app(tmp_path: Path) -> Iterator[Flask]:
    """An application whose SQLite file, own.sqlite3, a test may hold or spoil."""
    app = own_app(tmp_path)
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes GET /users/me raise an exception, or answer what no resource should."""

    def arrange(outcome: Any) -> None:
        def get(self: Any) -> Any:
            if isinstance(outcome, Exception):
                raise outcome
            return outcome() if callable(outcome) else outcome

        monkeypatch.setattr(CurrentUserResource, "get", get)
        monkeypatch.setattr(Client, "documented", False)

    return arrange


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """The lines of the log, as the service writes them."""
    lines = io.StringIO()
    handler = line_handler(lines)
    logging.getLogger("stockroom").addHandler(handler)
    yield lines
    logging.getLogger("stockroom").removeHandler(handler)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("POST", "/nowhere", 404, "not_found"),
        ("GET", "//nowhere", 404, "not_found"),
        ("GET", "//app/nowhere", 404, "not_found"),
        ("GET", "//api/v2/items", 404, "not_found"),
        ("GET", "/items/", 404, "not_found"),
        ("GET", f"/{V1}//items", 404, "not_found"),
        ("GET", "//problems/unheard_of", 404, "not_found"),
        ("GET", f"//problems/{'x' * 5000}", 404, "not_found"),
        ("GET", "/items/999", 404, "not_found"),
        ("PUT", "/items/999", 404, "not_found"),
        ("PATCH", "/items/999", 404, "not_found"),
        ("DELETE", "/items/999", 404, "not_found"),
        ("POST", "/items/999/movements", 404, "not_found"),
        ("GET", "/items/by-sku/NONE", 404, "not_found"),
        ("GET", "/movements/999", 404, "not_found"),
        ("GET", "/users/999", 404, "not_found"),
        ("PATCH", "/users/999", 404, "not_found"),
        ("GET", "/items/0", 404, "not_found"),
        ("GET", "/items/-1", 404, "not_found"),
        ("GET", "/items/1.0", 404, "not_found"),
        ("GET", "/items/2147483648", 404, "not_found"),
        ("GET", "/items/99999999999999999999999999", 404, "not_found"),
        ("GET", "/items/%00", 404, "not_found"),
        ("GET", "/items/by-sku/%FF", 404, "not_found"),
        ("GET", "/items/by-sku/%00", 404, "not_found"),
        ("GET", f"/items/by-sku/{'x' * 5000}", 404, "not_found"),
        ("GET", "/items?q=%FF", 400, "bad_request"),
        ("GET", "/items?cursor=forged", 400, "invalid_cursor"),
        ("GET", "/items?limit=201", 422, "invalid_input"),
        ("POST", "/items/1", 405, "method_not_allowed"),
        ("DELETE", "//problems/not_found", 405, "method_not_allowed"),
        ("BREW", "/items", 405, "method_not_allowed"),
    ],
)
def test_a_request_that_leads_nowhere_is_told_so(admin, method, path, status, code):
    body = {
        "PUT": ITEM,
        "PATCH": {},
        "POST": {"kind": "receive", "quantity": 1, "reason": "found"} if path.endswith("movements") else ITEM,
    }

    assert_problem(admin.open(method, path, json=body.get(method)), status, code)


def test_405_lists_the_methods_that_the_path_has(member, lamp):
    refused = member.post(lamp, json={})

    assert_problem(refused, 405, "method_not_allowed")
    assert {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "PUT"} == set(refused.allow)


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "application/problem+json",
        "*/*;q=0",
        "application/json;q=0, */*",
        "image/*",
        "json",
        "a/b/c;q=x,,;",
    ],
)
@on_one_database
def test_406_comes_before_the_method_has_run(member, accept):
    assert_problem(member.post("/items", json=ITEM, headers={"Accept": accept}), 406, "not_acceptable")

    assert member.get("/items").json["data"] == []


@pytest.mark.parametrize(
    "accept",
    ["*/*", "application/*", "application/json", "application/json; charset=utf-8", "text/html, */*;q=0.1", ""],
)
@on_one_database
def test_an_accept_that_admits_json_gets_json(member, accept):
    answer = member.get("/users/me", headers={"Accept": accept})

    assert (answer.status_code, answer.content_type) == (200, "application/json")


@pytest.mark.parametrize(
    ("content_type", "body", "status", "code"),
    [
        ("text/plain", b'{"sku": "A-1", "name": "Anvil"}', 415, "unsupported_media_type"),
        ("application/x-www-form-urlencoded", b"sku=A-1&name=Anvil", 415, "unsupported_media_type"),
        ("application/merge-patch+json", b'{"sku": "A-1", "name": "Anvil"}', 415, "unsupported_media_type"),
        ("application/json; charset=latin-1", b'{"sku": "A-1", "name": "Anvil"}', 415, "unsupported_media_type"),
        ("application/json; charset=utf-16", '{"sku": "A-1"}'.encode("utf-16"), 415, "unsupported_media_type"),
        ("x" * 9000, b"{}", 415, "unsupported_media_type"),
        (None, b'{"sku": "A-1", "name": "Anvil"}', 415, "unsupported_media_type"),
        ("application/json", b"{", 400, "malformed_json"),
        ("application/json", b"", 400, "malformed_json"),
        (None, b"", 400, "malformed_json"),
        ("application/json", b"[]", 400, "not_an_object"),
        ("application/json", b'{"sku": 5}', 422, "invalid_input"),
        ("application/json", b" " * (1024 * 1024 + 1), 413, "content_too_large"),
    ],
)
def test_a_body_that_cant_be_taken_is_refused_and_makes_nothing(tmp_path, content_type, body, status, code):
    member = person(own_app(tmp_path, MAX_BODY_MB="1"), "mel", "member")

    assert_problem(member.post("/items", data=body, content_type=content_type), status, code)

    assert member.get("/items").json["data"] == []


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_without_a_credential_both_schemes_are_offered(nobody, lamp, method):
    refused = nobody.open(method, lamp)

    assert_problem(refused, 401, "unauthorized")
    challenges = refused.headers.getlist("WWW-Authenticate")
    assert [challenge.split()[0] for challenge in challenges] == ["Basic", "Bearer"]


@pytest.mark.parametrize(
    "credential",
    [
        {"Authorization": "Basic bWVsOndyb25n"},
        {"Authorization": "Basic !"},
        {"Authorization": "Basic AGFkYQA6AHg="},  # a user name with NULs
        {"Authorization": f"Bearer {new_secret()}"},
        {"Authorization": "Bearer"},
        {"Authorization": "Digest username=mel"},
        {"Authorization": ""},
        {"X-API-Key": "stk_wrong"},
        {"X-API-Key": ""},
    ],
)
@pytest.mark.parametrize("path", ["/users/me", "//problems/not_found"])
def test_a_wrong_credential_is_refused_with_both_challenges_even_where_none_is_needed(app, credential, path):
    refused = Client(app).get(path, headers=credential)

    assert_problem(refused, 401, "invalid_credentials")
    assert len(refused.headers.getlist("WWW-Authenticate")) == 2


@pytest.mark.usefixtures("guest")
def test_a_role_that_is_too_low_is_forbidden(app):
    assert_problem(with_password(app, "gus").post("/items", json=ITEM), 403, "forbidden")


def test_a_scope_that_is_too_small_is_named_in_the_challenge(app):
    reader = person(app, "mel", "member", ["items:read"])

    refused = reader.post("/items", json=ITEM)

    assert_problem(refused, 403, "insufficient_scope")
    assert "items:write" in refused.json["detail"]
    assert 'error="insufficient_scope"' in refused.headers["WWW-Authenticate"]


def test_a_token_cant_do_what_needs_a_password_nor_a_password_what_needs_a_token(app, member):
    assert_problem(member.get("/tokens"), 403, "password_required")
    assert_problem(with_password(app, "mel").get("/tokens/current"), 403, "token_required")


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/items", {"sku": "lamp-1", "name": "Another"}, "sku_taken"),
        ("/items", {"sku": "LAMP-2", "name": "Another", "barcode": "4006381333931"}, "barcode_taken"),
        ("{lamp}/movements", {"kind": "issue", "quantity": 6, "reason": "order 7"}, "insufficient_stock"),
        ("{lamp}/movements", {"kind": "adjust", "quantity": -6, "reason": "broken"}, "insufficient_stock"),
        ("{lamp}/movements", {"kind": "receive", "quantity": 10**9, "reason": "order 7"}, "stock_limit"),
        (
            "{lamp}/movements",
            {"kind": "receive", "quantity": 1, "reason": "order 7", "expect_quantity": 4},
            "quantity_changed",
        ),
        ("/users", {"username": "ADA", "password": "long enough to be one"}, "username_taken"),
        ("/users", {"username": "gil", "password": "long enough to be one", "email": "A@b.example"}, "email_taken"),
    ],
)
def test_a_conflict_with_the_state_of_things_has_a_code_of_its_own(admin, lamp, path, body, code):
    admin.patch(lamp, json={"barcode": "4006381333931"})
    admin.patch(f"/users/{admin.user_id}", json={"email": "a@B.example"})

    refused = admin.post(path.format(lamp=lamp), json=body)

    assert_problem(refused, 409, code)
    assert refused.json.get("quantity") == (5 if "movements" in path else None)
    assert admin.get(lamp).json["quantity"] == 5


def test_an_archived_item_and_the_last_admin_stay_as_they_are(admin, member, lamp):
    member.delete(lamp)

    assert_problem(member.patch(lamp, json={"name": "Lamp"}), 409, "item_archived")
    assert_problem(admin.patch(f"/users/{admin.user_id}", json={"role": "guest"}), 409, "last_admin")

    assert member.get(lamp).json["name"] == "Desk lamp"
    assert admin.get("/users/me").json["role"] == "admin"


def test_a_stale_if_match_is_412(member, lamp):
    assert_problem(
        member.patch(lamp, json={"name": "Lamp"}, headers={"If-Match": '"stale"'}), 412, "precondition_failed"
    )

    assert member.get(lamp).json["name"] == "Desk lamp"


def test_a_missing_if_match_is_428_where_the_settings_ask_for_it(tmp_path):
    member = person(own_app(tmp_path, REQUIRE_IF_MATCH="true"), "mel", "member")
    made = member.post("/items", json=ITEM)
    item = made.headers["Location"]

    assert_problem(member.put(item, json={**ITEM, "name": "Hammer"}), 428, "precondition_required")
    assert_problem(member.delete(item), 428, "precondition_required")

    assert member.get(item).json["name"] == "Anvil"
    assert member.delete(item, headers={"If-Match": made.headers["ETag"]}).status_code == 204


def test_429_says_when_to_come_again(member, raising):
    raising(TooManyRequests("Slower, please.", retry_after=7))

    refused = member.get("/users/me")

    assert_problem(refused, 429, "too_many_requests")
    assert refused.headers["Retry-After"] == "7"


@pytest.mark.parametrize(
    "outcome",
    [
        pytest.param(RuntimeError("hunter2"), id="RuntimeError"),
        pytest.param(KeyError("hunter2"), id="KeyError"),
        pytest.param(ValueError("hunter2"), id="ValueError"),
        pytest.param(AssertionError("hunter2"), id="AssertionError"),
        pytest.param(lambda: flask_restful.abort(499), id="status 499"),
        pytest.param(lambda: flask_restful.abort(418), id="status 418"),
        pytest.param({"what JSON can't say": object()}, id="no JSON"),
    ],
)
@on_one_database
def test_a_defect_answers_500_that_tells_nothing_and_logs_everything(member, raising, log, outcome):
    raising(outcome)

    failed = member.get("/users/me", headers={"X-Request-ID": "find-me"})

    assert_problem(failed, 500, "internal_error")
    assert failed.json.keys() == MEMBERS
    assert "hunter2" not in failed.text
    assert "[find-me] unexpected failure: GET /api/v1/users/me" in log.getvalue()
    assert "Traceback (most recent call last)" in log.getvalue()


@pytest.mark.parametrize(
    "statement",
    ["SELECT nonsense", "SELECT nonsense()", "SELECT 1 FROM nonsense", "SELEC 1", "UPDATE items SET quantity = -1"],
)
@pytest.mark.usefixtures("lamp")
def test_a_statement_that_the_database_refuses_for_good_is_a_defect_and_not_worth_a_retry(member, raising, statement):
    raising(lambda: db.session.execute(text(statement)))

    failed = member.get("/users/me")

    assert_problem(failed, 500, "internal_error")
    assert statement not in failed.text


@pytest.mark.parametrize(
    ("abort", "status", "code"),
    [
        (lambda: flask_restful.abort(404), 404, "not_found"),
        (lambda: flask_restful.abort(409, message="of Flask-RESTful"), 409, "conflict"),
        (lambda: flask.abort(414), 414, "uri_too_long"),
        (lambda: flask.abort(431), 431, "headers_too_large"),
        (lambda: flask.abort(501), 501, "not_implemented"),
    ],
)
def test_what_flask_and_flask_restful_abort_with_has_the_one_shape(member, raising, abort, status, code):
    raising(abort)

    assert_problem(member.get("/users/me"), status, code)


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_an_unreachable_database_is_503_that_says_when_to_come_again(tmp_path, scheme):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    app = create_app(settings_for(f"{scheme}://nobody@127.0.0.1:{port}/none", tmp_path))

    refused = Client(app).get("/items", headers={"Authorization": f"Bearer {new_secret()}"})

    assert_problem(refused, 503, "unavailable")
    assert int(refused.headers["Retry-After"]) > 0
    assert str(port) not in refused.text


def test_a_full_pool_is_503(member, raising):
    raising(PoolTimeout("QueuePool limit"))

    assert_problem(member.get("/users/me"), 503, "unavailable")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_without_room_for_temporary_files_is_503(member, raising, number):
    raising(OSError(number, "No space left"))

    assert_problem(member.get("/users/me"), 503, "unavailable")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes wait a moment for their place, not two seconds and two more."""
    monkeypatch.setattr(writer_queue, "WRITE_WAIT", 0.05)


def assert_writes_wait_while_reads_go_on(member: Client) -> None:
    refused = within(5, lambda: member.post("/items", json={**ITEM, "sku": "A-2"}))

    assert_problem(refused, 503, "unavailable")
    assert int(refused.headers["Retry-After"]) > 0
    assert [item["sku"] for item in member.get("/items").json["data"]] == ["A-1"]


@pytest.mark.usefixtures("impatient")
def test_while_another_process_holds_the_database_writes_are_503_and_reads_go_on(sqlite_app, tmp_path):
    member = person(sqlite_app, "mel", "member")
    member.post("/items", json=ITEM)
    other = sqlite3.connect(tmp_path / "own.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    assert_writes_wait_while_reads_go_on(member)

    other.close()
    assert member.post("/items", json={**ITEM, "sku": "A-2"}).status_code == 201


@pytest.mark.usefixtures("impatient")
def test_while_another_request_takes_long_to_write_writes_are_503_and_reads_go_on(sqlite_app):
    member = person(sqlite_app, "mel", "member")
    member.post("/items", json=ITEM)

    with sqlite_app.app_context():
        other = db.engine.connect().execution_options(**{WRITE: WRITE_WAIT})
    other.begin()

    assert_writes_wait_while_reads_go_on(member)

    other.close()
    assert member.post("/items", json={**ITEM, "sku": "A-2"}).status_code == 201


def test_both_waits_of_a_write_together_end_within_five_seconds():
    assert 2 * WRITE_WAIT < 5


def test_a_read_only_database_refuses_writes_with_503_and_reads_go_on(sqlite_app):
    member = person(sqlite_app, "mel", "member")
    member.post("/items", json=ITEM)
    with sqlite_app.app_context():
        db.engine.dispose()
        event.listen(db.engine, "connect", lambda connection, _: connection.execute("PRAGMA query_only=ON"))

    assert_writes_wait_while_reads_go_on(member)


@pytest.mark.parametrize(("path", "status"), [("/items/999", 404), ("/nowhere", 404), ("/items?limit=0", 422)])
def test_an_error_to_head_has_the_headers_and_no_body(member, path, status):
    got, asked = member.get(path), member.head(path)

    assert (asked.status_code, asked.data) == (status, b"")
    assert asked.content_type == got.content_type == "application/problem+json"


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
def test_options_needs_no_credential_and_tells_the_methods_only(nobody, lamp, headers):
    answer = nobody.open("OPTIONS", lamp, headers=headers)

    assert (answer.status_code, answer.data) == (200, b"")
    assert {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "PUT"} == set(answer.allow)
    assert_problem(nobody.open("OPTIONS", "/nowhere"), 404, "not_found")


@pytest.mark.parametrize("sane", ["7", "0b6c9b2e-6a2f-4b7e-9d3e-1f0a5c7d8e9f", "order_7.retry-2", "x" * 128])
def test_a_sane_request_id_is_the_clients(member, sane):
    for path in ("/users/me", "/nowhere"):
        assert member.get(path, headers={"X-Request-ID": sane}).headers["X-Request-ID"] == sane


@pytest.mark.parametrize("insane", ["", " ", "a b", "x" * 129, "é", "a;b", '"a"', "<a>", "٣"])
@on_one_database
def test_an_insane_request_id_is_replaced(member, insane):
    made = member.get("/users/me", headers={"X-Request-ID": insane.encode().decode("latin-1")})

    assert re.fullmatch("[0-9a-f]{32}", made.headers["X-Request-ID"])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/users/me", 200),
        ("OPTIONS", "/items", 200),
        ("GET", "/nowhere", 404),
        ("PUT", "/items", 405),
        ("GET", "/items?limit=x", 422),
        ("GET", "/items/1", 500),
        ("GET", "//problems/not_found", 200),
    ],
)
def test_every_answer_has_the_security_headers(member, monkeypatch, method, path, status):
    monkeypatch.setattr("models.stock.item_query.read", lambda item_id: 1 / 0)

    answer = member.open(method, path)

    assert answer.status_code == status
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"]
    assert "Server" not in answer.headers


@pytest.mark.parametrize("code", PROBLEMS)
@on_one_database
def test_every_problem_is_explained_where_its_type_points(nobody, code):
    explained = nobody.get(f"//problems/{code}")

    assert explained.status_code == 200
    assert explained.json == {"code": code, **PROBLEMS[code]._asdict()}
    assert explained.json["title"]
    assert explained.json["explanation"].endswith(".")


def test_every_status_that_flask_may_answer_has_a_problem_of_that_status():
    assert {status: PROBLEMS[code].status for status, code in CODE_OF_STATUS.items()} == {
        status: status for status in CODE_OF_STATUS
    }
