"""The stocks of items at locations: list them, and set what is particular to one."""

from typing import Any

from flask_restful.reqparse import Namespace

from api.auth.authentication import current_principal
from api.auth.permissions import scope
from api.operation import gives, gives_one, gives_page, idempotent, or_table, takes
from api.requests.fields import Field, QueryField
from api.requests.parsers import RequestParser
from api.requests.text import Text
from api.requests.types import Boolean, Integer
from api.resource import ProtectedResource
from api.responses.conditional import answer, check_absent, check_unchanged
from api.responses.pagination import CURSOR_FIELDS, Paging
from api.responses.tables import TABLE_FIELDS
from models.database.transactions import transactional
from models.json_schema import closed, list_of
from models.stock import item_write, stocks
from models.stock.item_fields import MAX_QUANTITY, SKU_LENGTH
from models.stock.location import Location
from resources.location_parsers import code_type

ITEM_STOCKS = closed("ItemStocks", {"data": list_of(stocks.SCHEMA)})
COLUMNS = tuple(stocks.SCHEMA["properties"])
pagings = {list_: Paging(location_id, {"id": item_id}) for list_, (item_id, location_id) in stocks.ORDERS.items()}
list_parser = RequestParser(
    QueryField("location", code_type, help="The code of the location."),
    QueryField("sku", Text(SKU_LENGTH, 1), help="Ignoring case."),
    QueryField("low_stock", Boolean(), help="At or below a reorder level of its own."),
    *CURSOR_FIELDS,
    *TABLE_FIELDS,
)
settings_parser = RequestParser(
    Field("reorder_level", Integer(0, MAX_QUANTITY), nullable=True, help="Stock at or below it is low here."),
    Field("bin", Text(100), help="Where it lies at this location."),
    example={"reorder_level": 2, "bin": "shelf 3"},
    name="StockPatch",
)


class StockListResource(ProtectedResource):
    """The stocks of all items."""

    cacheable = True
    permissions = {"GET": scope("items:read")}

    @takes(list_parser)
    @gives_page(stocks.SCHEMA)
    @or_table("stocks", COLUMNS)
    def get(self, args: Namespace) -> Any:
        """List what lies where, by item and location; without items that are archived."""
        query = stocks.matching(location=args["location"], sku=args["sku"], low_stock=args["low_stock"])
        return pagings[query.filters].by_cursor(query, args, stocks.to_dict)


class ItemStockListResource(ProtectedResource):
    """The stocks of one item."""

    cacheable = True
    permissions = {"GET": scope("items:read")}

    @gives(ITEM_STOCKS)
    def get(self, item_id: int) -> Any:
        """Read where an item lies: its stock at the main location, and at each other one where it has ever been."""
        return {"data": stocks.of_item(item_id)}


class ItemStockResource(ProtectedResource):
    """The stock of one item at one location."""

    cacheable = True
    permissions = {"GET": scope("items:read"), "PATCH": scope("items:write")}

    @gives_one(stocks.SCHEMA)
    def get(self, item_id: int, code: str) -> Any:
        """Read the stock of an item at a location."""
        return answer(stocks.one(item_id, Location.id_of(code)))

    @takes(settings_parser)
    @gives_one(stocks.SCHEMA, refuses=("item_archived", "location_archived"))
    @idempotent
    @transactional
    def patch(self, args: Namespace, item_id: int, code: str) -> Any:
        """Set when the stock of an item at a location is low, and where it lies there."""
        item, location = item_write.lock(item_id), Location.by_code(code)
        known = stocks.find(item_id, location.id)
        if known is None:
            check_absent()
        else:
            check_unchanged(known)
        return answer(stocks.change_settings(item, location, by=current_principal(), **args))
