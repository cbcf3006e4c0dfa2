"""Queries that only read, prepared; their rows are plain named tuples.

Within a transaction of the session a query is part of it. Otherwise, on SQLite, the driver executes it without
SQLAlchemy, and without a transaction, which one statement does not need. SQLAlchemy costs ten times what the statement
does, and on SQLite no network latency hides that. A query that fails in the driver is logged, counted and executed
again by SQLAlchemy, which raises the right error.
"""

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from itertools import starmap
from typing import Any, Generic, TypeVar, overload

from sqlalchemy import Dialect, Engine, Select
from sqlalchemy.sql.compiler import SQLCompiler

from models.database.base import db
from models.database.reader_pool import reader_pool_of

AnySelect = Select[*tuple[Any, ...]]
RowT = TypeVar("RowT", bound=tuple[Any, ...])

# How many queries each cache holds: clients can combine filters and sorts in very many ways.
CACHED_QUERIES = 500


class PreparedQuery(Generic[RowT]):
    """A select that is executed many times; only its parameters differ.

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


@lru_cache(CACHED_QUERIES)
def prepared(build: Callable[..., AnySelect], *arguments: Any) -> PreparedQuery[Any]:
    """Return the prepared query of the select that `build` returns for these arguments; cached by all of them."""
    return PreparedQuery(build(*arguments))


class _DriverQuery:
    """A select for SQLite's driver: its SQL, and the conversions of parameters and of columns."""

    def __init__(self, compiled: SQLCompiler, row_class: type[Any] | None) -> None:
        dialect = compiled.dialect
        self._sql = str(compiled)
        self._constants = compiled.params  # the values in the select itself
        self._parameters = [
            (name, compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect))
            for name in compiled.positiontup or ()
        ]
        columns = compiled.statement.selected_columns  # type: ignore[union-attr] # a select is what was compiled
        names = [str(name) for name in columns.keys()]  # noqa: SIM118
        self._row = row_class or namedtuple("Row", names, rename=True)
        processors = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
        self._converted = [(index, convert) for index, convert in enumerate(processors) if convert]

    def rows(self, engine: Engine, parameters: Mapping[str, Any]) -> list[Any]:
        """Return the rows that the select finds with these parameters; raises sqlite3.Error."""
        values = {**self._constants, **parameters}
        converted = [convert(values[name]) if convert else values[name] for name, convert in self._parameters]
        found = reader_pool_of(engine).fetch_all(engine, self._sql, converted)
        columns: list[Iterable[Any]] = list(zip(*found, strict=True))
        for index, convert in self._converted if found else ():
            columns[index] = map(convert, columns[index])
        return list(starmap(self._row, zip(*columns, strict=True)))


def _engine_for_driver() -> Engine | None:
    """Return the engine if its driver may execute a query by itself: SQLite, outside a transaction of the session."""
    engine = db.engine
    if engine.dialect.name != "sqlite" or (db.session.registry.has() and db.session().in_transaction()):
        return None
    return engine


def _compiled(query: AnySelect, dialect: Dialect) -> SQLCompiler:
    return query.compile(dialect=dialect)
