"""The request schemas of reservations: what a client may send, and how their list is filtered and paged."""

from collections.abc import Iterator, Mapping
from typing import Any

from api.requests.containers import ListOf
from api.requests.fields import Field, QueryField
from api.requests.parsers import ObjectOf, RequestParser
from api.requests.text import Text
from api.requests.types import Choice, Integer, InvalidValue, Timestamp
from api.responses.pagination import Paging
from api.responses.tables import TABLE_FIELDS
from models.stock.item_fields import MAX_QUANTITY, SKU_LENGTH
from models.stock.reservation import STATES, Reservation
from resources.location_parsers import code_type
from resources.movement_parsers import MAX_LINES, item_id_type, of_item, reason_type, reference_type

YEAR_IN_MINUTES = 525_600
NAMES_OF_ITEM = ("item_id", "sku")


def faults_of_line(line: Mapping[str, Any]) -> Iterator[InvalidValue]:
    """Yield the error of a line that does not name its item in exactly one way."""
    if sum(name in line for name in NAMES_OF_ITEM) != 1:
        yield InvalidValue("required", "or sku must be given, and only one of them", "item_id")


units_type = Integer(1, MAX_QUANTITY)
minutes_type = Integer(1, YEAR_IN_MINUTES)
line_parser = RequestParser(
    Field("item_id", item_id_type, help="The item by its id; give either `item_id` or `sku`."),
    Field("sku", Text(SKU_LENGTH, 1), help="The item by its SKU."),
    Field("location", code_type, help="The code of the location; left out, the default one."),
    Field("quantity", units_type, required=True, help="In units."),
    Field("reason", reason_type, required=True, help="Whom or what it is for."),
    Field("reference", reference_type, help="An order, to search by; the movement of a fulfilment has it too."),
    check=faults_of_line,
    rules={"oneOf": [{"required": [name]} for name in NAMES_OF_ITEM]},
    name="NewReservation",
)
batch_parser = RequestParser(
    Field("reservations", ListOf(ObjectOf(line_parser), MAX_LINES, 1, unique=False), required=True),
    Field("expires_in_minutes", minutes_type, help="All of them expire then; left out, never."),
    example={
        "reservations": [{"sku": "LAMP-1", "quantity": 2, "reason": "web order", "reference": "order 8"}],
        "expires_in_minutes": 60,
    },
    name="ReservationBatch",
)
fulfilment_parser = RequestParser(
    Field("quantity", units_type, help="In units; left out, all that is open."),
    example={"quantity": 1},
    name="NewFulfilment",
)
patch_parser = RequestParser(
    Field("expires_at", Timestamp(), required=True, help="When it expires, in the future."),
    example={"expires_at": "2099-01-31T08:00:00Z"},
    name="ReservationPatch",
)

FILTERS = ("item_id", "sku", "location", "state", "reference")
paging = Paging(Reservation.id, {})
list_parser = RequestParser(
    *of_item,
    QueryField("location", code_type, help="The code of the location."),
    QueryField("state", Choice(*STATES), help="One that is past its time is expired."),
    QueryField("reference", reference_type),
    *paging.fields,
    *TABLE_FIELDS,
)
