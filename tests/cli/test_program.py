"""The two faces of the commands: `python run.py …` from any folder, and `flask …` in the project's own."""

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from click import Group
from click.testing import CliRunner
from flask.cli import ScriptInfo

import run
from cli.common import DatabaseCommand
from settings import VERSION
from tests.support.program import FLASK, ROOT, RUN, environment, python_run

NAMES = (
    "user",
    "token",
    "location",
    "transfer",
    "reservation",
    "import",
    "export",
    "report",
    "backup",
    "restore",
    "verify",
    "upgrade",
    "worker",
    "maintenance",
    "mail",
    "stats",
    "version",
)
FACES = pytest.mark.parametrize("program", [RUN, FLASK], ids=["run.py", "flask"])
SENSELESS_PORT = "PORT is 'eighty'; it must be a whole number from 0 to 65535."


@pytest.fixture
def place(tmp_path: Path) -> dict[str, str]:
    """The settings of an instance that nobody has made yet."""
    return {"INSTANCE_PATH": str(tmp_path / "instance")}


def listed(text: str) -> dict[str, str]:
    """The commands of a help text, each with its line."""
    return dict(re.findall(r"^  (\S+) {2,}(\S.*)$", text.partition("Commands:")[2], re.MULTILINE))


def test_help_lists_every_command_with_one_whole_line() -> None:
    lines = listed(CliRunner().invoke(run.program, ["--help"], prog_name="python run.py").stdout)

    assert set(NAMES) == lines.keys()
    assert [name for name, line in lines.items() if line.endswith("...") or not line.endswith(".")] == []


@pytest.mark.parametrize("group", ["user", "token", "reservation", "maintenance"])
def test_help_of_a_group_lists_each_of_its_commands_with_one_whole_line(group: str) -> None:
    lines = listed(CliRunner().invoke(run.program, [group, "--help"]).stdout)

    assert len(lines) >= 3
    assert [name for name, line in lines.items() if line.endswith("...")] == []


def test_the_version_is_that_of_stockroom() -> None:
    printed = [CliRunner().invoke(run.program, [word]).stdout for word in ("version", "--version")]

    assert printed == [f"Stockroom {VERSION}\n"] * 2


def test_both_faces_offer_the_same_commands(app) -> None:
    assert {name: app.cli.commands[name] for name in NAMES} == run.program.commands


def test_a_command_of_the_program_works_on_its_application(app, admin) -> None:
    done = CliRunner().invoke(run.program, ["user", "list", "--json"], obj=ScriptInfo(create_app=lambda: app))

    assert (done.exit_code, done.stderr) == (0, "")
    assert '"username": "ada"' in done.stdout


def test_commands_work_from_any_folder_and_say_on_stderr_on_which_database(tmp_path: Path, place) -> None:
    made = python_run("upgrade", cwd=tmp_path, **place)
    counted = python_run("stats", cwd=tmp_path, **place)

    database = (tmp_path / "instance" / "stockroom.sqlite3").as_posix()
    assert (made.status, made.out, counted.status) == (0, "", 0)
    assert made.err.startswith(f"SQLite {database} is up to date")
    assert counted.err == f"Database: SQLite {database}\n"
    left = sorted(path.name for path in tmp_path.rglob("*"))
    assert left == ["instance", "stockroom.sqlite3", "stockroom.sqlite3-lock"]


def test_every_command_that_works_on_the_database_says_which_one() -> None:
    leaves = {
        f"{group} {name}".strip(): leaf
        for group, command in run.program.commands.items()
        for name, leaf in (command.commands if isinstance(command, Group) else {"": command}).items()
    }
    # The first two say it when they are done; what is behind them does not touch the database.
    others = {"restore", "upgrade", "maintenance on", "maintenance off", "maintenance status", "mail test", "version"}

    assert {name for name, leaf in leaves.items() if not isinstance(leaf, DatabaseCommand)} == others


@pytest.mark.parametrize(
    "args",
    [
        *(["user", "list"], ["token", "list"], ["stats", "--json"], ["verify"], ["export", "-"], ["import", __file__]),
        *(["backup", "copy.sqlite3"], ["maintenance", "on"], ["maintenance", "status"]),
    ],
    ids=" ".join,
)
def test_a_command_that_finds_nothing_says_where_it_looked_and_makes_nothing(monkeypatch, tmp_path, args) -> None:
    monkeypatch.setenv("INSTANCE_PATH", str(tmp_path / "instance"))
    monkeypatch.setenv("DATABASE_URL", "")
    refused = CliRunner().invoke(run.program, args)

    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.startswith("Error: There is no ")
    assert (tmp_path / "instance").as_posix() in refused.stderr.replace("\\", "/")
    assert list(tmp_path.iterdir()) == []


def test_a_command_on_a_database_server_makes_no_instance_folder(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("INSTANCE_PATH", str(tmp_path / "instance"))
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:geheim@127.0.0.1:1/stock")
    refused = CliRunner().invoke(run.program, ["stats"])

    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "u:***@127.0.0.1:1/stock" in refused.stderr
    assert "geheim" not in refused.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("args", [["stats"], ["db", "current"], ["shell"], ["run"], ["--help"]], ids=" ".join)
def test_flask_makes_no_instance_either(tmp_path, place, args) -> None:
    ran = python_run(*args, program=FLASK, **place)

    assert ran.status == (0 if args == ["--help"] else 2)
    assert ran.err.count("\n") == (ran.status == 2)
    assert list(tmp_path.iterdir()) == []


def test_flask_db_lists_what_an_administrator_may_need_and_has_the_rest(place) -> None:
    listing = python_run("db", "--help", program=FLASK, **place)
    python_run("upgrade", **place)
    other = python_run("db", "heads", program=FLASK, **place)

    assert re.findall(r"^  ([a-z]+)  ", listing.out.partition("Commands:")[2], re.MULTILINE) == [
        *("current", "history", "upgrade")
    ]
    assert (other.status, other.out.partition(" ")[2]) == (0, "(head)\n")


def test_flask_run_does_not_start_the_development_server_on_an_instance(tmp_path, place) -> None:
    python_run("upgrade", **place)
    refused = python_run("run", program=FLASK, **place)

    assert (refused.status, refused.out) == (2, "")
    assert refused.err.count("\n") == 1
    assert "python run.py" in refused.err


def test_an_empty_instance_may_be_restored_into(tmp_path, place) -> None:
    python_run("upgrade", **place)
    practice = {"INSTANCE_PATH": str(tmp_path / "practice")}
    restored = python_run("restore", str(tmp_path / "instance" / "stockroom.sqlite3"), **practice)

    assert restored.status == 0, restored.err
    with closing(sqlite3.connect(tmp_path / "practice" / "stockroom.sqlite3")) as connection:
        assert connection.execute("SELECT count(*) FROM items").fetchone() == (0,)


@FACES
def test_a_setting_that_makes_no_sense_is_one_sentence(tmp_path, place, program) -> None:
    ran = python_run("stats", program=program, PORT="eighty", **place)

    assert ran == (2, "", f"Error: {SENSELESS_PORT}\n")
    assert list(tmp_path.iterdir()) == []


@FACES
def test_the_commands_are_listed_even_where_a_setting_makes_no_sense(place, program) -> None:
    ran = python_run("--help", program=program, PORT="eighty", **place)

    assert ran.status == 0
    assert set(NAMES) <= listed(ran.out).keys() or program is FLASK
    assert ran.err.strip() in ("", f"Error: {SENSELESS_PORT}")


@pytest.mark.parametrize(("args", "status"), [(["bogus"], 2), (["user"], 2), (["stats", "--bogus"], 2)], ids=str)
def test_a_call_that_makes_no_sense_has_status_2(args, status) -> None:
    refused = CliRunner().invoke(run.program, args)

    assert refused.exit_code == status
    assert "Traceback" not in refused.stderr


def test_without_its_packages_the_program_names_the_command_that_installs_them(tmp_path: Path) -> None:
    without_packages = [sys.executable, "-S", "-E", str(ROOT / "run.py")]
    ran = subprocess.run(
        without_packages, cwd=tmp_path, env=environment(), capture_output=True, check=False, encoding="utf-8"
    )

    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)
    assert "has no package " in ran.stderr
    assert f'-m pip install -r "{ROOT / "requirements.txt"}"' in ran.stderr
