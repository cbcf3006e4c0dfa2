"""The converters of the paths: ids, SKUs and barcodes."""

from typing import Any

from werkzeug.routing import BaseConverter, IntegerConverter

from api.requests.text import Sku, Text
from models.database.column_types import MAX_ID
from models.json_schema import Schema
from models.stock.item_fields import BARCODE_LENGTH, SKU_LENGTH


def schema_of(converter: BaseConverter) -> Schema:
    """Return the JSON Schema of what a converter takes."""
    return converter.schema if isinstance(converter, IdConverter | SkuConverter) else {"type": "string", "minLength": 1}


class IdConverter(IntegerConverter):
    """An id that fits every database; a path with another number is not found."""

    schema = {"type": "integer", "minimum": 1, "maximum": MAX_ID}

    def __init__(self, map: Any) -> None:  # noqa: A002 - the name is Werkzeug's
        super().__init__(map, min=1, max=MAX_ID)


class SkuConverter(BaseConverter):
    """The rest of the path, as a SKU, which may have slashes."""

    regex = ".+"
    part_isolating = False
    schema = Sku(SKU_LENGTH).schema()


class BarcodeConverter(SkuConverter):
    """The rest of the path, as a barcode."""

    schema = {**Text(BARCODE_LENGTH, 1).schema(), "examples": ["4006381333931"]}
