"""The page about transfers is true: its calls are answered as printed, its commands run, and its codes are known."""

import re

from api.problems import PROBLEMS
from tests.support.documents import blocks
from tests.support.program import ROOT

PAGE = (ROOT / "docs" / "transfers.md").read_text(encoding="utf-8")


def test_the_way_to_the_van_and_back_is_answered_as_printed(assert_answered) -> None:
    assert_answered(blocks(PAGE, "bash"))


def test_every_refusal_that_the_page_names_is_one_of_the_catalogue() -> None:
    named = set(re.findall(r"(?:\d{3} `|\"code\": \")([a-z]+_[a-z_]+)", PAGE))

    assert len(named) > 4
    assert named - PROBLEMS.keys() == set()
