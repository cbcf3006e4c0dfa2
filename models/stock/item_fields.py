"""The fields of an item: their schemas, limits and defaults, the columns derived from them, and how values compare."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from models.json_schema import BOOLEAN, COUNT, ID, MONEY, OBJECT, TEXT, TIME, Schema, list_of, nullable
from models.values import as_json, normalized

MAX_QUANTITY = 1_000_000_000
MAX_PRICE = Decimal("999999999.9999")
SKU_LENGTH = 64
NAME_LENGTH = 200
BARCODE_LENGTH = 64
# Case folding can lengthen a text (ß becomes ss), at most to three times its length.
NORMALIZED_GROWTH = 3
# Marks a field without a default: whoever creates the item, or the service, sets it.
REQUIRED = object()


@dataclass(frozen=True)
class ItemField:
    """One field of an item: its JSON Schema in responses and, if clients may leave it out, its default.

    A field that is `in_files` is a column of exports and imports.
    """

    schema: Schema
    default: Any = REQUIRED
    in_files: bool = True


# Every field of an item, in the order of responses. A new one also needs its column in `Item`, a migration, and what
# clients may send for it in resources/items.py.
FIELDS: dict[str, ItemField] = {
    "id": ItemField(ID, in_files=False),
    "sku": ItemField(TEXT),
    "name": ItemField(TEXT),
    "description": ItemField(TEXT, ""),
    "unit": ItemField(TEXT, ""),
    "price": ItemField(MONEY, Decimal(0)),
    "quantity": ItemField(COUNT),
    "reserved": ItemField({**COUNT, "description": "What is promised by open reservations."}, in_files=False),
    "available": ItemField(
        {**COUNT, "description": "The quantity less what is reserved and what is on its way."}, in_files=False
    ),
    "reorder_level": ItemField(nullable(COUNT), None),
    "bin": ItemField(TEXT, ""),
    "barcode": ItemField(nullable(TEXT), None),
    "tags": ItemField(list_of(TEXT), ()),
    "attributes": ItemField(OBJECT, {}),
    "archived": ItemField(BOOLEAN, in_files=False),
    "version": ItemField(ID, in_files=False),
    "created_at": ItemField(TIME, in_files=False),
    "updated_at": ItemField(TIME, in_files=False),
}
DEFAULTS: dict[str, Any] = {name: field.default for name, field in FIELDS.items() if field.default is not REQUIRED}
FILE_COLUMNS = tuple(name for name, field in FIELDS.items() if field.in_files)

# What a new item says of rows of other tables: it has none.
NO_FLAGS = {"reserving": False, "levelled": False}

# The names by which a list can be sorted, each with its column; the id is always the last sort key.
SORTS = {
    "sku": "sku_key",
    "name": "name_key",
    "price": "price",
    "quantity": "quantity",
    "bin": "bin",
    "created_at": "created_at",
    "updated_at": "updated_at",
}
# The columns computed from others, for look-up, sorting and search; clients never see them.
DERIVED = ("sku_key", "name_key", "search_text")


def derived(sku: str, name: str, description: str, barcode: str | None) -> dict[str, str]:
    """Return the values of the `DERIVED` columns of an item with these fields."""
    return {
        "sku_key": normalized(sku),
        "name_key": normalized(name)[:NAME_LENGTH].rstrip(),  # MariaDB ignores trailing blanks in comparisons
        "search_text": normalized("\n".join((sku, name, description, barcode or ""))),
    }


def same(one: Any, other: Any) -> bool:
    """Return whether two values are the same JSON: 1, 1.0 and true differ, the order of names does not matter."""
    if isinstance(one, dict):
        return repr(one) == repr(other) or as_json(one, sort=True) == as_json(other, sort=True)
    return bool(one == other)
