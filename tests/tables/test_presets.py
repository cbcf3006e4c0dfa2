"""Presets: for each product a made-up file as it writes them; a new preset is one entry and one file."""

from pathlib import Path

import pytest

from models.stock.item_fields import FILE_COLUMNS
from tables.presets import PRESETS
from tests.support.databases import on_one_database
from tests.support.files import items, send

FILES = {path.stem: path for path in (Path(__file__).parent / "presets").iterdir()}
# What each file makes: name, price, quantity, reorder level and barcode by SKU, and how many rows are left out.
WANTED = {
    "shopify": (
        1,
        {
            "HAT-GREY": ("Wool hat", "24.90", 14, None, "8720000000012"),
            "HAT-GREEN": ("Wool hat", "24.90", 3, None, "8720000000029"),
            "MUG-1": ("Enamel mug", "12.00", 0, None, None),
        },
    ),
    "woocommerce": (
        2,
        {
            "SOAP-1": ("Olive soap", "4.50", 35, 5, "4006000000017"),
            "TEE-S": ("Linen tee - S", "29.00", 8, None, None),
            "TEE-M": ("Linen tee - M", "29.00", 0, None, None),
            "CARD-10": ("Gift card", "10.00", 0, None, None),
        },
    ),
    "square": (
        0,
        {
            "COF-250": ("House espresso", "8.50", 18, 6, "5012345000015"),
            "COF-1000": ("House espresso", "27.00", 4, 2, "5012345000022"),
            "TASTE": ("Tasting", "0.00", 0, None, None),
        },
    ),
    "zoho": (
        0,
        {
            "BR-40": ("Steel bracket", "1.85", 431, 200, "4012345000016"),
            "FIT-1": ("Fitting on site", "60.00", 0, None, None),
        },
    ),
    "odoo": (1, {"DESK-7": ("Desk, 160 cm", "349.00", 12, None, "0601600000017")}),
    "magento": (
        2,
        {
            "MAT-BLUE": ("Yoga mat, blue", "34.00", 100, 1, None),
            "STRAP": ("Yoga strap", "9.50", 7, 1, None),
        },
    ),
    "snipe-it": (
        0,
        {"TN2420-BK": ("Toner black", "54.90", 6, 2, None), "41112": ("HDMI cable", "7.20", 23, 5, None)},
    ),
    "homebox": (
        1,
        {
            "000-001": ("Hedge trimmer", "89.99", 1, None, None),
            "000-002": ("Flower pots", "2.50", 14, None, None),
        },
    ),
    "part-db": (1, {"T-0001": ("BC547", "0.04", 50, 20, None)}),
    "inventree": (1, {"R-0603-10K": ("Resistor 10 kΩ", "0.00", 1870, 100, None)}),
    "grocy": (0, {"1": ("Rice", "0.00", 5, 2, "4001234000018"), "2": ("Oat milk", "0.00", 0, 6, None)}),
    "erpnext": (
        1,
        {
            "BOLT-M8": ("Bolt M8 x 40", "0.25", 1200, 100, "7310000000018"),
            "NUT-M8": ("Nut M8", "0.10", 900, None, None),
        },
    ),
}
FIELDS = ("name", "price", "quantity", "reorder_level", "barcode")


def test_every_preset_has_a_file_and_its_columns_are_fields_of_ours():
    assert FILES.keys() == PRESETS.keys() == WANTED.keys()
    for preset in PRESETS.values():
        assert {"sku", "name"} <= {*preset.columns.values()} <= {*FILE_COLUMNS, "unit_cost"} - {"bin"}


@pytest.mark.parametrize("name", PRESETS)
@on_one_database
def test_the_export_of_a_product_is_imported_by_its_preset(member, name):
    skipped, wanted = WANTED[name]

    sent = send(member, FILES[name].read_bytes(), f"?preset={name}")

    assert sent.status_code == 200, sent.json
    assert {sku: tuple(item[field] for field in FIELDS) for sku, item in items(member).items()} == wanted
    assert (sent.json["created"], sent.json["skipped"]) == (len(wanted), skipped)
    assert {"sku", "name"} <= {*sent.json["read_as"]["columns"].values()}
    again = send(member, FILES[name].read_bytes(), f"?preset={name}")
    assert (again.json["unchanged"], again.json["skipped"]) == (len(wanted), skipped)


@pytest.mark.parametrize("name", PRESETS)
@on_one_database
def test_without_its_preset_the_refusal_of_an_export_names_it(member, name):
    refused = send(member, FILES[name].read_bytes())

    assert (refused.status_code, refused.json["code"]) == (422, "invalid_input")
    assert f"this looks like a {PRESETS[name].title}: add preset={name}" in refused.json["errors"][0]["message"]
    assert items(member) == {}


@on_one_database
def test_variants_have_the_tags_of_their_product(member):
    send(member, FILES["shopify"].read_bytes(), "?preset=shopify")

    assert {sku: item["tags"] for sku, item in items(member).items()} == {
        "HAT-GREY": ["winter", "wool"],
        "HAT-GREEN": ["winter", "wool"],
        "MUG-1": ["kitchen"],
    }


@on_one_database
def test_a_stock_of_two_places_is_refused_until_one_is_named(member):
    file = "Item Name,Variation Name,SKU,Current Quantity Shop,Current Quantity Van\nTea,Regular,TEA,5,2\n"

    refused = send(member, file, "?preset=square")
    answer = send(member, file, "?preset=square&columns=Current Quantity Van:quantity")

    [error] = refused.json["errors"]
    assert (error["column"], error["code"]) == ("quantity", "repeated")
    assert "'Current Quantity Shop' (column 4) and 'Current Quantity Van' (column 5)" in error["message"]
    assert answer.status_code == 200, answer.json
    assert items(member)["TEA"]["quantity"] == 2


@on_one_database
def test_a_parameter_of_the_client_comes_before_that_of_the_preset(member):
    file = "Item Name;SKU;Usage unit;Rate;Label\nBracket;B;pcs;EUR 1.850,00;Angle\n"

    answer = send(member, file, "?preset=zoho&decimal=,&columns=Label:name")

    assert answer.status_code == 200, answer.json
    assert (items(member)["B"]["price"], items(member)["B"]["name"]) == ("1850.00", "Angle")
    assert answer.json["read_as"]["columns"] == {"SKU": "sku", "Label": "name", "Usage unit": "unit", "Rate": "price"}


@on_one_database
def test_the_presets_are_listed_with_their_columns(guest):
    listed = guest.get("/imports/presets")

    assert [each["name"] for each in listed.json["data"]] == list(PRESETS)
    shopify = listed.json["data"][0]
    assert shopify["title"] == "Shopify product export"
    assert shopify["columns"]["Variant SKU"] == "sku"
