"""A label is drawn for every item: its codes are read back, and what a name says is never more than text."""

import re
from urllib.parse import quote

import pytest
from defusedxml import ElementTree

from tests.support.clients import with_password
from tests.support.databases import on_one_database
from tests.support.scanner import measure, scan
from tests.support.shelf import add

SVG = "{http://www.w3.org/2000/svg}"
BASE = "http://localhost"
SKUS = [
    *(
        "LAMP-1",
        "a b c",
        "A/B//C",
        "50% off?#&+",
        "\u00fcber-\u00df",
        "\u5009\u5eab-42",
        "\U0001f4a1-1",
        "\u05d0\u05d1-7",
    ),
    *("x" * 64, "W" * 64, "'quoted' \"twice\"", "^XA~JA_5E", "<script>alert(1)</script>", "&amp;", "..a", "\\&"),
    *("1234567890", "A1234B5", "%2F", "-"),
]
HOSTILE = ["<script>alert(1)</script>", "]]>&lt;&#x3c;", '" onload="alert(1)', "<!--", "\ufffe\u202eevil", "^XZ~JA"]


def label_of(client, item, query="", **options):
    return client.get(f"/items/{item['id']}/label{query}", **options)


def test_a_label_is_an_svg_of_62_by_29_mm(guest, lamp):
    answer = guest.get(f"{lamp}/label")
    root = ElementTree.fromstring(answer.text)

    assert (answer.status_code, answer.content_type) == (200, "image/svg+xml")
    assert {name: root.get(name) for name in ("width", "height", "viewBox", "role", "font-family")} == {
        "width": "62mm",
        "height": "29mm",
        "viewBox": "0 0 62 29",
        "role": "img",
        "font-family": "sans-serif",
    }
    assert root.findtext(f"{SVG}title") == "Desk lamp (LAMP-1)"
    assert [text.text for text in root.iter(f"{SVG}text")].count("LAMP-1") == 2


def test_a_label_has_the_size_that_was_asked_for(guest, lamp):
    root = ElementTree.fromstring(guest.get(f"{lamp}/label?width=100&height=50").text)

    assert (root.get("width"), root.get("height")) == ("100mm", "50mm")


@on_one_database
def test_every_sku_is_read_back_from_the_label_as_its_link(member, browser):
    items = {sku: add(member, sku) for sku in SKUS}
    links = {sku: f"{BASE}/i/{quote(sku, safe='')}" for sku in SKUS}

    read = {sku: scan(browser, label_of(member, item).text) for sku, item in items.items()}

    assert {sku: codes.get("QRCode") for sku, codes in read.items()} == links
    bars = {sku: codes["Code128"] for sku, codes in read.items() if "Code128" in codes}
    assert bars == {sku: sku for sku in bars}
    assert {"LAMP-1", "A/B//C", "^XA~JA_5E", "&amp;", "\\&", "1234567890", "A1234B5", "-"} <= bars.keys()


@on_one_database
@pytest.mark.parametrize("size", [(38, 21), (62, 29), (89, 36), (100, 50), (50, 100), (200, 200)])
def test_the_codes_of_every_size_are_read_back(member, browser, size):
    item = add(member, "LAMP-1", name="Desk lamp, green", bin="A-01", barcode="4006381")

    svg = label_of(member, item, "?width={}&height={}".format(*size)).text

    assert scan(browser, svg) == {"QRCode": f"{BASE}/i/LAMP-1", "Code128": "4006381"}


@on_one_database
def test_no_text_is_wider_than_its_box_in_any_font_that_is_here(member, browser):
    names = ["WMWM mwmw %%%% @@@@ " * 9, "Donaudampfschifffahrt" * 9, "illicit fjord " * 14, "\u68da\u5009 " * 60]
    names += [
        "\u0416\u0429\u042e\u0428 \u0448\u0449\u044e " * 15,
        "DEAR QUEEN BOUGHT " * 11,
        "\u00c4\u00d6\u00dc " * 40,
    ]
    items = [add(member, f"W{'W' * number}", name=name[:200].strip()) for number, name in enumerate(names)]

    for item in items:
        for query in ("", "?width=100&height=50", "?width=20&height=10"):
            svg = label_of(member, item, query).text
            for text, drawn, room in measure(browser, svg, "sans-serif", "Arial", "DejaVu Sans", "Verdana"):
                assert drawn <= room + 0.05, (text, drawn, room)


@on_one_database
@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_a_name_says_is_text_on_the_label(member, hostile):
    item = add(member, "LAMP-1", name=hostile, bin=hostile.strip()[:50], barcode=hostile)
    answer = label_of(member, item, "?width=200&height=100")
    root = ElementTree.fromstring(answer.text)

    assert {element.tag.removeprefix(SVG) for element in root.iter()} == {"svg", "title", "rect", "path", "text"}
    attributes = {name for element in root.iter() for name in element.attrib}
    assert not {name for name in attributes if name.startswith("on") or "href" in name} | (attributes & {"style"})
    assert "url(" not in answer.text
    expected = re.sub("[\ufffe\u202e]", "\N{REPLACEMENT CHARACTER}", hostile)
    assert root.findtext(f"{SVG}title") == f"{expected} (LAMP-1)"
    assert expected in [text.text for text in root.iter(f"{SVG}text")]
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@on_one_database
@pytest.mark.parametrize(
    ("query", "accept", "media_type"),
    [
        ("", "*/*", "image/svg+xml"),
        ("", "text/html, application/xhtml+xml, */*;q=0.8", "image/svg+xml"),
        ("", "text/plain", "text/plain"),
        ("?format=zpl", "image/svg+xml", "text/plain"),
        ("?format=svg", "text/plain", "image/svg+xml"),
    ],
)
def test_the_format_is_the_one_that_is_named_or_else_preferred(guest, lamp, query, accept, media_type):
    answer = guest.get(f"{lamp}/label{query}", headers={"Accept": accept})

    assert (answer.status_code, answer.mimetype) == (200, media_type)
    assert answer.text.startswith("^XA" if media_type == "text/plain" else "<svg")


@on_one_database
def test_zpl_has_the_dots_of_the_printer_and_the_link(guest, lamp):
    common, fine = (guest.get(f"{lamp}/label?format=zpl{query}") for query in ("", "&dpi=600"))

    assert common.content_type == "text/plain; charset=utf-8"
    assert "^PW496\n^LL232\n" in common.text
    assert "^PW1465\n^LL685\n" in fine.text
    assert f"^FDMA,{BASE}/i/LAMP-1^FS" in common.text


@on_one_database
def test_the_link_is_at_the_public_url(apps, admin, lamp):
    ada = with_password(apps(PUBLIC_URL="https://stock.example.com"), "ada")

    assert "^FDMA,https://stock.example.com/i/LAMP-1^FS" in ada.get(f"{lamp}/label?format=zpl").text


def test_a_label_is_revalidated_and_changes_when_what_it_says_does(member, lamp):
    first = member.get(f"{lamp}/label")
    tag = first.headers["ETag"]

    assert first.headers["Cache-Control"] == "private, no-cache"
    assert not tag.startswith("W/")
    assert member.get(f"{lamp}/label", headers={"If-None-Match": tag}).status_code == 304
    assert member.patch(lamp, json={"description": "for desks"}).status_code == 200
    assert member.get(f"{lamp}/label", headers={"If-None-Match": tag}).status_code == 304
    assert member.patch(lamp, json={"bin": "A-01"}).status_code == 200
    assert member.get(f"{lamp}/label", headers={"If-None-Match": tag}).status_code == 200


def test_an_archived_item_has_its_label_and_a_missing_one_has_none(member, guest, lamp):
    before = guest.get(f"{lamp}/label").text
    assert member.delete(lamp).status_code == 204

    assert guest.get(f"{lamp}/label").text == before
    assert guest.get("/items/2147483647/label").status_code == 404


@on_one_database
@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ("width=19", "width", "too_small"),
        ("width=201", "width", "too_large"),
        ("height=9", "height", "too_small"),
        ("height=201", "height", "too_large"),
        ("width=62.5", "width", "wrong_type"),
        ("format=pdf", "format", "not_a_choice"),
        ("format=csv", "format", "not_a_choice"),
        ("format=zpl&dpi=204", "dpi", "not_a_choice"),
        ("dpi=300", "dpi", "not_applicable"),
        ("colour=red", "colour", "unknown_parameter"),
    ],
)
def test_what_no_label_can_be_is_refused_by_name(guest, lamp, query, field, code):
    refused = guest.get(f"{lamp}/label?{query}")

    assert refused.status_code == 422
    assert [(fault["field"], fault["code"]) for fault in refused.json["errors"]] == [(field, code)]


@on_one_database
def test_what_a_label_is_not_is_not_acceptable(guest, lamp):
    assert guest.get(f"{lamp}/label", headers={"Accept": "application/json"}).status_code == 406
