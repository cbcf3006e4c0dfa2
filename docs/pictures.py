"""Take the pictures of the README anew: `python -m docs.pictures`, with Chromium and its driver on the PATH.

A new instance of the service is started on a free port, filled with the stock of a lamp shop, and shown in a browser.
"""

import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from selenium import webdriver

from tests.support.person import Person
from tests.support.program import PASSWORD, ROOT, Program, program

ITEM, SCAN = (ROOT / "docs" / name for name in ("page-item.png", "page-scan.png"))
DESK, PHONE = (1180, 1080), (360, 720)
SWITCHES = ("headless", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "hide-scrollbars", "accept-lang=en")
MIA = "mia:a long sentence is best"
LAMP = {
    "sku": "LAMP-1",
    "name": "Desk lamp, brass",
    "price": "12.50",
    "unit": "piece",
    "reorder_level": 5,
    "bin": "A-01",
}
BULB = {"sku": "BULB-E27", "name": "Bulb E27, warm white", "barcode": "4006381333962", "quantity": 180}
# What came in and went out of the lamps, day by day.
DAYS = (40, -1, -2, -1, -1, -3, -1, 0, -2, -2, -1, -3, -1, 0, -1, -2, -1, -2, -1, -1, -2, -1, 0, -1, -2, 30, -5, -1, -3)
ENTER = "\ue007"


def main() -> int:
    """Start the service, take the pictures, stop the service; return the exit status."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        print("There is no chromium with its chromedriver on the PATH.", file=sys.stderr)
        return 2
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for switch in SWITCHES:
        options.add_argument(f"--{switch}")
    with TemporaryDirectory() as folder, program(INSTANCE_PATH=folder, PORT="0", ADMIN_PASSWORD=PASSWORD) as service:
        assert service.address
        lamp = fill(service)
        browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
        try:
            take(Person(browser, service.address), lamp)
        finally:
            browser.quit()
    return 0


def fill(service: Program) -> int:
    """Fill the shop; return the id of the lamp."""

    def make(path: str, body: dict[str, Any], user: str = MIA) -> Any:
        made = service.ask("POST", path, body, user=user)
        assert made.status == 201, made
        return made.json

    username, _, password = MIA.partition(":")
    make("/users", {"username": username, "password": password, "role": "admin"}, f"admin:{PASSWORD}")
    make("/items", BULB)
    lamp = int(make("/items", {**LAMP, "bin": "A-01", "barcode": "4006381333931", "tags": ["light"]})["id"])
    begin = datetime.now(UTC) - timedelta(days=len(DAYS))
    for day, change in enumerate(DAYS):
        if change:
            kind, reason, reference = ("receive", "delivery", "PO") if change > 0 else ("issue", "sale", "order")
            line = {"kind": kind, "quantity": abs(change), "reason": reason, "reference": f"{reference} {4700 + day}"}
            moment = (begin + timedelta(days=day)).isoformat(timespec="seconds")
            make(f"/items/{lamp}/movements", {**line, "occurred_at": moment})
    promised = {"sku": LAMP["sku"], "quantity": 4, "reason": "Smith & Sons", "reference": "order 4731"}
    make("/reservations", {"reservations": [promised]})
    return lamp


def take(mia: Person, lamp: int) -> None:
    """Take the picture of an item and that of a scan on a phone."""
    mia.resize(DESK)
    mia.sign_in(*MIA.split(":"))
    mia.open(f"/app/items/{lamp}")
    mia.read("order 4728")
    shoot(mia, ITEM)
    mia.resize(PHONE)
    mia.open("/app/scan")
    mia.find("h1", "Scan")
    mia.press("Issue")
    for code, effect in (("2*BULB-E27", "now 178"), ("4006381333931", "now 2")):
        mia.type(f"{code}{ENTER}")
        mia.read(effect)
    shoot(mia, SCAN)


def shoot(mia: Person, picture: Path) -> None:
    """Keep what the screen shows."""
    assert mia.browser.save_screenshot(str(picture))


if __name__ == "__main__":
    sys.exit(main())
