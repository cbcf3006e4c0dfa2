"""The converters of the paths: ids and SKUs."""

from typing import Any

from werkzeug.routing import BaseConverter, IntegerConverter

from api.requests.text import Sku
from models.stock.item_fields import SKU_LENGTH


class IdConverter(IntegerConverter):
    """An id that fits every database; anything else is not found."""

    schema = {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}

    def __init__(self, map: Any) -> None:  # noqa: A002 - the name is Werkzeug's
        super().__init__(map, min=1, max=2**31 - 1)


class SkuConverter(BaseConverter):
    """The rest of the path: a SKU may contain slashes."""

    regex = ".+"
    part_isolating = False
    schema = Sku(SKU_LENGTH).schema()
