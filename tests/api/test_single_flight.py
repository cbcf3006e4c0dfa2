"""One call for many callers: how often it runs, and what everybody gets."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from api.single_flight import SingleFlight


class Call:
    """A call that is held until `go` is set, and counted."""

    def __init__(self) -> None:
        self.made = 0
        self.running = threading.Event()
        self.go = threading.Event()
        self.failure: Exception | None = None

    def __call__(self) -> int:
        self.made += 1
        self.running.set()
        assert self.go.wait(10)
        if self.failure:
            raise self.failure
        return self.made


@pytest.fixture
def call() -> Iterator[Call]:
    call = Call()
    yield call
    call.go.set()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def test_who_comes_while_a_call_runs_gets_its_outcome(call, pool):
    flight = SingleFlight("test")
    first = pool.submit(flight.run, "key", call)
    assert call.running.wait(10)

    others = [flight.start("key", call) for _ in range(5)]
    call.go.set()

    assert {each.result(10) for each in (first, *others)} == {1}
    assert call.made == 1


def test_another_key_is_another_call(call):
    flight = SingleFlight("test")
    call.go.set()
    held = Call()
    other = flight.start("other", held)

    assert flight.run("key", call) == 1
    assert not other.done()
    held.go.set()
    assert other.result(10) == 1


def test_nothing_is_kept_of_a_call_that_has_ended(call):
    flight = SingleFlight("test")
    call.go.set()

    assert [flight.run("key", call) for _ in range(3)] == [1, 2, 3]
    assert flight.start("key", call).result(10) == 4


def test_a_failure_is_everybodys_and_the_next_caller_tries_again(call, pool):
    flight = SingleFlight("test")
    call.failure = OSError("away")
    first = pool.submit(flight.run, "key", call)
    assert call.running.wait(10)
    other = flight.start("key", call)
    call.go.set()

    assert isinstance(first.exception(10), OSError)
    assert isinstance(other.exception(10), OSError)
    call.failure = None
    assert flight.run("key", call) == 2


def test_a_call_that_never_ends_does_not_keep_the_process_alive(call):
    flight = SingleFlight("test")
    flight.start("key", call)

    assert call.running.wait(10)
    assert [thread.daemon for thread in threading.enumerate() if thread.name == "test"] == [True]
