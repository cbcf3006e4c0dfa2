"""How fast items are imported and exported, and in how much memory.

`python bench/import_export.py [ROWS] [DATABASE_URL]` empties that database; without one, it makes a SQLite
file. It also writes a movement again and again meanwhile, and tells how long that took at most.
"""

import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app import create_app
from models.database.base import db
from models.database.schema import migrate
from resources.movement_rows import MAX_LINES
from tests.support.clients import Client, person
from tests.support.databases import delete_rows, drop_everything, settings_for

CSV = {"Content-Type": "text/csv"}


class Peak:
    """The memory of this process beyond what it had at the start, in MB, at its highest."""

    def __init__(self) -> None:
        self.process = psutil.Process()
        self.start = self.highest = self.process.memory_info().rss
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self) -> None:
        while not self.over.wait(0.02):
            self.highest = max(self.highest, self.process.memory_info().rss)

    def __enter__(self) -> "Peak":
        self.thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.over.set()
        self.thread.join()
        self.megabytes = (self.highest - self.start) / 1e6


class Neighbour:
    """Somebody who moves one item all the time."""

    def __init__(self, client: Client, path: str) -> None:
        self.client, self.path = client, path
        self.over = threading.Event()
        self.longest, self.refused, self.answered = 0.0, 0, 0
        self.thread = threading.Thread(target=self.move, daemon=True)

    def move(self) -> None:
        while not self.over.wait(0.02):
            start = time.perf_counter()
            got = self.client.post(f"{self.path}/movements", json={"kind": "receive", "quantity": 1, "reason": "x"})
            self.longest = max(self.longest, time.perf_counter() - start)
            self.answered += got.status_code == 201
            self.refused += got.status_code != 201

    def __enter__(self) -> "Neighbour":
        self.thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.over.set()
        self.thread.join()


def lines(rows: int, price: str) -> Iterator[str]:
    yield "sku,name,description,unit,price,quantity,reorder_level,bin,barcode,tags,attributes\r\n"
    for n in range(rows):
        attributes = f'"{{""colour"": ""red"", ""size"": {n % 50}}}"'
        yield (
            f"SKU-{n:07},Thing number {n},A thing to measure by,piece,{n % 900}.{price},{n % 90 + 1},5,"
            f"Aisle {n % 40},{4000000000000 + n},a|b,{attributes}\r\n"
        )


def movements(rows: int, backdated: bool) -> Iterator[str]:
    """Lines of a file of movements, of which most items have several; in no order, as people have them."""
    yield "sku,kind,quantity,reference,occurred_at\r\n"
    for n in random.Random(7).sample(range(rows), rows):
        at = f"2026-01-{n % 28 + 1:02}T{n % 24:02}:{n % 60:02}:{n // 60 % 60:02}Z" if backdated else ""
        yield f"SKU-{n // 5 * 5:07},receive,{n % 9 + 1},DELIVERY-{n // 100},{at}\r\n"


def measure(name: str, rows: int, neighbour: Neighbour, path: Path, to: str = "/items/import") -> None:
    admin = neighbour.client
    with Peak() as peak, neighbour, path.open("rb") as file:
        start = time.perf_counter()
        size = path.stat().st_size
        got = admin.post(to, input_stream=file, headers={**CSV, "Content-Length": str(size)})
        seconds = time.perf_counter() - start
    assert got.status_code == 200, got.json
    told = {key: got.json[key] for key in ("created", "updated", "unchanged", "recorded") if key in got.json}
    print(
        f"{name:<22}{rows / seconds:>9,.0f} rows/s  +{peak.megabytes:5.0f} MB   {told}; meanwhile a movement took "
        f"{neighbour.longest:.2f} s at most, {neighbour.answered} done, {neighbour.refused} refused"
    )


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        url = sys.argv[2] if len(sys.argv) > 2 else f"sqlite:///{folder}/stock.sqlite3"
        app = create_app(settings_for(url, Path(folder)))
        with app.app_context():
            drop_everything()
            migrate()
        admin = person(app, "ada", "admin")
        lamp = admin.post("/items", json={"sku": "LAMP-1", "name": "Lamp"}).headers["Location"]
        for file, price in (("one.csv", "25"), ("two.csv", "50")):
            (Path(folder) / file).write_text("".join(lines(rows, price)), newline="")
        print(f"{rows:,} rows, {(Path(folder) / 'one.csv').stat().st_size / 1e6:.0f} MB, {url.partition(':')[0]}")
        for name, file in (("new", "one.csv"), ("unchanged", "one.csv"), ("changed", "two.csv")):
            measure(name, rows, Neighbour(admin, lamp), Path(folder) / file)
        for name in ("moved", "backdated"):
            count, file = min(rows, MAX_LINES), Path(folder) / "movements.csv"
            file.write_text("".join(movements(count, name == "backdated")), newline="")
            measure(name, count, Neighbour(admin, lamp), file, "/movements/import")
        for path in ("/items/export", "/movements/export"):
            with Peak() as peak:
                start = time.perf_counter()
                got = admin.get(path, buffered=False)
                size = sum(len(chunk) for chunk in got.response)
                seconds = time.perf_counter() - start
            print(f"{path:<22}{rows / seconds:>9,.0f} rows/s  +{peak.megabytes:5.0f} MB   {size / 1e6:.0f} MB")
        with app.app_context():
            delete_rows()
            db.engine.dispose()


if __name__ == "__main__":
    main()
