"""The request schemas of transfers: what may be sent and received, and how their list is filtered, sorted and paged."""

from collections.abc import Iterator, Mapping
from typing import Any

from api.requests.containers import ListOf
from api.requests.fields import Field, QueryField
from api.requests.parsers import ObjectOf, RequestParser
from api.requests.types import Choice, Integer, InvalidValue
from api.responses.pagination import Paging
from models.stock.item_fields import MAX_QUANTITY
from models.stock.transfer import STATES, Transfer
from models.stock.transfer_moves import ARRIVED
from resources.location_parsers import code_type
from resources.movement_parsers import (
    MAX_LINES,
    NAMES_OF_ITEM,
    faults_of_names,
    item_names,
    reason_type,
    reference_type,
)


def faults_of_arrival(line: Mapping[str, Any]) -> Iterator[InvalidValue]:
    """Yield the error of a line of a receipt of which nothing arrived."""
    if not any(line.get(name) for name in ARRIVED):
        yield InvalidValue("required", "or returned or damaged must be 1 or more", "received")


sent_line_parser = RequestParser(
    *item_names,
    Field("quantity", Integer(1, MAX_QUANTITY), required=True, help="In units."),
    check=faults_of_names,
    rules={"oneOf": [{"required": [name]} for name in NAMES_OF_ITEM]},
    name="NewTransferLine",
)
transfer_parser = RequestParser(
    Field("from", code_type, required=True, help="The code of the location that the goods leave."),
    Field("to", code_type, required=True, help="The code of the location that they go to."),
    Field("lines", ListOf(ObjectOf(sent_line_parser), MAX_LINES, 1, unique=False), required=True),
    Field("reason", reason_type, required=True, help="Why they go."),
    Field("reference", reference_type, help="A delivery note, to search by."),
    Field(
        "receive",
        Choice("now", "later"),
        required=True,
        help="now: they are there at once. later: they are on their way until they are received.",
    ),
    example={
        "from": "MAIN",
        "to": "VAN",
        "lines": [{"sku": "LAMP-1", "quantity": 2}],
        "reason": "for Tuesday",
        "receive": "later",
    },
    name="NewTransfer",
)
arrival_parser = RequestParser(
    Field("line", Integer(1, MAX_LINES), required=True, help="The number of the line in the transfer, from 1."),
    Field("received", Integer(0, MAX_QUANTITY), help="Units that are now at the destination."),
    Field("returned", Integer(0, MAX_QUANTITY), help="Units that went back to where they came from."),
    Field("damaged", Integer(0, MAX_QUANTITY), help="Units that arrived and can't be used: issued at once."),
    check=faults_of_arrival,
    name="NewTransferReceiptLine",
)
receipt_parser = RequestParser(
    Field("lines", ListOf(ObjectOf(arrival_parser), MAX_LINES, 1, unique=False), required=True),
    Field("reason", reason_type, help="Why what is damaged is issued."),
    Field("reference", reference_type, help="That of the transfer, if it is left out."),
    example={"lines": [{"line": 1, "received": 1, "damaged": 1}], "reason": "fell from the shelf"},
    name="NewTransferReceipt",
)
paging = Paging(Transfer.id, {})
list_parser = RequestParser(
    QueryField("state", Choice(*STATES)),
    QueryField("location", code_type, help="The code of a location that they go from or to."),
    QueryField("reference", reference_type),
    *paging.fields,
)
