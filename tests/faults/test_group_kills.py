"""A process that dies at any step of a group of movements: all of them are there or none, and none promised lacks."""

import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from app import create_app
from models.database.base import db
from models.stock.verify import verify
from settings import ROOT
from tests.faults.group import ENDED, reference_of
from tests.support.databases import settings_for

pytestmark = pytest.mark.faults


def test_a_group_that_is_killed_at_any_step_is_there_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "stock.sqlite3"
    url = f"sqlite:///{file.as_posix()}"
    steps = []
    for step in count():
        done = subprocess.run(
            [sys.executable, "-m", "tests.faults.group", url, tmp_path, str(step)], cwd=ROOT, check=False
        )
        of_step = {reference_of(step, keyed=keyed) for keyed in (True, False)}
        steps.append(len(of_step & set(recorded(file))))
        if done.returncode != ENDED:
            break

    assert done.returncode == 0
    *before, after_commit, last = steps
    assert (set(before), after_commit, last) == ({0}, 2, 2)
    assert len(before) > 10
    references = recorded(file)
    acknowledged = (tmp_path / "acknowledged").read_text().split("\n")[:-1]
    assert set(acknowledged) <= set(references)
    assert all(references[reference_of(step, keyed=True)] == 1 for step in range(len(steps)))
    assert max(references.values()) == 1
    app = create_app(settings_for(url, tmp_path))
    with app.app_context():
        assert list(verify()) == []
        db.engine.dispose()


def recorded(file: Path) -> Counter[str]:
    """How often each reference is in the ledger."""
    with closing(sqlite3.connect(file)) as connection:
        return Counter(reference for (reference,) in connection.execute("SELECT reference FROM movements"))
