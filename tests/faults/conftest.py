"""A service on each database, an audit after each fault, and the table of what was found.

`TEST_FAULTS_URLS` (several, separated by blanks) names the servers; without it they are SQLite and those that
answer on 127.0.0.1, or else the PostgreSQL that comes as a pip package. Each run makes a database of its own.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from tests.faults.harness import Address, Cutter, Finding, Reader, Service, Tally, audit, p99, serving, sqlalchemy_url
from tests.faults.load import RING
from tests.support.databases import postgresql_from_pip

LOCAL = {
    "postgresql": "postgresql+psycopg://postgres@127.0.0.1/postgres?connect_timeout=1",
    "mariadb": "mysql+pymysql://root@127.0.0.1/mysql?connect_timeout=1",
}
PIP_POSTGRESQL = "pip"
Found = Callable[[list[int], str], Finding]
Noted = Callable[..., None]
LINES = pytest.StashKey[list[tuple[str, str, str, Finding | None, Tally]]]()


def _servers() -> list[str]:
    if chosen := os.environ.get("TEST_FAULTS_URLS", "").split():
        return chosen
    running = {name: url for name, url in LOCAL.items() if _runs(url)}
    return ["sqlite", running.get("postgresql", PIP_POSTGRESQL), *filter(None, [running.get("mariadb")])]


def _runs(url: str) -> bool:
    engine = create_engine(url, poolclass=NullPool)
    try:
        engine.connect().close()
    except OperationalError:
        return False
    finally:
        engine.dispose()
    return True


def _name(server: str) -> str:
    return "postgresql" if server == PIP_POSTGRESQL else server.partition(":")[0].partition("+")[0]


@pytest.fixture(scope="session", params=_servers(), ids=_name)
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an empty database of this run."""
    if request.param == "sqlite":
        yield f"sqlite:///{(tmp_path_factory.mktemp('faults') / 'stock.sqlite3').as_posix()}"
    elif request.param == PIP_POSTGRESQL:
        with postgresql_from_pip() as url:
            yield from _own_database(url)
    else:
        yield from _own_database(request.param)


def _own_database(server: str) -> Iterator[str]:
    url = make_url(sqlalchemy_url(server))
    name = f"stockroom_faults_{secrets.token_hex(4)}"
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        yield url.set(database=name).difference_update_query(["connect_timeout"]).render_as_string(hide_password=False)
        connection.execute(text(f"DROP DATABASE {name}"))
    engine.dispose()


@pytest.fixture(scope="session")
def shared_service(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service of one database, for all its tests."""
    with serving(Service(database_url, tmp_path_factory.mktemp("instance"))) as service:
        yield service


@pytest.fixture
def service(shared_service: Service) -> Iterator[Service]:
    """The service, running, with whatever earlier tests left in its database."""
    if not shared_service.is_running:
        shared_service.start()
    yield shared_service
    shared_service.close_clients()


@pytest.fixture
def second_service(service: Service, tmp_path: Path) -> Iterator[Service]:
    """Another process on the same database."""
    with serving(Service(service.database_url, tmp_path / "second")) as second:
        yield second


@pytest.fixture
def cutter(service: Service) -> Iterator[Cutter]:
    """What stands between a service and this database."""
    if not make_url(service.database_url).host:
        pytest.skip("there is no connection over TCP to this database")
    cutter = Cutter(service.database_url)
    yield cutter
    cutter.door.close()


@pytest.fixture
def service_behind(cutter: Cutter, tmp_path: Path) -> Iterator[Service]:
    """Another process, which reaches the database by way of the cutter."""
    with serving(Service(cutter.database_url, tmp_path / "behind")) as behind:
        yield behind


@pytest.fixture
def tally() -> Tally:
    """What the clients of this test see."""
    return Tally()


@pytest.fixture
def items(service: Address) -> list[int]:
    """The ids of four new items, of each of which there are a thousand; and there are other locations."""
    client = service.client()
    for code in RING[1:]:
        assert client.request("PUT", f"/locations/by-code/{code}", {}).status in (200, 201)
    made = [
        client.request("POST", "/items", {"sku": secrets.token_hex(8), "name": "Thing", "quantity": 1000})
        for _ in range(4)
    ]
    assert {answer.status for answer in made} == {201}
    return [answer.json["id"] for answer in made]


@pytest.fixture
def noted(request: pytest.FixtureRequest, service: Address, tally: Tally) -> Noted:
    """Note the figures of this test, and what an audit found, for the table at the end of the run."""
    lines = request.config.stash.setdefault(LINES, [])
    name = request.node.originalname.removeprefix("test_").replace("_", " ")

    def record(figures: str, finding: Finding | None = None) -> None:
        lines.append((service.database, name, figures, finding, tally))

    return record


@pytest.fixture
def found(noted: Noted, service: Address, tally: Tally) -> Found:
    """Audit what the test did to these items, and note the finding."""

    def find(items: list[int], figures: str) -> Finding:
        reader = Reader(service.client(), service.audited_to)
        reader.catch_up()
        service.audited_to = reader.cursor
        finding = audit(service, tally, items, reader.events)
        noted(figures, finding)
        return finding

    return find


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show what each fault did to each database: counts, the longest time without an acknowledged write in
    seconds, and within how many milliseconds 99 of 100 reads were answered."""
    lines = config.stash.get(LINES, [])
    if not lines:
        return
    terminalreporter.section("faults")
    heads = (*Finding._fields, "longest gap", "p99 of reads")
    terminalreporter.write_line(f"{'database':<11}" + " ".join(f"{head:>12}" for head in heads))
    for kind, name, figures, finding, tally in lines:
        terminalreporter.write_line(f"{name}: {figures}")
        counts = finding or ("-",) * len(Finding._fields)
        gap = f"{tally.longest_gap():.1f} s" if finding else "-"
        reads = f"{p99(tally.reads):.0f} ms" if tally.reads else "-"
        terminalreporter.write_line(f"{kind:<11}" + " ".join(f"{each:>12}" for each in (*counts, gap, reads)))
