"""The database as others see and hold it: the statements that it gets, and locks of another program."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from sqlalchemy import create_engine, event, text

from models.database.base import db


@contextmanager
def write_locked(app: Flask) -> Iterator[None]:
    """Another program holds what the note of the use of a token or a cookie would write."""
    with app.app_context():
        engine = create_engine(db.engine.url)
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                connection.execute(text("BEGIN IMMEDIATE"))
            else:
                for table in ("api_tokens", "sign_ins"):
                    connection.execute(text(f"SELECT id FROM {table} FOR UPDATE"))
            yield
            connection.rollback()
    finally:
        engine.dispose()


@contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    """The statements that the database of this application gets meanwhile."""
    made: list[str] = []

    def record(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        made.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", record)
    try:
        yield made
    finally:
        event.remove(engine, "before_cursor_execute", record)
