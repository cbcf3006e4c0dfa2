"""The README is true: its commands run as they stand, and its tables are those of the code."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from api.problems import PROBLEMS
from tests.support.documents import assert_closed, looks_like, powershell_tokens
from tests.support.program import ROOT, Program, environment, program

README = (ROOT / "README.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8000"
END_OF_BLOCK = "\x1e"


class Block(NamedTuple):
    """A block of commands, and the answer that the README shows below it, if it does."""

    commands: str
    answer: str | None


def blocks(language: str, text: str = README) -> list[Block]:
    """The fenced blocks of one language, each with the block of JSON that follows it at once."""
    fence = rf"^```{language}\n(.*?)^```\n(?:^```json\n(.*?)^```\n)?"
    return [Block(commands, answer or None) for commands, answer in re.findall(fence, text, re.MULTILINE | re.DOTALL)]


def section(title: str) -> str:
    """The text below a heading, up to the next one."""
    found = re.search(rf"^#+ {title}\n(.*?)(?=^#+ [A-Z]|\Z)", README, re.MULTILINE | re.DOTALL)
    assert found, f"there is no section {title!r}"
    return found[1]


@pytest.fixture(scope="module")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The service at its first start, as the README begins with it, but for the port."""
    with program(INSTANCE_PATH=str(tmp_path_factory.mktemp("readme") / "instance"), PORT="0") as running:
        yield running


def test_the_first_start_says_what_the_readme_shows(first_start: Program) -> None:
    shown = blocks("console")[0].commands
    if sys.platform == "win32":
        shown = shown.replace("curl -u", "curl.exe -u")

    given = "\n".join(first_start.said).replace(first_start.address, ADDRESS).replace("\\", "/")

    assert looks_like(shown, given)


@pytest.mark.skipif(sys.platform == "win32", reason="the curl tour is for a POSIX shell; PowerShell has its own")
@pytest.mark.skipif(not (shutil.which("bash") and shutil.which("curl")), reason="there is no bash or no curl here")
def test_the_curl_commands_answer_as_the_readme_shows(first_start: Program) -> None:
    tour = blocks("bash")
    script = "".join(f"{block.commands}\nprintf '{END_OF_BLOCK}'\n" for block in tour)
    script = script.replace(ADDRESS, first_start.address).replace("'the password'", shlex.quote(first_start.password))

    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=environment(),
        capture_output=True,
        check=False,
        encoding="utf-8",
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    given = ran.stdout.split(END_OF_BLOCK)[:-1]
    assert len(given) == len(tour)
    for block, answer in zip(tour, given, strict=True):
        assert block.answer and looks_like(block.answer, answer), f"{block.commands}\nanswered\n{answer}"


# PowerShell can't be run everywhere. What can be known without it: strings and brackets are closed, cmdlets and
# their parameters are spelled right, no variable is used before it has a value, bodies are JSON, and the calls are
# those of the curl tour, which has been run.

CMDLETS = {
    "Invoke-RestMethod": {"-Method", "-Headers", "-Uri", "-ContentType", "-Body"},
    "Invoke-WebRequest": {"-Method", "-Headers", "-Uri", "-ContentType", "-Body", "-UseBasicParsing"},
}


class Call(NamedTuple):
    """One request, as the tour makes it."""

    method: str
    path: str
    body: object


def powershell_calls() -> list[Call]:
    """The requests of the PowerShell tour."""
    calls: list[Call] = []
    tokens = powershell_tokens("".join(block.commands for block in blocks("powershell")))
    for index, (_, token) in enumerate(tokens):
        if token not in CMDLETS:
            continue
        given: dict[str, str] = {}
        for (kind, name), (_, value) in zip(tokens[index + 1 :], tokens[index + 2 :], strict=False):
            if kind == "newline" or name in "})":
                break
            if kind == "word" and name.startswith("-"):
                assert name in CMDLETS[token], f"{token} has no parameter {name}"
                given[name] = value
        calls.append(call(given.get("-Method", "Get"), given["-Uri"][1:-1], given.get("-Body", "''")[1:-1]))
    return calls


def curl_calls() -> list[Call]:
    """The requests of the curl tour."""
    text = "".join(block.commands for block in blocks("bash", section("With curl")))
    calls: list[Call] = []
    for line in text.replace("\\\n", " ").replace("$(curl", "\ncurl").split("\ncurl ")[1:]:
        words = iter(shlex.split(line.split("\nTOKEN")[0].split(" | ")[0].rstrip().removesuffix(")")))
        method, url, body = "", "", ""
        for word in words:
            if word == "-X":
                method = next(words)
            elif word == "-d":
                body = next(words)
            elif word.startswith("$STOCKROOM"):
                url = word
        calls.append(call(method or ("Post" if body else "Get"), url, body))
    return calls


def call(method: str, url: str, body: str) -> Call:
    path = re.sub(r"/\$\w+$", "/ID", url.lower().removeprefix("$stockroom"))
    assert re.fullmatch(r"/api/v1(/[a-z0-9-]+)+(/ID)?(\?\S+)?", path), url
    return Call(method.upper(), path, json.loads(body) if body else None)


def test_the_powershell_tour_makes_the_calls_of_the_curl_tour() -> None:
    assert len(curl_calls()) > 12
    assert powershell_calls() == curl_calls()


def test_the_powershell_tour_closes_what_it_opens() -> None:
    assert_closed(powershell_tokens("".join(block.commands for block in blocks("powershell"))))


def test_the_powershell_tour_uses_cmdlets_that_exist_and_variables_that_have_a_value() -> None:
    tokens = powershell_tokens("".join(block.commands for block in blocks("powershell")))
    known = {"$_"}
    for index, (kind, token) in enumerate(tokens):
        if kind == "word" and re.fullmatch(r"[A-Z][a-z]+-\w+", token):
            assert token in CMDLETS
        elif kind == "variable" and tokens[index + 1][1] == "=":
            known.add(token)
        elif kind in ("variable", "double"):
            assert set(re.findall(r"\$\w+", token)) <= known


# The tables and the links


def rows(title: str) -> list[list[str]]:
    """The rows of the table of a section, without its head."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_the_table_of_errors_is_the_catalogue_of_problems() -> None:
    told = {
        code: {int(status) for status in statuses.split(", ")}
        for statuses, codes, _ in rows("Errors")
        for code in re.findall(r"`(\w+)`", codes)
    }

    assert told.keys() == PROBLEMS.keys()
    assert [code for code in told if PROBLEMS[code].status not in told[code]] == []
    assert {status for statuses in told.values() for status in statuses} == {each.status for each in PROBLEMS.values()}


def test_every_file_that_the_readme_names_is_there() -> None:
    folder = ""
    for line in blocks("text", section("Where things live"))[0].commands.splitlines():
        names = re.split(r"   +", line)[0].split() if "   " in line else line.split()[:1]
        for name in names:
            folder = str(Path(name).parent) if "/" in name else folder
            path = ROOT / (name if "/" in name or not folder or (ROOT / name).exists() else f"{folder}/{name}")
            assert path.exists() or "<noun>" in name, name
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


@pytest.mark.parametrize("language", ["sh", "bat"])
def test_the_commands_to_start_with_name_what_is_there(language: str) -> None:
    commands = "".join(block.commands for block in blocks(language))

    assert "pip install -r requirements.txt\npython run.py\n" in commands
    for name in re.findall(r"\S+\.(?:txt|py)\b", commands):
        assert (ROOT / name).is_file()


def test_the_test_command_is_the_one_that_the_checks_run() -> None:
    assert "pip install -r requirements-dev.txt\npython -m pytest\n" in blocks("sh")[-1].commands
    assert "python -m pytest" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
