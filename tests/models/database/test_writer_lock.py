"""The lock by which the writers of several processes take turns on one SQLite database."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from models.database.engine import engine_options, prepare_engine
from models.database.file_lock import FairFileLock, FileLock, writer_lock_of
from models.database.group_commit import group_commit_of
from models.database.writer_queue import WRITE
from models.refusals import LockTimeout
from tests.support.program import ROOT, SOON

HOLD = """
import sys
from pathlib import Path
from models.database.file_lock import FairFileLock
lock = FairFileLock(Path(sys.argv[1]))
print(lock.acquire(5), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return writer_lock_of(tmp_path / "stock.sqlite3")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """One process of several, on an SQLite database."""
    with engine_of(tmp_path, processes=2) as engine:
        yield engine


@contextmanager
def engine_of(folder: Path, processes: int) -> Iterator[Engine]:
    url = f"sqlite:///{(folder / 'stock.sqlite3').as_posix()}"
    engine = create_engine(url, **engine_options(url, threads=8))
    prepare_engine(engine, processes)
    yield engine
    engine.dispose()


def write(engine: Engine, wait: float) -> None:
    with engine.connect().execution_options(**{WRITE: wait}) as connection, connection.begin():
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS written (id INTEGER)")


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@contextmanager
def waiting(lock: FairFileLock, path: Path) -> Iterator["Future[bool]"]:
    """Another process waits for its turn: it is the first of the queue."""
    queue = FileLock(path.with_name(f"{path.name}-queue"))

    def is_locked() -> bool:
        locked = not queue.acquire(exclusive=True, wait=0)
        queue.release()
        return locked

    with ThreadPoolExecutor(1) as pool:
        acquired = pool.submit(lock.acquire, SOON)
        until(is_locked)
        yield acquired


def test_who_had_the_lock_comes_after_who_waits_for_it(path: Path) -> None:
    one, other = FairFileLock(path), FairFileLock(path)
    assert one.acquire(0)
    with waiting(other, path) as acquired:
        one.release()
        again_at_once = one.acquire(0)

        assert not again_at_once
        assert acquired.result(SOON)
    other.release()
    assert one.acquire(0)


def test_who_waits_too_long_gives_up_and_is_in_nobody_s_way(path: Path) -> None:
    one, other, third = (FairFileLock(path) for _ in range(3))
    assert one.acquire(0)
    gave_up = not other.acquire(0.01)
    one.release()

    assert gave_up
    assert third.acquire(0)


def test_the_lock_ends_with_its_process(path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, path], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        held = holder.stdout.readline().strip()
        lock = FairFileLock(path)
        before = lock.acquire(0)
        holder.kill()
        after = lock.acquire(SOON)

    assert (held, before, after) == ("True", False, True)


def test_a_writer_waits_for_that_of_another_process(engine: Engine, path: Path) -> None:
    other = FairFileLock(path)
    assert other.acquire(0)
    with pytest.raises(LockTimeout):
        write(engine, wait=0.01)
    other.release()

    write(engine, wait=0)
    assert other.acquire(0)  # its turn ended with its transaction


def test_one_process_alone_has_no_such_lock(tmp_path: Path, path: Path) -> None:
    assert FairFileLock(path).acquire(0)
    files = set(tmp_path.iterdir())
    with engine_of(tmp_path, processes=1) as engine:
        write(engine, wait=0)
        made = set(tmp_path.iterdir()) - files

    assert {each.name for each in made} <= {f"stock.sqlite3{end}" for end in ("", "-lock", "-shm", "-wal")}


def test_where_the_lock_has_no_file_the_database_s_own_keeps_writers_apart(engine: Engine, path: Path) -> None:
    path.mkdir()

    write(engine, wait=0)


def test_who_waits_together_has_one_turn_together(engine: Engine, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group = group_commit_of(engine)
    other = FairFileLock(path)
    turns = []
    acquire = FairFileLock.acquire
    monkeypatch.setattr(FairFileLock, "acquire", lambda *args: turns.append(1) or acquire(*args))
    assert acquire(other, 0)
    with ThreadPoolExecutor(3) as pool:
        writes = [pool.submit(group.run, lambda: None) for _ in range(3)]
        until(lambda: group.waiting() == 3)
        other.release()
        errors = [each.result(SOON).error for each in writes]

    assert errors == [None, None, None]
    assert len(turns) == 1


def test_a_short_write_whose_process_has_no_turn_is_refused(engine: Engine, path: Path) -> None:
    group = group_commit_of(engine)
    other = FairFileLock(path)
    assert other.acquire(0)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(LockTimeout):
        patch.setattr("models.database.writer_queue.WRITE_WAIT", 0.01)
        group.run(lambda: None)
    other.release()

    assert group.waiting() == 0
    assert group.run(lambda: None).error is None
