"""The page /docs: whole without any other host, strict about scripts, and it works in a browser."""

import json
import re
from pathlib import PurePosixPath
from typing import Any

import pytest

from tests.support.clients import Client
from tests.support.program import PASSWORD

CONTROL = "\ue009"  # the key, as WebDriver names it; sent again, it is released
NAMED = re.compile(r'(?:src|href)="([^"]+)"')
KINDS = {".css": "text/css", ".js": "text/javascript", ".png": "image/png"}


def assets(nobody: Client) -> list[str]:
    """The paths of the files that the page names."""
    return [f"//{name}" for name in NAMED.findall(nobody.get("//docs").text)]


def test_the_page_is_there_for_everybody(nobody):
    page = nobody.get("//docs")

    assert (page.status_code, page.mimetype) == (200, "text/html")


def test_every_file_that_the_page_names_is_served_as_what_it_is(nobody):
    served = {path: nobody.get(path) for path in assets(nobody)}

    assert len(served) == 4
    for path, answer in served.items():
        assert answer.status_code == 200, path
        assert answer.mimetype == KINDS[PurePosixPath(path.partition("?")[0]).suffix], path
        assert answer.data


def test_files_of_the_package_are_kept_for_a_year_and_the_page_is_asked_for_anew(nobody):
    kept = {path: nobody.get(path).headers["Cache-Control"] for path in assets(nobody)}

    assert {answer for path, answer in kept.items() if "?v=" in path} == {"public, max-age=31536000, immutable"}
    assert kept["//docs/initializer.js"] == nobody.get("//docs").headers["Cache-Control"] == "no-cache"


def test_no_script_may_be_inline_or_evaluated_or_of_another_host(nobody):
    page = nobody.get("//docs")

    (policy,) = page.headers.getlist("Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]* src=)|<style| on[a-z]+=|://", page.text)
    assert "://" not in nobody.get("//docs/initializer.js").text


@pytest.mark.parametrize(
    "name", ["index.html", "swagger-ui.js", "..%2f__init__.py", "%2e%2e/__init__.py", "oauth2.html"]
)
def test_nothing_else_of_the_package_is_served(nobody, name):
    assert nobody.get(f"//docs/{name}").status_code == 404


def test_a_file_that_the_browser_has_is_not_sent_again(nobody):
    first = nobody.get("//docs/swagger-ui.css")

    again = nobody.get("//docs/swagger-ui.css", headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, again.data) == (304, b"")


class Page:
    """What somebody does on the page."""

    def __init__(self, browser: Any) -> None:
        from selenium.webdriver.support.ui import WebDriverWait  # noqa: PLC0415 - skipped where it is missing

        self.browser = browser
        self.wait = WebDriverWait(browser, 20)

    def find(self, selector: str) -> Any:
        """The first thing of this CSS selector, once it can be seen."""
        return self.wait.until(
            lambda browser: next(filter(_seen, browser.find_elements("css selector", selector)), None)
        )

    def click(self, selector: str) -> None:
        """Click on it where the mouse would."""
        thing = self.find(selector)
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", thing)
        thing.click()

    def write(self, selector: str, text: str) -> None:
        """Replace what a field holds, pasted at once: the page draws itself anew for each letter that is typed."""
        self.find(selector).send_keys(f"{CONTROL}a{CONTROL}")
        self.browser.execute_cdp_cmd("Input.insertText", {"text": text})

    def authorize(self, username: str, password: str) -> None:
        """Sign in with HTTP Basic."""
        self.click(".auth-wrapper .authorize")
        self.write("#auth-basic-username", username)
        self.write("#auth-basic-password", password)
        self.click(".auth-container .auth.modal-btn.authorize")
        self.click(".auth-container .btn-done")

    def try_out(self, tag: str, operation: str, body: Any, **parameters: str) -> tuple[str, Any]:
        """Send a request with "Try it out"; the status and the JSON that the page shows."""
        block = f"#operations-{tag}-{operation}"
        self.click(f"{block} .opblock-summary-control")
        self.click(f"{block} .try-out__btn")
        for name, value in parameters.items():
            self.write(f"{block} tr[data-param-name='{name}'] input", value)
        self.write(f"{block} .body-param__text", json.dumps(body))
        self.click(f"{block} .execute")
        status = self.find(f"{block} .live-responses-table .response .response-col_status").text
        shown = self.find(f"{block} .live-responses-table .response-col_description .highlight-code code").text
        return status.split()[0], json.loads(shown)


def _seen(thing: Any) -> bool:
    return bool(thing.is_displayed())


def test_somebody_signs_in_and_moves_stock_from_the_page(browser, service, tmp_path):
    browser.get(f"{service.address}/docs")
    page = Page(browser)

    page.authorize("admin", PASSWORD)
    created = page.try_out("items", "create_item", {"sku": "LAMP-1", "name": "Desk lamp", "quantity": 5})
    item_id = created[1]["id"]
    line = {"kind": "issue", "quantity": 2, "reason": "order 7"}
    moved = page.try_out("movements", "create_item_movement", line, item_id=str(item_id))

    assert browser.save_screenshot(str(tmp_path / "docs.png"))
    assert (created[0], moved[0], moved[1]["quantity_after"]) == ("201", "201", 3)
    assert service.ask("GET", f"/items/{item_id}").json["quantity"] == 3
    assert [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []


def test_every_credential_of_the_service_can_be_given_on_the_page(browser, service):
    browser.get(f"{service.address}/docs")
    page = Page(browser)

    page.click(".auth-wrapper .authorize")
    page.find(".auth-container .auth.modal-btn.authorize")

    names = [name.text for name in browser.find_elements("css selector", ".auth-container h4 code")]
    assert names == ["basic", "bearer", "apiKey", "cookie"]
