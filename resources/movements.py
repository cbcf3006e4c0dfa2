"""Movements: the ledger of one item, and of all items."""

from collections.abc import Sequence
from typing import Any

from flask import url_for
from flask_restful.reqparse import Namespace

from api.auth.authentication import current_principal
from api.auth.permissions import scope
from api.operation import gives, gives_one, gives_page, idempotent, or_table, short, takes
from api.requests.fields import QueryField
from api.resource import ProtectedResource
from api.responses.conditional import answer
from models.database.transactions import transactional
from models.json_schema import closed, list_of
from models.stock import item_query, ledger
from models.stock.lines import Line
from models.stock.movement import Movement
from models.stock.quantity import SCHEMA as QUANTITY
from models.stock.quantity import quantity_at
from models.stock.reversal import reverse
from resources.movement_parsers import (
    COLUMNS,
    batch_parser,
    filters,
    item_ledger_parser,
    ledger_parser,
    movement_parser,
    of_item,
    paging,
    quantity_parser,
    reversal_parser,
)

REVERSED = ("insufficient_stock", "stock_limit", "item_archived", "location_archived", "location_forbidden")
MOVED = ("quantity_changed", "counted_since", "location_required", "unknown_location", *REVERSED)

BATCH_SCHEMA = closed("RecordedBatch", {"movements": list_of(Movement.SCHEMA)})


class ItemMovementListResource(ProtectedResource):
    """The movements of one item."""

    cacheable = True
    permissions = {"GET": scope("items:read"), "POST": scope("stock:write")}

    @takes(item_ledger_parser)
    @gives_page(Movement.SCHEMA)
    @or_table("movements", COLUMNS)
    def get(self, args: Namespace, item_id: int) -> Any:
        """List the movements of an item, in the order they were recorded."""
        item = item_query.read(item_id)
        return _page(args, filters, item_id=item["id"])

    @takes(movement_parser)
    @gives_one(Movement.SCHEMA, 201, refuses=MOVED)
    @idempotent
    @short
    def post(self, args: Namespace, item_id: int) -> Any:
        """Record a movement of an item; receive, issue, adjust or count."""
        movement = Movement.record_one(Line(item_id=item_id, **args), current_principal())
        return _created(movement)


class ItemQuantityResource(ProtectedResource):
    """The quantity of one item at a time."""

    cacheable = True
    permissions = {"GET": scope("items:read")}

    @takes(quantity_parser)
    @gives(QUANTITY, refuses=("unknown_location",))
    def get(self, args: Namespace, item_id: int) -> Any:
        """Read the quantity of an item at a time; it is the sum of the movements that had occurred by then."""
        return quantity_at(item_id, args["at"], args["location"])


class MovementListResource(ProtectedResource):
    """The movements of all items."""

    cacheable = True
    permissions = {"GET": scope("items:read"), "POST": scope("stock:write")}

    @takes(ledger_parser)
    @gives_page(Movement.SCHEMA)
    @or_table("movements", COLUMNS)
    def get(self, args: Namespace) -> Any:
        """List the movements of all items, in the order they were recorded."""
        return _page(args, (*of_item, *filters))

    @takes(batch_parser)
    @gives(BATCH_SCHEMA, 201, refuses=MOVED, name="create_movements")
    @idempotent
    @transactional
    def post(self, args: Namespace) -> Any:
        """Record up to 1,000 movements of any items; all of them are recorded or none."""
        movements = Movement.record([Line(**line) for line in args["movements"]], current_principal())
        return {"movements": movements}, 201, {"Location": url_for("movements")}


class MovementResource(ProtectedResource):
    """One movement."""

    cacheable = True
    permissions = {"GET": scope("items:read")}

    @gives_one(Movement.SCHEMA)
    def get(self, movement_id: int) -> Any:
        """Read a movement."""
        return answer(Movement.get(movement_id))


class ReversalResource(ProtectedResource):
    """The reversal of a movement."""

    permissions = {"POST": scope("stock:write")}

    @takes(reversal_parser)
    @gives_one(Movement.SCHEMA, 201, refuses=("already_reversed", "not_reversible", "part_of_transfer", *REVERSED))
    @idempotent
    @short
    def post(self, args: Namespace, movement_id: int) -> Any:
        """Reverse a movement; this can be done once, and a reversal can't be reversed."""
        reversal = reverse(
            movement_id,
            reason=args.get("reason"),
            reference=args.get("reference", ""),
            by=current_principal(),
        )
        return _created(reversal)


def _created(movement: dict[str, Any]) -> Any:
    return answer(movement, 201, {"Location": url_for("movement", movement_id=movement["id"])})


def _page(args: Namespace, conditions_of: Sequence[QueryField], **conditions: Any) -> Any:
    conditions |= {field.name: args[field.name] for field in conditions_of}
    return paging.page_of(ledger.matching(**conditions), args, Movement.to_dict)
