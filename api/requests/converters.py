"""The converters of the paths: ids, SKUs, barcodes, and codes of locations."""

from typing import Any

from werkzeug.routing import BaseConverter, IntegerConverter, ValidationError

from api.requests.text import Barcode, Code, Sku
from api.requests.types import InvalidValue
from models.database.column_types import MAX_ID
from models.json_schema import Schema
from models.stock.item_fields import BARCODE_LENGTH, SKU_LENGTH
from models.stock.location import CODE_LENGTH


def schema_of(converter: BaseConverter) -> Schema:
    """Return the JSON Schema of what a converter takes."""
    return converter.schema if isinstance(converter, IdConverter | SkuConverter) else {"type": "string", "minLength": 1}


class IdConverter(IntegerConverter):
    """An id that fits every database; a path with another number is not found."""

    regex = "[1-9][0-9]*"  # each id has one path: no other digits, no zeros before it
    schema = {"type": "integer", "minimum": 1, "maximum": MAX_ID}

    def __init__(self, map: Any) -> None:  # noqa: A002 - the name is Werkzeug's
        super().__init__(map, min=1, max=MAX_ID)


class SkuConverter(BaseConverter):
    """The rest of the path, as a SKU, which may have slashes."""

    regex = ".+"
    part_isolating = False
    schema = Sku(SKU_LENGTH).schema()


class CodeConverter(SkuConverter):
    """The rest of the path, as the code of a location, which may have slashes."""

    schema = Code(CODE_LENGTH).schema()


class BarcodeConverter(SkuConverter):
    """The rest of the path, as a barcode; a path with what can be none is not found."""

    barcode_type = Barcode(BARCODE_LENGTH)
    schema = {**barcode_type.schema(), "examples": ["4006381333931"]}

    def to_python(self, value: str) -> str:
        try:
            return self.barcode_type(value)
        except InvalidValue:
            raise ValidationError from None
