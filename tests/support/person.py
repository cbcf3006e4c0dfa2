"""Somebody in front of the page: what they read, write and press, as they would name it."""

import os
import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.support.browser import DESK, PHONE
from tests.support.program import SOON

CONTROL = "\ue009"  # the key, as WebDriver names it; sent again, it is released
# What is looked at afterwards is kept here, where somebody names a folder.
PICTURES = os.environ.get("PICTURES", "")
# Everything that can be pressed.
PRESSED = "a[href], button, summary, [role=tab], label"
# By how many pixels the page, or a table in it, is wider than what there is of room.
OVERFLOW = """
const tables = [...document.querySelectorAll(".scroll")].map((each) => each.scrollWidth - each.clientWidth);
return Math.max(document.documentElement.scrollWidth - innerWidth, ...tables);
"""
# The short words of tables that stand on more than one line.
BROKEN = """
const found = [];
for (const table of document.querySelectorAll("table")) {
  const texts = document.createTreeWalker(table, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) for (const word of texts.currentNode.data.matchAll(/[^\\s-]+/g)) {
    const range = document.createRange();
    range.setStart(texts.currentNode, word.index);
    range.setEnd(texts.currentNode, word.index + word[0].length);
    const lines = new Set([...range.getClientRects()].map((each) => each.top));
    if (word[0].length < 12 && lines.size > 1) found.push(word[0]);
  }
}
return found;
"""
# What a selector finds that may be seen and have a name: all words of the name stand somewhere in it or in its labels.
# It is one question to the browser; without, there are three for each button and link of the page.
CANDIDATES = """
const [selector, name] = arguments;
const words = (name || "").toLowerCase().split(/\\s+/);
const NAMES = ["aria-label", "title", "alt", "placeholder", "value"];
const said = (each) => {
  const labels = (each.getAttribute("aria-labelledby") || "").split(" ").map((id) => document.getElementById(id));
  const parts = [each, ...labels, ...(each.labels || [])].filter(Boolean);
  const all = [...parts, ...each.querySelectorAll("*")];
  const names = all.flatMap((part) => NAMES.map((attribute) => part.getAttribute(attribute)));
  return [...parts.map((part) => part.textContent), ...names].join(" ").toLowerCase();
};
const mayHave = (said) => words.every((word) => said.includes(word));
const seen = [...document.querySelectorAll(selector)].filter((each) => each.checkVisibility());
return name === null ? seen : seen.filter((each) => mayHave(said(each)));
"""
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
CELLS = """
const rows = [...document.querySelector("table").tBodies[0].rows];
return rows.map((row) => [...row.cells].map((cell) => cell.innerText.trim()));
"""
# What the console says of answers that refuse, and of a network that is away.
EXPECTED = re.compile(r"status of (40\d|412|422|429)|ERR_(CONNECTION|EMPTY|INTERNET)")
# Keeps the requests back whose address has a text in it, until they are let go or lost.
HOLD = """
const [part] = arguments;
window.held = [];
window.send ??= window.fetch;
window.fetch = (...request) => request[0].includes(part)
  ? new Promise((answer, lose) => held.push((lost) => lost ? lose(new TypeError("lost")) : answer(send(...request))))
  : send(...request);
"""
LET_GO = """
const [lost, done] = arguments;
window.fetch = window.send;
for (const end of held) end(lost);
setTimeout(done, 300);
"""
AXE = """
const done = arguments[arguments.length - 1];
axe.run(document, {runOnly: arguments[0], resultTypes: ["violations"]}).then((found) => done(found.violations.map(
    (each) => `${each.id}: ${each.nodes.map((node) => node.target + " " + node.failureSummary).join(" | ")}`)));
"""


class Person:
    """Somebody in front of the page of a service."""

    def __init__(self, browser: Any, address: str) -> None:
        self.browser = browser
        self.address = address

    def open(self, path: str = "/app/") -> None:
        """Open an address of the page."""
        self.browser.get(f"{self.address}{path}")

    def hold(self, part: str) -> None:
        """Let the requests whose address has this text in it wait until `let_go`."""
        self.browser.execute_script(HOLD, part)

    def held(self, n: int = 1) -> None:
        """Wait until so many requests are held."""
        self.until(lambda: self.browser.execute_script("return held.length") >= n, f"{n} requests are not held")

    def let_go(self, *, lost: bool = False) -> None:
        """Let the requests that were held go on, or be lost, and the page have their answers."""
        self.browser.execute_async_script(LET_GO, lost)

    def resize(self, size: tuple[int, int] = DESK) -> None:
        """Have a screen of this many pixels, as of a phone."""
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def prefer(self, scheme: str) -> None:
        """Prefer a light or a dark page."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def sign_in(self, username: str, password: str, path: str = "/app/") -> None:
        """Open the page and sign in, in whatever language it is."""
        self.open(path)
        self.write_into(self.find("input[name=username]"), username)
        self.write_into(self.find("input[name=password]"), password)
        self.find("form button.primary").click()
        self.find(".frame nav")

    def find(self, selector: str, text: str | None = None) -> Any:
        """Return the first thing of this CSS selector that can be seen, and has this text or accessible name."""
        return self.until(lambda: self._find(selector, text), f"no {selector} with {text!r} can be seen")

    def absent(self, selector: str, text: str | None = None) -> None:
        """Wait until nothing of this kind can be seen."""
        self.until(lambda: self._find(selector, text) is None, f"{selector} with {text!r} can still be seen")

    def press(self, name: str) -> None:
        """Click on what has this name: a link, a button, a label."""
        self.until(lambda: self._press(name), f"no {PRESSED} with {name!r} can be pressed")

    def field(self, label: str) -> Any:
        """Return the control with this label."""
        return self.find("input, select, textarea", label)

    def write(self, label: str, text: str) -> None:
        """Replace what the field with this label holds."""
        self.write_into(self.field(label), text)

    def write_into(self, field: Any, text: str) -> None:
        """Replace what a field holds, letter by letter."""
        field.send_keys(f"{CONTROL}a{CONTROL}\ue003")
        field.send_keys(text)

    def drag_over(self, found: Any) -> None:
        """Drag the pointer over what has been found, from its beginning, as one does to copy its text."""
        from selenium.webdriver import ActionChains  # noqa: PLC0415 - skipped where it is missing

        first, width = 1 - found.size["width"] // 2, found.size["width"] - 2
        actions = ActionChains(self.browser).move_to_element_with_offset(found, first, 0)
        actions.click_and_hold().move_by_offset(width, 0).release().perform()

    def choose(self, label: str, option: str) -> None:
        """Choose the option with this text, or the first that begins with it."""
        for each in self.field(label).find_elements("css selector", "option"):
            if each.text.startswith(option):
                each.click()
                return
        raise AssertionError(f"{label} has no option {option}")

    def type(self, keys: str) -> None:
        """Press keys where the focus is."""
        self.focused().send_keys(keys)

    def focused(self) -> Any:
        """Return what has the focus."""
        return self.browser.switch_to.active_element

    def read(self, text: str) -> str:
        """Wait until the page shows this text; returns all that it shows."""
        return str(self.until(lambda: self._shown(text), f"{text!r} is not shown in: {self.text}"))

    def until(self, look: Callable[[], Any], complaint: str) -> Any:
        """Return what `look` returns, once that is something; raises AssertionError if it never is."""
        from selenium.common.exceptions import StaleElementReferenceException, TimeoutException  # noqa: PLC0415
        from selenium.webdriver.support.ui import WebDriverWait  # noqa: PLC0415 - skipped where it is missing

        wait = WebDriverWait(
            self.browser, SOON, poll_frequency=0.05, ignored_exceptions=[StaleElementReferenceException]
        )
        try:
            return wait.until(lambda _: look())
        except TimeoutException:
            raise AssertionError(complaint) from None

    def rows(self) -> list[list[str]]:
        """Return the cells of the first table, without its head."""
        found: list[list[str]] = self.browser.execute_script(CELLS)
        return found

    @property
    def text(self) -> str:
        """What the page shows."""
        return str(self.browser.execute_script("return document.body.innerText"))

    @property
    def path(self) -> str:
        """The address of the page, without the service."""
        return str(self.browser.current_url).removeprefix(self.address)

    def complaints(self) -> list[str]:
        """Return what the console of the browser complains of, but for answers that refuse."""
        entries = [entry["message"] for entry in self.browser.get_log("browser") if entry["level"] == "SEVERE"]
        return [entry for entry in entries if not EXPECTED.search(entry)]

    def barriers(self) -> list[str]:
        """Return what axe-core finds that keeps people out (WCAG 2.2, levels A and AA, and best practice)."""
        self.browser.set_script_timeout(60)
        self.browser.execute_script(_axe())
        found: list[str] = self.browser.execute_async_script(AXE, list(RULES))
        return found

    def overflow(self) -> int:
        """Return by how many pixels the page, or a table in it, is wider than what there is of room."""
        return int(self.browser.execute_script(OVERFLOW))

    def too_narrow(self) -> list[str]:
        """Return the screens, from a small phone to one on a wall, that the page is wider than or breaks words on."""
        found = []
        for size in ((320, 600), PHONE, DESK, (2560, 1400)):
            self.resize(size)
            over, broken = self.overflow(), self.browser.execute_script(BROKEN)
            if over > 0 or broken:
                found.append(f"{size}: {over} pixels; {broken}")
        self.resize()
        return found

    def agree(self) -> None:
        """Press the button of the dialog that was opened last which does what it asks about."""
        self.find("dialog button.primary")
        self.browser.find_elements("css selector", "dialog button.primary")[-1].click()

    def picture(self, name: str) -> None:
        """Keep a picture of the page, where somebody wants them."""
        if PICTURES:
            Path(PICTURES).mkdir(parents=True, exist_ok=True)
            assert self.browser.save_screenshot(str(Path(PICTURES) / f"{name}.png"))

    def _press(self, name: str) -> bool:
        """Press what has this name, if it can be seen; what is made anew just then is looked for once more."""
        found = self._find(PRESSED, name)
        if found is None:
            return False
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", found)
        found.click()
        return True

    def _find(self, selector: str, text: str | None) -> Any:
        found = self.browser.execute_script(CANDIDATES, selector, text)
        seen = (each for each in found if each.is_displayed())
        return next((each for each in seen if text is None or text in (each.text, each.accessible_name)), None)

    def _shown(self, text: str) -> str | None:
        shown = self.text
        return shown if text in shown else None


def _axe() -> str:
    found = find_spec("axe_playwright_python")
    assert found is not None and found.origin is not None
    return (Path(found.origin).parent / "axe.min.js").read_text(encoding="utf-8")
