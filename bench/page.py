"""What the first view of the page costs: bytes over the wire, and milliseconds until the stock can be used.

`python bench/page.py [ITEMS] [PICTURES]` starts the service on a free port with an instance of its own that has ITEMS
items (100,000), and Chromium without a window. Each round is a browser that is signed in and has nothing of the page.
With PICTURES, a folder, it keeps a picture of the stock there.
"""

import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait
from services import PASSWORD, Stockroom
from stock import items, word

ITEMS = 100_000
ROUNDS = 9
SWITCHES = ("headless", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "no-first-run")
# Notes the time at which the first row of the stock is there, with what is typed already heard.
WATCH = """
new MutationObserver((_, watcher) => {
  if (!document.querySelector("tbody tr")) return;
  watcher.disconnect();
  requestAnimationFrame(() => setTimeout(() => { window.usable = performance.now(); }));
}).observe(document, {childList: true, subtree: true});
"""
SIZES = """
const entries = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
return entries.map((entry) => [new URL(entry.name).pathname.replace(/files\\/[0-9a-f]+/, "…"), entry.transferSize]);
"""
SEARCH = """
const [text, done] = arguments;
const began = performance.now();
new MutationObserver((_, watcher) => {
  const first = document.querySelector("tbody th");
  if (!first || !first.textContent.includes(text)) return;
  watcher.disconnect();
  done(performance.now() - began);
}).observe(document.getElementById("main"), {childList: true, subtree: true, characterData: true});
const field = document.getElementById("search");
field.value = text;
field.dispatchEvent(new Event("input"));
"""


def main() -> None:
    """Measure and print."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else ITEMS
    with tempfile.TemporaryDirectory() as folder:
        stockroom = Stockroom(Path(folder))
        stockroom.start()
        try:
            stockroom.sign_in()
            stockroom.take_in(items(1, number), "created")
            measure(f"http://127.0.0.1:{stockroom.port}", number)
        finally:
            stockroom.stop()


def measure(address: str, number: int) -> None:
    """Print the figures of the page at an address."""
    browser = chromium()
    try:
        sign_in(browser, address)
        browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
        times = [first_view(browser, address) for _ in range(ROUNDS)]
        sizes = browser.execute_script(SIZES)
        words = [word(number * part // 7) for part in range(1, 7)]
        searches = [float(browser.execute_async_script(SEARCH, each)) for each in words]
        if len(sys.argv) > 2:
            browser.save_screenshot(str(Path(sys.argv[2]) / f"stock-{number}.png"))
    finally:
        browser.quit()
    for path, size in sorted(sizes, key=lambda each: -each[1]):
        print(f"{size:>8} {path}")
    print(f"{sum(size for _, size in sizes):>8} bytes, {len(sizes)} answers, {number:,} items")
    print(f"usable after {statistics.median(times):.0f} ms (from {min(times):.0f} to {max(times):.0f})")
    print(f"found while typing after {statistics.median(searches):.0f} ms, 150 of which are the pause")


def chromium() -> Any:
    """Return a browser without a window."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for switch in SWITCHES:
        options.add_argument(f"--{switch}")
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))


def sign_in(browser: Any, address: str) -> None:
    """Sign in on the page."""
    browser.get(f"{address}/app/")
    wait = WebDriverWait(browser, 30)
    wait.until(lambda _: browser.find_elements("css selector", "input[name=password]"))
    browser.find_element("css selector", "input[name=username]").send_keys("admin")
    browser.find_element("css selector", "input[name=password]").send_keys(PASSWORD)
    browser.find_element("css selector", "form button").click()
    wait.until(lambda _: browser.find_elements("css selector", "tbody tr"))


def first_view(browser: Any, address: str) -> float:
    """Open the page with nothing of it kept; the milliseconds until the stock can be used."""
    storage = "local_storage,cache_storage,service_workers"
    browser.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": address, "storageTypes": storage})
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.clearBrowserCache", {})
    browser.get("about:blank")
    browser.get(f"{address}/app/")
    WebDriverWait(browser, 30).until(lambda _: browser.execute_script("return window.usable"))
    return float(browser.execute_script("return window.usable"))


if __name__ == "__main__":
    main()
