"""The stock: found as one types, filtered, sorted, read on and on, and walked through by keyboard."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.browser import PHONE
from tests.support.person import Person
from tests.support.program import PASSWORD, Program, program

HOSTILE = "<img src=x onerror=alert(1)>"
LONG = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen" * 2
ENTER, DOWN, BACK = "\ue007", "\ue015", "\ue003"
MOST_BYTES = 100_000
SENT = """
const entries = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
return entries.map((entry) => [entry.name, entry.transferSize]);
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A shop with 400 items at two locations."""
    with program(INSTANCE_PATH=str(tmp_path_factory.mktemp("shop")), PORT="0", ADMIN_PASSWORD=PASSWORD) as running:
        fill(running)
        yield running


def fill(shop: Program) -> None:
    lines = [f"SKU-{n:04},Part {n:04},{n % 40},{n / 4:.2f},5,{('even', 'odd')[n % 2]},piece,D-19" for n in range(397)]
    lines += [
        'LAMP-1,"Desk lamp, brass",2,12.5,5,lamps|desks|seasonal|fragile,piece,D-19',
        f'BAD-1,"{HOSTILE}",7,1,,,piece,',
        f"LONG-1,{LONG},1,1,,,Stück,",
    ]
    text = "sku,name,quantity,price,reorder_level,tags,unit,bin\n" + "\n".join(lines)
    imported = shop.ask("POST", "/items/import", text.encode(), content_type="text/csv")
    assert imported.status == 200, imported
    assert shop.ask("POST", "/locations", {"code": "ATTIC", "name": "Attic"}).status == 201


@pytest.fixture
def ada(browser: Any, shop: Program) -> Person:
    person = Person(browser, shop.address)
    person.sign_in("admin", PASSWORD)
    return person


def names(person: Person) -> list[str]:
    return [row[1].replace("\n", " ") for row in person.rows()]


def test_the_first_view_is_small_and_of_this_service_alone(ada, shop):
    ada.find("tbody th a", "Part 0001")
    sent = ada.browser.execute_script(SENT)

    assert {name for name, _ in sent if not name.startswith(shop.address)} == set()
    assert len(sent) > 15
    assert sum(size for _, size in sent) <= MOST_BYTES


def test_the_lamp_is_found_as_one_types_and_opened_by_keyboard(ada):
    ada.read("400 items")
    ada.type("/")
    assert ada.focused().accessible_name == "Search"
    ada.type("brass la")
    ada.absent("tbody th a", "Part 0001")
    assert names(ada) == ["Desk lamp, brass low"]
    assert ada.path == "/app/?q=brass+la"
    ada.drag_over(ada.find("td.code", "LAMP-1"))
    assert ada.browser.execute_script("return String(getSelection())") in "LAMP-1"
    assert ada.path == "/app/?q=brass+la"

    ada.type("/")
    ada.type(DOWN)
    assert ada.focused().text == "Desk lamp, brass"
    ada.type(ENTER)
    ada.find("h1", "Desk lamp, brass")
    ada.browser.back()
    ada.find("tbody th a", "Desk lamp, brass")
    assert ada.field("Search").get_attribute("value") == "brass la"
    assert ada.complaints() == []


def test_the_stock_is_filtered_sorted_and_read_on_without_a_jump(ada):
    ada.find("tbody th a", "Part 0001")
    assert len(ada.rows()) >= 50
    first = ada.rows()[:50]
    for _ in range(10):
        ada.browser.execute_script("scrollTo(0, document.body.scrollHeight)")
        ada.browser.execute_async_script("setTimeout(arguments[0], 150)")
    ada.find("tbody th a", "Part 0396")
    assert ada.rows()[:50] == first
    assert len({row[0] for row in ada.rows()}) == len(ada.rows())

    ada.press("Name")
    assert ada.find("th[aria-sort=ascending] button:focus").text.startswith("Name")
    ada.find("tbody th a", HOSTILE)
    assert names(ada)[:2] == sorted(names(ada)[:2])
    ada.write("Tag", "lamps")
    ada.absent("tbody th a", "Part 0001")
    assert names(ada) == ["Desk lamp, brass low"]
    ada.write("Search", "nothing like it")
    ada.read("Nothing matches.")
    ada.press("Clear the filters")
    ada.press("Low stock only")
    ada.find("tbody th a", "Part 0001")
    assert ada.field("Location").text.split("\n") == ["All locations", "MAIN", "ATTIC · Attic"]
    ada.choose("Location", "ATTIC")
    ada.read("Nothing matches.")
    assert ada.complaints() == []


def test_a_late_answer_takes_nothing_from_a_newer_search(ada):
    ada.hold("q=zzz")
    ada.write("Search", "zzz")
    ada.held()
    ada.write("Search", BACK)
    ada.find("tbody th a", "Part 0001")
    ada.let_go()
    assert len(ada.rows()) >= 50
    ada.write("Search", "false")
    ada.read("Nothing matches.")
    assert ada.path == "/app/?q=false"
    assert ada.complaints() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_stock_keeps_nobody_out_and_fits_every_screen(ada, scheme):
    ada.prefer(scheme)
    ada.open("/app/?sort=name")
    ada.find("tbody th a", LONG)
    ada.picture(f"stock-desk-{scheme}")
    assert ada.barriers() == []
    assert ada.too_narrow() == []
    ada.resize(PHONE)
    ada.picture(f"stock-phone-{scheme}")
    assert ada.barriers() == []
    assert ada.browser.execute_script("return document.querySelectorAll('table img').length") == 0
    ada.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert ada.find("thead").text.split() == ["SKU", "Name", "▲", "Quantity", "Available", "Unit", "Price", "Bin"]


def test_a_new_shop_is_told_what_to_do_first(browser, service):
    ada = Person(browser, service.address)
    ada.sign_in("admin", PASSWORD)

    ada.read("There are no items yet.")
    ada.picture("stock-empty-desk-light")
    assert ada.find(".empty a", "Import").get_attribute("href").endswith("/app/import")
    assert ada.barriers() == []
