"""The page about spreadsheets is true: its commands answer as printed, its tables are those of the code."""

import re

from resources.import_options import OPTIONS
from resources.item_rows import IMPORT_COLUMNS
from tables.presets import PRESETS
from tests.support.documents import blocks, section
from tests.support.program import ROOT

PAGE = (ROOT / "docs" / "spreadsheets.md").read_text(encoding="utf-8")


def first_cells(title: str) -> list[str]:
    """The names in the first column of the table below a heading."""
    return re.findall(r"^\| `([a-z_-]+)", section(PAGE, title), re.MULTILINE)


def test_its_commands_answer_as_printed(assert_answered, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert_answered(blocks(PAGE, "bash"))


def test_it_names_every_column_option_and_preset():
    assert sorted(first_cells("Columns")) == sorted(IMPORT_COLUMNS)
    assert first_cells("Options") == ["dry_run", *(option.name for option in OPTIONS)]
    assert first_cells("Files of other products") == list(PRESETS)
