"""What HTTP Basic costs, and whether floods of wrong passwords reach those who send tokens.

`python bench/basic.py` starts the service on a free port with an instance of its own, measures with
plain threads of http.client on connections that stay open, and prints a table. Figures of a shared
machine are noisy: rounds are interleaved, and ratios say more than rates.
"""

import http.client
import json
import statistics
import tempfile
import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from services import TIMEOUTS, Headers, Stockroom
from stock import items

CLIENTS = 4
ROUNDS = 4
ROUND_SECONDS = 2.0
FLOOD_SECONDS = 4.0
FLOODERS = 8
TIMED = 30


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        stockroom = Stockroom(Path(folder))
        stockroom.start()
        try:
            item = prepare(stockroom)
            compare_rates(stockroom.port, item, {"token": stockroom.auth, "Basic": stockroom.basic})
            compare_refusals(stockroom.port, item)
            compare_floods(stockroom.port, item, stockroom.auth)
        finally:
            stockroom.stop()


class Client:
    """One connection that stays open; http.client opens it anew when the service has closed it."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUTS)

    def ask(self, method: str, path: str, headers: Headers, body: Any = None) -> tuple[int, Any]:
        """The status and the JSON of one answer."""
        sent = None if body is None else json.dumps(body).encode()
        self.connection.request(method, path, sent, {"Content-Type": "application/json", **headers})
        response = self.connection.getresponse()
        return response.status, json.loads(response.read())

    def timed(self, path: str, headers: Headers, expected: int) -> float:
        """The milliseconds of one GET."""
        start = time.perf_counter()
        status, answer = self.ask("GET", path, headers)
        milliseconds = (time.perf_counter() - start) * 1000
        if status != expected:
            raise SystemExit(f"GET {path}: {status} {answer}")
        return milliseconds


def basic_auth(username: str, password: str) -> Headers:
    """The header of HTTP Basic."""
    return {"Authorization": "Basic " + b64encode(f"{username}:{password}".encode()).decode()}


def prepare(stockroom: Stockroom) -> str:
    """A token, and the path of an item."""
    stockroom.sign_in()
    stockroom.take_in(items(1, 1), "created")
    return f"{stockroom.base}/items/1"


def together(number: int, work: Callable[[int], None]) -> None:
    """Run `work` in so many threads, and wait for all."""
    threads = [threading.Thread(target=work, args=(index,)) for index in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def compare_rates(port: int, path: str, credentials: dict[str, Headers]) -> None:
    """Good answers a second to CLIENTS connections, with each credential by turns."""
    rates: dict[str, list[float]] = {name: [] for name in credentials}
    for _ in range(ROUNDS):
        for name, headers in credentials.items():
            rates[name].append(rate(port, path, headers))
    rows = [*zip(*rates.values(), strict=True), tuple(map(statistics.median, rates.values()))]
    print(f"{'GET one item, answers/s':<32}{'token':>9}{'Basic':>9}{'ratio':>9}")
    for index, (token, basic) in enumerate(rows, 1):
        name = f"round {index}" if index <= ROUNDS else "median"
        print(f"  {name:<30}{token:>9.0f}{basic:>9.0f}{basic / token:>9.2f}")


def rate(port: int, path: str, headers: Headers) -> float:
    """Good answers a second to CLIENTS connections."""
    done: Counter[int] = Counter()
    end = time.perf_counter() + ROUND_SECONDS

    def work(index: int) -> None:
        client = Client(port)
        while time.perf_counter() < end:
            client.timed(path, headers, 200)
            done[index] += 1

    together(CLIENTS, work)
    return done.total() / ROUND_SECONDS


def compare_refusals(port: int, path: str) -> None:
    """How long a wrong password takes, with a name that is known and with one that is not, by turns."""
    client = Client(port)
    known: list[float] = []
    unknown: list[float] = []
    for number in range(TIMED):
        for name, times in (("admin", known), ("nadim", unknown)):
            times.append(client.timed(path, basic_auth(name, f"wrong password number {number}"), 401))
    medians = statistics.median(known), statistics.median(unknown)
    print(f"\n{'a wrong password, median ms':<32}{'known':>9}{'unknown':>9}{'ratio':>9}")
    print(f"  {f'{TIMED} of each':<30}{medians[0]:>9.1f}{medians[1]:>9.1f}{medians[1] / medians[0]:>9.2f}")


def compare_floods(port: int, path: str, token: Headers) -> None:
    """The times of one token client while FLOODERS send wrong passwords, and what those are answered."""
    numbers = count()
    own_numbers = [count() for _ in range(FLOODERS)]
    floods: dict[str, Callable[[int], str] | None] = {
        "no flood": None,
        "each password another": lambda _: f"wrong password, number {next(numbers)}",
        "each another, all in step": lambda flooder: f"in step, wrong number {next(own_numbers[flooder])}",
        "always the same password": lambda _: "always the same wrong password",
    }
    print(f"\n{'token client in a flood, ms':<32}{'p50':>9}{'p99':>9}{'max':>9}  answers to the flood")
    for name, wrong in floods.items():
        times, answers = under_flood(port, path, token, wrong)
        cuts = statistics.quantiles(times, n=100)
        print(f"  {name:<30}{cuts[49]:>9.1f}{cuts[98]:>9.1f}{max(times):>9.1f}  {dict(answers) or ''}")


def under_flood(
    port: int, path: str, token: Headers, wrong: Callable[[int], str] | None
) -> tuple[list[float], Counter[int]]:
    """The times of the token client in milliseconds, and how often each status was answered to the flood."""
    over = threading.Event()
    answers: list[Counter[int]] = [Counter() for _ in range(FLOODERS)]
    times = []

    def flood(index: int) -> None:
        client = Client(port)
        while wrong and not over.is_set():
            status, _ = client.ask("GET", path, basic_auth("admin", wrong(index)))
            answers[index][status] += 1

    flooding = threading.Thread(target=together, args=(FLOODERS, flood))
    flooding.start()
    client = Client(port)
    end = time.perf_counter() + FLOOD_SECONDS
    while time.perf_counter() < end:
        times.append(client.timed(path, token, 200))
        time.sleep(0.002)
    over.set()
    flooding.join()
    return times, sum(answers, Counter())


if __name__ == "__main__":
    main()
