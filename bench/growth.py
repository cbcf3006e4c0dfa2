"""What pages, the feed and keyed writes cost in a long history, beside one of a tenth.

`python bench/growth.py [ROWS] [DATABASE_URL]` empties that database; without one, it makes a SQLite file. It
writes so many movements, events and idempotency keys (ten million, unless asked otherwise) past the service, asks the
same of it at a tenth of them and at all, and prints how long an answer took, in milliseconds (the median of some). It
needs what the tests need.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from import_export import lines, write
from sqlalchemy import text

from app import create_app
from models.database.base import db
from models.database.schema import migrate
from tests.support.clients import Client, person
from tests.support.databases import drop_everything, settings_for

ITEMS = 10_000
AT_ONCE = 500_000
ASKED = 15
START = 1_600_000_000  # the first movement, in seconds since 1970; one a second
NUMBERS = {
    "sqlite": "(WITH RECURSIVE n (i) AS (SELECT {0} UNION ALL SELECT i + 1 FROM n WHERE i < {1}) SELECT i FROM n)",
    "postgresql": "generate_series({0}, {1}) AS n (i)",
    "mysql": "(SELECT seq AS i FROM seq_{0}_to_{1}) AS n",
}
MOMENT = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%S', {0}, 'unixepoch') || '.000000'",
    "postgresql": "to_timestamp({0})",
    "mysql": "from_unixtime({0})",
}
NAME = {"sqlite": "'{0}' || i", "postgresql": "'{0}' || i", "mysql": "concat('{0}', i)"}
TABLES = ("movements", "events", "idempotency_keys")


def main() -> None:
    """Fill, ask, fill, ask, print."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    with tempfile.TemporaryDirectory() as folder:
        url = sys.argv[2] if len(sys.argv) > 2 else f"sqlite:///{folder}/stock.sqlite3"
        app = create_app(settings_for(url, Path(folder), ADMIN_PASSWORD="correct horse battery staple"))
        with app.app_context():
            drop_everything()
            migrate()
        admin = person(app, "ada", "admin")
        admin.documented = False
        write(file := Path(folder) / "items.csv", lines(ITEMS, "25"))
        assert (
            admin.post("/items/import", data=file.read_bytes(), headers={"Content-Type": "text/csv"}).status_code == 200
        )
        measured: list[dict[str, float]] = []
        for last in (rows // 10, rows):
            begin = time.perf_counter()
            with app.app_context():
                fill(last)
            print(f"{last:,} rows after {time.perf_counter() - begin:.0f} s", flush=True)
            measured.append({name: milliseconds(ask) for name, ask in questions(admin, last)})
        for name, small in measured[0].items():
            print(f"{name:<40}{small:>9.1f}{measured[1][name]:>9.1f}{measured[1][name] / small:>7.2f}")
        with app.app_context():
            if len(sys.argv) > 2:  # the file goes with its folder
                drop_everything()
            db.engine.dispose()


def fill(last: int) -> None:
    """Write movements, their events and keys up to the id `last`, some at a time."""
    dialect = db.engine.dialect.name
    with db.engine.connect() as connection:
        found = [connection.scalar(text(f"SELECT max(id) FROM {table}")) or 0 for table in TABLES]
        user = connection.scalar(text("SELECT id FROM users WHERE username = 'ada'"))
    moment, now = MOMENT[dialect].format(f"{START} + i"), MOMENT[dialect].format(int(time.time()))
    item, name = f"1 + i % {ITEMS}", NAME[dialect].format
    columns = {
        "movements": {
            "id": "i",
            "item_id": item,
            "user_id": user,
            "kind": "'receive'",
            "delta": 1,
            "quantity_after": "i",
            "reason": "'delivery'",
            "reference": name("PO-"),
            "occurred_at": moment,
            "created_at": moment,
        },
        "events": {
            "id": "i",
            "stream": "'stock'",
            "type": "'movement.created'",
            "at": moment,
            "actor": "'ada'",
            "request_id": name("r-"),
            "item_id": item,
            "movement_id": "i",
            "data": '\'{"kind":"receive","delta":1,"reason":"delivery"}\'',
        },
        "idempotency_keys": {
            "id": "i",
            "user_id": user,
            "key": name("key-"),
            "fingerprint": "'none'",
            "status": 201,
            "created_at": now,
        },
    }
    for begin in range(max(found) + 1, last + 1, AT_ONCE):
        numbers = NUMBERS[dialect].format(begin, min(begin + AT_ONCE - 1, last))
        with db.engine.connect().execution_options(no_parameters=True) as connection, connection.begin():
            for table in TABLES:
                quoted = ", ".join(map(connection.dialect.identifier_preparer.quote, columns[table]))
                values = ", ".join(map(str, columns[table].values()))
                connection.exec_driver_sql(f"INSERT INTO {table} ({quoted}) SELECT {values} FROM {numbers}")
                if dialect == "postgresql":
                    connection.exec_driver_sql(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {last})")
    if dialect == "sqlite":  # so large a log of writes would slow every reader, and only this program writes one
        with db.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def questions(admin: Client, last: int) -> Iterator[tuple[str, Callable[[], Any]]]:
    """What is asked, by its name."""
    middle = last // 2
    day = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(START + middle))
    page = admin.get("/movements?cursor=&sort=-id&limit=50").json
    for name, path in (
        ("ledger, first page", "/movements?cursor="),
        ("ledger, newest first", "/movements?cursor=&sort=-id"),
        ("ledger, by cursor", f"/movements?sort=-id&limit=50&cursor={page['next_cursor']}"),
        ("ledger of one item", "/items/77/movements?cursor=&sort=-id"),
        ("ledger by reference", f"/movements?cursor=&reference=PO-{middle}"),
        ("ledger since a moment", f"/movements?cursor=&sort=occurred_at&since={day}"),
        ("one movement", f"/movements/{middle}"),
        ("feed, from the middle", f"/events?since={middle}"),
        ("feed, from the end", f"/events?since={last}"),
        ("audit", "/audit?cursor="),
        ("audit of one actor", "/audit?cursor=&actor=ada"),
        ("audit of one item", "/audit?cursor=&item_id=77"),
        ("ledger, counted", "/movements?limit=50"),
    ):
        yield name, lambda path=path: expect(admin.get(path), 200)
    move = {"kind": "receive", "quantity": 1, "reason": "delivery"}

    def keyed(key: str) -> Any:
        return admin.post("/items/77/movements", json=move, headers={"Idempotency-Key": key})

    yield "a movement", lambda: expect(admin.post("/items/77/movements", json=move), 201)
    yield "a movement with a key", lambda: expect(keyed(str(uuid4())), 201)
    again = str(uuid4())
    keyed(again)
    yield "the same again", lambda: expect(keyed(again), 201)


def expect(answer: Any, status: int) -> None:
    """Stop at any other status."""
    if answer.status_code != status:
        raise SystemExit(f"{answer.status_code}: {answer.text[:300]}")


def milliseconds(ask: Callable[[], Any]) -> float:
    """The median time of some answers, after one that does not count."""
    ask()
    times = []
    for _ in range(ASKED):
        begin = time.perf_counter()
        ask()
        times.append((time.perf_counter() - begin) * 1000)
    return median(times)


if __name__ == "__main__":
    main()
