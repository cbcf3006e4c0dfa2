"""The real service in a process of its own, clients that never give up a write, and an audit of what they left."""

import http.client
import json
import math
import os
import re
import secrets
import socket
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from functools import partial
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.pool import NullPool

from app import create_app
from models.database.base import db
from models.stock.verify import verify
from settings import Settings
from tests.support.databases import settings_for
from tests.support.program import SOON

ROOT = Path(__file__).resolve().parents[2]
V1 = "/api/v1"
PASSWORD = "correct horse battery staple"
# Multiplies rounds and durations, for long runs by hand.
SCALE = float(os.environ.get("FAULTS_SCALE") or 1)
ANSWERED_WITHIN = 30.0
GIVE_UP = 60.0
# However long the service asks a client to wait, here it waits no longer, in seconds.
LONGEST_WAIT = 0.05
# Below the ports that systems give to outgoing connections: a client that dials a closed port of those
# may be answered by itself, and a restarted service would find its own port taken.
PORTS = range(20_000, 30_000)

# The statement as PostgreSQL's and MariaDB's protocols carry it; not the one that asks for READ COMMITTED.
COMMIT = re.compile(rb"COMMIT(\0|$)")


class Answer(NamedTuple):
    """A whole answer, read to its end; `json` is None if it is none."""

    status: int
    headers: Message
    json: Any


class Address:
    """Where clients reach the service that keeps its stock in this database; its URL as an operator writes it."""

    def __init__(self, database_url: str, port: int) -> None:
        self.database_url = database_url
        self.port = port
        self.token = ""
        self.audited_to = ""  # how far earlier audits have read the feed
        self.clients: list[Client] = []

    @property
    def database(self) -> str:
        """The kind of its database."""
        return make_url(sqlalchemy_url(self.database_url)).get_backend_name()

    def client(self, **headers: str) -> "Client":
        """A new client of it, who sends its token or else these headers; `close_clients` closes its connection."""
        client = Client(self.port, headers or {"Authorization": f"Bearer {self.token}"})
        self.clients.append(client)
        return client

    def admin(self) -> "Client":
        """A new client of it, who signs in with the password of the first admin."""
        return self.client(Authorization=basic("admin", PASSWORD))

    def close_clients(self) -> None:
        """Close the connections of its clients."""
        while self.clients:
            self.clients.pop().connection.close()


class Service(Address):
    """`python run.py` on one database; it may die and come back on the same port."""

    def __init__(self, database_url: str, folder: Path, **settings: str) -> None:
        super().__init__(database_url, free_port())
        self.folder = folder
        self.settings = settings
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Whether its process lives."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.folder.mkdir(exist_ok=True)
        settings = {
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "INSTANCE_PATH": str(self.folder),
            "DATABASE_URL": self.database_url,
            "ADMIN_USERNAME": "admin",
            "ADMIN_PASSWORD": PASSWORD,
            "RATE_LIMIT": "",
            "LOG_LEVEL": "WARNING",
            **self.settings,
        }
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "run.py"], cwd=ROOT, env={**os.environ, **settings}, stdout=log, stderr=log
            )
        try:
            self._wait_until_it_answers()
            if not self.token:
                self.token = self._new_token()
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """End it as a power cut of the process would: SIGKILL, or TerminateProcess."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def terminate(self) -> int:
        """Ask it to stop; its exit status."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout=20)

    def log(self) -> str:
        """What it has said."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + SOON
        while not self._answers():
            assert self.is_running, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.02)

    def _answers(self) -> bool:
        client = Client(self.port, {})
        try:
            return client.get("/items").status == 401
        except (OSError, http.client.HTTPException):
            return False
        finally:
            client.connection.close()

    def _new_token(self) -> str:
        scopes = ["items:read", "items:write", "stock:write"]
        made = self.admin().request("POST", "/tokens", {"name": "faults", "scopes": scopes})
        assert made.status == 201, made
        return str(made.json["token"])


@contextmanager
def serving(service: Service) -> Iterator[Service]:
    """The service runs while the block does."""
    service.start()
    try:
        yield service
    finally:
        service.close_clients()
        service.kill()


def sqlalchemy_url(database_url: str) -> str:
    """A URL as SQLAlchemy reads it."""
    return Settings.from_env({"DATABASE_URL": database_url}).database_url


def basic(username: str, password: str) -> str:
    """The value of Authorization that signs in with a password (RFC 7617)."""
    return "Basic " + b64encode(f"{username}:{password}".encode()).decode()


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


class Cutter:
    """Stands between a service and its database, and cuts the connection at every so-many-th COMMIT; at none while 0.

    Every other time the database gets to read it: then the change is made, and the service is not told.
    """

    def __init__(self, database_url: str) -> None:
        self.target = make_url(database_url)
        self.every = 0
        self.commits = 0
        self.cuts = 0
        self.door = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def database_url(self) -> str:
        """The URL of the database by way of this."""
        options = {"sslmode": "disable"} if self.target.get_backend_name() == "postgresql" else {}
        url = self.target.set(host="127.0.0.1", port=self.door.getsockname()[1], query=options)
        return url.render_as_string(hide_password=False)

    def _accept(self) -> None:
        ports = {"postgresql": 5432, "mysql": 3306}
        address = (self.target.host or "", self.target.port or ports[self.target.get_backend_name()])
        with suppress(OSError):  # the door was closed
            while True:
                service, _ = self.door.accept()
                database = socket.create_connection(address)
                for source, sink, watched in ((service, database, True), (database, service, False)):
                    threading.Thread(target=self._pass_on, args=(source, sink, watched), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, watched: bool) -> None:
        with suppress(OSError), source, sink:
            while data := source.recv(65536):
                cut = watched and COMMIT.search(data) and self._is_next()
                if not cut or self.cuts % 2:
                    sink.sendall(data)
                if cut:
                    break
            for end in (source, sink):
                end.shutdown(socket.SHUT_RDWR)

    def _is_next(self) -> bool:
        self.commits += 1
        cut = self.every > 0 and self.commits % self.every == 0
        self.cuts += cut
        return cut


class Client:
    """One connection, kept alive as long as the service keeps it."""

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWERED_WITHIN)
        self.headers = headers
        self.sent = -math.inf  # when the last request was sent

    def connect(self) -> None:
        """Make sure of a connection; raises OSError when the service does not listen."""
        if self.connection.sock is None:
            self.connection.connect()

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """One request, sent once, a text as CSV and all else as JSON.

        Raises OSError or HTTPException when no whole answer came.
        """
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if body is not None:
            sent["Content-Type"] = "text/csv" if isinstance(body, str) else "application/json"
            body = body if isinstance(body, str) else json.dumps(body)
        try:
            self.connect()
            try:
                self.connection.request(method, V1 + path, body, sent)
            finally:
                self.sent = time.monotonic()
            response = self.connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            raise
        is_json = content and "json" in response.headers.get_content_subtype()  # a proxy says it in HTML
        return Answer(response.status, response.headers, json.loads(content) if is_json else None)

    def get(self, path: str) -> Answer:
        """A GET, sent once."""
        return self.request("GET", path)

    def walk(self, path: str) -> Iterator[dict[str, Any]]:
        """Every row of a collection, by cursor."""
        cursor: str | None = ""
        while cursor is not None:
            page = self.get(f"{path}{'&' if '?' in path else '?'}limit=200&cursor={cursor}").json
            yield from page["data"]
            cursor = page["next_cursor"]


@dataclass
class Tally:
    """What the clients of one test saw; several threads write into it."""

    acknowledged: dict[str, Answer] = field(default_factory=dict)
    given_up: list[str] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    retries: int = 0
    replayed: int = 0
    seconds: list[float] = field(default_factory=list)
    waits: dict[str, float] = field(default_factory=lambda: defaultdict(float))  # the longest for each status
    moments: list[float] = field(default_factory=list)  # when a write was acknowledged
    last_answered: float = 0.0  # when a write was answered for good
    seconds_of_reads: list[float] = field(default_factory=list)
    reads: list[float] = field(default_factory=list)  # those answered 200
    read_statuses: Counter[str] = field(default_factory=Counter)

    def write(self, client: Client, path: str, body: Any, reference: str, method: str = "POST") -> Answer | None:
        """Send a write until it is answered for good, always under the key `reference`; None if it never was.

        It counts as acknowledged only after the whole 2xx has been read.
        """
        began = time.monotonic()
        while time.monotonic() < began + GIVE_UP:
            sent = time.monotonic()
            try:
                answer = client.request(method, path, body, Idempotency_Key=reference)
            except (OSError, http.client.HTTPException):
                self.retries += 1
                time.sleep(LONGEST_WAIT)
                continue
            status = self.saw(answer)
            self.waits[status] = max(self.waits[status], time.monotonic() - sent)
            if not _comes_later(answer):
                self.last_answered = time.monotonic()
                self.seconds.append(self.last_answered - began)
                self.replayed += "Idempotent-Replayed" in answer.headers
                if answer.status < 300:
                    self.acknowledged[reference] = answer
                    self.moments.append(self.last_answered)
                return answer
            self.retries += 1
            time.sleep(min(_retry_after(answer), LONGEST_WAIT))
        self.given_up.append(reference)
        return None

    def read(self, client: Client, path: str) -> Answer | None:
        """Send a GET once; None if no whole answer came."""
        began = time.monotonic()
        try:
            answer = client.get(path)
        except (OSError, http.client.HTTPException):
            self.read_statuses["none"] += 1
            time.sleep(LONGEST_WAIT)
            return None
        self.seconds_of_reads.append(time.monotonic() - began)
        self.read_statuses[_status(answer)] += 1
        if answer.status == 200:
            self.reads.append(self.seconds_of_reads[-1])
        return answer

    def saw(self, answer: Answer) -> str:
        """Count an answer by its status and, if it is a refusal, its code."""
        status = _status(answer)
        self.statuses[status] += 1
        return status

    def unexpected(self, *expected: str) -> dict[str, int]:
        """The answers that were none of these."""
        return {status: count for status, count in self.statuses.items() if status not in expected}

    def p99(self) -> float:
        """The time within which 99 of 100 writes were answered for good, in milliseconds."""
        return p99(self.seconds)

    def first_after(self, moment: float) -> float:
        """How long after this moment a write was acknowledged for the first time, in seconds."""
        return min((each - moment for each in self.moments if each > moment), default=math.inf)

    def longest_gap(self) -> float:
        """The longest time during which no write was acknowledged, in seconds."""
        moments = sorted(self.moments)
        return max((later - earlier for earlier, later in pairwise(moments)), default=0.0)


def p99(seconds: Sequence[float]) -> float:
    """What 99 of 100 of these durations do not exceed, in milliseconds."""
    return sorted(seconds)[len(seconds) * 99 // 100] * 1000 if seconds else 0.0


def _status(answer: Answer) -> str:
    return (
        f"{answer.status} {answer.json['code'] if answer.json else 'of the proxy'}"
        if answer.status >= 400
        else str(answer.status)
    )


def _retry_after(answer: Answer) -> float:
    """How long the service says to wait, in seconds; it must say so, a proxy need not."""
    return float(answer.headers["Retry-After"]) if answer.json else 0.0


def _comes_later(answer: Answer) -> bool:
    """Whether a client is to repeat the request: told to wait, or a proxy that did not reach the service."""
    return _status(answer) == "409 idempotency_in_progress" or answer.status in (429, 502, 503, 504)


def run_all(jobs: Iterable[Callable[[], None]]) -> None:
    """Run the jobs at once, each in a thread; raises what the first failed one raised."""
    with running(jobs):
        pass


def at_once(jobs: Sequence[Callable[[], Any]]) -> None:
    """Run the jobs, all of which begin at the same moment."""
    start = threading.Barrier(len(jobs))

    def begin(job: Callable[[], Any]) -> None:
        start.wait()
        job()

    run_all([partial(begin, job) for job in jobs])


@contextmanager
def running(jobs: Iterable[Callable[[], None]]) -> Iterator[None]:
    """The jobs run, each in a thread, while the block does; both ended, raises what the first failed job raised."""
    failures: list[BaseException] = []

    def guarded(job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as failure:  # noqa: BLE001 - raised again below, in the thread of the test
            failures.append(failure)

    threads = [threading.Thread(target=guarded, args=(job,), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join(GIVE_UP + ANSWERED_WITHIN)
    assert not any(thread.is_alive() for thread in threads), "a client hangs"
    if failures:
        raise failures[0]


class Reader:
    """A reader of the change feed: it stores its cursor and what it was told."""

    def __init__(self, client: Client, since: str = "") -> None:
        self.client = client
        self.cursor = since
        self.events: list[dict[str, Any]] = []

    def poll(self, limit: int = 1000) -> bool:
        """Read on from the cursor; true if there was something."""
        return self.take(self.client.get(f"/events?since={self.cursor}&limit={limit}"))

    def take(self, page: Answer) -> bool:
        """Keep a page that was read from the cursor on; true if there was something on it."""
        self.events += page.json["data"]
        self.cursor = page.json["next_cursor"]
        return bool(page.json["data"])

    def catch_up(self) -> None:
        """Read until there is nothing more; a cursor that does not move on would never get there."""
        before = None
        while self.poll():
            assert self.cursor != before, "the feed repeats itself"
            before = self.cursor

    def stock(self) -> dict[int, int]:
        """The quantity of each item, as the events tell it."""
        quantities: dict[int, int] = {}
        for each in self.events:
            if each["type"].startswith("item."):
                quantities[each["item_id"]] = each["data"]["quantity"]
            elif each["type"] == "movement.created":
                quantities[each["item_id"]] = each["data"]["quantity_after"]
        return quantities


class Finding(NamedTuple):
    """What the audit found; all but `acknowledged` should be 0."""

    acknowledged: int
    missing: int  # acknowledged, and not in the ledger
    unexplained: int  # in the ledger, and nobody was told so
    doubled: int  # a reference that stands twice
    unequal: int  # items whose quantity is not the sum of their ledger
    broken: int  # rows whose quantity_after does not follow from the row before; a damaged file; what `verify` finds
    skipped: int  # movements that the feed did not tell of
    repeated: int  # those it told of twice, or out of order

    @property
    def is_clean(self) -> bool:
        """Whether every promise was kept."""
        return not any(self[1:])


def audit(service: Address, tally: Tally, items: Iterable[int], events: Iterable[dict[str, Any]]) -> Finding:
    """Read everything about these items back, over HTTP and from the database, and count what is wrong.

    `events` are those of the feed since before the items were made. A reference stands for one write, which is a single
    row but for what is done to a transfer: that has several, all of one moment. Fulfilments are told apart by id.
    """
    client = service.client()
    items = set(items)
    ledgers = {item_id: list(client.walk(f"/items/{item_id}/movements")) for item_id in items}
    reservations = [row for item_id in items for row in client.walk(f"/reservations?item_id={item_id}")]
    rows = [row for ledger in ledgers.values() for row in ledger]
    references = Counter([*_references_of(rows), *(f"reserved {row['reference']}" for row in reservations)])
    written = {each for key, answer in tally.acknowledged.items() for each in _references(key, answer)}
    told = defaultdict(list)
    for each in events:
        if each["type"] == "movement.created" and each["item_id"] in items:
            told[each["item_id"]].append(each["data"]["id"])
    recorded = {item_id: [row["id"] for row in ledger] for item_id, ledger in ledgers.items()}
    quantities = {item_id: client.get(f"/items/{item_id}").json["quantity"] for item_id in items}
    with database(service.database_url) as engine, engine.connect() as connection:
        doubled, unequal, broken = _ask_database(connection)
    return Finding(
        acknowledged=len(tally.acknowledged),
        missing=len(written - references.keys()),
        unexplained=len(references.keys() - written),
        doubled=max(doubled, sum(count - 1 for count in references.values())),
        unequal=unequal + sum(sum(row["delta"] for row in ledgers[each]) != quantities[each] for each in items),
        broken=broken + sum(map(_breaks, ledgers.values())) + len(_faults(service)),
        skipped=sum(len(set(recorded[each]) - set(told[each])) for each in items),
        repeated=sum(len(told[each]) - len(set(told[each])) + (told[each] != sorted(told[each])) for each in items),
    )


def _references_of(rows: list[dict[str, Any]]) -> Iterator[str]:
    """The reference of each row that has one; that of an act on a transfer once, and of a fulfilment its own id."""
    acts = {(row["reference"], row["created_at"]) for row in rows if row["transfer_id"] is not None}
    yield from (reference for reference, _ in acts if reference)
    for row in rows:
        if row["reservation_id"] is not None:
            yield f"fulfilment {row['id']}"
        elif row["transfer_id"] is None and row["reference"]:
            yield row["reference"]


def _references(key: str, answer: Answer) -> list[str]:
    """The same of what an answer says is recorded; of an act on a transfer, it is the key of the request."""
    if "lines" in answer.json:
        return [key]
    if "movement" in answer.json:
        return [f"fulfilment {answer.json['movement']['id']}"]
    if "reservations" in answer.json:
        return [f"reserved {each['reference']}" for each in answer.json["reservations"]]
    movements = answer.json.get("movements", [answer.json] if "delta" in answer.json else [])
    return [movement["reference"] for movement in movements]


def _faults(service: Address) -> list[str]:
    """What `verify` says of the whole database."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        app = create_app(settings_for(service.database_url, Path(folder)))
        with app.app_context():
            faults = list(verify())
            db.session.remove()
            db.engine.dispose()
    for fault in faults:
        print(fault)  # which pytest shows where a test fails
    return faults


def _breaks(ledger: list[dict[str, Any]]) -> int:
    quantity, breaks = 0, 0
    for row in ledger:
        breaks += row["quantity_after"] != quantity + row["delta"] or row["quantity_after"] < 0
        quantity = row["quantity_after"]
    return breaks


def _ask_database(connection: Any) -> tuple[int, int, int]:
    """References that stand twice, items and stocks that differ from their ledger, breaks of a chain or of the file."""
    own = "reference <> '' AND transfer_id IS NULL AND reservation_id IS NULL"
    acts = "SELECT DISTINCT reference, created_at FROM movements WHERE reference <> '' AND transfer_id IS NOT NULL"
    doubled = sum(
        connection.execute(text(f"SELECT COUNT(*) - COUNT(DISTINCT reference) FROM {rows}")).scalar_one()
        for rows in (f"movements WHERE {own}", f"({acts}) AS acts", "reservations WHERE reference <> ''")
    )
    unequal = connection.execute(
        text(
            "SELECT COUNT(*) FROM items WHERE quantity <> "
            "(SELECT COALESCE(SUM(delta), 0) FROM movements WHERE movements.item_id = items.id)"
        )
    ).scalar_one()
    unequal += connection.execute(
        text(
            "SELECT COUNT(*) FROM stocks WHERE quantity <> (SELECT COALESCE(SUM(delta), 0) FROM movements "
            "WHERE movements.item_id = stocks.item_id AND movements.location_id = stocks.location_id)"
        )
    ).scalar_one()
    unequal += connection.execute(
        text(
            "SELECT COUNT(*) FROM items WHERE elsewhere <> "
            "(SELECT COALESCE(SUM(quantity), 0) FROM stocks WHERE stocks.item_id = items.id)"
        )
    ).scalar_one()
    ledgers, stocks = defaultdict(list), defaultdict(list)
    columns = "item_id, location_id, delta, quantity_after, location_quantity_after"
    for row in connection.execute(text(f"SELECT {columns} FROM movements ORDER BY item_id, id")):
        ledgers[row.item_id].append(row._mapping)
        stocks[row.item_id, row.location_id].append({"delta": row.delta, "quantity_after": row.location_quantity_after})
    broken = sum(map(_breaks, ledgers.values())) + sum(map(_breaks, stocks.values()))
    if connection.dialect.name == "sqlite":
        broken += connection.execute(text("PRAGMA integrity_check")).scalar_one() != "ok"
    return doubled, unequal, broken


@contextmanager
def database(url: str) -> Iterator[Engine]:
    """The database itself, past the service."""
    engine = create_engine(sqlalchemy_url(url), poolclass=NullPool)
    try:
        yield engine
    finally:
        engine.dispose()
