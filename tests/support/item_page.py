"""What the tests of an item's page share: items and movements made through the API, and the forms of the acts."""

from typing import Any

from tests.support.person import Person
from tests.support.program import Program

HOSTILE = "<script>alert(1)</script>"
LONG = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen" * 3
# The rows of the table with this caption, each as the texts of its cells.
ROWS = """
const found = [...document.querySelectorAll("table")].find((each) => each.caption.textContent === arguments[0]);
return found ? [...found.tBodies[0].rows].map((row) => [...row.cells].map((cell) => cell.innerText.trim())) : [];
"""


def make(shop: Program, sku: str, **fields: Any) -> int:
    """Make an item and return its id."""
    made = shop.ask("POST", "/items", {"sku": sku, "name": sku, **fields})
    assert made.status == 201, made
    return int(made.json["id"])


def move(shop: Program, item: int, kind: str, quantity: int, **fields: Any) -> None:
    """Record a movement of an item."""
    body = {"kind": kind, "quantity": quantity, "reason": "test", **fields}
    recorded = shop.ask("POST", f"/items/{item}/movements", body)
    assert recorded.status == 201, recorded


def movements_of(shop: Program, item: int) -> list[int]:
    """Return the ids of the movements of an item."""
    return [movement["id"] for movement in shop.ask("GET", f"/items/{item}/movements").json["data"]]


def rows(person: Person, caption: str) -> list[list[str]]:
    """Return the texts of the cells of the table with this caption."""
    found: list[list[str]] = person.browser.execute_script(ROWS, caption)
    return found


def act(person: Person, name: str) -> None:
    """Press the button of an act, and wait for its form."""
    person.find(".acts button", name).click()
    person.find("dialog h2", name)


def submit(person: Person) -> None:
    """Press the button of the form of a dialog."""
    person.find("dialog button.primary").click()


def quantity(person: Person) -> str:
    """Return how many the page says there are, with their unit."""
    return str(person.find(".figures dd").text)
