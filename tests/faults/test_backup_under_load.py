"""A backup taken while everybody writes has all that was acknowledged before it began, and adds up."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from models.files.backup import back_up, restore
from tests.faults.conftest import Found
from tests.faults.harness import Service, Tally, serving
from tests.faults.load import BUSY, OUT_OF_STOCK, rounds, under_load

pytestmark = pytest.mark.faults


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """The service on a file of its own."""
    with serving(Service(f"sqlite:///{(tmp_path / 'stock.sqlite3').as_posix()}", tmp_path / "instance")) as service:
        yield service


def test_a_backup_under_load_has_what_was_acknowledged_and_adds_up(
    service: Service, tally: Tally, items: list[int], found: Found, tmp_path: Path
) -> None:
    backups: list[tuple[Path, set[str]]] = []

    database = tmp_path / "stock.sqlite3"
    with closing(sqlite3.connect(database)) as connection:
        newest = {revision for (revision,) in connection.execute("SELECT version_num FROM alembic_version")}

    with under_load(service, tally, items):
        for number in range(rounds(3)):
            time.sleep(0.5)
            acknowledged = set(tally.acknowledged.copy())
            backup = tmp_path / f"backup {number}"
            back_up(database, backup, newest)
            backups.append((backup, acknowledged))

    sound, missing = 0, 0
    for backup, acknowledged in backups:
        restored = tmp_path / f"restored from {backup.name}"
        sound += restore(backup, restored, newest, newest)[0].verified
        with closing(sqlite3.connect(restored)) as connection:
            written = {reference for (reference,) in connection.execute("SELECT reference FROM movements")}
        missing += len(acknowledged - written)

    finding = found(items, f"{sound} of {len(backups)} sound, {missing} acknowledged writes missing in them")
    assert sound == len(backups)
    assert missing == 0
    assert len(backups[0][1]) > 0
    assert finding.is_clean
    assert not tally.unexpected("201", OUT_OF_STOCK, BUSY)
