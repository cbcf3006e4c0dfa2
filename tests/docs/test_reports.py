"""The page about reports is true: its calls are answered as printed, and its commands run."""

import shlex

import pytest

from tests.docs.conftest import ADDRESS
from tests.support.documents import blocks
from tests.support.program import ROOT

PAGE = (ROOT / "docs" / "reports.md").read_text(encoding="utf-8")


def test_the_reports_of_a_small_shop_are_answered_as_printed(assert_answered) -> None:
    assert ADDRESS in PAGE
    assert_answered(blocks(PAGE, "bash"))


@pytest.mark.parametrize("line", [line for block in blocks(PAGE, "sh") for line in block.commands.splitlines()])
def test_its_commands_are_commands(app, tmp_path, monkeypatch, line) -> None:
    monkeypatch.chdir(tmp_path)

    ran = app.test_cli_runner().invoke(args=shlex.split(line.removeprefix("python run.py ")))

    assert ran.exit_code == 0, ran.output
