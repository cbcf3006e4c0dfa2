"""The page about reservations is true: its calls are answered as printed, its codes and its events are known."""

import re

from api.problems import PROBLEMS
from tests.support.documents import blocks
from tests.support.program import ROOT

PAGE = (ROOT / "docs" / "reservations.md").read_text(encoding="utf-8")


def test_the_order_that_is_paid_for_tomorrow_is_answered_as_printed(assert_answered) -> None:
    assert_answered(blocks(PAGE, "bash"))


def test_every_refusal_that_the_page_names_is_one_of_the_catalogue() -> None:
    named = set(re.findall(r"(?:\d{3} `|\"code\": \")([a-z]+_[a-z_]+)", PAGE))

    assert len(named) > 3
    assert named - PROBLEMS.keys() == set()
