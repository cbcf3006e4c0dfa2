"""Locations: list, create, read, change, archive, restore; by id and by code."""

from typing import Any

from flask import url_for
from flask_restful.reqparse import Namespace

from api.auth.authentication import current_principal
from api.auth.permissions import scope
from api.operation import gives, gives_one, gives_page, idempotent, takes
from api.resource import ProtectedResource
from api.responses.conditional import answer, check_absent, check_unchanged
from models.database.transactions import transactional
from models.refusals import NotFound
from models.stock.location import Location
from resources.location_parsers import (
    by_code_parser,
    code_type,
    create_parser,
    list_parser,
    paging,
    patch_parser,
)
from resources.path_names import PathName

by_code = PathName("code", code_type, "There is no location with such a code.")


class LocationListResource(ProtectedResource):
    """All locations."""

    cacheable = True
    permissions = {"GET": scope("items:read"), "POST": scope("items:write")}

    @takes(list_parser)
    @gives_page(Location.SCHEMA)
    def get(self, args: Namespace) -> Any:
        """List locations: those that are not archived, or those that are."""
        return paging.page_of(Location.matching(archived=args["archived"]), args, Location.REPRESENTATION.of_row)

    @takes(create_parser)
    @gives_one(Location.SCHEMA, 201, refuses=("code_taken",))
    @idempotent
    @transactional
    def post(self, args: Namespace) -> Any:
        """Create a location."""
        return _created(Location.create(**args, by=current_principal()))


class LocationResource(ProtectedResource):
    """One location, by its id."""

    cacheable = True
    permissions = {"GET": scope("items:read")} | dict.fromkeys(("PATCH", "DELETE"), scope("items:write"))

    @gives_one(Location.SCHEMA)
    def get(self, location_id: int) -> Any:
        """Read a location by its id, archived or not."""
        return answer(Location.get(location_id).to_dict())

    @takes(patch_parser)
    @gives_one(Location.SCHEMA, refuses=("code_taken", "location_archived"))
    @idempotent
    @transactional
    def patch(self, args: Namespace, location_id: int) -> Any:
        """Change a location, make it the default, or restore it (JSON merge patch, RFC 7396)."""
        location = _locked(location_id)
        if "archived" in args:
            location.set_archived(args["archived"], by=current_principal())
        location.change(**_fields(args), by=current_principal())
        return answer(location.to_dict())

    @gives(None, 204, refuses=("location_in_use",))
    @transactional
    def delete(self, location_id: int) -> Any:
        """Archive a location that has no stock and is neither the first nor the default; its code remains taken."""
        _locked(location_id).set_archived(True, by=current_principal())
        return None, 204


class LocationByCodeResource(ProtectedResource):
    """One location, by its code."""

    cacheable = True
    permissions = {"GET": scope("items:read"), "PUT": scope("items:write")}

    @gives_one(Location.SCHEMA)
    def get(self, code: str) -> Any:
        """Read a location by its code, ignoring case, archived or not."""
        by_code.check_readable(code)
        return answer(Location.by_code(code).to_dict())

    @takes(by_code_parser)
    @gives_one(Location.SCHEMA, 200, 201, refuses=("location_archived",))
    @transactional
    def put(self, args: Namespace, code: str) -> Any:
        """Create the location of this code, or replace it; one that is the default stays it."""
        by_code.check(code, args.get("code"))
        try:
            location = Location.by_code(code, lock=True)
        except NotFound:
            check_absent()
            with by_code.creating():
                return _created(Location.create(**{"code": code, **args}, by=current_principal()))
        check_unchanged(location.to_dict())
        location.change(**{"name": "", **args, "code": location.code}, by=current_principal())
        return answer(location.to_dict())


def _locked(location_id: int) -> Location:
    """Return the location, locked, in the state that the client's If-Match names."""
    location = Location.get(location_id, lock=True)
    check_unchanged(location.to_dict())
    return location


def _fields(args: Namespace) -> dict[str, Any]:
    """Return what a patch changes beside `archived`; null is an empty text."""
    return {name: "" if value is None else value for name, value in args.items() if name != "archived"}


def _created(location: Location) -> Any:
    return answer(location.to_dict(), 201, {"Location": url_for("location", location_id=location.id)})
