"""An item is made, edited by two at once, archived and brought back."""

from typing import Any

import pytest

from tests.support.item_page import make, move, quantity, submit
from tests.support.person import Person
from tests.support.program import PASSWORD, Program

# What a text is read as where a comma or a point stands before the decimals: an amount and a whole number.
READ = [
    ("12,50", "12.50", "12.50", None, None),
    ("12.50", "12.50", "12.50", None, None),
    ("1000", "1000", "1000", 1000, 1000),
    ("1.000", None, "1.000", 1000, None),
    ("1,000", "1.000", None, None, 1000),
    ("12.500", None, "12.500", 12500, None),
    ("12,500", "12.500", None, None, 12500),
    ("0.125", "0.125", "0.125", None, None),
    ("0,125", "0.125", "0.125", None, None),
    ("1234.500", "1234.500", "1234.500", None, None),
    ("1.234,50", "1234.50", "1234.50", None, None),
    ("1,234.50", "1234.50", "1234.50", None, None),
    ("1.000.000", None, None, 1000000, 1000000),
    ("1 000,5", "1000.5", "1000.5", None, None),
]
PARSE = """
const [texts, done] = arguments;
import(new URL("core/words.js", document.querySelector("script[src$='main.js']").src)).then((words) =>
    done(texts.map((text) => [words.parseAmount(text), words.parseInteger(text) || null])));
"""


@pytest.fixture
def ada(browser: Any, service: Program) -> Person:
    person = Person(browser, service.address)
    person.sign_in("admin", PASSWORD)
    return person


def test_two_who_edit_an_item_lose_nothing_of_each_other(ada, service):
    item = make(service, "CHAIR-1", name="Chair", attributes={"colour": "red", "seats": 1}, tags=["oak"])
    ada.open(f"/app/items/{item}/edit")
    ada.write("Name", "Oak chair")
    ada.write("Value", "blue")
    move(service, item, "receive", 5)
    body = {"name": "Chair of oak", "price": "80", "attributes": {"height": 45}}
    assert service.ask("PATCH", f"/items/{item}", body).status == 200
    ada.press("Save")

    ada.read("admin has changed this item meanwhile")
    ada.read("Now: Chair of oak")
    ada.read("Changed meanwhile to: 80.00")
    ada.read("Now: colour: red, seats: 1, height: 45")
    ada.picture("item-conflict")
    assert ada.field("Name").get_attribute("value") == "Oak chair"
    assert ada.field("Price").get_attribute("value") == "80.00"
    assert service.ask("GET", f"/items/{item}").json["name"] == "Chair of oak"
    assert ada.barriers() == []
    ada.press("Save anyway")
    ada.find("h1", "Oak chair")
    saved = service.ask("GET", f"/items/{item}").json
    assert (saved["price"], saved["quantity"], saved["tags"]) == ("80.00", 5, ["oak"])
    assert saved["attributes"] == {"colour": "blue", "seats": 1, "height": 45}

    ada.press("Edit")
    ada.field("Unit")
    move(service, item, "issue", 1)
    ada.write("Unit", "piece")
    ada.press("Save")
    ada.read("Saved.")
    assert quantity(ada) == "4 piece"
    assert ada.complaints() == []


def test_an_item_is_made_once_archived_and_brought_back(ada, service):
    make(service, "TAKEN-1")
    ada.open("/app/reports")
    ada.open("/app/items/new")
    ada.press("Cancel")
    ada.find("h1", "Stock")
    ada.open("/app/items/by-sku/50%")
    ada.read("No item has the SKU 50%.")
    ada.open("/app/items/by-sku/taken-2")
    ada.read("No item has the SKU taken-2.")
    ada.press("Make an item with this SKU")
    assert ada.field("SKU").get_attribute("value") == "taken-2"
    ada.write("SKU", "taken-1")
    ada.press("Make the item")
    assert ada.find(".error", "This is needed.")
    ada.write("Name", "Second")
    ada.write("Price", "1.234,5")
    ada.write("Quantity now", "12")
    ada.press("Add an attribute")
    ada.type("watts")
    ada.write("Value", "7")
    ada.press("Make the item")
    ada.find("input[name=sku][aria-invalid]")
    assert "taken-1" in ada.text
    assert ada.barriers() == []
    ada.write("SKU", "taken-2")
    ada.press("Make the item")
    ada.find("h1", "Second")
    made = service.ask("GET", "/items/by-sku/TAKEN-2").json
    assert (made["price"], made["quantity"], made["attributes"]) == ("1234.50", 12, {"watts": 7})

    ada.press("Edit")
    ada.find("h1", "Edit Second")
    ada.press("Archive")
    submit(ada)
    ada.read("This item is archived")
    ada.absent(".acts button")
    assert service.ask("GET", "/items/by-sku/taken-2").json["archived"] is True
    ada.press("Restore")
    ada.read("The item is restored.")
    ada.find(".acts button", "Issue")
    ada.find("td button", "Reverse")
    assert ada.find("a", "Label").get_attribute("href").endswith(f"/app/labels?item={made['id']}")
    assert ada.complaints() == []


def test_an_amount_is_written_as_one_does_here_and_a_thousand_is_never_taken_for_one(browsers: Any, service: Program):
    texts = [text for text, *_ in READ]
    item = make(service, "EURO-1", price="1234.50")
    for language, label, read in (
        ("de", "Preis", [[comma, n] for _, comma, _, n, _ in READ]),
        ("en", "Price", [[point, n] for _, _, point, _, n in READ]),
    ):
        person = Person(browsers(language), service.address)
        person.sign_in("admin", PASSWORD, f"/app/items/{item}/edit")
        shown = person.field(label).get_attribute("value")
        assert shown == {"de": "1234,50", "en": "1234.50"}[language]
        assert person.browser.execute_async_script(PARSE, texts) == read
    person.write("Price", "1,000")
    person.find("form button.primary").click()
    person.read("a thousand as 1000")
    assert service.ask("GET", f"/items/{item}").json["price"] == "1234.50"
