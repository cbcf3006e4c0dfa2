"""The plot of an item: what is drawn is what the figures say."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.browser import DESK
from tests.support.item_page import make, move
from tests.support.person import Person
from tests.support.program import PASSWORD, Program

LEFT, HOME = "\ue012", "\ue011"
PLOTTED = """
const texts = [...document.querySelectorAll(".plot text.value")];
return {
  path: document.querySelector(".plot .line").getAttribute("d"),
  marks: texts.map((text) => [Number(text.textContent.replaceAll(",", "")), Number(text.getAttribute("y"))]),
  figures: [...document.querySelectorAll("details tbody tr")].map(
      (row) => [row.querySelector("time").dateTime, Number(row.cells[1].textContent.replaceAll(",", ""))]),
  edges: ["x1", "x2"].map((name) => Number(document.querySelector(".plot .axis").getAttribute(name))),
  name: document.querySelector(".plot svg").getAttribute("aria-label"),
};
"""


@pytest.fixture
def ada(browser: Any, service: Program) -> Person:
    person = Person(browser, service.address)
    person.sign_in("admin", PASSWORD)
    return person


def test_the_plot_agrees_with_its_figures_and_is_read_by_keyboard(ada, service):
    item = make(service, "PLOT-1", reorder_level=200)
    now = datetime.now(UTC)
    for days, kind, units in ((29, "receive", 1200), (20, "issue", 300), (12, "receive", 45), (3, "count", 150)):
        at = (now - timedelta(days=days)).isoformat().replace("+00:00", "Z")
        move(service, item, kind, units, occurred_at=at)
    for size in ((320, 700), DESK):
        ada.resize(size)
        ada.open(f"/app/items/{item}")
        ada.find(".plot svg")
        ada.press("Figures")
        plotted = ada.browser.execute_script(PLOTTED)
        assert [figure[1] for figure in plotted["figures"]] == [0, 1200, 900, 945, 150]
        assert read_path(plotted) == pytest.approx([figure[1] for figure in plotted["figures"]], abs=1)
        assert times_of(plotted) == pytest.approx([days * 24 for days in (0, 1, 10, 18, 27)], abs=3)
        assert "between 0 and 1,200, at last 150" in plotted["name"]
        ada.picture(f"item-plot-{size[0]}")
    assert ada.barriers() == []

    slider = ada.field("Read the plot at a time")
    slider.send_keys(HOME)
    assert slider.get_attribute("aria-valuetext").endswith(": 0")
    for name, points in (("Week", 7 * 24), ("Year", 364)):
        ada.press(name)
        ada.find("button[aria-pressed=true]", name)
        ada.until(lambda n=points: ada.field("Read the plot at a time").get_attribute("max") == str(n), name)
    slider = ada.field("Read the plot at a time")
    slider.send_keys(LEFT * 10)
    assert slider.get_attribute("aria-valuetext").endswith(": 945")
    ada.find(".reading", slider.get_attribute("aria-valuetext"))
    assert ada.complaints() == []


def read_path(plotted: dict[str, Any]) -> list[float]:
    """Return the quantities that the line has one after the other, read off the marks of the axis."""
    (zero, bottom), *_, (most, top) = plotted["marks"]
    heights = [float(y) for y in re.findall(r"(?:^M\S+ |V)([\d.]+)", plotted["path"])]
    return [zero + (bottom - y) / (bottom - top) * most for y in heights]


def times_of(plotted: dict[str, Any]) -> list[float]:
    """Return after how many hours each quantity begins, read off the length of the axis of 30 days."""
    left, right = plotted["edges"]
    places = [float(x) for x in re.findall(r"[MH]([\d.]+)", plotted["path"])]
    assert places[-1] == pytest.approx(right)
    return [(x - left) / (right - left) * 30 * 24 for x in places[:-1]]
