"""The page about webhooks is true: its receivers run, take what is signed and nothing else, and forget no id."""

import ast
import contextlib
import inspect
import json
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest
import tree_sitter_powershell
import yaml
from tree_sitter import Language, Parser

from delivery.signatures import new_secret, signature_headers
from delivery.transport import ANSWER_BYTES, Transport
from tests.support.documents import assert_closed, blocks, powershell_tokens
from tests.support.program import ROOT, SOON, environment
from tests.support.receivers import answering, receiver

PAGE = (ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8")
PYTHON, HOME_ASSISTANT = (block.commands for block in blocks(PAGE, "python"))
RECEIVE, WORK = (block.commands for block in blocks(PAGE, "bash")[1:])
SECRET = new_secret()
LOCAL = [ip_network("127.0.0.0/8")]
BODY = json.dumps({"id": 7, "type": "item.low_stock", "data": {"sku": "LÄMPCHEN-1"}}, ensure_ascii=False).encode()
# What a receiver must not take: how its headers, its body or its secret are changed.
FORGED = ["id", "time", "body", "secret", "old", "future", "no signature", "another version", "lower case"]
posix = pytest.mark.skipif(
    sys.platform == "win32" or not all(map(shutil.which, ("bash", "openssl", "jq"))), reason="needs bash, openssl, jq"
)
Deliver = Callable[[dict[str, str], bytes], int]


def signed(number: int = 7, secret: str = SECRET, age: int = 0, old_secret: str | None = None) -> dict[str, str]:
    """The headers of a delivery, signed some seconds ago."""
    secrets = [secret, old_secret] if old_secret else [secret]
    return signature_headers(f"evt_{number}", int(time.time()) - age, BODY, secrets)


def forged(how: str) -> tuple[dict[str, str], bytes]:
    """A delivery that is not genuine."""
    headers, body = signed(), BODY
    match how:
        case "id":
            headers["webhook-id"] = "evt_8"
        case "time":
            headers["webhook-timestamp"] = str(int(headers["webhook-timestamp"]) - 1)
        case "body":
            body = BODY.replace(b"7", b"8")
        case "secret":
            headers = signed(secret=new_secret())
        case "old":
            headers = signed(age=330)
        case "future":
            headers = signed(age=-330)
        case "no signature":
            headers["webhook-signature"] = ""
        case "another version":
            headers["webhook-signature"] = headers["webhook-signature"].replace("v1,", "v2,")
        case "lower case":
            headers["webhook-signature"] = headers["webhook-signature"].lower()
    return headers, body


def assert_takes_the_genuine_alone(deliver: Deliver) -> None:
    for how in FORGED:
        assert deliver(*forged(how)) == 401, how
    assert deliver(signed(9), BODY) == 204
    assert deliver(signed(9), BODY) == 204  # once more
    assert deliver(signed(10, secret=new_secret(), old_secret=SECRET), BODY) == 204  # while the secret is rotated
    assert deliver(signed(11, age=270), BODY) == 204


@contextlib.contextmanager
def python_receiver(folder: Path, code: str, **variables: str) -> Iterator[tuple[Deliver, Callable[[], str]]]:
    """Run the receiver of the page; return what delivers to it, and what reads the next line that it prints."""
    (folder / "receiver.py").write_text(code, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-X", "utf8", "receiver.py"],
        cwd=folder,
        env=environment(WEBHOOK_SECRET=SECRET, WEBHOOK_PORT="0", **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    ) as running:
        assert running.stdout
        try:
            address = running.stdout.readline().split()[-1]
            with contextlib.closing(Transport()) as transport:
                yield (
                    lambda headers, body: (
                        transport.post(f"{address}/", headers, body, allowed=LOCAL, deadline_seconds=SOON).status
                    ),
                    running.stdout.readline,
                )
        finally:
            running.kill()


def test_the_receiver_in_python_takes_what_is_signed_and_does_each_event_once(tmp_path: Path) -> None:
    with python_receiver(tmp_path, PYTHON) as (deliver, next_line):
        assert_takes_the_genuine_alone(deliver)

        assert [next_line() for _ in range(3)] == ["item.low_stock LÄMPCHEN-1\n"] * 3
        _wait_until_done(tmp_path, 3)
    # It remembers beyond its end what came and what is done.
    other = BODY.replace(b"-1", b"-2")
    headers = signature_headers("evt_12", int(time.time()), other, [SECRET])
    with python_receiver(tmp_path, PYTHON) as (deliver, next_line):
        assert [deliver(signed(9), BODY), deliver(headers, other)] == [204, 204]
        assert next_line() == "item.low_stock LÄMPCHEN-2\n"


def _wait_until_done(folder: Path, events: int) -> None:
    """Wait until so many events are done, and the last one is written to be so."""
    until = time.monotonic() + SOON
    with contextlib.closing(sqlite3.connect(folder / "webhooks.sqlite3")) as database:
        while database.execute("SELECT count(*) FROM events WHERE done = 1").fetchone()[0] < events:
            assert time.monotonic() < until
            time.sleep(0.01)


def test_what_stands_before_home_assistant_hands_the_event_over(tmp_path: Path) -> None:
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    before, _, rest = PYTHON.partition("def handle(event):")
    code = before + HOME_ASSISTANT + "\n\n" + rest[rest.index("def is_genuine") :]
    with receiver(answering(ok)) as home, python_receiver(tmp_path, code, HOME_ASSISTANT=home.url) as (deliver, _line):
        assert deliver(signed(), BODY) == 204
        request = home.request()

    assert json.loads(request.body) == json.loads(BODY)
    assert request.headers["content-type"] == "application/json"


def bash(folder: Path, script: str, given: bytes = b"") -> bytes:
    """What a script of bash prints."""
    ran = subprocess.run(
        ["bash", "-c", script],
        input=given,
        cwd=folder,
        env=environment(WEBHOOK_SECRET=SECRET),
        capture_output=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    return ran.stdout


def raw(headers: dict[str, str], body: bytes) -> bytes:
    """A delivery as it comes over a connection."""
    lines = [f"{name.title()}: {value}" for name, value in {**headers, "content-length": str(len(body))}.items()]
    return "\r\n".join(["POST / HTTP/1.1", *lines, "", ""]).encode() + body


@posix
def test_the_receiver_in_bash_takes_what_is_signed_and_does_each_event_once(tmp_path: Path) -> None:
    def deliver(headers: dict[str, str], body: bytes) -> int:
        answer = bash(tmp_path, RECEIVE, raw(headers, body))
        assert answer.endswith(b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        return int(answer.split()[1])

    assert_takes_the_genuine_alone(deliver)
    assert bash(tmp_path, "ls -A inbox").split() == [b"evt_10", b"evt_11", b"evt_9"]
    assert bash(tmp_path, WORK).decode() == "item.low_stock LÄMPCHEN-1\n" * 3
    assert deliver(signed(9), BODY) == 204
    assert (bash(tmp_path, WORK), sorted(each.name for each in (tmp_path / "done").iterdir())) == (
        b"",
        ["evt_10", "evt_11", "evt_9"],
    )


@posix
@pytest.mark.parametrize("name", ["../evil", "", "a b", "x" * 65, "$(id)"])
def test_the_receiver_in_bash_takes_no_path_for_an_id(name: str, tmp_path: Path) -> None:
    headers = signature_headers(name, int(time.time()), BODY, [SECRET])

    assert bash(tmp_path, RECEIVE, raw(headers, BODY)).startswith(b"HTTP/1.1 400 ")
    assert list(tmp_path.iterdir()) == []


@posix
@pytest.mark.skipif(not shutil.which("socat"), reason="needs socat")
def test_the_receiver_in_bash_is_served_by_socat(tmp_path: Path) -> None:
    (tmp_path / "receive.sh").write_text(RECEIVE, encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (line,) = (block.commands for block in blocks(PAGE, "sh") if block.commands.startswith("socat "))
    command = line.replace("9000", str(port))
    with subprocess.Popen(
        ["bash", "-c", f"exec {command}"], cwd=tmp_path, env=environment(WEBHOOK_SECRET=SECRET)
    ) as running:
        try:
            with contextlib.closing(Transport()) as transport:
                assert _listening(port)
                url = f"http://127.0.0.1:{port}/"
                sent = transport.post(url, signed(), BODY, allowed=LOCAL, deadline_seconds=SOON)
        finally:
            running.terminate()

    assert sent.status == 204
    assert (tmp_path / "inbox" / "evt_7").read_bytes() == BODY


def _listening(port: int) -> bool:
    until = time.monotonic() + SOON
    while time.monotonic() < until:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
            return True
    return False


@pytest.mark.skipif(not shutil.which("node"), reason="needs node")
@pytest.mark.parametrize("how", ["genuine", "rotated", *FORGED])
def test_the_code_for_n8n_passes_on_what_is_signed(how: str) -> None:
    (code,) = (block.commands for block in blocks(PAGE, "javascript"))
    given = {"genuine": (signed(), BODY), "rotated": (signed(secret=new_secret(), old_secret=SECRET), BODY)}
    headers, body = given[how] if how in given else forged(how)
    node = f"""
        const $input = {{ first: () => ({{ json: {{ headers: {json.dumps(headers)} }} }}) }};
        const helpers = {{ getBinaryDataBuffer: async () => Buffer.from({json.dumps(body.decode())}) }};
        (async function () {{ {code.replace("whsec_…", SECRET)} }}).call({{ helpers }})
          .then((items) => console.log(JSON.stringify(items)), (error) => console.log(error.message));
    """
    ran = subprocess.run(["node", "-e", node], capture_output=True, check=True, encoding="utf-8")

    if how in given:
        assert json.loads(ran.stdout) == [{"json": {**json.loads(BODY), "webhook_id": "evt_7"}}]
    else:
        assert ran.stdout == "not signed by Stockroom, or more than five minutes ago\n"


@pytest.mark.parametrize("number", [0, 1])
def test_what_is_for_powershell_is_well_formed(number: int) -> None:
    text = blocks(PAGE, "powershell")[number].commands
    parsed = Parser(Language(tree_sitter_powershell.language())).parse(text.encode()).root_node

    assert not parsed.has_error
    assert_closed(powershell_tokens(text))


def test_what_is_for_home_assistant_is_yaml() -> None:
    (text,) = (block.commands for block in blocks(PAGE, "yaml"))

    assert yaml.compose(text, yaml.SafeLoader)  # type: ignore[no-untyped-call]


def test_every_code_of_a_failed_delivery_is_explained() -> None:
    tree = ast.parse((ROOT / "delivery" / "transport.py").read_text(encoding="utf-8"))
    pairs = [node.value.elts[0] for node in ast.walk(tree) if isinstance(node, ast.Assign) and _names_code(node)]
    # What a stop has ended is in no log; a secret that no key opens is never sent.
    codes = {code.value for code in pairs} - {"stopped"} | {"secret_lost"}

    explained = PAGE[PAGE.index("| error |") :]
    assert len(codes) > 5
    assert {line.split("`")[1] for line in explained.splitlines() if line.startswith("| `")} == codes


def _names_code(node: ast.Assign) -> bool:
    return isinstance(node.value, ast.Tuple) and ast.unparse(node.targets[0]) == "(code, sentence)"


def test_the_limits_of_an_answer_are_those_of_the_page() -> None:
    assert inspect.signature(Transport.post).parameters["deadline_seconds"].default == 10
    assert "**10 seconds** are there" in PAGE
    assert ANSWER_BYTES == 64 * 1024
    assert "up to 64 KiB are read" in PAGE
