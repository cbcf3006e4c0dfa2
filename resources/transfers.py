"""Transfers between locations: list, create, read, receive, reverse."""

from typing import Any

from flask import url_for
from flask_restful.reqparse import Namespace

from api.auth.authentication import current_principal
from api.auth.permissions import scope
from api.operation import gives_one, gives_page, idempotent, takes
from api.resource import ProtectedResource
from api.responses.conditional import answer
from models.database.transactions import transactional
from models.stock import transfer_query, transfers
from models.stock.transfer import Transfer
from models.stock.transfer_moves import Arrival, Goods
from resources.movement_parsers import reversal_parser
from resources.transfer_parsers import list_parser, paging, receipt_parser, transfer_parser

MOVED = ("insufficient_stock", "stock_limit", "item_archived", "location_archived")


class TransferListResource(ProtectedResource):
    """All transfers."""

    cacheable = True
    permissions = {"GET": scope("items:read"), "POST": scope("stock:write")}

    @takes(list_parser)
    @gives_page(Transfer.SCHEMA)
    def get(self, args: Namespace) -> Any:
        """List transfers, in the order they were made."""
        conditions = {name: args[name] for name in ("state", "location", "reference")}
        body, *others = paging.page_of(transfer_query.matching(**conditions), args, Transfer.HEAD.of_row)
        return body | {"data": transfer_query.with_lines(body["data"])}, *others

    @takes(transfer_parser)
    @gives_one(Transfer.SCHEMA, 201, refuses=("same_location", "unknown_location", *MOVED))
    @idempotent
    @transactional
    def post(self, args: Namespace) -> Any:
        """Send goods from one location to another, up to 1,000 lines, all of them or none."""
        transfer = transfers.send(
            [Goods(**line) for line in args["lines"]],
            sender=args["from"],
            receiver=args["to"],
            at_once=args["receive"] == "now",
            reason=args["reason"],
            reference=args.get("reference", ""),
            by=current_principal(),
        )
        return _created(transfer)


class TransferResource(ProtectedResource):
    """One transfer."""

    cacheable = True
    permissions = {"GET": scope("items:read")}

    @gives_one(Transfer.SCHEMA)
    def get(self, transfer_id: int) -> Any:
        """Read a transfer."""
        return answer(transfer_query.read(transfer_id))


class TransferReceiptListResource(ProtectedResource):
    """What has become of the goods of a transfer that were on their way."""

    permissions = {"POST": scope("stock:write")}

    @takes(receipt_parser)
    @gives_one(Transfer.SCHEMA, 201, refuses=("transfer_state", "over_receipt", "unknown_line"))
    @idempotent
    @transactional
    def post(self, args: Namespace, transfer_id: int) -> Any:
        """Receive goods of a transfer: how many have arrived, went back, or arrived damaged."""
        transfer = transfers.receive(
            transfer_id,
            [Arrival(**line) for line in args["lines"]],
            reason=args.get("reason"),
            reference=args.get("reference", ""),
            by=current_principal(),
        )
        return _created(transfer)


class TransferReversalResource(ProtectedResource):
    """The reversal of a transfer."""

    permissions = {"POST": scope("stock:write")}

    @takes(reversal_parser)
    @gives_one(Transfer.SCHEMA, 201, refuses=("already_reversed", "transfer_state", *MOVED))
    @idempotent
    @transactional
    def post(self, args: Namespace, transfer_id: int) -> Any:
        """Bring back what a transfer has sent, where the destination still has it or it is on its way; once."""
        transfer = transfers.reverse(
            transfer_id,
            reason=args.get("reason"),
            reference=args.get("reference", ""),
            by=current_principal(),
        )
        return _created(transfer)


def _created(transfer: dict[str, Any]) -> Any:
    return answer(transfer, 201, {"Location": url_for("transfer", transfer_id=transfer["id"])})
