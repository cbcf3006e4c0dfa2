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
from api.operation import gives, gives_one, gives_page, idempotent, or_table, takes
from api.requests.containers import Attributes
from api.resource import ProtectedResource
from api.responses.conditional import answer, check_absent, check_unchanged
from api.responses.negotiation import representation
from api.responses.outputs import partial_of
from models.database.transactions import RetryTransaction, transactional
from models.refusals import NotFound, Refusal
from models.stock import item_query
from models.stock.item import Item
from models.stock.movement import Movement
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
    @gives_one(Item.SCHEMA, 201, refuses=TAKEN)
    @idempotent
    @transactional
    def post(self, args: Namespace) -> Any:
        """Create an item; a `quantity` is recorded as its opening movement."""
        quantity = args.get("quantity")
        if quantity is not None:
            require_scope(current_principal(), "stock:write")
        item = Item.create(**{name: args[name] for name in args if name != "quantity"}, by=current_principal())
        if quantity:
            Movement.open(item, quantity, current_principal())
        return answer(item.to_dict(), 201, _location(item))


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
    @transactional
    def put(self, args: Namespace, item_id: int) -> Any:
        """Replace an item; fields that are left out get their defaults, and the quantity stays."""
        item = _locked(item_id)
        item.replace(**args, by=current_principal())
        return answer(item.to_dict())

    @takes(patch_parser)
    @gives_one(Item.SCHEMA, refuses=("item_archived", *TAKEN))
    @idempotent
    @transactional
    def patch(self, args: Namespace, item_id: int) -> Any:
        """Change some fields of an item (JSON merge patch, RFC 7396)."""
        return _patched(_locked(item_id), args)

    @gives(None, 204)
    @transactional
    def delete(self, item_id: int) -> Any:
        """Archive an item; lists leave it out, its history stays and its SKU remains taken."""
        _locked(item_id).set_archived(True, by=current_principal())
        return None, 204


class ItemRestoreResource(ProtectedResource):
    """The restoration of an archived item."""

    permissions = {"POST": scope("items:write")}

    @gives_one(Item.SCHEMA, checked=True, name="restore_item")
    @idempotent
    @transactional
    def post(self, item_id: int) -> Any:
        """Restore an archived item."""
        item = _locked(item_id)
        item.set_archived(False, by=current_principal())
        return answer(item.to_dict())


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
    @transactional
    def put(self, args: Namespace, sku: str) -> Any:
        """Create the item of this SKU, or replace it."""
        by_sku.check(sku, args.get("sku"))
        try:
            item = Item.by_sku(sku, lock=True)
        except NotFound:
            check_absent()
            item = _created(**{"sku": sku, **args})
            return answer(item.to_dict(), 201, _location(item))
        check_unchanged(item.to_dict)
        item.replace(**{**args, "sku": item.sku}, by=current_principal())
        return answer(item.to_dict())

    @takes(patch_parser)
    @gives_one(Item.SCHEMA, refuses=("item_archived", *TAKEN))
    @idempotent
    @transactional
    def patch(self, args: Namespace, sku: str) -> Any:
        """Change some fields of the item of this SKU (JSON merge patch, RFC 7396)."""
        by_sku.check_readable(sku)
        item = Item.by_sku(sku, lock=True)
        check_unchanged(item.to_dict)
        return _patched(item, args)


class ItemByBarcodeResource(ProtectedResource):
    """One item, by its barcode."""

    cacheable = True
    permissions = {"GET": scope("items:read")}

    @gives_one(Item.SCHEMA)
    def get(self, barcode: str) -> Any:
        """Read the item that has this barcode, archived or not."""
        return answer(item_query.read_by_barcode(barcode))


def _locked(item_id: int) -> Item:
    """Return the item, locked, in the state that the client's If-Match names."""
    item = Item.get(item_id, lock=True)
    check_unchanged(item.to_dict)
    return item


def _patched(item: Item, args: Namespace) -> Any:
    """Apply a merge patch to a locked item, and answer with it."""
    item.merge(**args, by=current_principal())
    _check_room(item)
    return answer(item.to_dict())


def _created(**fields: Any) -> Item:
    try:
        return Item.create(**fields, by=current_principal())
    except Refusal as refusal:
        if refusal.code == "sku_taken":  # another request has just created it: run again, and replace that
            raise RetryTransaction from refusal
        raise


def _check_room(item: Item) -> None:
    """Raise InvalidInput where a merge patch leaves too many attributes."""
    if len(item.attributes) > Attributes.MAX_ENTRIES:
        words = f"must have at most {Attributes.MAX_ENTRIES} entries; with this patch it has {len(item.attributes)}"
        raise InvalidInput([fault("attributes", "wrong_length", words)])


def _location(item: Item) -> dict[str, str]:
    return {"Location": url_for("item", item_id=item.id)}


def _only(fields: list[str], row: Sequence[Any]) -> dict[str, Any]:
    item = item_query.to_dict(row)
    return {name: item[name] for name in fields}
