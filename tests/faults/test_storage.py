"""A disk that is full, a file that can't be written, a lock that somebody else holds: SQLite goes on reading."""

import json
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.conftest import Found
from tests.faults.harness import Finding, Service, Tally, p99, serving
from tests.faults.load import BUSY, OUT_OF_STOCK, RUNNING, SCALE, under_load

pytestmark = pytest.mark.faults

SMALL = "16m"
on_a_small_disk = pytest.mark.parametrize("folder", [SMALL], indirect=True, ids=["small disk"])


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """The folder of the database; on a disk of its own, if a size is asked for."""
    size = getattr(request, "param", None)
    if size is None:
        yield tmp_path
        return
    _allowed("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", tmp_path)
    yield tmp_path
    subprocess.run(["umount", tmp_path], check=True)


@pytest.fixture
def service(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service on a file in this folder."""
    url = f"sqlite:///{(folder / 'stock.sqlite3').as_posix()}"
    with serving(Service(url, tmp_path_factory.mktemp("instance"))) as service:
        yield service


def _allowed(*command: str | Path) -> None:
    """Run a command that not everybody may, and not every system has; skips then."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"there is no {command[0]}")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(done.stderr.strip())


@pytest.fixture
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the temporary files, on a small disk of its own."""
    folder = tmp_path_factory.mktemp("temporary")
    _allowed("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def assert_reads_went_on_and_writes_came_back(tally: Tally, finding: Finding, healed: float) -> None:
    assert finding.is_clean
    assert tally.statuses[BUSY] > 0
    assert tally.waits[BUSY] < 5
    assert not tally.unexpected("201", OUT_OF_STOCK, BUSY, RUNNING)
    assert not tally.given_up
    assert 0 < tally.last_answered - healed < 5
    assert set(tally.read_statuses) == {"200"}
    assert p99(tally.reads) < 200


def figures(tally: Tally, healed: float) -> str:
    return (
        f"{tally.statuses[BUSY]} told to wait, within {tally.waits[BUSY]:.1f} s, "
        f"written again after {tally.first_after(healed):.1f} s"
    )


@on_a_small_disk
def test_a_full_disk_stops_writes_only_and_only_while_it_is_full(
    service: Service, folder: Path, tally: Tally, items: list[int], found: Found
) -> None:
    ballast = folder / "ballast"

    with under_load(service, tally, items):
        time.sleep(1 * SCALE)
        with ballast.open("wb", buffering=0) as file:
            while os.statvfs(folder).f_bavail:
                file.write(bytes(4096))
        time.sleep(3 * SCALE)
        ballast.unlink()
        healed = time.monotonic()
        time.sleep(2)

    finding = found(items, figures(tally, healed))
    assert_reads_went_on_and_writes_came_back(tally, finding, healed)


def test_a_read_only_database_stops_writes_only_and_only_while_it_is_read_only(
    service: Service, folder: Path, tally: Tally, items: list[int], found: Found
) -> None:
    files = [folder / "stock.sqlite3", folder / "stock.sqlite3-wal"]

    with under_load(service, tally, items, writers=1, readers=0):
        time.sleep(0.5)
        _allowed("chattr", "+i", *files)
        try:
            with under_load(service, tally, items):  # more clients than before: the service opens it anew
                time.sleep(2 * SCALE)
                subprocess.run(["chattr", "-i", *files], check=True)
                healed = time.monotonic()
                time.sleep(2)
        finally:
            subprocess.run(["chattr", "-i", *files], check=True)

    finding = found(items, figures(tally, healed))
    assert_reads_went_on_and_writes_came_back(tally, finding, healed)


def test_a_lock_that_another_program_holds_stops_writes_only_and_only_while_it_is_held(
    service: Service, folder: Path, tally: Tally, items: list[int], found: Found
) -> None:
    with under_load(service, tally, items):
        time.sleep(0.5)
        with closing(sqlite3.connect(folder / "stock.sqlite3", isolation_level=None, timeout=5)) as rival:
            rival.execute("BEGIN IMMEDIATE")
            time.sleep(7)
            rival.execute("ROLLBACK")
        healed = time.monotonic()
        time.sleep(1)

    finding = found(items, figures(tally, healed))
    assert_reads_went_on_and_writes_came_back(tally, finding, healed)


@pytest.mark.parametrize("megabytes", [47, 6], ids=["no room for the body", "no room for its rows"])
def test_where_temporary_files_have_no_room_an_import_is_told_to_come_again_and_all_others_are_served(
    temporary: Path, tmp_path: Path, megabytes: int
) -> None:
    url = f"sqlite:///{(tmp_path / 'stock.sqlite3').as_posix()}"
    text = "sku,name,description\r\n" + "".join(f"A-{n},lamp,{'x' * 4000}\r\n" for n in range(megabytes * 250))
    settings = {"TMPDIR": str(temporary), "SQLITE_TMPDIR": str(temporary)}
    with serving(Service(url, tmp_path / "instance", **settings)) as service:
        client = service.client()
        client.connect()
        headers = {**client.headers, "Content-Type": "text/csv"}
        client.connection.request("POST", "/api/v1/items/import", text, headers)
        response = client.connection.getresponse()
        problem = json.loads(response.read())
        anonymous = service.client(X_None="")
        anonymous.connect()
        anonymous.connection.request("POST", "/api/v1/items/import", text)

        assert (response.status, problem["code"]) == (503, "unavailable"), service.log()
        assert response.getheader("Retry-After")
        assert anonymous.connection.getresponse().status == (413 if megabytes > 1 else 401)
        assert service.client().get("/items").json["total_items"] == 0
        assert service.is_running
