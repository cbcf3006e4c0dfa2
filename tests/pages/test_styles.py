"""The style sheets: one of a page, once loaded, stays loaded; so it speaks only of what is its own."""

import re
from pathlib import Path

import pytest

from pages.files import STATIC

BASE = STATIC / "styles" / "base.css"
SHEETS = sorted(path for path in STATIC.rglob("*.css") if path != BASE)
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
RULE = re.compile(r"([^{};]+)\{")
SEVERAL = re.compile(r",(?![^()]*\))")
# A selector's first class; what is outside of the page's own part is named by what it has.
FIRST = re.compile(r"(?:(?:body|main):has\()?\.([\w-]+)")


def selectors(sheet: Path) -> list[str]:
    """The selectors of a style sheet; of a rule with @ there are those within it."""
    heads = RULE.findall(COMMENT.sub("", sheet.read_text(encoding="utf-8")))
    return [each.strip() for head in heads if "@media" not in head for each in SEVERAL.split(head)]


def own_classes(sheet: Path) -> set[str]:
    """The classes with which the selectors of a style sheet begin."""
    return {found[1] for found in map(FIRST.match, selectors(sheet)) if found}


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.stem)
def test_every_rule_of_a_page_begins_with_a_class_of_that_page(sheet):
    others = set(re.findall(r"\.([a-z][\w-]*)", " ".join(selectors(BASE))))
    others.update(*(own_classes(each) for each in SHEETS if each != sheet))

    assert [each for each in selectors(sheet) if not FIRST.match(each)] == []
    assert own_classes(sheet) & others == set()
