"""What is acknowledged is on the disk: no connection of the service asks its database for less."""

import pytest

from models.base import db

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
