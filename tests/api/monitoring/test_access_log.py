"""The access log: one line a request, as text or as JSON, without secrets, and nobody outside can forge one."""

import errno
import io
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from api.monitoring import access_log, logs
from tests.support.clients import with_password
from tests.support.databases import on_one_database
from tests.support.program import PASSWORD, ROOT, program

log = logging.getLogger("stockroom")


class Lines:
    """What the log has written, of requests and else."""

    def __init__(self, log_format):
        self.stream = io.StringIO()
        self.handler = logs.line_handler(self.stream, log_format)
        self.access = access_log.AccessLog(self.stream, log_format)

    @property
    def lines(self):
        return self.stream.getvalue().splitlines()

    @property
    def entries(self):
        return [json.loads(line) for line in self.lines]


@pytest.fixture(params=["text", "json"])
def log_format(request):
    return request.param


@pytest.fixture
def written(log_format, monkeypatch):
    """The lines of the log under test."""
    lines = Lines(log_format)
    monkeypatch.setattr(access_log, "access", lines.access)
    log.addHandler(lines.handler)
    yield lines
    log.removeHandler(lines.handler)


as_json = pytest.mark.parametrize("log_format", ["json"], indirect=True)
as_text = pytest.mark.parametrize("log_format", ["text"], indirect=True)


def asked(lines, client, method, path, **kwargs):
    """The one entry of one request."""
    with client.open(method, path, **kwargs) as answer:
        assert answer.data is not None
    (line,) = lines.lines
    return line, answer


@as_json
def test_an_entry_says_who_asked_for_what_when_and_how_it_went(member, lamp, written):
    line, answer = asked(written, member, "GET", lamp, headers={"X-Request-ID": "mine-1"})

    entry = json.loads(line)
    assert entry.pop("time").endswith("Z")
    assert 0 <= entry.pop("ms") < 60_000
    assert entry.pop("message")
    assert entry == {
        "level": "INFO",
        "logger": "stockroom.access",
        "request_id": "mine-1",
        "address": "127.0.0.1",
        "user": "mel",
        "method": "GET",
        "path": lamp,
        "status": 200,
        "bytes": len(answer.data),
        "problem": None,
    }


@as_text
def test_as_text_it_is_one_line_with_the_same(member, lamp, written):
    line, answer = asked(written, member, "GET", lamp, headers={"X-Request-ID": "mine-1"})

    assert f'[mine-1] 127.0.0.1 mel "GET {lamp}" 200 {len(answer.data)} bytes ' in line


@as_json
@pytest.mark.parametrize(
    ("method", "path", "status", "problem"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/items", 401, "unauthorized"),
        ("BREW", "/items", 405, "method_not_allowed"),
    ],
)
def test_a_refusal_is_told_with_its_code(nobody, written, method, path, status, problem):
    line, _ = asked(written, nobody, method, path)

    entry = json.loads(line)
    assert (entry["status"], entry["problem"], entry["user"]) == (status, problem, "-")


@as_json
def test_an_export_is_told_when_it_is_over_with_all_its_bytes(member, lamp, written):
    line, answer = asked(written, member, "GET", "/items/export")

    entry = json.loads(line)
    assert (entry["status"], entry["bytes"], entry["user"]) == (200, len(answer.data), "mel")
    assert entry["bytes"] > 50


@as_json
def test_an_answer_without_a_body_has_no_bytes(member, lamp, written):
    line, _ = asked(written, member, "HEAD", lamp)

    assert json.loads(line)["bytes"] == 0


def test_no_secret_is_written(app, member, written):
    secret = member.headers["Authorization"].partition(" ")[2]
    member.get(f"/items?q={secret}", headers={"X-Request-ID": "r-1"})
    member.get(f"/items/by-sku/{secret}")
    with_password(app, "mel", "a wrong password, say").get("/items")
    with_password(app, "mel").get("/items")

    assert len(written.lines) == 4
    told = written.stream.getvalue()
    assert secret not in told
    assert "password" not in told
    assert "Basic" not in told and "Bearer" not in told and "stk_" not in told.replace("stk_[removed]", "")


@pytest.mark.parametrize("sent", ["%0a", "%0d%0a", "%00", "%1b[31m", "%e2%80%a8", "%c2%85", "%22 200 ", "%ff", "%20"])
@on_one_database
def test_no_path_can_begin_a_line_or_end_its_own_place(nobody, written, sent):
    nobody.get(f"//nowhere{sent}2026-11-20 08:00:00,000 INFO stockroom.access [-] forged")

    (line,) = written.lines
    assert line.isascii() and line.isprintable()
    assert line.count('" 404 ') == 1 or json.loads(line)["status"] == 404


def test_a_long_path_is_cut(nobody, written):
    nobody.get("//nowhere/" + "x" * 5000)

    (line,) = written.lines
    assert len(line) < 1000


@as_json
@pytest.mark.parametrize(
    "forged", ['\n{"level": "ERROR"}', '", "level": "ERROR', "\u2028{}", "\x85{}", "\x00", "\ud800"]
)
def test_a_message_is_one_json_line_whatever_is_in_it(written, forged):
    log.warning("signed in: %s", f"mel{forged}")

    (entry,) = written.entries
    assert entry["level"] == "WARNING"
    assert entry["message"] == f"signed in: mel{forged}"


@as_json
def test_an_exception_is_part_of_its_json_line(written):
    try:
        raise ValueError("mel\nforged")
    except ValueError:
        log.exception("failed")

    (entry,) = written.entries
    assert "Traceback" in entry["exc_info"] and "mel\nforged" in entry["exc_info"]


@pytest.mark.parametrize(
    "fault", [OSError(errno.ENOSPC, "disk full"), BrokenPipeError(), ValueError("closed")], ids=repr
)
def test_a_log_that_cant_be_written_fails_no_request(member, monkeypatch, fault):
    class Broken(io.StringIO):
        def write(self, _: str) -> int:
            raise fault

    monkeypatch.setattr(access_log, "access", access_log.AccessLog(Broken()))

    assert member.post("/items", json={"sku": "LAMP-1", "name": "Desk lamp"}).status_code == 201
    assert member.get("/items").json["total_items"] == 1


def test_where_there_is_no_stderr_no_request_is_told():
    start = (
        "import sys; sys.stderr = None; from api.monitoring import access_log, logs; "
        "logs.init_logs('INFO', 'text'); print(access_log.access)"
    )

    told = subprocess.run([sys.executable, "-c", start], cwd=ROOT, capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "None"


def test_at_level_warning_no_request_is_told(tmp_path: Path) -> None:
    with program(
        INSTANCE_PATH=str(tmp_path), PORT="0", ADMIN_PASSWORD=PASSWORD, LOG_LEVEL="WARNING", read_errors=True
    ) as quiet:
        assert quiet.ask("GET", "/items").status == 200
        assert quiet.stop() == 0

        assert quiet.errors() == ""
