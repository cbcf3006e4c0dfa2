"""The settings and the databases of the tests: named, emptied, left without a table."""

from pathlib import Path

from sqlalchemy import MetaData, text

from models.database.base import db
from settings import Settings

# Tests send more than people do; those of the limits set their own.
UNLIMITED = {"RATE_LIMIT": "", "LOGIN_RATE_LIMIT": ""}


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
