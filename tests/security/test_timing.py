"""Timing: how long a refusal takes does not tell whether a name is known."""

import statistics
import sys
import time
from collections.abc import Callable

import pytest
from flask import Flask

from api.auth.passwords import hash_password
from api.services import services_of
from models.database.base import db
from models.people.user import User
from tests.support.clients import PASSWORD, Client, person, with_password
from tests.support.databases import on_one_database

pytestmark = on_one_database  # what is said here is the same on each

# Samples are taken by turns, so that whatever else the machine does falls on all alike; if the medians are not
# close enough yet, more samples join those that there are.
ROUND = 7
ROUNDS = 6
WITHIN = 0.10
# The processor's time of this thread, which checks the password itself: other work of the machine does not count. The
# one of Windows has steps of 16 ms, too coarse for a check of 90 ms.
clock = time.perf_counter if sys.platform == "win32" else time.thread_time


def by_basic(app, name: str, password: str) -> int:
    return with_password(app, name, password).get("/users/me").status_code


def by_login(app, name: str, password: str) -> int:
    return Client(app).post("/auth/login", json={"username": name, "password": password}).status_code


def milliseconds(ask: Callable[[], int]) -> float:
    start = clock()
    status = ask()
    assert status == 401
    return (clock() - start) * 1000


@pytest.fixture
def slow_app(real_hashes, apps) -> Flask:
    """An application whose passwords cost what they do in the service."""
    return apps()


@pytest.fixture
def names(real_hashes, app, admin) -> list[str]:
    """A name that is known, and one that nobody has; that of an inactive user costs one check too (test_auth.py)."""
    person(app, "mel", "member")
    ina = person(app, "ina", "guest")
    with app.app_context():
        for name in ("mel", "ina"):
            User.by_name(name).password_hash = hash_password(PASSWORD)
        db.session.commit()
    assert admin.delete(f"/users/{ina.user_id}").status_code == 204
    return ["mel", "nadim"]


@pytest.mark.parametrize("door", [by_basic, by_login])
def test_a_name_that_nobody_has_is_refused_in_the_time_of_one_that_somebody_has(slow_app, names, door):
    times: dict[str, list[float]] = {name: [] for name in names}
    number = 0
    for _ in range(ROUNDS):
        for _ in range(ROUND):
            number += 1
            for name in names:
                wrong = f"wrong password {number} at {door.__name__}"
                times[name].append(milliseconds(lambda name=name, wrong=wrong: door(slow_app, name, wrong)))
        medians = {name: statistics.median(taken) for name, taken in times.items()}
        ratios = {name: median / medians["mel"] for name, median in medians.items()}
        if all(abs(ratio - 1) <= WITHIN for ratio in ratios.values()):
            break

    assert all(abs(ratio - 1) <= WITHIN for ratio in ratios.values()), medians


def test_the_right_password_of_an_inactive_user_takes_no_less(app, names):
    with app.app_context():
        stored = User.by_name("ina").password_hash
    checked = []
    verify = services_of(app).passwords.verify

    def seen(username, stored_hash, *others):
        checked.append(stored_hash)
        return verify(username, stored_hash, *others)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(services_of(app).passwords, "verify", seen)
        assert by_login(app, "ina", PASSWORD) == 401

    assert checked == [stored]
