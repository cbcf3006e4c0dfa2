"""What was answered stays answered, whatever becomes of the connection to the database afterwards."""

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from models.database.base import db
from tests.support.clients import Client


@pytest.fixture
def breaking(app: Flask) -> Iterator[None]:
    """Every connection to the database breaks when its transaction is given up."""

    def fail(_: object) -> None:
        raise OperationalError("ROLLBACK", {}, Exception("server closed the connection"), connection_invalidated=True)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "rollback", fail)
    yield
    event.remove(engine, "rollback", fail)


def test_a_connection_that_breaks_after_the_answer_was_made_takes_it_not_back(
    member: Client, lamp: str, breaking: None
) -> None:
    answers = [member.get(lamp) for _ in range(20)]

    assert {answer.status_code for answer in answers} == {200}
