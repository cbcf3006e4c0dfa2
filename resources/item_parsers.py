"""The request schemas of items: what a client may send, and how lists are filtered, sorted and paged."""

from api.requests.containers import Attributes, ListOf
from api.requests.fields import Field, QueryField
from api.requests.parsers import RequestParser
from api.requests.text import Barcode, Name, Sku, Text
from api.requests.types import Amount, Boolean, Choice, Integer, Timestamp
from api.responses.pagination import Paging
from api.responses.tables import TABLE_FIELDS
from models.stock.item import Item
from models.stock.item_fields import (
    BARCODE_LENGTH,
    FILE_COLUMNS,
    MAX_PRICE,
    MAX_QUANTITY,
    NAME_LENGTH,
    SKU_LENGTH,
    SORTS,
)
from models.stock.item_query import MAX_ATTRIBUTES
from resources.location_parsers import code_type

SET_BY_SERVICE = ("id", "reserved", "available", "archived", "version", "created_at", "updated_at")
READ_ONLY = dict.fromkeys(SET_BY_SERVICE, ("read_only", "is set by the service; leave it out"))
USE_MOVEMENTS = {"quantity": ("use_movements", "changes by movements only: POST /items/{id}/movements")}

sku_type = Sku(SKU_LENGTH)
sku_field = Field("sku", sku_type, required=True, help="Unique, ignoring case; stored as first written.")
barcode_type = Barcode(BARCODE_LENGTH)
attribute_type = Text(
    Attributes.name.max_length + 1 + Attributes.text.max_length,
    lines=True,
    pattern=r".+:[\s\S]*",
    pattern_words="must be a name and a value, as colour:green",
)
TAG_LENGTH = 50
fields = (
    Field("name", Text(NAME_LENGTH, 1), required=True),
    Field("description", Text(4000, lines=True)),
    Field("unit", Text(32), help="What one unit is: piece, kg, box of 12."),
    Field("price", Amount(MAX_PRICE), help="Of one unit; exact, with at most four decimals."),
    Field("reorder_level", Integer(0, MAX_QUANTITY), nullable=True, help="Stock at or below it is low."),
    Field("bin", Text(100), help="Where it lies."),
    Field("barcode", barcode_type, nullable=True, help="Unique when given."),
    Field("tags", ListOf(Name(TAG_LENGTH, 1, pattern="[^|]+", pattern_words="must not contain |"), 50)),
    Field("attributes", Attributes(), help="Further properties, by name."),
)
EXAMPLE = {
    "name": "Desk lamp",
    "unit": "piece",
    "price": "12.50",
    "reorder_level": 5,
    "bin": "A-01",
    "tags": ["light"],
    "attributes": {"colour": "green", "watts": 7},
}
create_parser = RequestParser(
    sku_field,
    *fields,
    Field("quantity", Integer(0, MAX_QUANTITY), help="The opening stock; needs the scope `stock:write` too."),
    refused=READ_ONLY,
    example={"sku": "LAMP-1", **EXAMPLE, "quantity": 20},
    name="NewItem",
)
item_parser = RequestParser(
    sku_field, *fields, refused=READ_ONLY | USE_MOVEMENTS, example={"sku": "LAMP-1", **EXAMPLE}, name="ItemInput"
)
patch_parser = item_parser.merge_patch(
    "ItemPatch", attributes=Attributes(merge=True), example={"price": "13.00", "attributes": {"watts": None}}
)
# The columns of a page as a table: those of the import, in its order, and then the others.
COLUMNS = (*FILE_COLUMNS, *SET_BY_SERVICE)
by_sku_parser = RequestParser(
    Field("sku", sku_type), *fields, refused=READ_ONLY | USE_MOVEMENTS, example=EXAMPLE, name="ItemInputBySku"
)

paging = Paging(Item.id, {name: getattr(Item, column) for name, column in SORTS.items()})
filters = (
    QueryField("q", Text(200, lines=True), help="Words, each of which must be in SKU, name, description or barcode."),
    QueryField("sku", Text(SKU_LENGTH, 1), help="Ignoring case."),
    QueryField("barcode", barcode_type),
    QueryField("tag", Name(TAG_LENGTH, 1)),
    QueryField(
        "attribute",
        ListOf(attribute_type, MAX_ATTRIBUTES, 1),
        action="append",
        help="A name with its value, as `colour:green`; with several, an item must have each.",
    ),
    QueryField("bin", Text(100)),
    QueryField("location", code_type, help="The code of a location: has stock there."),
    QueryField("low_stock", Boolean(), help="At or below the reorder level."),
    QueryField("archived", Boolean(), default=False),
    QueryField("min_price", Amount(MAX_PRICE)),
    QueryField("max_price", Amount(MAX_PRICE)),
    QueryField("updated_since", Timestamp()),
)
FILTERS = [filter_.name for filter_ in filters]
fields_field = QueryField("fields", ListOf(Choice(*COLUMNS), len(COLUMNS), 1), help="Only these, separated by commas.")
list_parser = RequestParser(*filters, *paging.fields, fields_field, *TABLE_FIELDS)
