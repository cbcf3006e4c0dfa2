"""A new version of the page: tabs that are open go on with theirs, and the next page is of the new one."""

import re
from pathlib import Path
from typing import Any

from tests.support.person import Person
from tests.support.program import PASSWORD, fresh_copy, program

CONTROLLED = "return Boolean(navigator.serviceWorker.controller)"
UPDATED = """
const done = arguments[0];
navigator.serviceWorker.addEventListener("controllerchange", () => done(true));
navigator.serviceWorker.ready.then((registration) => registration.update());
"""
IMPORTED = "const done = arguments[1]; import(arguments[0]).then(() => done('loaded'), (error) => done(String(error)))"
VERSION = "return /files\\/(\\w+)\\//.exec(document.querySelector('script').src)[1]"


def test_a_tab_outlives_a_new_version_and_then_goes_on_with_it(browser: Any, tmp_path: Path) -> None:
    folder = fresh_copy(tmp_path / "copy")
    settings = {"INSTANCE_PATH": str(tmp_path / "instance"), "ADMIN_PASSWORD": PASSWORD}
    with program(folder=folder, PORT="0", **settings) as first:
        ada = Person(browser, first.address)
        ada.sign_in("admin", PASSWORD)
        ada.until(lambda: browser.execute_script(CONTROLLED), "no service worker has taken over")
        old = browser.execute_script(VERSION)
    words = folder / "pages" / "static" / "words" / "en.js"
    words.write_text(re.sub('"Scan"', '"Scan anew"', words.read_text(encoding="utf-8")), encoding="utf-8")

    with program(folder=folder, PORT=ada.address.rpartition(":")[2], **settings) as second:
        assert second.address == ada.address
        assert browser.execute_async_script(UPDATED)
        # A module that this tab has not needed until now is still there, though the service has it no more.
        assert browser.execute_async_script(IMPORTED, f"/app/files/{old}/scan/scan.js") == "loaded"
        assert browser.execute_script(VERSION) == old
        ada.press("Count")
        ada.find("h1", "Count")
        ada.find("nav a", "Scan anew")
        assert browser.execute_script(VERSION) != old
        assert ada.path == "/app/count"

    ada.open("/app/scan")
    ada.find("h1", "Scan anew")
