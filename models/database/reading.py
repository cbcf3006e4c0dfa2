"""Reading with as little ceremony as there can be: plain rows, their columns as attributes.

Within a transaction a read belongs to that one. Otherwise, on SQLite, it goes straight to the driver, outside any
transaction, as one statement needs none: no network hides there what SQLAlchemy costs, which is ten times the
statement. A read that fails there is logged, counted and run again by SQLAlchemy, which knows what to make of the
failure.
"""

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import starmap
from typing import Any, Generic, NamedTuple, TypeVar, overload

from sqlalchemy import ColumnElement, Dialect, Engine, Select, bindparam
from sqlalchemy.sql.compiler import SQLCompiler

from models.database.base import db
from models.database.reader_pool import reader_pool_of

AnySelect = Select[*tuple[Any, ...]]
RowT = TypeVar("RowT", bound=tuple[Any, ...])

# How many shapes of questions are remembered; clients can make ever new ones.
REMEMBERED = 500
# How many rows are read at once of a list that has very many.
BATCH = 500


class PreparedQuery(Generic[RowT]):
    """A select that is executed again and again; only its parameters differ.

    Its rows are named tuples: of `row_class`, whose fields are the columns of the select in their order, or without
    one as untyped rows whose columns are attributes.
    """

    @overload
    def __init__(self: "PreparedQuery[Any]", query: AnySelect) -> None: ...

    @overload
    def __init__(self, query: AnySelect, row_class: type[RowT]) -> None: ...

    def __init__(self, query: AnySelect, row_class: type[RowT] | None = None) -> None:
        self._query = query
        self._row_class: Any = row_class
        if row_class and list(getattr(row_class, "_fields", ())) != query.selected_columns.keys():
            raise TypeError(f"{row_class.__name__} has other fields than its select has columns")
        self._driver_query: _DriverQuery | None = None

    def rows(self, **parameters: Any) -> list[RowT]:
        """Return the rows that the select finds with these parameters."""
        engine = _engine_for_driver()
        if engine:
            if self._driver_query is None:
                self._driver_query = _DriverQuery(_compiled(self._query, engine.dialect), self._row_class)
            try:
                return self._driver_query.rows(engine, parameters)
            except sqlite3.Error as error:
                reader_pool_of(engine).record_failure(error)
        found = db.session.connection().execute(self._query, parameters)
        return list(found if self._row_class is None else starmap(self._row_class, found))

    def one_or_none(self, **parameters: Any) -> RowT | None:
        """Return the only row, or None if there is none; raises AssertionError for several."""
        rows = self.rows(**parameters)
        if len(rows) > 1:
            raise AssertionError("one row at most was to be found")
        return rows[0] if rows else None


class BoundQuery(NamedTuple):
    """The rows that a request is about: a select whose values are parameters, and these values.

    Requests of one shape share the select, so that whatever is made of it is made once.
    """

    query: AnySelect
    values: Mapping[str, Any]


class FilterSet:
    """Rows that clients ask for by conditions that have names; what each compares with is a parameter of its name."""

    def __init__(self, query: AnySelect, conditions: Mapping[str, ColumnElement[bool]]) -> None:
        self._query = query
        self._conditions = conditions
        self._of_names = lru_cache(REMEMBERED)(self._select)

    def where(self, **values: Any) -> BoundQuery:
        """The rows that meet each condition whose value is not None; raises TypeError for a name that has none."""
        given = {name: value for name, value in values.items() if value is not None}
        return BoundQuery(self._of_names(frozenset(given)), given)

    def _select(self, names: frozenset[str]) -> AnySelect:
        if unknown := names - self._conditions.keys():
            raise TypeError(f"there is no condition {min(unknown)!r}")
        return self._query.where(*(self._conditions[name] for name in self._conditions if name in names))


@lru_cache(REMEMBERED)
def prepared(make: Callable[..., AnySelect], *about: Any) -> PreparedQuery[Any]:
    """The question that `make` makes about a select, and what else there is to say; remembered."""
    return PreparedQuery(make(*about))


def rows_of(selection: BoundQuery, order_by: Any) -> list[Any]:
    """All rows of a selection that has few, in order."""
    return prepared(_ordered, selection.query, order_by).rows(**selection.values)


def batches_by_id(selection: BoundQuery, id_column: Any) -> Iterator[list[Any]]:
    """Yield all rows of a selection by id, 500 at a time; in between, nothing of the database is held."""
    following = prepared(_following, selection.query, id_column)
    last = 0
    while rows := following.rows(**selection.values, last=last):
        db.session.rollback()
        yield rows
        last = rows[-1].id
    db.session.rollback()


def _following(query: AnySelect, id_column: Any) -> AnySelect:
    return query.where(id_column > bindparam("last")).order_by(id_column).limit(BATCH)


def _ordered(query: AnySelect, order_by: Any) -> AnySelect:
    return query.order_by(order_by)


class _DriverQuery:
    """The text of a select for SQLite's driver, and what its values are made into and made of."""

    def __init__(self, compiled: SQLCompiler, row_class: type[Any] | None) -> None:
        dialect = compiled.dialect
        self._text = str(compiled)
        self._given = compiled.params  # the values that were known when the select was built
        self._sent = [
            (name, compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect))
            for name in compiled.positiontup or ()
        ]
        columns = compiled.statement.selected_columns  # type: ignore[union-attr] # a select is what was compiled
        names = [str(name) for name in columns.keys()]  # noqa: SIM118
        self._row = row_class or namedtuple("Row", names, rename=True)
        made = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
        self._made = [(place, make) for place, make in enumerate(made) if make]

    def rows(self, engine: Engine, parameters: Mapping[str, Any]) -> list[Any]:
        values = {**self._given, **parameters}
        sent = [make(values[name]) if make else values[name] for name, make in self._sent]
        found = reader_pool_of(engine).fetch_all(engine, self._text, sent)
        columns: list[Iterable[Any]] = list(zip(*found, strict=True))
        for place, make in self._made if found else ():
            columns[place] = map(make, columns[place])
        return list(starmap(self._row, zip(*columns, strict=True)))


def _engine_for_driver() -> Engine | None:
    engine = db.engine
    if engine.dialect.name != "sqlite" or (db.session.registry.has() and db.session().in_transaction()):
        return None
    return engine


def _compiled(query: AnySelect, dialect: Dialect) -> SQLCompiler:
    return query.compile(dialect=dialect)
