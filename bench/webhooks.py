"""What webhooks cost those who write, and how many deliveries a second there are.

`python bench/webhooks.py` starts the service on a free port with an instance of its own, and receivers in a process of
theirs that take everything. Rounds without webhooks, with one and with twenty are interleaved: ratios say more than
rates. In each, one client writes alone, then eight at once; then the time is taken until all is delivered.
"""

import json
import multiprocessing
import os
import socket
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from basic import Client, together
from services import Stockroom
from stock import items

NUMBERS = (0, 1, 20)
ROUNDS = 4
ROUND_SECONDS = 3.0
WRITERS = 8
TOOK_IT = b"HTTP/1.1 204 No Content\r\n\r\n"


def main() -> None:
    """Measure and print."""
    port = multiprocessing.Value("i", 0)
    receiver = multiprocessing.Process(target=receive, args=(port,), daemon=True)
    receiver.start()
    with tempfile.TemporaryDirectory() as folder:
        stockroom = Stockroom(Path(folder), WEBHOOK_ALLOW_NETS="127.0.0.0/8")
        stockroom.start()
        try:
            stockroom.sign_in()
            stockroom.take_in(items(1, WRITERS), "created")
            while not port.value:
                time.sleep(0.01)
            compare(stockroom, [register(stockroom, port.value) for _ in range(max(NUMBERS))])
        finally:
            stockroom.stop()
    receiver.terminate()


def receive(port: Any) -> None:
    """Answer 204 to whatever comes, on the last processor, where the service is not."""
    os.sched_setaffinity(0, {(os.cpu_count() or 1) - 1})
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port.value = listener.getsockname()[1]
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=take_all, args=(connection,), daemon=True).start()


def take_all(connection: socket.socket) -> None:
    """Answer each request of a connection."""
    with connection, connection.makefile("rb") as file:
        while file.readline():
            length = 0
            while (line := file.readline()) not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            file.read(length)
            connection.sendall(TOOK_IT)


def register(stockroom: Stockroom, port: int) -> int:
    """The id of a new webhook, which is switched off."""
    body = {"url": f"http://127.0.0.1:{port}/", "types": ["*"], "active": False}
    return int(admin(stockroom, "POST", "/webhooks", body)["id"])


def admin(stockroom: Stockroom, method: str, path: str, body: Any = None) -> Any:
    """What an admin is answered."""
    headers = {**stockroom.basic, "Content-Type": "application/json"}
    status, answer, _ = stockroom.ask(method, path, headers, None if body is None else json.dumps(body))
    if status >= 300:
        raise SystemExit(f"{method} {path}: {status} {answer}")
    return answer


def compare(stockroom: Stockroom, webhooks: list[int]) -> None:
    """Write with so many webhooks by turns, and print."""
    alone: dict[int, list[float]] = {number: [] for number in NUMBERS}
    many: dict[int, list[float]] = {number: [] for number in NUMBERS}
    written: dict[int, list[float]] = {number: [] for number in NUMBERS}
    delivered: dict[int, list[float]] = {number: [] for number in NUMBERS}
    behind: dict[int, list[float]] = {number: [] for number in NUMBERS}
    for _ in range(ROUNDS):
        for number in NUMBERS:
            end = end_of_feed(stockroom)
            for webhook in webhooks[:number]:
                admin(stockroom, "POST", f"/webhooks/{webhook}/replay", {"since": end})
                admin(stockroom, "PATCH", f"/webhooks/{webhook}", {"active": True})
            begin = time.perf_counter()
            alone[number] += write(stockroom, 1)
            took = write(stockroom, WRITERS)
            many[number] += took
            written[number].append(len(took) / ROUND_SECONDS)
            last = int(end_of_feed(stockroom))
            wrote = time.perf_counter()
            positions = [int(admin(stockroom, "GET", f"/webhooks/{each}")["cursor"]) for each in webhooks[:number]]
            behind[number].append(last - min(positions, default=last))
            for webhook in webhooks[:number]:
                wait_for(stockroom, webhook, last)
                admin(stockroom, "PATCH", f"/webhooks/{webhook}", {"active": False})
            sent = number * (last - int(end))
            delivered[number].append(sent / (time.perf_counter() - begin))
            print(f"{number} webhooks: all was delivered {time.perf_counter() - wrote:.1f} s after the last write")
    head = ("p50", "p99", "p50 of 8", "p99 of 8", "writes/s", "deliveries/s", "behind")
    print(f"\n{'POST movement, ms':<20}" + "".join(f"{name:>14}" for name in head))
    for number in NUMBERS:
        one, eight = statistics.quantiles(alone[number], n=100), statistics.quantiles(many[number], n=100)
        figures = (one[49], one[98], eight[49], eight[98], *map(median_of, (written, delivered, behind), [number] * 3))
        print(f"{f'{number} webhooks':<20}" + "".join(f"{figure:>14.1f}" for figure in figures))


def median_of(figures: dict[int, list[float]], number: int) -> float:
    """The median of the rounds."""
    return statistics.median(figures[number])


def end_of_feed(stockroom: Stockroom) -> str:
    """The cursor at the end of the feed."""
    cursor = ""
    while True:
        _, page, _ = stockroom.ask("GET", f"/events?since={cursor}&limit=1000")
        cursor = page["next_cursor"]
        if not page["has_more"]:
            return str(cursor)


def wait_for(stockroom: Stockroom, webhook: int, position: int) -> None:
    """Wait until a webhook has got everything."""
    while int(admin(stockroom, "GET", f"/webhooks/{webhook}")["cursor"]) < position:
        time.sleep(0.1)


def write(stockroom: Stockroom, writers: int) -> list[float]:
    """How many milliseconds each POST took while so many clients wrote, each on an item of its own."""
    took: list[list[float]] = [[] for _ in range(writers)]
    end = time.perf_counter() + ROUND_SECONDS

    def work(index: int) -> None:
        client, path = Client(stockroom.port), f"{stockroom.base}/items/{index + 1}/movements"
        while time.perf_counter() < end:
            begin = time.perf_counter()
            status, answer = client.ask(
                "POST", path, stockroom.auth, {"kind": "receive", "quantity": 1, "reason": "bench"}
            )
            if status != 201:
                raise SystemExit(f"{status} {answer}")
            took[index].append((time.perf_counter() - begin) * 1000)

    together(writers, work)
    return [each for times in took for each in times]


if __name__ == "__main__":
    main()
