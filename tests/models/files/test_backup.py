"""Backup and restore: what is copied is whole, what is put back is sound, and nothing is lost on the way."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from app import create_app
from models.database.base import db
from models.database.schema import migrate
from tests.support.clients import person
from tests.support.databases import settings_for
from tests.support.program import PASSWORD, ROOT, Program, environment, program

# At scale: 15 times; here, as often as a test of each day can wait for.
ROUNDS = int(os.environ.get("BACKUP_ROUNDS", "2"))


class Instance:
    """An instance of its own on SQLite, worked on by commands."""

    def __init__(self, folder: Path, database_url: str = "") -> None:
        self.folder = folder
        self.file = folder / "stockroom.sqlite3"
        self.app = create_app(settings_for(database_url or f"sqlite:///{self.file.as_posix()}", folder))
        if not database_url:
            with self.app.app_context():
                migrate()
            self.member = person(self.app, "mel", "member")
            self.disconnect()

    def disconnect(self) -> None:
        with self.app.app_context():
            db.engine.dispose()

    def add(self, sku: str) -> None:
        assert self.member.post("/items", json={"sku": sku, "name": sku, "quantity": 5}).status_code == 201
        self.disconnect()

    def skus(self) -> list[str]:
        found = [item["sku"] for item in self.member.get("/items?sort=sku").json["data"]]
        self.disconnect()
        return found

    def events(self) -> list[tuple[int, str]]:
        """Each event of the change feed by its id, with the SKU that it is about."""
        found = [(event["id"], event["data"]["sku"]) for event in self.member.get("/events").json["data"]]
        self.disconnect()
        return found

    def run(self, *args: str | Path) -> tuple[int, str]:
        """The exit status and what was printed on stderr."""
        result = self.app.test_cli_runner().invoke(args=[str(arg) for arg in args])
        assert "Traceback" not in result.output
        self.disconnect()
        return result.exit_code, result.stderr


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    made = Instance(tmp_path)
    made.add("LAMP-1")
    return made


@pytest.fixture
def backup(instance: Instance) -> Path:
    file = instance.folder / "backup.sqlite3"
    assert instance.run("backup", file)[0] == 0
    return file


def test_a_backup_is_one_sound_file_for_its_owners_eyes(instance, backup):
    assert [path.name for path in instance.folder.glob("backup*")] == ["backup.sqlite3"]
    if os.name == "posix":
        assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    with closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("SELECT sku FROM items").fetchall() == [("LAMP-1",)]


def test_what_was_put_back_is_what_was_backed_up_and_the_other_stays_beside(instance, backup):
    instance.add("LATER")

    assert instance.run("restore", backup)[0] == 0

    assert instance.skus() == ["LAMP-1"]
    (kept,) = instance.folder.glob("stockroom.sqlite3.before-restore-*")
    with closing(sqlite3.connect(kept)) as connection:
        assert connection.execute("SELECT sku FROM items ORDER BY id").fetchall() == [("LAMP-1",), ("LATER",)]
    assert instance.run("restore", kept)[0] == 0
    assert instance.skus() == ["LAMP-1", "LATER"]


def test_a_restored_instance_can_be_written_to(instance, backup):
    instance.run("restore", backup)

    instance.add("NEW")

    assert instance.skus() == ["LAMP-1", "NEW"]
    assert instance.run("verify")[0] == 0


def test_after_a_restore_no_event_gets_an_id_that_another_had(instance, backup):
    instance.add("LATER")
    given = dict(instance.events())

    instance.run("restore", backup)
    instance.add("NEW")

    assert {sku for event_id, sku in instance.events() if event_id not in given} == {"NEW"}
    assert {sku for event_id, sku in instance.events() if event_id in given} == {"LAMP-1"}
    assert instance.run("verify")[0] == 0


def test_where_there_is_no_database_a_backup_makes_one(instance, backup):
    instance.file.unlink()

    assert instance.run("restore", backup)[0] == 0

    assert instance.skus() == ["LAMP-1"]
    assert list(instance.folder.glob("*before-restore*")) == []


def test_a_backup_does_not_overwrite(instance, backup):
    before = backup.read_bytes()
    instance.add("LATER")

    status, printed = instance.run("backup", backup)

    assert status == 1
    assert "is there already" in printed
    assert backup.read_bytes() == before


def test_a_backup_into_a_folder_that_is_not_there_is_refused_in_one_sentence(instance):
    status, printed = instance.run("backup", instance.folder / "nowhere" / "backup.sqlite3")

    assert (status, printed.count("\n")) == (1, 2)


def spoil(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.executescript(statement)
        connection.commit()


def test_a_ledger_whose_history_an_older_version_contradicted_is_backed_up_all_the_same(instance):
    spoil(
        instance.file,
        "UPDATE items SET moved_at = '2020-01-01';"
        "UPDATE movements SET occurred_at = '2020-01-01', kind = 'count', counted = 4",
    )

    assert instance.run("verify")[0] == 1
    assert instance.run("backup", instance.folder / "history.sqlite3")[0] == 0


UNFIT = {
    "no SQLite": lambda path: path.write_text("Dear Sir or Madam, " * 100),
    "empty": lambda path: path.write_bytes(b""),
    "damaged": lambda path: path.write_bytes(path.read_bytes()[:20_000] + b"\xff" * 40_000),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:20_000]),
    "another program's": lambda path: spoil(path, "DROP TABLE movements"),
    "newer": lambda path: spoil(path, "UPDATE alembic_version SET version_num = 'f00d'"),
    "a ledger that does not add up": lambda path: spoil(path, "UPDATE items SET quantity = 6"),
    "a price that no check admits": lambda path: spoil(
        path, "PRAGMA ignore_check_constraints=ON; UPDATE items SET price = -1"
    ),
    "without a table": lambda path: spoil(path, "DROP TABLE idempotency_keys"),
    "without a column": lambda path: spoil(path, "ALTER TABLE items DROP COLUMN unit"),
    "another program's with the same tables": lambda path: spoil(
        path, "DROP TABLE movements; CREATE TABLE movements (id INTEGER, note TEXT)"
    ),
    "another program's with a table of revisions": lambda path: spoil(
        path, "DROP TABLE alembic_version; CREATE TABLE alembic_version (id INTEGER)"
    ),
    "other values": lambda path: spoil(path, "UPDATE movements SET delta = 'five'"),
    "a reference to nothing": lambda path: spoil(path, "UPDATE movements SET user_id = 99"),
}


@pytest.mark.parametrize("how", UNFIT)
def test_an_unfit_file_is_refused_in_one_sentence_and_changes_nothing(instance, backup, how):
    instance.add("LATER")
    UNFIT[how](backup)

    status, printed = instance.run("restore", backup)

    assert (status, printed.count("\n")) == (1, 1), printed
    assert "nothing was changed" in printed
    assert "SELECT" not in printed
    assert instance.skus() == ["LAMP-1", "LATER"]
    assert list(instance.folder.glob("*before-restore*")) == list(instance.folder.glob("*.draft*")) == []


def test_a_damaged_database_can_be_replaced_and_its_journal_goes_with_it(instance, backup):
    journal = instance.folder / "stockroom.sqlite3-wal"
    instance.file.write_bytes(b"SQLite format 3\x00" + b"\xff" * 5000)
    journal.write_bytes(b"of the damaged one")

    assert instance.run("restore", backup)[0] == 0

    assert instance.skus() == ["LAMP-1"]
    (kept,) = instance.folder.glob("*before-restore*Z")
    assert kept.read_bytes().endswith(b"\xff" * 5000)
    assert kept.with_name(f"{kept.name}-wal").read_bytes() == b"of the damaged one"


def test_a_backup_of_an_older_schema_is_put_back_and_said_to_need_an_update(instance, tmp_path):
    old = tmp_path / "old"
    old.mkdir()
    older = create_app(settings_for("sqlite:///old.sqlite3", old))
    upgraded = older.test_cli_runner().invoke(args=["db", "upgrade", "0001"])
    assert upgraded.exit_code == 0, upgraded.output
    with older.app_context():
        db.engine.dispose()

    status, printed = instance.run("restore", old / "old.sqlite3")

    assert status == 0
    assert "0001" in printed and "python run.py upgrade" in printed
    status, printed = instance.run("stats")
    assert status == 1
    assert "python run.py upgrade" in printed
    assert instance.run("db", "upgrade")[0] == 0
    assert instance.run("stats")[0] == 0


def test_while_the_service_runs_a_backup_succeeds_and_a_restore_is_refused(tmp_path):
    with program(INSTANCE_PATH=str(tmp_path), PORT="0", ADMIN_PASSWORD=PASSWORD) as running:
        running.ask("POST", "/items", {"sku": "LAMP-1", "name": "Desk lamp"})
        file = tmp_path / "backup.sqlite3"
        taken = flask(tmp_path, "backup", str(file))
        refused = flask(tmp_path, "restore", str(file))
        goes_on = running.ask("POST", "/items", {"sku": "LAMP-2", "name": "Desk lamp"})

    assert taken.returncode == 0, taken.stderr
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "is in use; stop the service first" in refused.stderr
    assert goes_on.status == 201
    assert list(tmp_path.glob("*before-restore*")) == []


def test_backups_taken_while_many_write_are_whole(tmp_path):
    with program(INSTANCE_PATH=str(tmp_path), PORT="0", ADMIN_PASSWORD=PASSWORD) as running:
        running.ask("POST", "/items", {"sku": "LAMP-1", "name": "Desk lamp"})
        token = running.ask("POST", "/tokens", {"name": "t", "scopes": ["items:read", "stock:write"]}).json["token"]
        stopped = threading.Event()
        writers = [threading.Thread(target=write, args=[running, token, stopped]) for _ in range(4)]
        for writer in writers:
            writer.start()
        files = [tmp_path / f"backup-{number}.sqlite3" for number in range(ROUNDS)]
        taken = [flask(tmp_path, "backup", str(file)) for file in files]
        stopped.set()
        for writer in writers:
            writer.join()
        assert running.stop() == 0

    assert [each.stderr for each in taken if each.returncode] == []
    counts = [movements(file) for file in files]
    assert counts == sorted(set(counts)), "each has what was written since the one before"
    for file, count in zip(files, counts, strict=True):
        restored = flask(tmp_path, "restore", str(file))
        verified = flask(tmp_path, "verify")
        assert (restored.returncode, verified.returncode) == (0, 0), restored.stderr + verified.stderr
        assert verified.stdout == f"All is well: {count} movements verified.\n"


def write(running: Program, token: str, stopped: threading.Event) -> None:
    """Record one movement after another until it is to stop."""
    movement = {"kind": "receive", "quantity": 1, "reason": "delivery"}
    while not stopped.is_set():
        running.ask("POST", "/items/1/movements", movement, token=token)


def movements(file: Path) -> int:
    with closing(sqlite3.connect(file)) as connection:
        return int(connection.execute("SELECT count(*) FROM movements").fetchone()[0])


def flask(instance: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "flask", *args],
        cwd=ROOT,
        env=environment(INSTANCE_PATH=str(instance), PYTHONIOENCODING="utf-8"),
        capture_output=True,
        check=False,
        encoding="utf-8",
    )


@pytest.mark.parametrize(("scheme", "tool"), [("postgresql", "pg_dump"), ("mysql", "mariadb-dump")])
def test_other_databases_are_left_to_their_own_tools(tmp_path, scheme, tool):
    elsewhere = Instance(tmp_path, f"{scheme}://u:p@127.0.0.1:1/stock")

    status, printed = elsewhere.run("backup", tmp_path / "backup")

    assert status == 1
    assert tool in printed
    assert not (tmp_path / "backup").exists()


SLOW_RESTORE = """
import os, sys

link = os.link

def slowly(*names):
    link(*names)
    print("linked", flush=True)
    sys.stdin.readline()

os.link = slowly  # the last step but the rename
sys.argv[0] = "run.py"
from run import program
program()
"""


def test_whatever_opens_the_database_before_a_restore_has_ended_is_refused_and_damages_nothing(tmp_path):
    file = tmp_path / "backup.sqlite3"
    with program(INSTANCE_PATH=str(tmp_path), PORT="0", ADMIN_PASSWORD=PASSWORD) as running:
        running.ask("POST", "/items", {"sku": "LAMP-1", "name": "Desk lamp"})
        assert flask(tmp_path, "backup", str(file)).returncode == 0
        running.ask("POST", "/items", {"sku": "LATER", "name": "Desk lamp"})
        assert running.stop() == 0

    with subprocess.Popen(
        [sys.executable, "-c", SLOW_RESTORE, "restore", str(file)],
        cwd=ROOT,
        env=environment(INSTANCE_PATH=str(tmp_path)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as restoring:
        assert restoring.stdout is not None
        assert restoring.stdout.readline() == "linked\n"
        with program(INSTANCE_PATH=str(tmp_path), PORT="0", read_errors=True) as refused:
            status, printed = refused.wait(), refused.errors()
        commands = [
            flask(tmp_path, *command)
            for command in (["user", "list"], ["upgrade"], ["backup", "other"], ["restore", str(file)])
        ]
        restoring.communicate("go on\n")
        assert restoring.returncode == 0

    assert (status, printed.count("\n")) == (2, 1), printed
    assert "is being restored" in printed
    assert [each.returncode != 0 for each in commands] == [True] * 4, [each.stderr for each in commands]
    assert not [each.stderr for each in commands if "Traceback" in each.stderr]
    with program(INSTANCE_PATH=str(tmp_path), PORT="0") as running:
        assert [item["sku"] for item in running.ask("GET", "/items").json["data"]] == ["LAMP-1"]
    assert flask(tmp_path, "verify").returncode == 0
