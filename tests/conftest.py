"""The stage and the cast: an application on each database, emptied for each test, and people in it.

`TEST_DATABASE_URL` (several, separated by blanks) points the tests elsewhere; without it they run on
SQLite and on a real PostgreSQL that comes as a pip package. Each process of a run has databases of its own.
"""

import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import hypothesis
import pytest
from flask import Flask

from api.auth.passwords import METHOD
from api.monitoring.audit import REFUSALS_EVERY
from api.monitoring.failed_sign_ins import FailedSignIns
from api.services import services_of
from api.throttle import Throttle
from app import create_app
from models.database.base import db
from models.database.schema import migrate
from models.people.token import LAST_USE_EVERY
from tests.support.clients import HERE, Client, person, person_with_password
from tests.support.databases import (
    DATABASES,
    WORKER,
    delete_rows,
    drop_everything,
    kind,
    own_database,
    postgresql_from_pip,
    settings_for,
)
from tests.support.program import SOON

pytest_plugins = ["tests.support.browser", "tests.support.scanning"]

MOST_WORKERS = 4
# How long the service waits for a lock, a turn, a connection or an answer before it gives up.
TIMEOUTS = (
    "models.database.writer_queue.WRITE_WAIT",
    "models.database.writer_queue.STALLED_BEGIN",
    "models.database.writer_queue.STALLED_WRITE",
    "models.database.writer_queue.STALLED_SERVER",
    "models.database.lock_waits.LOCK_SECONDS",
    "models.database.engine.CONNECT_SECONDS",
    "api.monitoring.health.TIMEOUT",
    "api.auth.issuer.TIMEOUT",
    "api.auth.code_flow.TIMEOUT",
)
# A machine that does other things too is no fault of an example.
hypothesis.settings.register_profile("without deadline", deadline=None)
hypothesis.settings.load_profile("without deadline")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database-only", action="store_true", help="run only the tests that touch the database")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """A process for each processor; one alone for chosen files, and for what measures and needs the whole machine."""
    measures = config.getoption("markexpr") in ("faults", "contract", "onelines")
    files = all(Path(argument.partition("::")[0]).is_file() for argument in config.args)
    return 0 if measures or files else min(os.cpu_count() or 1, MOST_WORKERS)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Spell out half a letter in what a test wrote: from process to process goes UTF-8 alone."""
    report = yield
    report.sections = [(title, text.encode("utf-8", "backslashreplace").decode()) for title, text in report.sections]
    return report


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what needs no database: the longest tests are there, and at the end one process would wait."""
    with_database = [item for item in items if "database_url" in getattr(item, "fixturenames", ())]
    others = [item for item in items if item not in set(with_database)]
    if config.getoption("--database-only"):
        config.hook.pytest_deselected(items=others)
        others = []
    items[:] = [*others, *with_database]


@pytest.fixture(scope="session", params=DATABASES, ids=kind)
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of one database of this run; the tests that use it run once on each, but for those `on_one_database`."""
    if request.param == "sqlite":
        yield f"sqlite:///{(tmp_path_factory.mktemp('sqlite') / 'stock.sqlite3').as_posix()}"
    elif request.param == "postgresql":
        with postgresql_from_pip() as url:
            yield url
    elif WORKER:
        with own_database(request.param, WORKER) as url:
            yield url
    else:
        yield request.param


@pytest.fixture(scope="session")
def shared_app(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The application, on a database with the newest schema."""
    app = create_app(settings_for(database_url, tmp_path_factory.mktemp("instance")))
    app.testing = True
    with app.app_context():
        drop_everything()
        migrate()
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def app(shared_app: Flask) -> Flask:
    """The application, without a row in its database."""
    with shared_app.app_context():
        delete_rows()
    # What was recorded lately of whom: the next test has other people and tokens with the same ids.
    services_of(shared_app).refusals = Throttle(REFUSALS_EVERY)
    services_of(shared_app).failed_sign_ins = FailedSignIns()
    services_of(shared_app).last_uses = Throttle(LAST_USE_EVERY.total_seconds())
    return shared_app


@pytest.fixture(scope="session", autouse=True)
def cheap_hashes() -> Iterator[None]:
    """Hash passwords in no time: what is tested here is the service, not the patience of scrypt."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("api.auth.passwords.METHOD", "scrypt:128:1:1")
        yield


@pytest.fixture(scope="session", autouse=True)
def long_timeouts() -> Iterator[None]:
    """Wait for long: a machine that stalls for some seconds is no fault of the service."""
    with pytest.MonkeyPatch.context() as patch:
        for name in TIMEOUTS:
            patch.setattr(name, int(SOON))  # as a database takes it
        yield


@pytest.fixture
def real_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords as the service does; an application takes it over when it is made."""
    monkeypatch.setattr("api.auth.passwords.METHOD", METHOD)


@pytest.fixture
def apps(app: Flask, database_url: str, tmp_path: Path) -> Iterator[Callable[..., Flask]]:
    """Makes applications with settings of their own on the database of the test: each is a process of its own."""
    made = []

    def make(**environ: str) -> Flask:
        made.append(create_app(settings_for(database_url, tmp_path, **environ)))
        return made[-1]

    yield make
    for each in made:
        with each.app_context():
            db.engine.dispose()


@pytest.fixture
def admin(app: Flask) -> Client:
    """May do everything, with a password: an API token may not."""
    return person_with_password(app, "ada", "admin")


@pytest.fixture
def member(app: Flask) -> Client:
    """Changes items and stock."""
    return person(app, "mel", "member")


@pytest.fixture
def guest(app: Flask) -> Client:
    """Reads the stock."""
    return person(app, "gus", "guest")


@pytest.fixture
def nobody(app: Flask) -> Client:
    """Sends no credential."""
    return Client(app)


@pytest.fixture
def lamp(member: Client) -> str:
    """The path of an item of which there are five."""
    created = member.post("/items", json={"sku": "LAMP-1", "name": "Desk lamp", "price": "12.50", "quantity": 5})
    assert created.status_code == 201, created.json
    return str(created.headers["Location"]).removeprefix(HERE)
