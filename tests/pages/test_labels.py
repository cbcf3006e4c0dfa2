"""Labels: chosen, seen as they will be printed, printed on the page of their sheet, or taken as ZPL."""

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import PHONE
from tests.support.person import PICTURES, Person
from tests.support.program import PASSWORD, Program, program

MM_PER_POINT = 25.4 / 72
HOSTILE = "<img src=x onerror=alert(1)>"
LONG = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen" * 2
# Printing is counted, as a window without a screen has no dialog for it.
COUNT_PRINTS = """
window.printed = [];
window.print = () => printed.push([...document.querySelectorAll(".sheet img")].every((each) => each.naturalWidth > 0));
"""
SIZES = """
const box = document.querySelector(".sheet").getBoundingClientRect();
const label = document.querySelector(".sheet .label").getBoundingClientRect();
return [box.width / box.height, label.width / box.width];
"""


# How many labels go beyond their page, by more than a pixel.
OUTSIDE = """
const past = (label, page) => label.right > page.right + 1 || label.bottom > page.bottom + 1;
const box = (element) => element.getBoundingClientRect();
return [...document.querySelectorAll(".label")].filter((each) => past(box(each), box(each.closest(".sheet")))).length;
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A shop with 1,102 items; three of them lie in the attic."""
    with program(INSTANCE_PATH=str(tmp_path_factory.mktemp("shop")), PORT="0", ADMIN_PASSWORD=PASSWORD) as running:
        lines = [f"SKU-{n:03},Part {n:03},2" for n in range(500)]
        lines += [f'BAD-1,"{HOSTILE}",1', f"LONG-1,{LONG},3"]
        lines += [f"ZIP-{n:03},Tie {n:03},900" for n in range(600)]
        text = "sku,name,quantity\n" + "\n".join(lines)
        assert running.ask("POST", "/items/import", text.encode(), content_type="text/csv").status == 200
        assert running.ask("POST", "/locations", {"code": "ATTIC", "name": "Attic"}).status == 201
        for sku in ("SKU-007", "SKU-008", "LONG-1"):
            item = running.ask("GET", f"/items?sku={sku}").json["data"][0]
            move = {"kind": "receive", "quantity": 4, "location": "ATTIC", "reason": "delivery"}
            assert running.ask("POST", f"/items/{item['id']}/movements", move).status == 201
        yield running


@pytest.fixture
def ada(browser: Any, shop: Program) -> Person:
    person = Person(browser, shop.address)
    person.sign_in("admin", PASSWORD, "/app/labels")
    person.find("h1", "Labels")
    return person


def pdf(person: Person, name: str) -> bytes:
    """Print the page as the browser would, on the paper that the page asks for."""
    options = {"preferCSSPageSize": True, "printBackground": True}
    content = base64.b64decode(person.browser.execute_cdp_cmd("Page.printToPDF", options)["data"])
    if PICTURES:
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
        (Path(PICTURES) / f"{name}.pdf").write_bytes(content)
    return content


def pages(content: bytes) -> list[tuple[int, int]]:
    """The size of each page of a PDF in whole mm."""
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", content)
    return [(round(float(width) * MM_PER_POINT), round(float(height) * MM_PER_POINT)) for width, height in boxes]


def labels(person: Person) -> list[str]:
    """The names of the labels that are shown, in their order."""
    script = 'return [...document.querySelectorAll(".sheet img")].map((each) => each.alt)'
    names: list[str] = person.browser.execute_script(script)
    return names


def print_and_wait(person: Person) -> list[bool]:
    """Press the button; return for each print whether all labels were there."""
    person.browser.execute_script(COUNT_PRINTS)
    person.find("button.primary", "Print").click()
    printed: list[bool] = person.until(lambda: person.browser.execute_script("return printed"), "nothing was printed")
    return printed


def test_labels_of_found_items_are_seen_in_proportion_and_printed_on_their_sheet(ada):
    ada.read("The labels are shown here as soon as an item is chosen.")
    ada.find("button:disabled", "Print")
    ada.picture("labels-none")
    assert ada.barriers() == []
    ada.write("Search", "part 01")
    ada.press("SKU-012 Part 012")
    ada.press("SKU-015 Part 015")
    ada.write("Labels of SKU-015", "24")
    ada.read("25 labels · 2 pages")
    assert labels(ada)[:2] == ["Label of SKU-012: Part 012", "Label of SKU-015: Part 015"]

    shape, share = ada.browser.execute_script(SIZES)
    assert shape == pytest.approx(210 / 297, rel=0.01)
    assert share == pytest.approx(63.5 / 210, rel=0.01)
    ada.picture("labels-desk")
    assert ada.barriers() == []
    assert ada.overflow() <= 0

    assert print_and_wait(ada) == [True]
    assert pages(pdf(ada, "labels-l7160")) == [(210, 297)] * 2
    ada.write("Begin at label", "20")
    ada.read("25 labels · 3 pages")
    assert pages(pdf(ada, "labels-begun")) == [(210, 297)] * 3
    assert ada.complaints() == []


def test_a_roll_has_a_page_for_each_label_and_is_remembered(ada):
    ada.write("Search", "bad")
    ada.press(f"BAD-1 {HOSTILE}")
    ada.write("Search", "donau")
    ada.press(f"LONG-1 {LONG}")
    ada.choose("Sheet or roll", "Roll, 62")
    ada.read("2 labels · 2 pages")
    assert print_and_wait(ada) == [True]
    assert pages(pdf(ada, "labels-roll")) == [(62, 29)] * 2

    ada.choose("Sheet or roll", "Other measures")
    for label, value in (("Page, width", "80"), ("Page, height", "50"), ("Label, width", "38,5")):
        ada.write(label, value)
    ada.read("So many labels do not fit on this page.")
    ada.find("button:disabled", "Print")
    for label, value in (
        ("Columns", "2"),
        ("Rows", "1"),
        ("Margin, left", "1"),
        ("Margin, top", "1"),
        ("Gap, across", "1"),
    ):
        ada.write(label, value)
    ada.read("2 labels · 1 page")
    assert pages(pdf(ada, "labels-own")) == [(80, 50)]
    ada.picture("labels-own")
    assert ada.barriers() == []

    ada.open("/app/labels")
    assert ada.field("Page, width").get_attribute("value") == "80"
    assert ada.complaints() == []


def test_every_sheet_that_is_offered_has_all_its_labels_on_its_page(ada):
    ada.write("Search", "SKU-020")
    ada.press("SKU-020 Part 020")
    ada.write("Labels of SKU-020", "66")
    sheets = [each.text for each in ada.field("Sheet or roll").find_elements("css selector", "option")][:-1]
    assert len(sheets) >= 7
    for sheet in sheets:
        ada.choose("Sheet or roll", sheet)
        across, down = re.findall(r"(\d+) × (\d+)$", sheet)[0] if sheet.startswith("Avery") else (1, 1)
        ada.read(f"66 labels · {-(-66 // (int(across) * int(down)))} pages")
        assert ada.browser.execute_script(OUTSIDE) == 0, sheet
    assert print_and_wait(ada) == [True]
    assert ada.complaints() == []


def test_sheets_are_measured_in_the_manner_of_who_reads_and_the_usual_one_is_first(browsers, shop):
    eva = Person(browsers("de"), shop.address)
    eva.sign_in("admin", PASSWORD, "/app/labels")
    first = eva.field("Bogen oder Rolle").find_element("css selector", "option")

    assert first.text == "Avery L7160: 63,5 × 38,1 mm, 3 × 7"
    eva.choose("Bogen oder Rolle", "Andere Maße")
    assert eva.field("Etikett, Breite").get_attribute("value") == "63,5"


def test_what_lies_at_a_place_gets_as_many_labels_as_there_are(ada):
    ada.resize(PHONE)
    ada.choose("Location", "ATTIC")
    ada.absent("label", "SKU-001 Part 001")
    ada.press("Take all that match")
    ada.read("3 items are chosen.")
    ada.read("3 labels · 1 page")
    ada.press("As many as there are")
    ada.read("19 labels")
    ada.picture("labels-phone")
    assert ada.overflow() <= 0
    ada.prefer("dark")
    ada.picture("labels-phone-dark")
    assert ada.barriers() == []
    ada.press("Remove: LONG-1")
    ada.read("12 labels")
    assert not [name for name in labels(ada) if "LONG-1" in name]
    assert ada.complaints() == []


def test_one_item_of_the_address_is_chosen_at_once_and_its_zpl_is_for_its_printer(ada, shop, tmp_path):
    item = shop.ask("GET", "/items?sku=SKU-100").json["data"][0]
    ada.open(f"/app/labels?item={item['id']}")
    ada.read("1 label · 1 page")
    ada.choose("Sheet or roll", "Roll, 100")
    ada.write("Labels of SKU-100", "2")
    ada.read("2 labels · 2 pages")
    ada.press("Zebra and other ZPL printers")
    ada.choose("Dots per inch of the printer", "300")
    ada.browser.execute_script("""
    window.copied = [];
    navigator.clipboard.writeText = async (text) => copied.push(text);
    """)
    ada.press("Copy ZPL")
    ada.read("The ZPL is on the clipboard.")

    [text] = ada.browser.execute_script("return copied")
    assert text.count("^XA") == text.count("^XZ") == 2
    assert f"^PW{round(100 / 25.4 * 300)}" in text
    assert "SKU-100" in text

    allowed = {"behavior": "allow", "downloadPath": str(tmp_path)}
    ada.browser.execute_cdp_cmd("Browser.setDownloadBehavior", allowed)
    ada.press("Download ZPL")
    saved = tmp_path / "labels.zpl"
    ada.until(saved.exists, "nothing was downloaded")
    assert saved.read_text(encoding="utf-8") == text
    assert ada.complaints() == []


def test_five_hundred_labels_are_all_there_before_they_are_printed(ada):
    ada.write("Search", "part")
    ada.press("Take all that match")
    ada.read("500 items are chosen.")
    ada.read("500 labels · 24 pages")

    assert print_and_wait(ada) == [True]
    assert len(pages(pdf(ada, "labels-many"))) == 24
    assert ada.complaints() == []


def test_what_is_too_much_is_said_and_stops_the_print(ada):
    ada.write("Begin at label", "99")
    ada.find(".error", "Write a number from 1 to 21.")
    ada.press("Take all that match")
    ada.read("1,000 items are chosen.")
    ada.read("That is as many as can be chosen at once.")
    # Named by where they are: to look through a thousand rows takes long.
    ada.write_into(ada.find("[type=search]"), "ZIP-599")
    ada.find(".found label", "ZIP-599 Tie 599").click()
    assert not ada.find(".found input").is_selected()
    ada.find("button:disabled", "Print")

    ada.find(".chosen .actions button", "Choose none").click()
    ada.find(".found label", "ZIP-599 Tie 599").click()
    ada.write("Begin at label", "1")
    ada.read("1 label · 1 page")
    ada.press("As many as there are")
    ada.find(".error", "Write a number from 0 to 500.")
    ada.read("Nothing can be printed before the marked fields are right.")
    assert ada.field("Labels of ZIP-599").get_attribute("value") == "900"
    ada.find("button:disabled", "Print")
    ada.picture("labels-too-many")
    ada.press("One of each")
    ada.find("button:enabled", "Print")
    ada.write("Labels of ZIP-599", "501")
    ada.find("button:disabled", "Print")
    ada.find(".error", "Write a number from 0 to 500.")
    assert ada.barriers() == []
    assert ada.complaints() == []


def test_a_label_that_does_not_come_stops_the_print_and_comes_when_asked_again(ada):
    ada.browser.execute_cdp_cmd("Network.enable", {})
    ada.browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/label?*"]})
    ada.write("Search", "SKU-020")
    ada.press("SKU-020 Part 020")
    ada.read("1 label · 1 page")
    ada.browser.execute_script(COUNT_PRINTS)
    ada.press("Print")
    ada.read("1 label could not be loaded, so nothing was printed.")
    assert ada.browser.execute_script("return printed") == []
    ada.browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
    ada.press("Try again")

    assert ada.until(lambda: ada.browser.execute_script("return printed"), "nothing was printed") == [True]
