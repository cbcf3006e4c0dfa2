"""Clients that download slowly take nobody's place: health, a read and a write are answered meanwhile."""

import http.client
import socket
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import Noted
from tests.faults.harness import Client, Service, running, serving
from tests.faults.load import movement, until

pytestmark = pytest.mark.faults

DOWNLOADS = 8  # as many as there are threads
ROWS, ROW = 6000, 4000  # 24 MB
SECONDS = 8.0


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """The service on a file of its own."""
    with serving(Service(f"sqlite:///{(tmp_path / 'stock.sqlite3').as_posix()}", tmp_path / "instance")) as service:
        yield service


def send(client: Client, method: str, path: str, body: str | None = None) -> int:
    """One request whose path is complete and whose body is CSV; the status."""
    client.connect()
    client.connection.request(method, path, body, {**client.headers, "Content-Type": "text/csv"} if body else {})
    response = client.connection.getresponse()
    response.read()
    return response.status


def test_slow_downloads_keep_nobody_waiting(service: Service, noted: Noted) -> None:
    rows = "".join(f"A-{number},lamp,{'x' * ROW},5\r\n" for number in range(ROWS))
    importer = service.client()
    importer.connection.timeout = 120
    assert send(importer, "POST", "/api/v1/items/import", f"sku,name,description,quantity\r\n{rows}") == 200
    stop = threading.Event()
    begun: Counter[bytes] = Counter()
    longest: dict[str, float] = defaultdict(float)
    seen: Counter[str] = Counter()

    def download() -> None:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
            client.connect(("127.0.0.1", service.port))
            head = f"GET /api/v1/items/export HTTP/1.1\r\nHost: slow\r\nAuthorization: Bearer {service.token}\r\n\r\n"
            client.sendall(head.encode())
            begun[client.recv(12)[9:]] += 1
            while not stop.is_set() and client.recv(6000):  # 60 kB/s
                time.sleep(0.1)

    def timed(name: str, ask: Callable[[Client], int]) -> Callable[[Client], None]:
        def job(client: Client) -> None:
            sent = time.monotonic()
            try:
                status: object = ask(client)
            except (OSError, http.client.HTTPException):
                status = "none"
            seen[f"{name} {status}"] += 1
            longest[name] = max(longest[name], time.monotonic() - sent)
            time.sleep(0.02)

        return job

    jobs = [
        timed("livez", lambda client: send(client, "GET", "/livez")),
        timed("read", lambda client: client.get("/items/1").status),
        timed("write", lambda client: client.request("POST", "/items/1/movements", movement("receive", 1)).status),
    ]
    with running([download] * DOWNLOADS + [until(stop, service, job) for job in jobs]):
        time.sleep(SECONDS)
        stop.set()

    noted(f"longest: {', '.join(f'{name} {seconds:.1f} s' for name, seconds in longest.items())}; {dict(begun)}")
    assert set(seen) == {"livez 200", "read 200", "write 201"}
    assert set(begun) <= {b"200", b"503"} and begun[b"200"] >= DOWNLOADS // 2
    assert max(longest.values()) < 3
