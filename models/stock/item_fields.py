"""The fields of an item: their bounds and defaults, and the forms in which they are compared."""

import unicodedata
from decimal import Decimal
from typing import Any

from models.values import as_json

MAX_QUANTITY = 1_000_000_000
MAX_PRICE = Decimal("999999999.9999")
SKU_LENGTH = 64
NAME_LENGTH = 200
# Folding case can lengthen a text (ß becomes ss): three times at the most.
NORMALIZED_GROWTH = 3

# What a client may set, and what a field is when nobody set it.
DEFAULTS: dict[str, Any] = {
    "description": "",
    "unit": "",
    "price": Decimal(0),
    "reorder_level": None,
    "location": "",
    "barcode": None,
    "tags": (),
    "attributes": {},
}

# What a list can be sorted by, and the column that does it; the id comes of itself.
SORTS = {
    "sku": "sku_key",
    "name": "name_key",
    "price": "price",
    "quantity": "quantity",
    "location": "location",
    "created_at": "created_at",
    "updated_at": "updated_at",
}
# The columns made of others, for look-up, sorting and search; clients never see them.
DERIVED = ("sku_key", "name_key", "search_text")


def derived(sku: str, name: str, description: str, barcode: str | None) -> dict[str, str]:
    """The DERIVED columns of an item with these fields."""
    return {
        "sku_key": normalized(sku),
        "name_key": normalized(name)[:NAME_LENGTH].rstrip(),  # MariaDB compares without trailing blanks
        "search_text": normalized("\n".join((sku, name, description, barcode or ""))),
    }


def same(one: Any, other: Any) -> bool:
    """Whether two values say the same in JSON: 1, 1.0 and true do not, another order of names does."""
    if isinstance(one, dict):
        return repr(one) == repr(other) or as_json(one, sort=True) == as_json(other, sort=True)
    return bool(one == other)


def normalized(text: str) -> str:
    """The form in which names are compared: without case, and accents composed (Unicode NFC)."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
