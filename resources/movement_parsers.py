"""The request schemas of movements: what a client may record, and how ledgers are filtered, sorted and paged."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from api.requests.containers import ListOf
from api.requests.fields import Field, QueryField
from api.requests.parsers import ObjectOf, RequestParser
from api.requests.text import Barcode, Text
from api.requests.types import Amount, Choice, Integer, InvalidValue, Timestamp
from api.responses.pagination import Paging
from api.responses.tables import TABLE_FIELDS
from models.database.column_types import MAX_ID
from models.stock.item_fields import BARCODE_LENGTH, MAX_PRICE, MAX_QUANTITY, SKU_LENGTH
from models.stock.movement import ALL_KINDS, KINDS, Movement
from models.values import now
from resources.location_parsers import code_type

# Clocks differ a little; a time that is further in the future is a mistake.
AHEAD = timedelta(minutes=5)
LEAST = {"receive": 1, "issue": 1, "adjust": -MAX_QUANTITY, "count": 0}

MAX_LINES = 1000
NAMES_OF_ITEM = ("item_id", "sku", "barcode")

item_id_type = Integer(1, MAX_ID)
reference_type = Text(100)
reason_type = Text(500, 1)


def faults_of_line(line: Mapping[str, Any]) -> Iterator[InvalidValue]:
    """Yield the errors of fields together: quantity or cost that do not fit the kind, and a time in the future."""
    kind, least = line["kind"], LEAST[line["kind"]]
    if kind == "adjust" and line["quantity"] == 0:
        yield InvalidValue("too_small", "must not be 0 to adjust", "quantity")
    elif line["quantity"] < least:
        yield InvalidValue("too_small", f"must be {least} or more to {kind}", "quantity")
    if kind != "receive" and line.get("unit_cost") is not None:
        yield InvalidValue("not_applicable", f"is known of what is received alone; leave it out to {kind}", "unit_cost")
    if line.get("occurred_at", now()) > now() + AHEAD:
        yield InvalidValue("in_future", "must not lie in the future", "occurred_at")


def faults_of_names(line: Mapping[str, Any]) -> Iterator[InvalidValue]:
    """Yield the error of a line that does not name its item in exactly one way."""
    if sum(name in line for name in NAMES_OF_ITEM) != 1:
        yield InvalidValue("required", "or sku or barcode must be given, and only one of them", "item_id")


def faults_of_batch_line(line: Mapping[str, Any]) -> Iterator[InvalidValue]:
    """Yield the errors of `faults_of_names` and of `faults_of_line`."""
    yield from faults_of_names(line)
    yield from faults_of_line(line)


item_names = (
    Field("item_id", item_id_type, help="The item by its id; give one of `item_id`, `sku` and `barcode`."),
    Field("sku", Text(SKU_LENGTH, 1), help="The item by its SKU."),
    Field("barcode", Barcode(BARCODE_LENGTH), help="The item by its barcode."),
)
line_fields = (
    Field(
        "kind",
        Choice(*KINDS),
        required=True,
        help="receive adds, issue subtracts, adjust adds a signed number, count sets the stock.",
    ),
    Field(
        "quantity",
        Integer(-MAX_QUANTITY, MAX_QUANTITY),
        required=True,
        help="In units: 1 or more to receive and issue, 0 or more to count, any number but 0 to adjust.",
    ),
    Field("reason", reason_type, required=True, help="Why the stock changes."),
    Field("reference", reference_type, help="An order or a delivery note, to search by."),
    Field("location", code_type, help="The code of the location; left out, the default one."),
    Field(
        "expect_quantity",
        Integer(0, MAX_QUANTITY),
        help="Refused unless this is the current stock: of the item or, with a location, what is there.",
    ),
    Field(
        "occurred_at",
        Timestamp(),
        help="When it happened, after the last count of the item; left out, now. In the past, count sets the stock of "
        "that time, and nothing may make the stock negative then or later.",
    ),
    Field(
        "unit_cost",
        Amount(MAX_PRICE),
        nullable=True,
        help="What one unit of what is received cost, exact; left out or null, unknown. Of no other kind.",
    ),
)
# What `faults_of_line` says of kind, quantity and cost, as JSON Schema. These are conditions on one object rather than
# alternatives (`oneOf`), of which code generators make a type without fields.
QUANTITY_RULES = [
    {"if": {"properties": {"kind": {"const": kind}}}, "then": {"properties": {"quantity": bound}}}
    for kind, bound in {
        kind: {"not": {"const": 0}} if kind == "adjust" else {"minimum": least} for kind, least in LEAST.items()
    }.items()
]
COST_RULE = {
    "if": {"properties": {"kind": {"const": "receive"}}},
    "else": {"properties": {"unit_cost": {"type": "null"}}},
}
RULES = [*QUANTITY_RULES, COST_RULE]
EXAMPLE = {"kind": "receive", "quantity": 12, "reason": "delivery", "reference": "PO-4711"}
movement_parser = RequestParser(
    *line_fields, check=faults_of_line, rules={"allOf": RULES}, example=EXAMPLE, name="NewMovement"
)
batch_line_parser = RequestParser(
    *item_names,
    *line_fields,
    check=faults_of_batch_line,
    rules={"allOf": [*RULES, {"oneOf": [{"required": [name]} for name in NAMES_OF_ITEM]}]},
    name="NewBatchMovement",
)
batch_parser = RequestParser(
    Field("movements", ListOf(ObjectOf(batch_line_parser), MAX_LINES, 1, unique=False), required=True),
    example={"movements": [{"sku": "LAMP-1", **EXAMPLE}]},
    name="MovementBatch",
)
reversal_parser = RequestParser(
    Field("reason", reason_type, help="Why the movement is reversed."),
    Field("reference", reference_type),
    example={"reason": "booked twice"},
    name="NewReversal",
)

COLUMNS = tuple(Movement.SCHEMA["properties"])
paging = Paging(Movement.id, {"occurred_at": Movement.occurred_at})
of_item = (QueryField("item_id", item_id_type), QueryField("sku", Text(SKU_LENGTH, 1)))
filters = (
    QueryField("location", code_type, help="The code of the location."),
    QueryField("user", Text(64, 1), help="The name of the user who recorded it."),
    QueryField("kind", Choice(*ALL_KINDS)),
    QueryField("reference", reference_type),
    QueryField("since", Timestamp(), help="Occurred at this time or later."),
    QueryField("until", Timestamp(), help="Occurred before this time."),
)
item_ledger_parser = RequestParser(*filters, *paging.fields, *TABLE_FIELDS)
ledger_parser = RequestParser(*of_item, *filters, *paging.fields, *TABLE_FIELDS)
quantity_parser = RequestParser(
    QueryField("at", Timestamp(), help="The time; if left out, all that is recorded counts."),
    QueryField("location", code_type, help="The code of the location; if left out, all of them."),
)
