"""The label of an item, to print: SVG for any printer, ZPL for those that speak it."""

from typing import Any
from urllib.parse import quote

from flask_restful.reqparse import Namespace

from api.auth.permissions import scope
from api.errors import InvalidInput, fault
from api.media_types import PLAIN, SVG
from api.middleware.hosts import base_url
from api.operation import answers, gives, takes
from api.requests.fields import QueryField
from api.requests.parsers import RequestParser
from api.requests.types import Choice, Integer
from api.resource import ProtectedResource
from api.responses.conditional import Body, answer_content
from api.responses.negotiation import LABEL_FORMATS, representation
from labels.arrangement import Content, arrange
from labels.svg import svg
from labels.zpl import DENSITIES, dot, zpl
from models.json_schema import TEXT
from models.stock import item_query

label_parser = RequestParser(
    QueryField("format", Choice(*LABEL_FORMATS), help="The format of the label; it comes before `Accept`."),
    QueryField("width", Integer(20, 200), default=62, help="The width of the label in mm."),
    QueryField("height", Integer(10, 200), default=29, help="The height of the label in mm."),
    QueryField("dpi", Choice(*map(str, DENSITIES)), help="Dots per inch of the printer, for ZPL; 203 if not given."),
)


class ItemLabelResource(ProtectedResource):
    """The label of an item."""

    cacheable = True
    permissions = {"GET": scope("items:read")}

    @takes(label_parser)
    @gives(TEXT, tagged=True)
    @answers(SVG, PLAIN)
    def get(self, args: Namespace, item_id: int) -> Any:
        """Read the label of an item, archived or not: name, SKU and bin, a QR code with its link, and Code 128."""
        item = item_query.read(item_id)
        content, size = _content_of(item), (args["width"], args["height"])
        if representation() == PLAIN:
            dpi = int(args["dpi"] or DENSITIES[0])
            return answer_content(zpl(arrange(content, *size, dot(dpi)), dpi).encode(), f"{PLAIN}; charset=utf-8")
        if args["dpi"] is not None:
            raise InvalidInput([fault("dpi", "not_applicable", "says nothing about an SVG; add format=zpl")])
        return answer_content(svg(arrange(content, *size), f"{item['name']} ({item['sku']})").encode(), SVG)


def _content_of(item: Body) -> Content:
    """Return what the label of an item says; its QR code leads to the page of the item."""
    link = f"{base_url()}/i/{quote(item['sku'], safe='')}"
    return Content(item["name"], item["sku"], item["bin"], item["barcode"], link)
