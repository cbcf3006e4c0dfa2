"""Reservations: make, list, read, fulfil, release, and change when one expires."""

from datetime import timedelta
from typing import Any

from flask import url_for
from flask_restful.reqparse import Namespace

from api.auth.authentication import current_principal
from api.auth.permissions import scope
from api.operation import gives, gives_one, gives_page, idempotent, or_table, short, takes
from api.resource import ProtectedResource
from api.responses.conditional import answer, check_unchanged
from models.database.transactions import transactional
from models.json_schema import closed, list_of
from models.stock import reservation_query, reservations
from models.stock.lines import Line
from models.stock.movement import Movement
from resources.reservation_parsers import FILTERS, batch_parser, fulfilment_parser, list_parser, paging, patch_parser

COLUMNS = reservation_query.REPRESENTATION.names
BATCH_SCHEMA = closed("ReservedBatch", {"reservations": list_of(reservation_query.SCHEMA)})
FULFILMENT_SCHEMA = closed("Fulfilment", {"movement": Movement.SCHEMA, "reservation": reservation_query.SCHEMA})
NOT_RESERVED = ("insufficient_stock", "item_archived", "location_archived", "unknown_location")
NOT_FULFILLED = ("over_fulfilment", "reservation_closed", "insufficient_stock")


class ReservationListResource(ProtectedResource):
    """All reservations."""

    cacheable = True
    permissions = {"GET": scope("items:read"), "POST": scope("stock:write")}

    @takes(list_parser)
    @gives_page(reservation_query.SCHEMA)
    @or_table("reservations", COLUMNS)
    def get(self, args: Namespace) -> Any:
        """List reservations, in the order they were made."""
        query = reservation_query.matching(**{name: args[name] for name in FILTERS})
        return paging.page_of(query, args, reservation_query.to_dict)

    @takes(batch_parser)
    @gives(BATCH_SCHEMA, 201, refuses=NOT_RESERVED, name="create_reservations")
    @idempotent
    @transactional
    def post(self, args: Namespace) -> Any:
        """Reserve up to 1,000 times of what is available; all of it is reserved or nothing."""
        minutes = args.get("expires_in_minutes")
        reserved = reservations.reserve(
            [Line("reserve", **line) for line in args["reservations"]],
            expires_in=None if minutes is None else timedelta(minutes=minutes),
            by=current_principal(),
        )
        return {"reservations": reserved}, 201, {"Location": url_for("reservations")}


class ReservationResource(ProtectedResource):
    """One reservation."""

    cacheable = True
    permissions = {"GET": scope("items:read"), "PATCH": scope("stock:write")}

    @gives_one(reservation_query.SCHEMA)
    def get(self, reservation_id: int) -> Any:
        """Read a reservation, open or not."""
        return answer(reservation_query.read(reservation_id))

    @takes(patch_parser)
    @gives_one(reservation_query.SCHEMA, refuses=("reservation_closed",))
    @idempotent
    @short
    def patch(self, args: Namespace, reservation_id: int) -> Any:
        """Change when an open reservation expires (JSON merge patch, RFC 7396)."""
        reservation = _locked(reservation_id)
        check_unchanged(reservation)
        return answer(reservations.change_expiry(reservation, args["expires_at"], by=current_principal()))


class ReservationFulfilmentResource(ProtectedResource):
    """The fulfilments of a reservation."""

    permissions = {"POST": scope("stock:write")}

    @takes(fulfilment_parser)
    @gives(FULFILMENT_SCHEMA, 201, refuses=NOT_FULFILLED, name="fulfil_reservation")
    @idempotent
    @short
    def post(self, args: Namespace, reservation_id: int) -> Any:
        """Issue what was reserved, or a part of it; the rest stays open."""
        locked = _locked(reservation_id)
        movement, reservation = reservations.fulfil(locked, args.get("quantity"), by=current_principal())
        where = url_for("movement", movement_id=movement["id"])
        return {"movement": movement, "reservation": reservation}, 201, {"Location": where}


class ReservationReleaseResource(ProtectedResource):
    """The end of a reservation that is not needed any more."""

    permissions = {"POST": scope("stock:write")}

    @gives_one(reservation_query.SCHEMA, refuses=("reservation_closed",), name="release_reservation")
    @idempotent
    @short
    def post(self, reservation_id: int) -> Any:
        """Release what is open of a reservation; it is available again."""
        return answer(reservations.release(reservation_id, by=current_principal()))


def _locked(reservation_id: int) -> dict[str, Any]:
    return reservations.lock(reservation_id, current_principal())
