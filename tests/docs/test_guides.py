"""The guides are true: what they show runs as it stands, or is at least well written where it can't run here."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, chdir
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask.cli import ScriptInfo

import run
from app import create_app
from cli.application import application_for_commands
from models.database.base import db
from models.database.schema import migrate
from settings import Settings
from tests.support.documents import Block, assert_closed, blocks, looks_like, powershell_tokens, section
from tests.support.program import PASSWORD, ROOT, environment, program

SCRIPTS = (ROOT / "docs" / "scripts.md").read_text(encoding="utf-8")
ADMINISTRATORS = (ROOT / "docs" / "administrators.md").read_text(encoding="utf-8")
LOCATIONS = (ROOT / "docs" / "locations.md").read_text(encoding="utf-8")
TRANSFERS = (ROOT / "docs" / "transfers.md").read_text(encoding="utf-8")
GUIDES = {"scripts": SCRIPTS, "administrators": ADMINISTRATORS}
END_OF_BLOCK = "\x1e"
# PowerShell's own words that the guides use; a misspelt one is none of them.
CMDLETS = {
    *("Invoke-RestMethod", "Invoke-WebRequest", "ConvertTo-Json", "ConvertFrom-Json", "ForEach-Object", "Where-Object"),
    *("Start-Sleep", "Get-Content", "Set-Content", "Test-Path", "New-Item", "Get-Date", "Get-ChildItem"),
    *("Sort-Object", "Select-Object", "Invoke-Stockroom"),
}
POSIX_TOOLS = ("bash", "curl", "jq")
posix = pytest.mark.skipif(
    sys.platform == "win32" or not all(map(shutil.which, POSIX_TOOLS)), reason=f"needs {', '.join(POSIX_TOOLS)}"
)


class Place(ExitStack):
    """A service, and an environment in which commands work on it."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.instance, self.home = folder / "instance", folder / "home"
        self.home.mkdir()
        self.start()

    def start(self) -> None:
        """Start the service, which is stopped with this place at the latest."""
        instance = str(self.instance)
        self.running = self.enter_context(program(INSTANCE_PATH=instance, PORT="0", ADMIN_PASSWORD=PASSWORD))
        self.variables = environment(
            INSTANCE_PATH=instance,
            HOME=str(self.home),
            STOCKROOM_URL=self.running.address,
            PYTHONIOENCODING="utf-8",
        )
        self.variables["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), self.variables["PATH"]])

    def run(self, *command: str, cwd: Path = ROOT, **variables: str) -> str:
        """What a command prints; fails unless it ends with 0."""
        ran = subprocess.run(
            command,
            cwd=cwd,
            env={**self.variables, **variables},
            capture_output=True,
            check=False,
            encoding="utf-8",
            timeout=120,
        )
        assert ran.returncode == 0, f"{command[-1]}\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout

    def bash(self, commands: str) -> str:
        """Run these commands, each `python run.py …` in this process once the others are done; return what they print.

        A Python for each of them would take most of the time of these tests.
        """
        calls = self.home.parent / "calls"
        calls.touch()
        python = f'python() {{ printf "%s\\x1f" "$@" >> "{calls}"; echo >> "{calls}"; }}\n'
        printed = self.run("bash", "-euo", "pipefail", "-c", python + commands, cwd=self.home)
        for line in calls.read_text(encoding="utf-8").splitlines():
            program, *args = line.split("\x1f")[:-1]
            assert program == "run.py"
            printed += self.command(*args)
        calls.unlink()
        return printed

    def command(self, *args: str) -> str:
        """Run one command as `python run.py` does; return what it prints, and fail unless it ends with 0."""
        app = application_for_commands(create_app, Settings.from_env({"INSTANCE_PATH": str(self.instance)}))
        with chdir(self.home):
            ran = CliRunner().invoke(run.program, args, obj=ScriptInfo(create_app=lambda: app))
        run.disconnect(app)
        assert ran.exit_code == 0, f"{args}\n{ran.output}"
        return ran.stdout


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with Place(tmp_path) as stocked:
        for sku, quantity in (("LAMP-1", 5), ("BULB-1", 40)):
            item = {"sku": sku, "name": sku, "quantity": quantity, "tags": ["light"]}
            assert stocked.running.ask("POST", "/items", item).status == 201
        yield stocked


def token_for(place: Place) -> str:
    """A token made as the guide says."""
    ((commands, _),) = blocks(SCRIPTS, "sh")
    return place.bash(commands).split()[-1]


def assert_printed(found: list[Block], printed: str) -> None:
    given = printed.split(END_OF_BLOCK)[:-1]
    assert len(given) == len(found) > 4
    for (commands, documented), answer in zip(found, given, strict=True):
        assert looks_like(documented, answer), f"{commands}\nprinted\n{answer}"


@posix
def test_the_patterns_of_the_scripts_work_in_python_and_then_in_bash(place):
    token = token_for(place)
    in_python, in_bash = blocks(SCRIPTS, "python", "text"), blocks(SCRIPTS, "bash", "text")
    script = "".join(f"{commands}\nprint('{END_OF_BLOCK}', end='')\n" for commands, _ in in_python)
    place.variables["STOCKROOM_TOKEN"] = token

    assert_printed(in_python, place.run(sys.executable, "-c", script, cwd=place.home))
    script = "".join(f"{commands}\nprintf '{END_OF_BLOCK}'\n" for commands, _ in in_bash)
    assert_printed(in_bash, place.bash(script))


@posix
def test_the_commands_of_the_administrators_run(place):
    done = []
    for title in re.findall(r"^## (.*)$", ADMINISTRATORS, re.MULTILINE):
        for commands, _ in blocks(section(ADMINISTRATORS, title), "bash"):
            if title == "Restore":
                assert place.running.stop() == 0
            if title == "Health":
                assert "restore" in "".join(done), "the service is stopped by now"
                place.start()
            place.bash(commands)
            done.append(commands)

    assert len(done) >= 9


@posix
def test_the_commands_of_locations_run(place):
    ((commands, _),) = blocks(LOCATIONS, "sh")

    assert "TRUCK (default)" not in (printed := place.bash(commands))
    assert printed.count("TRUCK") == 1


@posix
def test_the_commands_of_transfers_run(place):
    ((commands, _),) = blocks(TRANSFERS, "sh")
    place.bash("python run.py location create VAN && printf 'sku,name,quantity\\nLAMP-1,Lamp,20\\n' > items.csv")
    place.bash("python run.py import items.csv")

    lines = place.bash(commands).splitlines()
    assert lines[1].split()[:4] == ["1", "in_transit", "MAIN", "VAN"]
    assert lines[-1].split() == ["1", "LAMP-1", "6", "5", "0", "1"]


@pytest.mark.parametrize("guide", GUIDES)
def test_what_is_for_powershell_is_well_formed_and_uses_what_there_is(guide):
    text = "".join(commands for commands, _ in blocks(GUIDES[guide], "powershell"))
    tokens = powershell_tokens(text)

    assert len(tokens) > 50
    assert_closed(tokens)
    cmdlets = {token for kind, token in tokens if kind == "word" and re.fullmatch(r"[A-Z][a-z]+-[A-Z]\w+", token)}
    assert cmdlets <= CMDLETS


@pytest.mark.parametrize("guide", GUIDES)
def test_no_variable_of_powershell_is_used_before_it_has_a_value(guide):
    known = {"$_", "$null", "$true", "$env"}
    tokens = powershell_tokens("".join(commands for commands, _ in blocks(GUIDES[guide], "powershell")))
    for place, (kind, token) in enumerate(tokens):
        following = tokens[place + 1][1] if place + 1 < len(tokens) else ""
        parameters = [each for _, each in tokens[max(0, place - 9) : place]]
        if kind == "variable" and (following in ("=", "in") or "function" in parameters):
            known.add(token)
        elif kind in ("variable", "double"):
            assert set(re.findall(r"\$[a-zA-Z_]+", token)) <= known, token


def test_windows_has_the_same_commands_as_linux():
    for title in re.findall(r"^## (.*)$", ADMINISTRATORS, re.MULTILINE):
        documented = [
            [re.match(r"python run.py [a-z -]*[a-z]", line)[0] for line in commands.splitlines() if " run.py " in line]
            for language in ("bash", "powershell")
            for commands, _ in blocks(section(ADMINISTRATORS, title), language)
        ]
        if documented:
            one, other = documented
            assert [each.split(" -")[0] for each in one] == [each.split(" -")[0] for each in other], title


@pytest.mark.parametrize("guide", GUIDES)
def test_every_command_named_is_one(guide):
    groups = {name: getattr(command, "commands", None) for name, command in run.program.commands.items()}
    for name, below in re.findall(r"\brun\.py ([a-z]+)(?: ([a-z-]+))?", GUIDES[guide]):
        assert name in groups, name
        if groups[name] is not None and below:
            assert below in groups[name], f"{name} {below}"


def test_every_metric_named_is_exposed(tmp_path):
    app = create_app(Settings.from_env({"INSTANCE_PATH": str(tmp_path)}))
    with app.app_context():
        migrate()
    exposed = app.test_client().get("/metrics").text
    with app.app_context():
        db.engine.dispose()

    named = re.findall(r"^\| `(stockroom_\w+)`", ADMINISTRATORS, re.MULTILINE)
    assert len(named) > 5
    assert [name for name in named if f"# HELP {name.removesuffix('_total')}" not in exposed] == []
