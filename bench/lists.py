"""What a page of items and of the ledger costs, by every filter, in every order, at the first and the last page.

`python bench/lists.py [DATABASE_URL]` writes 100,000 items and 1,000,000 movements into that database, unless this has
done so before; without one, into a SQLite file. Then it prints for each filter the slowest page of any sort, and which
are slower than they may be: milliseconds of processor time of an answer, the service's and the database's, the best of
five. It needs what the tests need, Linux, and a server on this machine.
"""

import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from flask import Flask
from growth import MOMENT, NAME, NUMBERS, START, expect
from sqlalchemy import text
from stock import items

from app import create_app
from models.database.base import db
from models.database.schema import migrate
from models.event import UNCHANGED
from models.values import as_json
from tests.support.clients import Client, person
from tests.support.databases import settings_for

ITEMS, MOVEMENTS = 100_000, 1_000_000
AT_ONCE = 20_000
BUSY = 7  # the item that has a tenth of all movements
ASKED = 3
LIMIT = 50
THREADS = {
    "postgresql": "SELECT pid FROM pg_stat_activity WHERE datname = current_database()",
    "mysql": "SELECT tid FROM information_schema.processlist WHERE db = database()",
}
MOST = {"sqlite": 30, "postgresql": 30, "mysql": 60}  # milliseconds that a page may take
PAGES = ("counted", "first", "middle", "last", "cursor", "beyond")
COUNTED = PAGES[0]
NDJSON = {"Content-Type": "application/x-ndjson"}

# As the items lie, nearly so, by many equals, and all over the place; the others are like one of these.
ITEM_SORTS = ("id", "name", "quantity", "updated_at")
# What is asked for: what all have, many, some, few, one and none.
ITEM_FILTERS = (
    {},
    {"archived": "true"},
    *({"q": word} for word in ("thing", "th", "42", "1234", "SKU-00000005", "4000000000005", "40000001", "zz", "zzz")),
    {"sku": "sku-00000005"},
    {"barcode": "4000000000005"},
    *({"tag": tag} for tag in ("light", "tag7", "rare", "none")),
    *({"bin": place} for place in ("Aisle 7", "nowhere")),
    *({"low_stock": low} for low in ("true", "false")),
    *({"min_price": price} for price in ("0", "450", "899", "1000")),
    *({"max_price": price} for price in ("899.25", "450", "0.25", "0")),
    *({"updated_since": f"{day}T00:00:00Z"} for day in ("2020-01-01", "2020-09-20", "2026-01-01")),
    {"tag": "tag7", "bin": "Aisle 7"},
    {"q": "thing", "min_price": "899"},
    {"low_stock": "false", "max_price": "0"},
)
LEDGER_FILTERS = (
    {},
    *({"item_id": item} for item in (BUSY, 77)),
    {"sku": "none"},
    *({"user": user} for user in ("ada", "mel", "eve", "zoe", "none")),
    *({"kind": kind} for kind in ("receive", "count", "adjust", "reversal")),
    *({"reference": reference} for reference in ("PO-500", "", "none")),
    *({"since": f"{day}T00:00:00Z"} for day in ("2020-01-01", "2020-09-19", "2020-09-25", "2030-01-01")),
    *({"until": f"{day}T00:00:00Z"} for day in ("2030-01-01", "2020-09-19", "2020-09-13", "2020-01-01")),
    {"user": "eve", "kind": "receive"},
    {"user": "mel", "since": "2020-09-19T00:00:00Z"},
    {"kind": "count", "user": "zoe"},
    {"item_id": BUSY, "kind": "count"},
)
OTHERS = ("/stats", f"/items/{BUSY}/movements?sort=-occurred_at", "/items/77/quantity?at=2026-01-01T00:00:00Z")


def main() -> None:
    """Fill, ask, print."""
    with tempfile.TemporaryDirectory() as folder:
        url = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{folder}/stock.sqlite3"
        app = create_app(settings_for(url, Path(folder), ADMIN_PASSWORD="correct horse battery staple"))
        with app.app_context():
            migrate()
        admin = person(app, "ada", "admin")
        admin.documented = False
        with app.app_context():
            name, filled = db.engine.dialect.name, number_of("movements")
        if not filled:
            fill(admin)
        expect(admin.get("/items"), 200)  # which opens the connection that reads
        slow: list[tuple[float, str]] = []
        for title, path, filters, sorts in (
            ("items", "/items", ITEM_FILTERS, ITEM_SORTS),
            ("the ledger", "/movements", LEDGER_FILTERS, ("id", "occurred_at")),
        ):
            print(f"\n| {title} | {' | '.join(PAGES)} |\n| --- |{' ---: |' * len(PAGES)}")
            for filter_ in filters:
                times = slowest(admin, path, filter_, sorts, slow)
                named = ", ".join(f"{name}={value}" for name, value in filter_.items()) or "all"
                print(f"| `{named}` | {' | '.join(times)} |", flush=True)
        for path in OTHERS:
            print(f"| `{path}` | {milliseconds(admin, path, counted=True):.1f} | {milliseconds(admin, path):.1f} |")
        print(f"\nslower than {MOST[name]} ms:")
        for time_, asked in sorted(slow, reverse=True):
            if time_ > MOST[name]:
                print(f"{time_:8.1f} {asked}")
        with app.app_context():
            db.engine.dispose()


def fill(admin: Client) -> None:
    """Write the items through the service, the movements and what can't be set past it."""
    for user in ("mel", "eve", "zoe"):
        person(admin.app, user, "member")
    for first in range(1, ITEMS + 1, AT_ONCE):
        lines = "\n".join(map(as_json, items(first, first + AT_ONCE - 1)))
        expect(admin.post("/items/import", data=lines, headers=NDJSON), 200)
        print(f"{first + AT_ONCE - 1:,} items", flush=True)
    with admin.app.app_context():
        dialect = db.engine.dialect.name
        with db.engine.begin() as connection:
            for statement in changes(dialect):
                connection.exec_driver_sql(statement.replace("%", "%%") if dialect != "sqlite" else statement)
        if dialect == "postgresql":
            with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM ANALYZE")
        elif dialect == "sqlite":
            with db.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    print(f"{MOVEMENTS:,} movements", flush=True)


def changes(dialect: str) -> Iterator[str]:
    """The statements that make items and movements differ; each movement is a second later than the last."""
    yield "UPDATE items SET reorder_level = 2000 WHERE id % 60 = 0"
    yield f"UPDATE items SET updated_at = {MOMENT[dialect].format(f'{START} + (id * 7919) % {ITEMS * 10}')}"
    yield f"UPDATE items SET created_at = {MOMENT[dialect].format(f'{START} + id')}"
    yield "UPDATE items SET archived = (1 = 1) WHERE id % 11 = 0"
    yield "INSERT INTO item_tags (item_id, tag) SELECT id, 'rare' FROM items WHERE id % 9000 = 0"
    number = {"sqlite": "i", "postgresql": "i", "mysql": "i"}[dialect]
    user = "(SELECT id FROM users WHERE username = '{}')".format
    columns = {
        "item_id": f"CASE WHEN i % 10 = 0 THEN {BUSY} ELSE 1 + i % {ITEMS} END",
        "user_id": f"CASE WHEN i < 50000 AND i % 10 = 3 THEN {user('eve')} "
        f"WHEN i < {MOVEMENTS // 2} AND i % 4 = 1 THEN {user('mel')} ELSE {user('ada')} END",
        "kind": "CASE WHEN i % 20 = 0 THEN 'count' WHEN i % 9000 = 1 THEN 'adjust' WHEN i % 2 = 0 THEN 'receive' "
        "ELSE 'issue' END",
        "delta": "1",
        "quantity_after": number,
        "reason": "'delivery'",
        "reference": f"CASE WHEN i % 2 = 0 THEN {NAME[dialect].format('PO-')} ELSE '' END",
        "occurred_at": MOMENT[dialect].format(f"{START} + i - CASE WHEN i % 100 = 0 THEN 90000 ELSE 0 END"),
        "created_at": MOMENT[dialect].format(f"{START} + i"),
    }
    yield (
        f"INSERT INTO movements ({', '.join(columns)}) SELECT {', '.join(columns.values())} "
        f"FROM {NUMBERS[dialect].format(1, MOVEMENTS)} ORDER BY i"
    )


def number_of(table: str) -> int:
    """How many rows a table has."""
    return int(db.session.scalar(text(f"SELECT count(*) FROM {table}")) or 0)


def slowest(
    admin: Client, path: str, filter_: dict[str, str], sorts: tuple[str, ...], slow: list[tuple[float, str]]
) -> list[str]:
    """The slowest page of each kind, in any order; notes each time in `slow`."""
    times: dict[str, float] = defaultdict(float)
    for sort in (direction + name for name in sorts for direction in ("", "-")):
        for page, asked in pages(admin, path, {**filter_, "sort": sort}):
            took = milliseconds(admin, asked, counted=page == COUNTED)
            slow.append((took, f"{page}: {asked}"))
            times[page] = max(times[page], took)
    return [f"{times[page]:.1f}" if page in times else "" for page in PAGES]


def pages(admin: Client, path: str, query: dict[str, str]) -> Iterator[tuple[str, str]]:
    """The pages of a list: those by number, that of an empty cursor, and that of the cursor of the middle.

    The first is counted anew; the others are of a stock that has not changed since, so their total is remembered.
    """
    first = f"{path}?{urlencode(query)}"
    yield COUNTED, first
    yield "first", first
    last = admin.get(first).json["total_pages"]
    middle = f"{first}&page={max(1, last // 2)}"
    if last > 1:
        yield "middle", middle
        yield "last", f"{first}&page={last}"
    yield "cursor", f"{first}&cursor="
    if cursor := admin.get(middle).json["next_cursor"]:
        yield "beyond", f"{first}&cursor={cursor}"


def milliseconds(admin: Client, path: str, *, counted: bool = False) -> float:
    """The least time of some answers; with `counted`, the total is not remembered from the one before."""
    times = []
    for _ in range(ASKED):
        if counted:
            UNCHANGED.forget()
        begin = spent(admin)
        expect(admin.get(path), 200)
        times.append((spent(admin) - begin) * 1000)
        if times[0] > 1000:  # there is nothing to be found out by asking again
            break
    return min(times)


def spent(admin: Client) -> float:
    """The seconds of processor time that this thread and the database's own have taken so far.

    The time on the clock would be that of whatever else the machine does.
    """
    return time.thread_time() + sum(int(Path(name).read_text().split()[0]) for name in threads(admin.app)) / 1e9


@cache
def threads(app: Flask) -> list[str]:
    """Where Linux counts what the threads of the database server take that are at work for this program."""
    with app.app_context():
        query = THREADS.get(db.engine.dialect.name)
        found = db.session.scalars(text(query)).all() if query else []
        db.session.rollback()
    return [f"/proc/{thread}/schedstat" for thread in found]


if __name__ == "__main__":
    main()
