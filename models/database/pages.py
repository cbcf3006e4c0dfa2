"""Pages of a filtered list: its rows sorted by a column, and rows with equal values by id.

An index has equal rows by id too, and is read in one direction. Where values descend and ids do not, or the other way
round, equal rows have to be sorted: those of a page by their ids alone, before the page is read. The rows in front of a
page with a high number are passed over in an index, from its nearer end, up to the last one before the page.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Integer, and_, bindparam, func, or_, select

from models.database.base import db
from models.database.filters import BoundQuery
from models.database.reading import AnySelect, prepared

# How many rows are read at once of a list that has very many.
BATCH = 500
# With more rows than these in front of it, a page has a high number.
FAR = 1000
# Up to so many ids are sooner put into a set than as many rows are looked at.
MANY = 100_000
# With these conditions, which have long values, there are few rows to count.
FEW_ROWS = frozenset({"few", "candidates"})


class Key(NamedTuple):
    """The place of a row in an order; each row of a page ends with its own."""

    sort_key: Any
    sort_id: int


class Order(NamedTuple):
    """An order of rows: by a column and by id, each upwards or downwards."""

    column: ColumnElement[Any]
    id_column: ColumnElement[Any]
    falling: bool
    ids_falling: bool
    forced: str | None = None  # the index that MariaDB has to read

    @property
    def by_id(self) -> bool:
        """Whether the column is the id itself."""
        return self.column is self.id_column

    @property
    def is_mixed(self) -> bool:
        """Whether an index has the values in this order, but not the equal ones."""
        return self.falling != self.ids_falling and not self.by_id

    @property
    def of_index(self) -> "Order":
        """The order in which an index has the rows when their values come in this one."""
        return self._replace(ids_falling=self.falling)

    @property
    def reversed(self) -> "Order":
        """The same order from its end."""
        return self._replace(falling=not self.falling, ids_falling=not self.ids_falling)

    def sort(self, query: AnySelect) -> AnySelect:
        """Return the select in this order."""
        keys = [(self.column, self.falling), *([] if self.by_id else [(self.id_column, self.ids_falling)])]
        return query.order_by(*(column.desc() if falling else column.asc() for column, falling in keys))

    def with_key(self, query: AnySelect) -> AnySelect:
        """Return the select with the key of each row as its last columns."""
        return query.add_columns(self.column.label("sort_key"), self.id_column.label("sort_id"))

    def after(self) -> ColumnElement[bool]:
        """Return the condition of the rows after the one whose key is the parameters `sort_key` and `sort_id`."""
        value = bindparam("sort_key", type_=self.column.type)
        strictly = self.column < value if self.falling else self.column > value
        if self.by_id:
            return strictly
        # The first condition follows from the second; the database uses it to seek in an index.
        return and_(self.until("sort_key", from_it=True), or_(strictly, self.later_id()))

    def later_id(self) -> ColumnElement[bool]:
        """Return the condition of the rows whose ids come after the parameter `sort_id`."""
        row_id = bindparam("sort_id", type_=BigInteger())
        return self.id_column < row_id if self.ids_falling else self.id_column > row_id

    def until(self, name: str, *, from_it: bool = False) -> ColumnElement[bool]:
        """Return the condition of the rows with values up to the parameter of this name, or from it on."""
        value = bindparam(name, type_=self.column.type)
        return self.column <= value if self.falling == from_it else self.column >= value


def numbered(bound: BoundQuery, order: Order, limit: int, offset: int) -> tuple[list[Any], int]:
    """Return the rows of the page that has so many others in front of it, and how many there are in all."""
    order = _on_mariadb(bound, order)
    if offset <= FAR:
        rows = _rows(bound, order, limit, offset=offset)
        is_last = 0 < len(rows) < limit  # and then the total is known without counting
        return rows, offset + len(rows) if is_last else _count(bound)
    number = _count(bound)
    if db.engine.dialect.name == "mysql" and (not order.forced or (bound.walks and number <= MANY)):
        return _rows(bound, order._replace(forced=None), limit, offset=offset), number
    key = _key_at(bound, order, offset - 1, number)
    return _rows(bound, order, limit, key) if key else [], number


def beyond(bound: BoundQuery, order: Order, limit: int, key: Key | None) -> list[Any]:
    """Return the rows after the one with this key, or the first ones."""
    return _rows(bound, _on_mariadb(bound, order), limit, key)


def rows_of(bound: BoundQuery, order_by: Any) -> list[Any]:
    """Return all rows of a query in order; for queries with a small number of rows."""
    return prepared(_ordered, bound.query, order_by).rows(**bound.values)


def batches_by_id(bound: BoundQuery, id_column: Any) -> Iterator[list[Any]]:
    """Yield all rows of a query by id, in lists of up to `BATCH`; no transaction is open in between."""
    following = prepared(_following, bound.query, id_column)
    last = 0
    while rows := following.rows(**bound.values, last=last):
        db.session.rollback()
        yield rows
        last = rows[-1].id
    db.session.rollback()


def _rows(bound: BoundQuery, order: Order, limit: int, key: Key | None = None, offset: int = 0) -> list[Any]:
    """Return the rows after the one with this key, or from the first on, and after so many more."""
    values = {**bound.values, **(key._asdict() if key else {})}
    is_bounded = False
    if order.is_mixed and order.forced:
        # MariaDB would sort all that follow. In the order of an index, as many that follow have the same values.
        last = prepared(_key_of_nth, bound.query, order.of_index, order if key else None)
        found = last.rows(**values, row_offset=offset + limit - 1)
        if is_bounded := bool(found):
            values["last_key"] = found[0].sort_key
    build = _page_by_ids if order.is_mixed else _page
    page = prepared(build, bound.every, bound.query, order, key is not None, is_bounded)
    return page.tuples(**values, row_limit=limit, row_offset=offset)


def _on_mariadb(bound: BoundQuery, order: Order) -> Order:
    """Return the order with the index that has the rows in it, if this is MariaDB and there is one.

    MariaDB enters an index by columns that are equal, and passes over all rows until the key.
    """
    indexes = bound.indexes(order.column) if db.engine.dialect.name == "mysql" else []
    return order._replace(forced=next(iter(indexes), None))


def _key_at(bound: BoundQuery, order: Order, position: int, number: int) -> Key | None:
    """Return the key of the row that has so many in front of it, of a number in all; None if there is none."""
    if position >= number:
        return None
    from_end = position > number // 2
    of_index = order.of_index.reversed if from_end else order.of_index
    ids = bound.located if number <= MANY and not bound.walks else bound.query
    nth = prepared(_key_of_nth, ids, of_index)
    row = nth.one_or_none(**bound.values, row_offset=number - 1 - position if from_end else position)
    if row is None or not order.is_mixed:
        return row and Key(row.sort_key, row.sort_id)
    # The value at this place is the same in both orders. Which of the equal rows is there: the one with as many before.
    values = {**bound.values, "sort_key": row.sort_key, "sort_id": row.sort_id}
    [before] = prepared(_count_equals_before, bound.query, order).rows(**values)
    row = prepared(_nth_equal, bound.query, order).one_or_none(**values, row_offset=before.total)
    return row and Key(values["sort_key"], row.sort_id)


def _count(bound: BoundQuery) -> int:
    unchanged = bound.filters.unchanged
    if unchanged is None or not FEW_ROWS.isdisjoint(bound.names):
        return _counted_now(bound)
    return unchanged.of((bound.counted, *sorted(bound.values.items())), lambda: _counted_now(bound))


def _counted_now(bound: BoundQuery) -> int:
    [row] = prepared(_counted, bound.counted).rows(**bound.values)
    return int(row.total)


def _counted(query: AnySelect) -> AnySelect:
    return query.with_only_columns(func.count().label("total"), maintain_column_froms=True)


def _page(every: AnySelect, query: AnySelect, order: Order, from_key: bool, _: bool) -> AnySelect:
    """Return the select of a page whose rows an index has in this order."""
    keys = [order.after()] if from_key else []
    return _limited(order.sort(order.with_key(_filtered(every, query, keys, order))))


def _page_by_ids(every: AnySelect, query: AnySelect, order: Order, from_key: bool, is_bounded: bool) -> AnySelect:
    """Return the select of a page whose equal rows have to be sorted."""
    keys = [*([order.after()] if from_key else []), *([order.until("last_key")] if is_bounded else [])]
    ids = _limited(order.sort(_filtered(select(order.id_column), query, keys, order))).subquery("page")
    return order.sort(order.with_key(every.where(order.id_column.in_(select(ids.c[0])))))


def _key_of_nth(query: AnySelect, order: Order, after: Order | None = None) -> AnySelect:
    """Return the select of the key of one row in an order, of those after a key in another order."""
    ids = _filtered(select(order.id_column), query, [after.after()] if after else [], order)
    return order.sort(order.with_key(ids)).limit(1).offset(bindparam("row_offset", type_=BigInteger()))


def _equals(query: AnySelect, order: Order) -> AnySelect:
    equal = order.column == bindparam("sort_key", type_=order.column.type)
    return _filtered(select(order.id_column), query, [equal], order)


def _count_equals_before(query: AnySelect, order: Order) -> AnySelect:
    """Return the select of how many rows equal to one are in front of it in the order of an index."""
    return _counted(_equals(query, order).where(order.later_id()))


def _nth_equal(query: AnySelect, order: Order) -> AnySelect:
    return _key_of_nth(_equals(query, order), order._replace(column=order.id_column, falling=order.ids_falling))


def _filtered(every: AnySelect, query: AnySelect, keys: list[ColumnElement[bool]], order: Order) -> AnySelect:
    """Return the first select of the rows of the second that have such keys.

    SQLite seeks by the first of several conditions of a column, and a filter has more rows than a key leaves.
    """
    found = every.where(*keys, *query._where_criteria)
    return found.with_hint(order.id_column.table, f"FORCE INDEX ({order.forced})", "mysql") if order.forced else found


def _limited(query: AnySelect) -> AnySelect:
    limit, offset = bindparam("row_limit", type_=Integer()), bindparam("row_offset", type_=BigInteger())
    return query.limit(limit).offset(offset)


def _following(query: AnySelect, id_column: Any) -> AnySelect:
    return query.where(id_column > bindparam("last")).order_by(id_column).limit(BATCH)


def _ordered(query: AnySelect, order_by: Any) -> AnySelect:
    return query.order_by(order_by)
