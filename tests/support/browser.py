"""A real browser, and the service as people start it."""

import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.support.program import PASSWORD, Program, program

DESK, PHONE = (1280, 900), (390, 844)
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what a browser is needed for where there is none, before a service is started for it."""
    if find_spec("selenium") and CHROMIUM and DRIVER:
        return
    for item in items:
        if "browsers" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.skip(reason="no Chromium with its chromedriver is installed here"))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The service as people start it."""
    with program(INSTANCE_PATH=str(tmp_path_factory.mktemp("service")), PORT="0", ADMIN_PASSWORD=PASSWORD) as running:
        yield running


@pytest.fixture
def browsers(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Opens real Chromiums, without a window, that keep a log of their console; each is of somebody else."""
    from selenium import webdriver  # noqa: PLC0415 - skipped where it is missing

    assert CHROMIUM
    opened: list[Any] = []

    def open_one(language: str = "en", *switches: str) -> Any:
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for switch in ("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-sync"):
            options.add_argument(f"--{switch}")
        for switch in ("disable-background-networking", "disable-component-update", "disable-dev-shm-usage"):
            options.add_argument(f"--{switch}")
        for switch in (f"accept-lang={language}", "window-size=1280,900", *switches):
            options.add_argument(f"--{switch}")
        options.add_argument(f"--user-data-dir={tmp_path / f'profile-{len(opened)}'}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        opened.append(webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER)))
        return opened[-1]

    yield open_one
    for each in opened:
        each.quit()


@pytest.fixture
def browser(browsers: Callable[..., Any]) -> Any:
    """A real Chromium of somebody who reads English."""
    return browsers()
