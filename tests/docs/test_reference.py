"""The tables of the documents are those of the code, and what they name is there."""

import re
from pathlib import Path

import pytest

from api.problems import PROBLEMS
from tests.support.documents import blocks, links, section
from tests.support.program import ROOT

ERRORS = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
DOCUMENTS = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "CONTRIBUTING.md"]
BY_NAME = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
# A path of ours, as `api/auth/passwords.py` or `models/stock`; a name with … or <…> in it is an example.
OURS = re.compile(r"`((?:api|cli|models|resources|server|migrations|tests|deploy|bench|docs)/[\w./@-]+?)(?:::\w+)?`")
# What an example of a document makes.
EXAMPLES = {"models/stock/supplier.py", "resources/suppliers.py"}


def rows(text: str) -> list[list[str]]:
    """Return the rows of the one table in a text, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_the_table_of_errors_is_the_catalogue_of_problems() -> None:
    listed = {
        code: {int(status) for status in statuses.split(", ")}
        for statuses, codes, _ in rows(ERRORS)
        for code in re.findall(r"`(\w+)`", codes)
    }

    assert listed.keys() == PROBLEMS.keys()
    assert [code for code in listed if PROBLEMS[code].status not in listed[code]] == []
    assert {status for statuses in listed.values() for status in statuses} == {
        each.status for each in PROBLEMS.values()
    }


def test_the_example_of_an_error_is_answered_as_printed(assert_answered) -> None:
    assert_answered(blocks(ERRORS, "bash"))


def test_the_map_of_the_code_names_what_is_there_and_every_room() -> None:
    lines = blocks(section(CONTRIBUTING, "Where things live"), "text")[0].commands.splitlines()
    named = {line.split()[0].rstrip("/") for line in lines}

    assert [name for name in named if not (ROOT / name).exists()] == []
    rooms = {
        path.parent
        for floor in ("api", "cli", "models", "resources", "server")
        for path in ROOT.glob(f"{floor}/**/*.py")
    }
    mapped = {ROOT / name for name in named} | {ROOT / "api", ROOT / "models"}
    assert {room.relative_to(ROOT).as_posix() for room in rooms - mapped} == set()


@BY_NAME
def test_every_path_that_a_document_names_is_there(document: Path) -> None:
    named = set(OURS.findall(document.read_text(encoding="utf-8"))) - EXAMPLES

    assert [name for name in sorted(named) if not (ROOT / name).exists() and not (ROOT / "tests" / name).exists()] == []


@BY_NAME
def test_every_link_of_a_document_leads_somewhere(document: Path) -> None:
    targets = links(document.read_text(encoding="utf-8"))

    assert [target for target in targets if not (document.parent / target).exists()] == []
