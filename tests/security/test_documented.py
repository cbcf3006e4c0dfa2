"""The security document is true: every test it names is there."""

import ast
import re

from settings import ROOT

DOCUMENT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
RISKS = 10


def named() -> set[tuple[str, str]]:
    """The tests of the document, as file and function."""
    return set(re.findall(r"`([\w/]+\.py)::(\w+)`", DOCUMENT))


def functions(file: str) -> set[str]:
    """The tests of a file."""
    path = ROOT / "tests" / file
    tree = ast.parse(path.read_text(encoding="utf-8")) if path.is_file() else ast.Module([], [])
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def rows(title: str) -> list[list[str]]:
    """The cells of the rows below a heading, the head of the table left out."""
    section = DOCUMENT.partition(f"## {title}")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_test_that_the_document_names_exists():
    assert len(named()) > 40
    assert sorted(f"{file}::{name}" for file, name in named() if name not in functions(file)) == []


def test_each_of_the_ten_risks_has_an_answer():
    told = [re.match(r"API(\d+) ", cells[0]) for cells in rows("OWASP API Security Top 10 (2023)")]

    assert [int(number[1]) for number in told if number] == list(range(1, RISKS + 1))


def test_every_answer_names_its_test():
    answered = rows("OWASP API Security Top 10 (2023)") + rows("OWASP ASVS 5.0, levels 1 and 2")

    assert [cells for cells in answered if len(cells) != 3 or not cells[1]] == []
    assert [cells[0] for cells in answered if "::" not in cells[2]] == []


def test_what_applies_of_oauth_and_openid_connect_is_answered_or_named_as_not_met():
    answered = rows("OWASP ASVS 5.0, chapter 10: OAuth and OpenID Connect")
    met = {cells[0].split()[0] for cells in answered}
    unmet = set(re.findall(r"^- \*\*(10\.\d\.\d)", DOCUMENT.partition("## Not met, and why")[2], re.MULTILINE))

    assert [cells[0] for cells in answered if len(cells) != 3 or "::" not in cells[2]] == []
    numbers = {1: 2, 2: 3, 3: 5, 5: 5}
    assert met | unmet == {f"10.{section}.{each}" for section, last in numbers.items() for each in range(1, last + 1)}
