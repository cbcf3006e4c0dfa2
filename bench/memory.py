"""Whether the service holds its memory: minutes of mixed load, sampled every ten seconds.

`python bench/memory.py [MINUTES] [MIB]` (10 by default) starts the service on an SQLite file and lets nine clients
read, list, search, write, count, import, export, sign in and send nonsense, as fast as they are answered. It prints the
memory and the open files of the process, the size of the WAL, the answers so far and the load of the machine; at the
end, how much memory the second half has added. The exit status is 1 if that is more than MIB an hour (60 by default),
or if an answer was none that is expected. With TRACE=1 the service also says where what it still holds was allocated
(tracemalloc), and is a few times slower.
"""

import json
import os
import random
import secrets
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import linear_regression

import psutil
from services import PASSWORD, Stockroom
from stock import items

ITEMS = 2_000
SAMPLED_EVERY = 10.0
MIB = 1024 * 1024
JSON = {"Content-Type": "application/json"}
# Run by the service's interpreter at its start, with TRACE=1.
TRACED = """
import atexit, tracemalloc
tracemalloc.start(8)
atexit.register(lambda: print(*tracemalloc.take_snapshot().statistics("lineno")[:25], sep="\\n", flush=True))
"""

Job = Callable[[Stockroom], int]


def some_item() -> int:
    """The id of one of the items."""
    return random.randint(1, ITEMS)


def read(service: Stockroom) -> int:
    """Read an item, or one that is not there."""
    return service.ask("GET", f"/items/{random.randint(1, ITEMS + ITEMS // 10)}")[0]


def list_some(service: Stockroom) -> int:
    """List, search, filter and sort, each a little differently."""
    query = random.choice(
        (
            f"q=thing+{some_item()}",
            f"page={random.randint(1, 40)}",
            f"min_price={some_item()}",
            "sort=-price",
            "cursor=",
        )
    )
    path = random.choice((f"/items?{query}", "/movements?limit=200", "/events?limit=100", "/stats"))
    return service.ask("GET", path)[0]


def write(service: Stockroom) -> int:
    """Move stock with a key of its own, or change an item."""
    if random.random() < 0.2:
        body = json.dumps({"description": secrets.token_hex(20)})
        return service.ask("PATCH", f"/items/{some_item()}", JSON, body)[0]
    kind = random.choice(("receive", "issue"))
    body = json.dumps({"kind": kind, "quantity": 1, "reason": "bench", "reference": secrets.token_hex(8)})
    headers = {**JSON, "Idempotency-Key": secrets.token_hex(16)}
    return service.ask("POST", f"/items/{some_item()}/movements", headers, body)[0]


def import_some(service: Stockroom) -> int:
    """Count some hundred items by a file."""
    time.sleep(2.0)
    first = random.randint(1, ITEMS - 300)
    lines = "".join(f"{item['sku']},{random.randint(500, 900)}\r\n" for item in items(first, first + 299))
    return service.ask("POST", "/items/import", {"Content-Type": "text/csv"}, f"sku,quantity\r\n{lines}")[0]


def export(service: Stockroom) -> int:
    """Export all items."""
    time.sleep(1.0)
    return service.ask("GET", "/items/export")[0]


def sign_in(service: Stockroom) -> int:
    """Sign in with the right password, or with a wrong one of a name that nobody has."""
    time.sleep(0.5)
    name, password = random.choice((("admin", PASSWORD), (secrets.token_hex(6), "wrong one here")))
    return service.ask("POST", "/auth/login", JSON, json.dumps({"username": name, "password": password}))[0]


def nonsense(service: Stockroom) -> int:
    """Send what is refused, never the same."""
    time.sleep(0.02)
    word = secrets.token_hex(8)
    method, path, body = random.choice(
        (
            ("GET", f"/{word}", None),
            ("GET", f"/items?{word}=1", None),
            ("POST", "/items", f'{{"{word}": '),
            ("POST", "/items", json.dumps({word: 1})),
            ("POST", "/items/import", word),
        )
    )
    return service.ask(method, path, JSON if body else None, body)[0]


JOBS: tuple[Job, ...] = (read, read, list_some, write, write, import_some, export, sign_in, nonsense)
EXPECTED = {200, 201, 400, 401, 404, 409, 415, 422, 429, 503}


def main(minutes: float, most: float) -> int:
    """Run the load, print the table, return the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        service = Stockroom(Path(folder))
        if os.environ.get("TRACE"):
            (Path(folder) / "sitecustomize.py").write_text(TRACED, encoding="utf-8")
            service.environment["PYTHONPATH"] = folder
        service.start()
        try:
            service.sign_in()
            service.take_in(items(1, ITEMS), "created")
            statuses, samples = under_load(service, minutes)
        finally:
            service.stop()
        if os.environ.get("TRACE"):
            print((Path(folder) / f"{service.name}.log").read_text(encoding="utf-8", errors="replace")[-4000:])
    later = [sample for sample in samples if sample[0] >= minutes * 30]
    slope = linear_regression(*zip(*later, strict=True)).slope * 3600
    unexpected = {status: count for status, count in statuses.items() if status not in EXPECTED}
    print(f"answers: {dict(sorted(statuses.items()))}; load of the machine: {os.getloadavg()[0]:.1f}")
    print(f"the second half: {slope:+.1f} MiB an hour; " + ("a plateau" if slope <= most else "no plateau"))
    return 1 if unexpected or slope > most else 0


def under_load(service: Stockroom, minutes: float) -> tuple[Counter[int], list[tuple[float, float]]]:
    """Let the clients work; return what they were answered, and the memory in MiB by second."""
    statuses: Counter[int] = Counter()
    stopped = threading.Event()

    def work(job: Job) -> None:
        while not stopped.is_set():
            try:
                statuses[job(service)] += 1
            except OSError:
                statuses[0] += 1

    clients = [threading.Thread(target=work, args=[job]) for job in JOBS]
    for client in clients:
        client.start()
    began, samples = time.monotonic(), []
    assert service.process is not None
    process = psutil.Process(service.process.pid)
    print("seconds   RSS MiB   files   WAL MiB   answers   load")
    while (now := time.monotonic() - began) < minutes * 60:
        wal = sum(path.stat().st_size for path in service.folder.rglob("*.sqlite3-wal"))
        rss = process.memory_info().rss / MIB
        files = process.num_handles() if sys.platform == "win32" else process.num_fds()
        samples.append((now, rss))
        print(
            f"{now:7.0f} {rss:9.1f} {files:7} {wal / MIB:9.1f} {statuses.total():9} {psutil.getloadavg()[0]:6.1f}",
            flush=True,
        )
        time.sleep(SAMPLED_EVERY)
    stopped.set()
    for client in clients:
        client.join()
    return statuses, samples


if __name__ == "__main__":
    sys.exit(main(*(float(word) for word in [*sys.argv[1:], *("10", "60")[len(sys.argv) - 1 :]])))
