"""The conditions by which clients filter a list, and the ways to the rows that meet them.

PostgreSQL chooses an index by what it knows of the values. SQLite has no statistics here, and MariaDB sorts whatever a
filter leaves; so they are asked first. If an index has few rows for a condition, these are read whatever their order,
and sorted. If none has few, the index of the order leads, and each of its rows is tested until the page is full.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Integer, Text, UnaryExpression, bindparam, func, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.operators import custom_op

from models.database.base import db
from models.database.reading import CACHED_QUERIES, AnySelect, prepared
from models.database.unchanged import Unchanged

# A page of what more rows than these have is soon full, in any order.
FEW = 2000


@dataclass(frozen=True, eq=False)
class Condition:
    """A test of each row, and what is known of the rows that pass.

    `about` is what indexes find them by; conditions about the same are parts of one range. `sorts` has the names of
    these indexes, by the column in whose order they have the rows. `ids` selects the ids of the rows if the index is
    one of another table, `others` those of the rows that fail. A condition that is `leading` is the beginning of every
    index. No index knows of any other.
    """

    test: ColumnElement[bool]
    about: str | None = None
    sorts: Mapping[str, str] = field(default_factory=dict)
    ids: AnySelect | None = None
    others: AnySelect | None = None
    leading: bool = False

    @property
    def is_scanned(self) -> bool:
        """Whether no index finds the rows that pass, nor those that fail."""
        return not self.leading and self.about is None and self.others is None

    def crosses(self, sort: str) -> bool:
        """Return whether the rows that pass are found in another order than that of this column."""
        return not (self.leading or self.is_scanned) and sort not in self.sorts


class BoundQuery(NamedTuple):
    """A select whose values are parameters, together with these values.

    Requests with the same conditions share the select, so that it is compiled only once. `counted` and `located` find
    the ids of the same rows, from indexes alone if possible: to count them, and to pass over very many in their order.
    """

    query: AnySelect
    values: Mapping[str, Any]
    counted: AnySelect
    located: AnySelect
    filters: "FilterSet"
    names: frozenset[str]
    every: AnySelect  # the columns of a page, of all rows
    walks: bool = False  # in the order of an index that knows of no filter

    def in_order_of(self, column: ColumnElement[Any]) -> "BoundQuery":
        """Return the query of the same rows that is fastest when they are sorted by this column."""
        return self if db.engine.dialect.name == "postgresql" else self.filters.fastest(self, str(column.key))

    def indexes(self, column: ColumnElement[Any]) -> list[str]:
        """Return the names of the indexes that have the rows in the order of this column."""
        return self.filters.indexes(frozenset() if self.walks else self.names, str(column.key))


class FilterSet:
    """A select and the named conditions that clients can filter it by; each compares with a parameter of its name.

    The first column of the select is the id. With `unchanged`, how many rows there are is remembered.
    `sorts` has the names of the indexes that have all rows in the order of a column.
    """

    def __init__(
        self,
        query: AnySelect,
        conditions: Mapping[str, Condition | ColumnElement[bool]],
        unchanged: Unchanged | None = None,
        sorts: Mapping[str, str] | None = None,
    ) -> None:
        self.query = query
        self.unchanged = unchanged
        self._sorts = sorts or {}
        self._id: Any = query.selected_columns[0]
        self._conditions = {
            name: condition if isinstance(condition, Condition) else Condition(condition, leading=True)
            for name, condition in conditions.items()
        }
        self._of_names = lru_cache(CACHED_QUERIES)(self._selects)
        self._ways = lru_cache(CACHED_QUERIES)(self._find_ways)

    def where(self, *, few: str | None = None, **values: Any) -> BoundQuery:
        """Return the select with each condition whose value is not None; raises TypeError for an unknown condition.

        With `few`, a JSON text of ids, only those of the rows that have one of them; for SQLite.
        """
        given = {name: value for name, value in {**values, "few": few}.items() if value is not None}
        names = frozenset(given)
        if unknown := names - self._conditions.keys() - {"few"}:
            raise TypeError(f"there is no condition {min(unknown)!r}")
        query, ids = self._of_names(names)
        return BoundQuery(query, given, counted=ids, located=ids, filters=self, names=names, every=self.query)

    def fastest(self, bound: BoundQuery, sort: str) -> BoundQuery:
        """Return a query of the few rows that an index finds, or one that reads in the order of this column."""
        if "few" in bound.names:
            return bound
        ways = self._ways(bound.names, sort)
        if db.engine.dialect.name == "sqlite":
            for ids in (*ways.ids, *ways.scans):
                [found] = prepared(_at_most_few, ids).rows(**bound.values, at_most=FEW + 1)
                if found.number <= FEW:
                    return self.where(**bound.values, few=found.ids)._replace(every=bound.every)
            return bound._replace(query=ways.query, located=ways.located)
        # MariaDB would go through all the rows that the index of a filter finds, and sort them.
        counts = (prepared(_count_few, ids).rows(**bound.values, at_most=FEW + 1)[0].number for ids in ways.ids)
        return bound._replace(walks=ways.crosses and not ways.scans and all(number > FEW for number in counts))

    def indexes(self, names: frozenset[str], sort: str) -> list[str]:
        """Return the names of the indexes that lead to the rows that meet these conditions alone, in this order."""
        tested = [each for each in self._chosen(names) if not each.leading]
        if not tested:
            return [self._sorts[sort]] if sort in self._sorts else []
        known = len({each.about for each in tested}) == 1 and all(sort in each.sorts for each in tested)
        return [tested[0].sorts[sort]] if known else []

    def _selects(self, names: frozenset[str]) -> tuple[AnySelect, AnySelect]:
        """Return the select of the rows and that of their ids, whatever the order."""
        chosen = self._chosen(names)
        if "few" in names:
            tests = [self._id.in_(_FEW), *(Unindexed(each.test) for each in chosen)]
            return self.query.where(*tests), self._ids(tests)
        # What no index of the table finds in any order.
        apart = [each for each in chosen if each.ids is not None or each.others is not None]
        ids = [*self._found_apart(apart, chosen), *(each.test for each in chosen if each.ids is each.others)]
        return self.query.where(*(each.test for each in chosen)), self._ids(ids)

    def _find_ways(self, names: frozenset[str], sort: str) -> "_Ways":
        """Return the ways to the rows in the order of this column."""
        chosen = self._chosen(names)
        asked = {each.about for each in chosen if each.about}
        if len(asked) == 1:
            asked = {each.about for each in chosen if each.about and each.crosses(sort)}
        is_scanned = sort != "id" and any(each.is_scanned for each in chosen)
        going = [each.test for each in chosen if not each.crosses(sort)]
        crossing = [each for each in chosen if each.crosses(sort)]
        return _Ways(
            crosses=bool(crossing),
            ids=[self._range(index, chosen) for index in sorted(asked)],
            scans=[self._ids(each.test for each in chosen)] if is_scanned else [],
            query=self.query.where(*going, *(Unindexed(each.test) for each in crossing)),
            located=self._ids([*going, *self._found_apart(crossing, chosen)]),
        )

    def _found_apart(self, apart: Sequence[Condition], chosen: Sequence[Condition]) -> list[ColumnElement[bool]]:
        """Return tests for these of the chosen conditions that compare the id with those that indexes have."""
        indexes = {each.about for each in apart if each.about}
        return [
            *(Unindexed(self._id.in_(self._range(index, chosen))) for index in sorted(indexes)),
            *(Unindexed(self._id.not_in(each.others)) for each in apart if each.others is not None),
            *(each.test for each in apart if not each.about and each.others is None),
        ]

    def _range(self, index: str, chosen: Sequence[Condition]) -> AnySelect:
        """Return the select of the ids that an index finds by those of the chosen conditions that it knows of."""
        known = [each for each in chosen if each.leading or each.about == index]
        for each in known:
            if each.ids is not None:
                return each.ids
        return self._ids(each.test for each in known).correlate(None)

    def _chosen(self, names: frozenset[str]) -> list[Condition]:
        return [condition for name, condition in self._conditions.items() if name in names]

    def _ids(self, tests: Iterable[ColumnElement[bool]]) -> AnySelect:
        # A join adds columns to the rows and never changes their number, so it is left out; a condition may need it.
        ids = select(self._id) if self.query.whereclause is None else self.query.with_only_columns(self._id)
        return ids.where(*tests)


class _Ways(NamedTuple):
    """Whether a condition crosses an order, selects of ids by indexes that may have few, and without one, and what is
    read in the order if there are many.
    """

    crosses: bool
    ids: list[AnySelect]
    scans: list[AnySelect]
    query: AnySelect
    located: AnySelect


_FEW = select(func.json_each(bindparam("few", type_=Text())).table_valued("value"))


def _count_few(ids: AnySelect) -> AnySelect:
    """Return the select of how many ids there are, up to the parameter `at_most`."""
    return select(func.count().label("number")).select_from(ids.limit(bindparam("at_most", type_=Integer())).subquery())


def _at_most_few(ids: AnySelect) -> AnySelect:
    """Return the select of how many ids there are, up to the parameter `at_most`, and of a JSON text of them."""
    found = ids.limit(bindparam("at_most", type_=Integer())).subquery()
    return select(func.count().label("number"), func.json_group_array(found.c[0]).label("ids")).select_from(found)


class Unindexed(UnaryExpression[bool]):
    """A condition by which SQLite tests a row and never looks it up in an index."""

    inherit_cache = True

    def __init__(self, test: ColumnElement[bool]) -> None:
        super().__init__(test.self_group(), operator=custom_op("+"))


@compiles(Unindexed)
def _as_it_is(element: Unindexed, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.element, **options)


@compiles(Unindexed, "sqlite")
def _behind_a_sign(element: Unindexed, compiler: SQLCompiler, **options: Any) -> str:
    return f"+({compiler.process(element.element, **options)})"
