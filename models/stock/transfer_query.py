"""Transfers that are only read: the list of them, and one."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Select, bindparam, or_, select

from models.database.base import db, table_of
from models.database.filters import BoundQuery, Condition, FilterSet
from models.database.reading import PreparedQuery
from models.people.user import User
from models.refusals import NotFound
from models.stock.item import Item
from models.stock.location import Location
from models.stock.transfer import Transfer, TransferLine

_transfers, _lines = table_of(Transfer), table_of(TransferLine)


def _heads() -> Select[Any]:
    sender, receiver = (table_of(Location).alias(name) for name in ("sender", "receiver"))
    columns = Transfer.HEAD.columns(_transfers, **{"from": sender.c.code, "to": receiver.c.code, "user": User.username})
    return (
        select(*columns)
        .join(sender, sender.c.id == _transfers.c.from_id)
        .join(receiver, receiver.c.id == _transfers.c.to_id)
        .join(User, User.id == _transfers.c.user_id)
    )


_HEADS = _heads()
_HEAD = PreparedQuery(_HEADS.where(_transfers.c.id == bindparam("transfer_id")))
_LINES = (
    select(*TransferLine.REPRESENTATION.columns(_lines, sku=Item.sku), _lines.c.transfer_id)
    .join(Item, Item.id == _lines.c.item_id)
    .where(_lines.c.transfer_id.in_(bindparam("ids", expanding=True)))
    .order_by(_lines.c.transfer_id, _lines.c.line)
)
_TRANSFERS = FilterSet(
    _HEADS,
    {
        "state": Condition(Transfer.state == bindparam("state"), "state", {"id": "ix_transfers_state_id"}),
        "location": Condition(or_(Transfer.from_id == bindparam("location"), Transfer.to_id == bindparam("location"))),
        "reference": Condition(Transfer.reference == bindparam("reference"), "reference"),
    },
)


def matching(*, location: str | None = None, **others: Any) -> BoundQuery:
    """Return the query of the transfers that meet every condition; `location` is a code, of either end."""
    return _TRANSFERS.where(location=None if location is None else Location.id_of(location), **others)


def read(transfer_id: int) -> dict[str, Any]:
    """Return a transfer as clients see it; raises NotFound."""
    head = _HEAD.one_or_none(transfer_id=transfer_id)
    if head is None:
        raise NotFound(f"There is no transfer {transfer_id}.")
    return with_lines([Transfer.HEAD.of_row(head)])[0]


def with_lines(heads: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return these transfers, each with its lines; they are read by one statement."""
    transfers = {head["id"]: {**head, "lines": []} for head in heads}
    for row in db.session.execute(_LINES, {"ids": list(transfers)}) if transfers else ():
        transfers[row.transfer_id]["lines"].append(TransferLine.REPRESENTATION.of_row(row))
    return list(transfers.values())
