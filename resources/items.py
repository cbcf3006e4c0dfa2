"""Items: list, create, read, replace, patch, archive, restore; by id and by SKU."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from flask import url_for
from flask_restful.reqparse import Namespace

from api.auth.authentication import current_principal
from api.auth.permissions import require_scope, scope
from api.errors import InvalidInput, fault
from api.media_types import JSON
from api.operation import gives, gives_one, gives_page, idempotent, or_table, short, takes
from api.requests.containers import Attributes
from api.resource import ProtectedResource
from api.responses.conditional import Body, answer, check_absent, check_unchanged
from api.responses.negotiation import representation
from api.responses.outputs import partial_of
from models.refusals import NotFound
from models.stock import item_query, item_write
from models.stock.item import Item
from resources.item_parsers import (
    COLUMNS,
    FILTERS,
    by_sku_parser,
    create_parser,
    item_parser,
    list_parser,
    paging,
    patch_parser,
    sku_type,
)
from resources.path_names import PathName

TAKEN = ("sku_taken", "barcode_taken")
by_sku = PathName("sku", sku_type, "There is no item with such a SKU.")


class ItemListResource(ProtectedResource):
    """All items."""

    cacheable = True
    permissions = {"GET": scope("items:read"), "POST": scope("items:write")}

    @takes(list_parser)
    @gives_page(partial_of(Item.SCHEMA))
    @or_table("items", COLUMNS)
    def get(self, args: Namespace) -> Any:
        """List items; `q` keeps those that have its words in SKU, name, description or barcode."""
        query = item_query.matching(as_json=representation() == JSON, **{name: args[name] for name in FILTERS})
        fields = args["fields"]
        return paging.page_of(query, args, partial(_only, fields) if fields else item_query.to_dict)

    @takes(create_parser)
    @gives_one(Item.SCHEMA, 201, refuses=("location_forbidden", *TAKEN))
    @idempotent
    @short
    def post(self, args: Namespace) -> Any:
        """Create an item; a `quantity` is recorded as its opening movement."""
        if "quantity" in args:
            require_scope(current_principal(), "stock:write")
        return _created(item_write.create(**args, by=current_principal()))


class ItemResource(ProtectedResource):
    """One item, by its id."""

    cacheable = True
    permissions = {"GET": scope("items:read")} | dict.fromkeys(("PUT", "PATCH", "DELETE"), scope("items:write"))

    @gives_one(Item.SCHEMA)
    def get(self, item_id: int) -> Any:
        """Read an item by its id, archived or not."""
        return answer(item_query.read(item_id))

    @takes(item_parser)
    @gives_one(Item.SCHEMA, refuses=("item_archived", *TAKEN))
    @short
    def put(self, args: Namespace, item_id: int) -> Any:
        """Replace an item; fields that are left out get their defaults, and the quantity stays."""
        return answer(item_write.replace(_locked(item_id), **args, by=current_principal()))

    @takes(patch_parser)
    @gives_one(Item.SCHEMA, refuses=("item_archived", *TAKEN))
    @idempotent
    @short
    def patch(self, args: Namespace, item_id: int) -> Any:
        """Change some fields of an item (JSON merge patch, RFC 7396)."""
        return _patched(_locked(item_id), args)

    @gives(None, 204, refuses=("in_transit", "reserved"))
    @short
    def delete(self, item_id: int) -> Any:
        """Archive an item; lists leave it out, its history stays and its SKU remains taken."""
        item_write.set_archived(_locked(item_id), True, by=current_principal())
        return None, 204


class ItemRestoreResource(ProtectedResource):
    """The restoration of an archived item."""

    permissions = {"POST": scope("items:write")}

    @gives_one(Item.SCHEMA, checked=True, name="restore_item")
    @idempotent
    @short
    def post(self, item_id: int) -> Any:
        """Restore an archived item."""
        return answer(item_write.set_archived(_locked(item_id), False, by=current_principal()))


class ItemBySkuResource(ProtectedResource):
    """One item, by its SKU."""

    cacheable = True
    permissions = {"GET": scope("items:read"), "PUT": scope("items:write"), "PATCH": scope("items:write")}

    @gives_one(Item.SCHEMA)
    def get(self, sku: str) -> Any:
        """Read an item by its SKU, ignoring case."""
        by_sku.check_readable(sku)
        return answer(item_query.read_by_sku(sku))

    @takes(by_sku_parser)
    @gives_one(Item.SCHEMA, 200, 201, refuses=("item_archived", *TAKEN))
    @short
    def put(self, args: Namespace, sku: str) -> Any:
        """Create the item of this SKU, or replace it."""
        by_sku.check(sku, args.get("sku"))
        try:
            item = item_write.lock_sku(sku)
        except NotFound:
            check_absent()
            with by_sku.creating():
                return _created(item_write.create(**{"sku": sku, **args}, by=current_principal()))
        check_unchanged(item)
        return answer(item_write.replace(item, **{**args, "sku": item["sku"]}, by=current_principal()))

    @takes(patch_parser)
    @gives_one(Item.SCHEMA, refuses=("item_archived", *TAKEN))
    @idempotent
    @short
    def patch(self, args: Namespace, sku: str) -> Any:
        """Change some fields of the item of this SKU (JSON merge patch, RFC 7396)."""
        by_sku.check_readable(sku)
        item = item_write.lock_sku(sku)
        check_unchanged(item)
        return _patched(item, args)


class ItemByBarcodeResource(ProtectedResource):
    """One item, by its barcode."""

    cacheable = True
    permissions = {"GET": scope("items:read")}

    @gives_one(Item.SCHEMA)
    def get(self, barcode: str) -> Any:
        """Read the item that has this barcode, archived or not."""
        return answer(item_query.read_by_barcode(barcode))


def _locked(item_id: int) -> Body:
    """Return the item, locked, in the state that the client's If-Match names."""
    item = item_write.lock(item_id)
    check_unchanged(item)
    return item


def _patched(item: Body, args: Namespace) -> Any:
    """Apply a merge patch to a locked item, and answer with it."""
    patched = item_write.merge(item, **args, by=current_principal())
    _check_room(patched["attributes"])
    return answer(patched)


def _created(item: Body) -> Any:
    return answer(item, 201, {"Location": url_for("item", item_id=item["id"])})


def _check_room(attributes: Body) -> None:
    """Raise InvalidInput where a merge patch leaves too many attributes."""
    if len(attributes) > Attributes.MAX_ENTRIES:
        words = f"must have at most {Attributes.MAX_ENTRIES} entries; with this patch it has {len(attributes)}"
        raise InvalidInput([fault("attributes", "wrong_length", words)])


def _only(fields: list[str], row: Sequence[Any]) -> dict[str, Any]:
    item = item_query.to_dict(row)
    return {name: item[name] for name in fields}
