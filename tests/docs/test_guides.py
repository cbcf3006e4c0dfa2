"""The guides are true: what they show runs as it stands, or is at least well written where it can't run here."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app import create_app
from settings import Settings
from tests.support.documents import assert_closed, looks_like, powershell_tokens
from tests.support.program import PASSWORD, ROOT, environment, program

SCRIPTS = (ROOT / "docs" / "scripts.md").read_text(encoding="utf-8")
ADMINISTRATORS = (ROOT / "docs" / "administrators.md").read_text(encoding="utf-8")
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


def blocks(text: str, language: str) -> list[tuple[str, str]]:
    """The fenced blocks of one language, each with the output shown at once below it, or nothing."""
    fence = rf"^```{language}\n(.*?)^```\n(?:^```text\n(.*?)^```\n)?"
    return re.findall(fence, text, re.MULTILINE | re.DOTALL)


def section(text: str, title: str) -> str:
    """The text below a heading, up to the next one."""
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ [A-Z]|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"there is no section {title!r}"
    return found[1]


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
        """What these commands print; `flask` is that of this Python."""
        flask = f'flask() {{ PYTHONPATH="{ROOT}" FLASK_APP=app "{sys.executable}" -m flask "$@"; }}\n'
        return self.run("bash", "-euo", "pipefail", "-c", flask + commands, cwd=self.home)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with Place(tmp_path) as stocked:
        for sku, quantity in (("LAMP-1", 5), ("BULB-1", 40)):
            item = {"sku": sku, "name": sku, "quantity": quantity, "tags": ["light"]}
            assert stocked.running.ask("POST", "/items", item).status == 201
        yield stocked


def token_for(place: Place) -> str:
    """A token made as the guide says."""
    new_user = {"username": "mia", "password": PASSWORD, "role": "member"}
    assert place.running.ask("POST", "/users", new_user).status == 201
    ((command, _),) = blocks(SCRIPTS, "sh")
    return place.bash(command).strip()


def shown_and_given(found: list[tuple[str, str]], printed: str) -> None:
    given = printed.split(END_OF_BLOCK)[:-1]
    assert len(given) == len(found) > 4
    for (commands, shown), answer in zip(found, given, strict=True):
        assert looks_like(shown, answer), f"{commands}\nprinted\n{answer}"


@posix
def test_the_patterns_of_the_scripts_work_in_python_and_then_in_bash(place):
    token = token_for(place)
    in_python, in_bash = blocks(SCRIPTS, "python"), blocks(SCRIPTS, "bash")
    script = "".join(f"{commands}\nprint('{END_OF_BLOCK}', end='')\n" for commands, _ in in_python)
    place.variables["STOCKROOM_TOKEN"] = token

    shown_and_given(in_python, place.run(sys.executable, "-c", script, cwd=place.home))
    script = "".join(f"{commands}\nprintf '{END_OF_BLOCK}'\n" for commands, _ in in_bash)
    shown_and_given(in_bash, place.bash(script))


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


def test_windows_is_told_the_same_commands_as_linux():
    for title in re.findall(r"^## (.*)$", ADMINISTRATORS, re.MULTILINE):
        told = [
            [re.match(r"flask [a-z -]*[a-z]", line)[0] for line in commands.splitlines() if line.startswith("flask ")]
            for language in ("bash", "powershell")
            for commands, _ in blocks(section(ADMINISTRATORS, title), language)
        ]
        if told:
            one, other = told
            assert [each.split(" -")[0] for each in one] == [each.split(" -")[0] for each in other], title


@pytest.mark.parametrize("guide", GUIDES)
def test_every_flask_command_named_is_one(guide, tmp_path):
    app = create_app(Settings.from_env({"INSTANCE_PATH": str(tmp_path)}))
    groups = {name: getattr(command, "commands", None) for name, command in app.cli.commands.items()}
    for name, below in re.findall(r"\bflask ([a-z]+)(?: ([a-z-]+))?", GUIDES[guide]):
        assert name in groups, name
        if groups[name] is not None and below:
            assert below in groups[name], f"{name} {below}"


@pytest.mark.parametrize("guide", GUIDES)
def test_every_link_leads_somewhere(guide):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", GUIDES[guide]):
        assert (ROOT / "docs" / target).exists(), target


def test_every_metric_named_is_told(tmp_path):
    app = create_app(Settings.from_env({"INSTANCE_PATH": str(tmp_path)}))
    told = app.test_client().get("/metrics").text

    named = re.findall(r"^\| `(stockroom_\w+)`", ADMINISTRATORS, re.MULTILINE)
    assert len(named) > 5
    assert [name for name in named if f"# HELP {name.removesuffix('_total')}" not in told] == []
