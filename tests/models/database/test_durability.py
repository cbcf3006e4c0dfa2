"""What is acknowledged is on the disk: no connection of the service asks its database for less."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import create_engine

from models.database.base import db
from models.database.engine import prepare_engine

ASKED = {
    "sqlite": ("PRAGMA synchronous", "2"),  # FULL
    "postgresql": ("SHOW synchronous_commit", "on"),
}


def test_a_commit_waits_for_the_disk(app):
    with app.app_context(), db.engine.connect() as connection:
        if connection.dialect.name not in ASKED:
            pytest.skip("MariaDB decides this for the whole server, out of a client's reach")
        question, answer = ASKED[connection.dialect.name]

        assert str(connection.exec_driver_sql(question).scalar_one()) == answer


def test_whoever_opens_a_new_sqlite_file_at_the_same_moment_can(tmp_path: Path) -> None:
    together = Barrier(4, timeout=10)

    def open_new_files(_: int) -> list[str]:
        modes = []
        for number in range(200):
            engine = create_engine(f"sqlite:///{tmp_path / str(number)}")
            prepare_engine(engine)
            together.wait()
            with engine.connect() as connection:
                modes.append(connection.exec_driver_sql("PRAGMA journal_mode").scalar_one())
            engine.dispose()
        return modes

    with ThreadPoolExecutor(4) as threads:
        assert set().union(*threads.map(open_new_files, range(4))) == {"wal"}
