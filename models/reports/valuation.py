"""The valuation: what each item in stock cost, by the receipts of the ledger, and what all of it is worth."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Select, bindparam, exists, func, select, type_coerce

from models.database.base import table_of
from models.database.filters import BoundQuery, FilterSet, Unindexed
from models.database.pages import batches_by_id
from models.database.reading import PreparedQuery
from models.event import UNCHANGED
from models.json_schema import COUNT, ID, MONEY, TEXT, closed
from models.reports.moving_average import MovingAverage
from models.stock.item import Item
from models.stock.movement import Movement
from models.values import money_of_scaled

AVERAGE, LAST = METHODS = ("average", "last")
SCHEMA = closed("ValuedItem", {"item_id": ID, "sku": TEXT, "quantity": COUNT, "unit_cost": MONEY, "value": MONEY})
COLUMNS = tuple(SCHEMA["properties"])
# They move an item from place to place, and leave what it is worth as it is.
TRANSFERS = ("transfer_out", "transfer_in")
# Later than every movement.
END_OF_TIME = datetime(9999, 1, 1, tzinfo=UTC)

_items, _movements = table_of(Item), table_of(Movement)
_at = bindparam("at", type_=_movements.c.occurred_at.type)


class Valued(NamedTuple):
    """An item with what one unit of it costs, in ten-thousandths; without a receipt that says so, its price."""

    item_id: int
    sku: str
    quantity: int
    unit_cost: int
    is_costed: bool

    @property
    def value(self) -> int:
        """What its stock is worth, in ten-thousandths."""
        return self.quantity * self.unit_cost

    def to_dict(self) -> dict[str, Any]:
        """Return the item as clients see it: `SCHEMA`."""
        return {
            "item_id": self.item_id,
            "sku": self.sku,
            "quantity": self.quantity,
            "unit_cost": money_of_scaled(self.unit_cost),
            "value": money_of_scaled(self.value),
        }


class _Receipt(NamedTuple):
    """Units of an item that came at a cost, in ten-thousandths, to a stock."""

    item_id: int
    stock: int
    delta: int
    unit_cost: int


def _stocked(quantity: ColumnElement[int]) -> FilterSet:
    """Return the items of which there is this quantity, archived ones too."""
    columns = (_items.c.id, _items.c.sku, quantity.label("quantity"), _amount(_items.c.price).label("price"))
    return FilterSet(select(*columns), {"at": quantity > 0})


def _amount(column: Any) -> ColumnElement[int]:
    """Return an amount as the whole number that is stored."""
    return type_coerce(column, BigInteger())


def _quantity_then() -> ColumnElement[int]:
    """Return the quantity of an item at a time: that of now without what came later."""
    later = select(func.coalesce(func.sum(_movements.c.delta), 0)).where(
        _movements.c.item_id == _items.c.id, _movements.c.occurred_at > _at
    )
    return _items.c.quantity - later.scalar_subquery()


def _receipts() -> Select[Any]:
    """Return the receipts with a cost until a time, of the items with these ids, in the order of time.

    What was undone by then counts as if it had never been recorded, and its reversal does so too.
    """
    undoing = _movements.alias("undoing")
    undone = exists().where(undoing.c.reverses_id == _movements.c.id, undoing.c.occurred_at <= _at)
    in_order = (_movements.c.occurred_at, _movements.c.id)
    until_it = func.sum(_movements.c.delta).over(partition_by=_movements.c.item_id, order_by=in_order)
    names = ("item_id", "delta", "unit_cost", "occurred_at", "id")
    moved = (
        select(*(_movements.c[name] for name in names), (until_it - _movements.c.delta).label("stock"))
        .where(
            _movements.c.item_id.between(bindparam("first"), bindparam("last")),
            _movements.c.occurred_at <= _at,
            *(Unindexed(_movements.c.kind != kind) for kind in TRANSFERS),
            Unindexed(_movements.c.reverses_id.is_(None)),
            ~undone,
        )
        .subquery()
    )
    return (
        select(moved.c.item_id, moved.c.stock, moved.c.delta, _amount(moved.c.unit_cost).label("unit_cost"))
        .where(moved.c.unit_cost.is_not(None))
        .order_by(moved.c.item_id, moved.c.occurred_at, moved.c.id)
    )


_NOW, _THEN = _stocked(_items.c.quantity), _stocked(_quantity_then())
_RECEIPTS = PreparedQuery(_receipts(), row_class=_Receipt)


def matching(at: datetime | None) -> BoundQuery:
    """Return the query of the items that were in stock at a time, or that are; its rows are for `valued`."""
    return (_NOW if at is None else _THEN).where(at=at or END_OF_TIME)


def valued(rows: Sequence[Sequence[Any]], at: datetime | None, method: str) -> list[Valued]:
    """Return the items of some rows of `matching`, which are in the order of their ids, with what they cost."""
    costs = _costs(rows[0][0], rows[-1][0], at, method) if rows else {}
    return [
        Valued(item_id, sku, int(quantity), costs.get(item_id, price), item_id in costs)
        for item_id, sku, quantity, price in (row[:4] for row in rows)
    ]


def _costs(first: int, last: int, at: datetime | None, method: str) -> dict[int, int]:
    """Return what a unit costs of each item between two ids that has a receipt with a cost."""
    receipts = _RECEIPTS.rows(first=first, last=last, at=at or END_OF_TIME)
    if method == LAST:
        return {receipt.item_id: receipt.unit_cost for receipt in receipts}
    averages: dict[int, MovingAverage] = {}
    for item_id, stock, delta, cost in receipts:
        averages.setdefault(item_id, MovingAverage()).receive(delta, cost, stock=int(stock))
    return {item_id: average.rounded() or 0 for item_id, average in averages.items()}


def batches(at: datetime | None, method: str) -> Iterator[list[Valued]]:
    """Yield every item that was in stock at a time, by id, in batches."""
    for rows in batches_by_id(matching(at), Item.id):
        yield valued(rows, at, method)


def totals(at: datetime | None, method: str) -> dict[str, Any]:
    """Return what all items are worth, how many they are, and how many of them have no receipt with a cost."""
    return UNCHANGED.of(("valuation", at, method), lambda: _totals(at, method))


def _totals(at: datetime | None, method: str) -> dict[str, Any]:
    value = items = without_cost = 0
    for batch in batches(at, method):
        items += len(batch)
        value += sum(each.value for each in batch)
        without_cost += sum(not each.is_costed for each in batch)
    return {"value": money_of_scaled(value), "items": items, "without_cost": without_cost}
