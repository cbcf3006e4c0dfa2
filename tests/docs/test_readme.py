"""The README is true: its lines set up and run what they say, and its calls are answered as printed there."""

import re
import sys

import pytest

from tests.docs.conftest import ADDRESS
from tests.support.documents import assert_closed, blocks, links, looks_like, powershell_tokens, section
from tests.support.program import ROOT, Program

README = (ROOT / "README.md").read_text(encoding="utf-8")
ONE_LINE = {"Start": ("requirements.txt", "run.py"), "Test": ("requirements-dev.txt", "-m pytest")}
WORDS = 700


def test_the_first_start_prints_what_the_readme_prints(first_start: Program) -> None:
    shown = blocks(README, "console")[0].commands
    if sys.platform == "win32":
        shown = shown.replace("curl -u", "curl.exe -u")

    given = (
        "\n".join([first_start.said[0], *first_start.first_admin, first_start.said[-1]])
        .replace(first_start.address, ADDRESS)
        .replace("\\", "/")
    )

    assert looks_like(shown, given)


def test_the_five_calls_are_answered_as_printed(assert_answered) -> None:
    calls = blocks(README, "bash")

    assert sum(block.commands.count("curl ") for block in calls) == 5
    assert_answered(calls)


@pytest.mark.parametrize("title", ONE_LINE)
def test_one_line_of_each_shell_installs_and_then_runs(title: str) -> None:
    requirements, run = ONE_LINE[title]
    (posix,), (cmd,), (powershell,) = (blocks(section(README, title), shell) for shell in ("sh", "bat", "powershell"))
    for block in (posix, cmd, powershell):
        steps = re.split(r" && |; if \(\$\?\) \{ ", block.commands.rstrip("\n }"))
        assert block.commands.count("\n") == 1
        assert [step.split()[-1] for step in steps[:2]] == [".venv", requirements]
        assert steps[2].endswith(f"python {run}")
    assert all("/bin/" in step for step in posix.commands.split(" && ")[1:])
    assert (ROOT / requirements).is_file()


def test_powershell_needs_no_operator_that_5_1_lacks() -> None:
    for block in blocks(README, "powershell"):
        assert "&&" not in block.commands
        assert_closed(powershell_tokens(block.commands))


def test_the_test_command_is_the_one_that_the_checks_run() -> None:
    assert "\npython -m pytest\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_every_file_that_the_readme_links_to_is_there() -> None:
    assert [target for target in links(README) if not (ROOT / target).exists()] == []
    assert len(links(README)) > 15


def test_every_document_is_linked_from_the_readme() -> None:
    documents = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}

    assert documents - set(links(README)) == set()


def test_the_readme_stays_short() -> None:
    assert len(README.split()) <= WORDS


def test_its_pictures_are_small_and_are_there_for_who_can_not_see_them() -> None:
    pictures = re.findall(r"!\[([^]]+)\]\(([^)]+)\)", README)

    assert len(pictures) == 2
    for words, picture in pictures:
        assert len(words) > 20
        content = (ROOT / picture).read_bytes()
        assert content.startswith(b"\x89PNG")
        assert len(content) <= 100_000
