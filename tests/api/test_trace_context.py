"""`traceparent` (W3C Trace Context): which are taken, and where the id of a trace is found again."""

import io
import json
import logging
import re
import time

import pytest

from api.auth import issuer
from api.monitoring import access_log
from api.monitoring.logs import line_handler
from api.trace_context import TraceContext, parse
from models.event import Event
from tests.support.clients import Client, with_password
from tests.support.identity_provider import AUDIENCE, provider

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
SENT = f"00-{TRACE}-{PARENT}-01"
TRACED = {"traceparent": SENT}
NONE = f"{0:032}"


@pytest.mark.parametrize(
    ("header", "sampled"),
    [
        (SENT, True),
        (f"00-{TRACE}-{PARENT}-00", False),
        (f"00-{TRACE}-{PARENT}-02", False),  # another flag
        (f"00-{TRACE}-{PARENT}-ff", True),
        (f"01-{TRACE}-{PARENT}-01", True),  # a later version, read as far as it is known
        (f"cc-{TRACE}-{PARENT}-01-what-the-future-will-be-like", True),
    ],
)
def test_a_valid_traceparent_is_taken(header, sampled):
    assert parse(header) == TraceContext(TRACE, sampled)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        SENT.upper(),
        f" {SENT}",
        f"{SENT}-",
        f"{SENT}-more",
        f"{SENT}\n",
        f"{SENT},{SENT}",
        f"ff-{TRACE}-{PARENT}-01",
        f"0-{TRACE}-{PARENT}-01",
        f"00-{NONE}-{PARENT}-01",
        f"00-{TRACE}-{NONE[:16]}-01",
        f"00-{TRACE[:-1]}-{PARENT}-01",
        f"00-{TRACE}0-{PARENT}-01",
        f"00-{TRACE}-{PARENT[:-1]}-01",
        f"00-{TRACE}-{PARENT}-1",
        f"00-{TRACE}-{PARENT}-0g",
        f"00-{TRACE}-{PARENT}",
        f"cc-{TRACE}-{PARENT}-01.more",
    ],
)
def test_any_other_is_ignored(header):
    assert parse(header) is None


def test_a_request_that_is_sent_on_belongs_to_the_trace_and_has_a_parent_of_its_own():
    sent = [TraceContext(TRACE, True).traceparent() for _ in range(3)]

    assert all(re.fullmatch(f"00-{TRACE}-[0-9a-f]{{16}}-01", each) for each in sent)
    assert len({SENT, *sent}) == 4
    assert TraceContext(TRACE, False).traceparent().endswith("-00")


# --- the events -----------------------------------------------------------------------------------------------------


def test_an_event_has_the_trace_of_the_request_that_caused_it(member, admin):
    member.post("/items", json={"sku": "A", "name": "A"}, headers=TRACED)
    member.post("/items", json={"sku": "B", "name": "B"})
    member.post("/items", json={"sku": "C", "name": "C"}, headers={"traceparent": "nonsense"})

    for path in ("/events", "/audit?sort=id&type=item.created"):
        assert [event["trace_id"] for event in admin.get(path).json["data"]] == [TRACE, None, None]


def test_what_is_recorded_of_a_refusal_has_its_trace_too(app, admin, guest):
    guest.get("/audit", headers=TRACED)
    with_password(app, "gus", "not the password").get("/items", headers=TRACED)

    recorded = {event["type"]: event["trace_id"] for event in admin.get("/audit").json["data"]}
    assert (recorded["access.refused"], recorded["sign_in.failed"]) == (TRACE, TRACE)


def test_a_movement_and_an_import_have_it(member):
    file = "sku,name,quantity\r\nA,A,2\r\n"
    member.post("/items/import", data=file, headers={"Content-Type": "text/csv", **TRACED})

    assert {event["trace_id"] for event in member.get("/events").json["data"]} == {TRACE}


def test_the_document_says_what_a_trace_id_is():
    assert Event.SCHEMA["properties"]["trace_id"] == {
        "type": ["string", "null"],
        "pattern": "^[0-9a-f]{32}$",
    }


# --- the log --------------------------------------------------------------------------------------------------------


def lines_of(app, monkeypatch, log_format: str, headers: dict[str, str]) -> list[str]:
    """The lines of one request, that of the access log last."""
    stream = io.StringIO()
    handler = line_handler(stream, log_format)
    log = logging.getLogger("stockroom")
    log.addHandler(handler)
    monkeypatch.setattr(access_log, "access", access_log.AccessLog(stream, log_format))
    with monkeypatch.context() as patch:
        patch.setitem(app.view_functions, "livez", lambda: log.warning("asked") or "ok")
        Client(app).get("//livez", headers={"X-Request-ID": "mine-1", **headers})
    log.removeHandler(handler)
    return stream.getvalue().splitlines()


def test_every_line_of_its_request_has_the_id_of_the_trace(app, monkeypatch):
    logged, access = lines_of(app, monkeypatch, "text", TRACED)

    assert f" WARNING stockroom [mine-1] trace_id={TRACE} asked" in logged
    assert f' INFO stockroom.access [mine-1] trace_id={TRACE} 127.0.0.1 - "GET /livez" 200 ' in access


def test_in_json_it_is_a_member(app, monkeypatch):
    entries = [json.loads(line) for line in lines_of(app, monkeypatch, "json", TRACED)]

    assert [entry["trace_id"] for entry in entries] == [TRACE, TRACE]


@pytest.mark.parametrize("headers", [{}, {"traceparent": SENT.upper()}])
def test_a_line_without_a_trace_is_as_it_was(app, monkeypatch, headers):
    logged, access = lines_of(app, monkeypatch, "text", headers)

    assert " WARNING stockroom [mine-1] asked" in logged
    assert ' INFO stockroom.access [mine-1] 127.0.0.1 - "GET /livez" 200 ' in access
    assert not [line for line in lines_of(app, monkeypatch, "json", headers) if "trace_id" in line]


# --- the OpenID provider --------------------------------------------------------------------------------------------


@pytest.fixture
def idp():
    with provider() as found:
        yield found


@pytest.mark.parametrize("headers", [{}, TRACED])
def test_what_the_openid_provider_is_asked_belongs_to_the_trace(apps, idp, headers):
    service = apps(OIDC_ISSUER=idp.issuer, OIDC_AUDIENCE=AUDIENCE)
    Client(service, {"Authorization": f"Bearer {idp.token()}"}).get("/users/me", headers=headers)

    traces = [each and parse(each) for each in idp.traces]
    assert traces == [TraceContext(TRACE, True) if headers else None] * 2
    assert len({SENT, *idp.traces}) == (3 if headers else 2)


def test_the_exchange_of_a_code_does_too(idp):
    idp.answers = {"/token": b"{}"}
    issuer.fetch(f"{idp.issuer}/token", time.monotonic() + 3, TraceContext(TRACE, False), b"code=1")

    assert re.fullmatch(f"00-{TRACE}-[0-9a-f]{{16}}-00", idp.traces[0])
