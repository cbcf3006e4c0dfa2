"""The throttle and the interval: once in so many seconds, however many ask, and never without a bound."""

from concurrent.futures import ThreadPoolExecutor

from api import throttle
from api.throttle import Interval, Throttle


def test_a_thing_is_allowed_again_after_the_time_and_not_before():
    seconds = [0.0]
    minute = Throttle(60, lambda: seconds[-1])

    assert minute.allow("lamp")
    seconds.append(59.9)
    assert not minute.allow("lamp")
    assert minute.allow("chair")
    seconds.append(60.0)
    assert minute.allow("lamp")


def test_of_threads_that_race_one_is_allowed():
    minute = Throttle(60)
    with ThreadPoolExecutor(16) as pool:
        allowed = list(pool.map(lambda n: minute.allow(n % 4), range(400)))

    assert allowed.count(True) == 4


def test_what_is_remembered_has_a_bound(monkeypatch):
    monkeypatch.setattr(throttle, "REMEMBERED", 3)
    minute = Throttle(60)

    assert all(minute.allow(n) for n in range(5))
    assert minute.allow(0)  # forgotten
    assert not minute.allow(4)


def test_what_is_regular_is_due_at_once_and_again_after_the_time():
    seconds = [0.0]
    hourly = Interval(3600, lambda: seconds[-1])

    assert [hourly.is_due(), hourly.is_due()] == [True, False]
    seconds.append(3599.9)
    assert not hourly.is_due()
    seconds.append(3600.0)
    assert [hourly.is_due(), hourly.is_due()] == [True, False]


def test_of_threads_that_race_one_does_what_is_due():
    hourly = Interval(3600)
    with ThreadPoolExecutor(16) as pool:
        due = list(pool.map(lambda _: hourly.is_due(), range(400)))

    assert due.count(True) == 1
