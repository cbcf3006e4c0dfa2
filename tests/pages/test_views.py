"""What is served for the page: whole without any other host, strict about scripts, kept by its version."""

import gzip
import re

import pytest

from pages.files import STATIC, files
from pages.views import PAGES
from tests.support.clients import Client

# What a browser accepts where somebody goes to an address.
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
NAMED = re.compile(r'(?:src|href)="(/app/[^"]+)"')


def named(nobody: Client) -> list[str]:
    """The paths of the files that the shell names."""
    return [f"/{path}" for path in NAMED.findall(nobody.get("//app/").text)]


def test_a_browser_is_sent_to_the_page_and_everybody_else_reads_where_things_are(nobody):
    browser = nobody.get("//", headers=BROWSER)
    program = nobody.get("//")

    assert (browser.status_code, browser.headers["Location"]) == (302, "http://localhost/app/")
    assert program.json == {"page": "/app/", "docs": "/docs", "api": "/api/v1", "openapi": "/api/v1/openapi.json"}


@pytest.mark.parametrize("path", ["", *PAGES, "items/5", "items/by-sku/A%2FB"])
def test_every_page_has_an_address_of_its_own_for_everybody(nobody, path):
    page = nobody.get(f"//app/{path}")

    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert "<h1>" in page.text
    assert 'lang="en"' in page.text


@pytest.mark.parametrize("path", ["nowhere", "index.html", "files/0/main.js", "..%2fviews.py"])
def test_what_is_no_page_is_not_found(nobody, path):
    assert nobody.get(f"//app/{path}").status_code == 404


def test_a_browser_gets_the_page_at_an_address_of_none_too_so_that_it_says_so_in_words(nobody):
    page = nobody.get("//app/nowhere/at-all", headers=BROWSER)

    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert page.text == nobody.get("//app/").text


def test_the_address_on_a_label_leads_to_the_item(nobody):
    assert nobody.get("//i/A%2FB 1").headers["Location"].endswith("/app/items/by-sku/A%2FB%201")


def test_no_script_or_style_may_be_inline_or_of_another_host_or_made_of_text(nobody):
    page = nobody.get("//app/")

    (policy,) = page.headers.getlist("Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]* src=)|<style| on[a-z]+=| style=|://", page.text)


def test_every_file_that_the_shell_names_is_served_and_kept_for_a_year(nobody):
    assert len(named(nobody)) > 5
    for path in named(nobody):
        answer = nobody.get(path)
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "public, max-age=31536000, immutable"), (
            path
        )


def test_files_are_sent_compressed_to_who_takes_them_so(nobody):
    path = next(path for path in named(nobody) if path.endswith("main.js"))

    plain = nobody.get(path)
    zipped = nobody.get(path, headers={"Accept-Encoding": "gzip, br"})

    assert "Content-Encoding" not in plain.headers
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(zipped.data) == plain.data
    assert plain.headers["ETag"] != zipped.headers["ETag"]


def test_the_shell_and_its_service_worker_are_asked_for_anew_each_time(nobody):
    for path in ("//app/", "//app/worker.js"):
        first = nobody.get(path)
        again = nobody.get(path, headers={"If-None-Match": first.headers["ETag"]})
        assert (first.headers["Cache-Control"], again.status_code, again.data) == ("no-cache", 304, b""), path


def test_the_service_worker_keeps_every_file_of_its_version(nobody):
    worker = nobody.get("//app/worker.js").text

    assert all(f'"{name}"' in worker for name in files() if name != "worker.js")


def test_no_file_of_the_page_makes_markup_of_text():
    found = [
        f"{path.name}: {word}"
        for path in STATIC.rglob("*.js")
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "://")
        if word in path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    ]

    assert found == []
