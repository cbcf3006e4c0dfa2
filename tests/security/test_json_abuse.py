"""JSON meant to break the service, over the wire: refused with 4xx, nothing changed, nothing kept beyond the limit."""

import select
import socket

import pytest
from waitress import buffers

from settings import MIB
from tests.security.conftest import SOON, Answer, Site, read
from tests.support.clients import Client
from tests.support.databases import on_one_database

pytestmark = on_one_database  # what is said here is the same on each

BLOCK = bytes(64 * 1024)
JSON = "application/json"
BODY = b'{"sku": "LAMP-1", "name": "Desk lamp"}'
ITEM = b'{"sku": "LAMP-1", "name": "Desk lamp", "price": %s}'
DEEP = 5000

BODIES = {
    "5,000 lists": b'{"attributes": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "5,000 objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "5,000 lists that never end": b"[" * DEEP,
    "a million lists that never end": b"[" * (MIB - 1),
    "2 to the 63 as a price": ITEM % str(2**63).encode(),
    "2 to the 63 as a quantity": b'{"sku": "A", "name": "B", "quantity": 9223372036854775808}',
    "a number of 10,000 digits": ITEM % (b"9" * 10_000),
    "a number of a million digits": ITEM % (b"9" * 1_000_000),
    "an exponent of 400": ITEM % b"1e400",
    "an exponent of twenty digits": ITEM % b"1e99999999999999999999",
    "a small exponent of twenty digits": ITEM % b"1e-99999999999999999999",
    "NaN": ITEM % b"NaN",
    "Infinity": ITEM % b"-Infinity",
    "an escaped surrogate": rb'{"sku": "LAMP\ud800", "name": "Desk lamp"}',
    "an escaped surrogate as a name": rb'{"sku": "LAMP-1", "name": "Desk lamp", "\udfff": 1}',
    "a surrogate in bytes": b'{"sku": "LAMP\xed\xa0\x80", "name": "Desk lamp"}',
    "an overlong form": b'{"sku": "LAMP\xc0\xaf", "name": "Desk lamp"}',
    "an escaped NUL": rb'{"sku": "LAMP\u0000", "name": "Desk lamp"}',
    "a NUL in bytes": b'{"sku": "LAMP\x00", "name": "Desk lamp"}',
    "a name twice": b'{"sku": "LAMP-1", "name": "Desk lamp", "name": "Other"}',
    "a name twice, escaped": rb'{"sku": "LAMP-1", "name": "Desk lamp", "\u006eame": "Other"}',
    "a name twice inside": b'{"sku": "A", "name": "B", "attributes": {"a": 1, "a": 2}}',
    "100,000 names": b'{"a": 1' + b"".join(b', "a%d": 1' % n for n in range(60_000)) + b"}",
    "a prototype": b'{"sku": "A", "name": "B", "__proto__": {"role": "admin"}, "constructor": {}}',
    "half an object": b'{"sku": "LAMP-1", "name":',
    "two objects": b'{"sku": "LAMP-1", "name": "Desk lamp"}{}',
    "a list": b'[{"sku": "LAMP-1", "name": "Desk lamp"}]',
    "a comment": b'{"sku": "LAMP-1", "name": "Desk lamp"} // lamp',
    "single quotes": b"{'sku': 'LAMP-1', 'name': 'Desk lamp'}",
    "UTF-16": '{"sku": "LAMP-1", "name": "Desk lamp"}'.encode("utf-16"),
    "UTF-32": '{"sku": "LAMP-1", "name": "Desk lamp"}'.encode("utf-32"),
    "Latin-1": '{"sku": "LAMP-1", "name": "Süß"}'.encode("latin-1"),
    "pickled": b"\x80\x04}\x94.",
    "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
}
# What JSON can say, and a form does not take; the others can't be read as JSON at all.
READABLE = {
    "2 to the 63 as a price",
    "2 to the 63 as a quantity",
    "an exponent of 400",
    "an escaped surrogate",
    "an escaped surrogate as a name",
    "an escaped NUL",
    "100,000 names",
    "a prototype",
}


def status_of(name: str) -> int:
    """How a body is refused, wherever it is sent."""
    return 422 if name in READABLE else 400


def sign_in(client: Client) -> dict[str, str]:
    return {"Authorization": client.headers["Authorization"]}


def assert_refused(answer: Answer, status: int) -> None:
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert len(answer.body) < 300_000


@pytest.mark.parametrize("name", BODIES)
def test_a_body_meant_to_break_the_service_is_refused_and_changes_nothing(site, member, name):
    answer = site.ask("POST", "/items", BODIES[name], Content_Type=JSON, **sign_in(member))

    assert_refused(answer, status_of(name))
    assert member.get("/items").json["total_items"] == 0


@pytest.mark.parametrize("path", ["/auth/login", "/auth/refresh"])
def test_a_stranger_breaks_nothing_with_it_either(site, path):
    for name, body in BODIES.items():
        assert_refused(site.ask("POST", path, body, Content_Type=JSON), status_of(name))


@pytest.mark.parametrize(
    ("method", "path"), [("PATCH", "{}"), ("PUT", "{}"), ("POST", "{}/movements"), ("POST", "/movements")]
)
def test_the_writes_of_an_item_take_none_of_it(site, member, lamp, method, path):
    before = member.get(lamp).json
    path = path.format(lamp).removeprefix("/api/v1")

    for name, body in BODIES.items():
        assert_refused(site.ask(method, path, body, Content_Type=JSON, **sign_in(member)), status_of(name))
    assert member.get(lamp).json == before


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset=latin-1",
        "application/json; charset=utf-16",
        "application/json; charset=utf-7",
        "application/json; charset=rot13",
        "application/json; charset=zlib",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "text/plain",
        "application/" + "j" * 5000,
        "",
    ],
)
def test_a_body_in_another_charset_or_type_is_415_and_never_decoded(site, member, content_type):
    answer = site.ask("POST", "/items", BODY, Content_Type=content_type, **sign_in(member))

    assert_refused(answer, 415)
    assert member.get("/items").json["total_items"] == 0


def test_a_type_with_a_control_character_is_refused_by_the_server(site, member):
    answer = site.ask("POST", "/items", BODY, Content_Type="application/json;;;charset=\x01", **sign_in(member))

    assert_refused(answer, 400)
    assert member.get("/items").json["total_items"] == 0


# --- size -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def kept(monkeypatch) -> list[int]:
    """The sizes of what the server has kept of bodies, in memory or on disk."""
    sizes = [0]
    append = buffers.FileBasedBuffer.append

    def noted(self: buffers.FileBasedBuffer, data: bytes) -> None:
        append(self, data)
        sizes.append(len(self))

    monkeypatch.setattr(buffers.FileBasedBuffer, "append", noted)
    return sizes


def pour(site: Site, head: str, blocks: list[bytes]) -> tuple[Answer, int]:
    """Send the blocks until an answer comes; the answer, and how many blocks had gone by then."""
    with site.connect() as client:
        client.sendall("\r\n".join([*head.splitlines(), "", ""]).encode())
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sent = 0
        while sent < len(blocks) and not select.select([client], [], [], 0)[0]:
            client.sendall(blocks[sent])
            sent += 1
        assert select.select([client], [], [], SOON)[0]
        return read(client), sent


@pytest.mark.parametrize("path", ["/items", "/items/import", "/auth/login", "/nowhere"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_200_mib_are_refused_long_before_their_end_and_never_kept(site, member, kept, path, framing):
    whole = 200 * MIB
    length = f"Content-Length: {whole}" if framing == "length" else "Transfer-Encoding: chunked"
    chunk = BLOCK if framing == "length" else b"%x\r\n%s\r\n" % (len(BLOCK), BLOCK)
    head = (
        f"POST /api/v1{path} HTTP/1.1\nHost: test\nContent-Type: {JSON}\n{length}\n"
        f"Authorization: {member.headers['Authorization']}"
    )

    answer, sent = pour(site, head, [chunk] * (whole // len(BLOCK)))

    assert answer.status == 413
    assert answer.json["code"] == "content_too_large"
    assert sent < whole // len(BLOCK)
    assert max(kept) <= MIB + 2 * len(chunk)
    assert member.get("/items").json["total_items"] == 0


def test_a_compressed_bomb_is_not_opened(site, member):
    bomb = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + b"\xed\xc1\x01\x01" * 1000

    answer = site.ask("POST", "/items", bomb, Content_Type=JSON, Content_Encoding="gzip", **sign_in(member))

    assert_refused(answer, 415)
