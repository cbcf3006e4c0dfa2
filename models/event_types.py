"""The types of the events in the change feed, by which webhooks and subscriptions choose."""

from collections.abc import Collection

from models.json_schema import one_of

ALL = "*"
STOCK_EVENTS = (
    *("item.created", "item.updated", "item.archived", "item.restored"),
    *("item.low_stock", "item.restocked", "item.oversubscribed"),
    "movement.created",
    "stock.updated",
    *("location.created", "location.updated", "location.archived", "location.restored"),
    *("transfer.created", "transfer.received", "transfer.reversed"),
    *("reservation.created", "reservation.updated", "reservation.fulfilled"),
    *("reservation.released", "reservation.expired"),
)
# What a webhook or a subscription can name.
CHOICES = (ALL, *STOCK_EVENTS)
SCHEMA = {"title": "EventType", **one_of(*CHOICES)}


def are_all(types: Collection[str]) -> bool:
    """Return whether these types, as a client names them, are all there are."""
    return ALL in types


def is_wanted(type_: str, types: Collection[str]) -> bool:
    """Return whether an event of this type is one of those that a client has named."""
    return are_all(types) or type_ in types
