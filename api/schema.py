"""The schema of the database: how far it is, and what this version knows of."""

from functools import cache
from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app
from sqlalchemy import Connection

from models.base import db


def alembic_config() -> Config:
    """What Alembic's own commands want."""
    config: Config = current_app.extensions["migrate"].migrate.get_config()
    return config


def is_current() -> bool:
    """Whether the database has every migration, and no other. Raises DBAPIError when it can't be read."""
    with db.engine.connect() as connection:
        return revisions(connection) == _script().heads


def revisions(connection: Connection) -> frozenset[str]:
    """The revisions that a database says it is at; none, if it was never migrated."""
    return frozenset(MigrationContext.configure(connection).get_current_heads())


def newest() -> frozenset[str]:
    """The revisions that this version brings a database to."""
    return _script().heads


def known() -> frozenset[str]:
    """The revisions that this version can bring up to date."""
    return _script().known


def is_modelled(name: str | None, type_: str, _: object) -> bool:
    """Whether a thing in the database is for the models to know: all is but the index of the search, which SQLite
    keeps in several tables."""
    return type_ != "table" or name is None or not name.startswith("items_search")


class _Script:
    """The migrations of a folder: the newest, and all."""

    def __init__(self, folder: Path) -> None:
        script = ScriptDirectory(str(folder))
        self.heads = frozenset(script.get_heads())
        self.known = frozenset(each.revision for each in script.walk_revisions())


_read = cache(_Script)


def _script() -> _Script:
    return _read(Path(current_app.extensions["migrate"].directory))
