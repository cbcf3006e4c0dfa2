"""How fast items and movements are imported and exported, as CSV and as XLSX, and in how much memory.

`python bench/import_export.py [ROWS] [DATABASE_URL]` empties that database; without one, it makes a SQLite file, and
`postgresql` is the one that comes as a pip package. It also sends a movement again and again meanwhile, and prints how
long the slowest answer took.
"""

import csv
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from xlsxwriter import Workbook

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from app import create_app
from models.database.base import db
from models.database.schema import migrate
from resources.item_rows import COLUMNS
from resources.movement_rows import MAX_LINES
from tests.support.clients import Client, person
from tests.support.databases import delete_rows, drop_everything, postgresql_from_pip, settings_for
from tests.support.files import CSV, XLSX

MEDIA_TYPES = {"csv": CSV, "xlsx": XLSX}
COUNTS = ("created", "updated", "unchanged", "recorded")


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


def lines(rows: int, price: str, prefix: str = "SKU") -> Iterator[tuple[Any, ...]]:
    """Yield the header and the rows of a file of items."""
    yield COLUMNS
    for n in range(rows):
        yield (
            f"{prefix}-{n:07}",
            f"Thing number {n}",
            "A thing to measure by",
            "piece",
            f"{n % 900}.{price}",
            n % 90 + 1,
            5,
            f"Aisle {n % 40}",
            f"{prefix}{4000000000000 + n}",
            "a|b",
            f'{{"colour": "red", "size": {n % 50}}}',
        )


def movements(rows: int, backdated: bool) -> Iterator[tuple[Any, ...]]:
    """Yield a file of movements, of which most items have several; in no order, as people have them."""
    yield ("sku", "kind", "quantity", "reference", "occurred_at")
    for n in random.Random(7).sample(range(rows), rows):
        at = f"2026-01-{n % 28 + 1:02}T{n % 24:02}:{n % 60:02}:{n // 60 % 60:02}Z" if backdated else ""
        yield f"SKU-{n // 5 * 5:07}", "receive", n % 9 + 1, f"DELIVERY-{n // 100}", at


def write(path: Path, rows: Iterable[tuple[Any, ...]]) -> None:
    """Write a file as its name says."""
    if path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
        return
    with Workbook(str(path), {"constant_memory": True, "strings_to_urls": False}) as workbook:
        sheet = workbook.add_worksheet()
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)


def measure(name: str, rows: int, neighbour: Neighbour, work: Callable[[], str]) -> None:
    with Peak() as peak, neighbour:
        start = time.perf_counter()
        outcome = work()
        seconds = time.perf_counter() - start
    print(
        f"{name:<24}{seconds:>7.1f} s {rows / seconds:>8,.0f} rows/s  +{peak.megabytes:4.0f} MB  POST at most "
        f"{neighbour.longest:.2f} s, {neighbour.answered} done, {neighbour.refused} refused   {outcome}",
        flush=True,
    )


def import_file(admin: Client, to: str, path: Path) -> str:
    with path.open("rb") as file:
        headers = {"Content-Type": MEDIA_TYPES[path.suffix[1:]], "Content-Length": str(path.stat().st_size)}
        got = admin.post(to, input_stream=file, headers=headers)
    assert got.status_code == 200, got.json
    return ", ".join(f"{got.json[name]} {name}" for name in COUNTS if got.json.get(name))


def export(admin: Client, path: str) -> str:
    got = admin.get(path, buffered=False)
    assert got.status_code == 200, got.json
    return f"{sum(len(chunk) for chunk in got.response) / 1e6:.0f} MB"


def measure_format(format_: str, rows: int, admin: Client, lamp: str, folder: Path) -> None:
    """Import and export files of one format, beside somebody who moves the lamp all the time."""

    def run(name: str, count: int, work: Callable[[], str]) -> None:
        measure(f"{name}, {format_}", count, Neighbour(admin, lamp), work)

    def run_import(name: str, to: str, content: Iterable[tuple[Any, ...]], count: int) -> None:
        write(path := folder / f"file.{format_}", content)
        run(name, count, partial(import_file, admin, to, path))

    prefix = "SKU" if format_ == "csv" else format_.upper()
    for name, price in (("new items", "25"), ("unchanged items", "25"), ("changed items", "50")):
        run_import(name, "/items/import", lines(rows, price, prefix), rows)
    count = min(rows, MAX_LINES)
    for name in ("movements", "backdated movements"):
        run_import(name, "/movements/import", movements(count, name.startswith("backdated")), count)
    for path in ("/items", "/movements"):
        stored = admin.get(f"{path}?page=1&limit=1").json["total_items"]
        run(f"{path}/export", stored, partial(export, admin, f"{path}/export?format={format_}"))


def database(named: str, folder: str) -> AbstractContextManager[str]:
    """Return the context in which the named database, or a new one, has an URL."""
    if named == "postgresql":
        return postgresql_from_pip()
    return nullcontext(named or f"sqlite:///{folder}/stock.sqlite3")


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    named = sys.argv[2] if len(sys.argv) > 2 else ""
    with (
        tempfile.TemporaryDirectory() as folder,
        postgresql_from_pip()
        if named == "postgresql"
        else nullcontext(named or f"sqlite:///{folder}/s.sqlite3") as url,
    ):
        app = create_app(settings_for(url, Path(folder)))
        with app.app_context():
            drop_everything()
            migrate()
        admin = person(app, "ada", "admin")
        lamp = admin.post("/items", json={"sku": "LAMP-1", "name": "Lamp"}).headers["Location"]
        print(f"{rows:,} rows, {url.partition(':')[0]}")
        for format_ in MEDIA_TYPES:
            measure_format(format_, rows, admin, lamp, Path(folder))
        with app.app_context():
            delete_rows()
            db.engine.dispose()


if __name__ == "__main__":
    main()
