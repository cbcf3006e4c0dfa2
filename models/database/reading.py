"""Queries that only read, prepared; their rows are plain named tuples.

Within a transaction of the session, and within a short write, a query is part of it. Otherwise the driver executes it
without SQLAlchemy, and without a transaction, which one statement does not need. SQLAlchemy costs ten times what the
statement does on SQLite, and on a server a transaction costs two round trips more. A query that fails in the driver is
logged, counted and executed again by SQLAlchemy, which raises the right error.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from itertools import starmap
from typing import Any, Generic, TypeVar, overload

from sqlalchemy import Dialect, Select
from sqlalchemy.sql.compiler import SQLCompiler

from models.database.base import db
from models.database.current_write import CURRENT, DriverConnection
from models.database.reader_pool import ReaderPool, reader_pool_of

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
        names = query.selected_columns.keys()
        if row_class and list(getattr(row_class, "_fields", ())) != names:
            raise TypeError(f"{row_class.__name__} has other fields than its select has columns")
        self._row: Any = row_class or namedtuple("Row", map(str, names), rename=True)
        self._driver_queries: dict[str, _DriverQuery] = {}  # by the name of the dialect

    def rows(self, **parameters: Any) -> list[RowT]:
        """Return the rows that the select finds with these parameters."""
        return list(starmap(self._row, self.tuples(**parameters)))

    def tuples(self, **parameters: Any) -> list[tuple[Any, ...]]:
        """Return the same rows as plain tuples, which cost less where there are many."""
        current = CURRENT.get()
        if current is not None:
            return self._for_driver(current.connection).tuples(current.connection, parameters)
        pool = _free_reader_pool()
        if pool:
            try:
                return self._for_driver(pool).tuples(pool, parameters)
            except pool.errors as error:
                pool.record_failure(error)
        return list(map(tuple, db.session.connection().execute(self._query, parameters)))

    def _for_driver(self, driver: ReaderPool | DriverConnection) -> "_DriverQuery":
        name = driver.dialect.name
        if name not in self._driver_queries:
            self._driver_queries[name] = _DriverQuery(_compiled(self._query, driver.dialect))
        return self._driver_queries[name]

    def one_or_none(self, **parameters: Any) -> RowT | None:
        """Return the only row, or None if there is none; raises AssertionError for several."""
        rows = self.tuples(**parameters)
        if len(rows) > 1:
            raise AssertionError("one row at most was to be found")
        return self._row(*rows[0]) if rows else None


@lru_cache(CACHED_QUERIES)
def prepared(build: Callable[..., AnySelect], *arguments: Any) -> PreparedQuery[Any]:
    """Return the prepared query of the select that `build` returns for these arguments; cached by all of them."""
    return PreparedQuery(build(*arguments))


class _DriverQuery:
    """A select for a driver: its SQL, and the conversions of parameters and of columns."""

    def __init__(self, compiled: SQLCompiler) -> None:
        dialect = compiled.dialect
        self._sql = str(compiled)
        # The values in the select itself; the others are parameters.
        self._constants = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
        names = compiled.positiontup or list(compiled.bind_names.values())
        self._names = None if compiled.positional else names  # how the driver takes parameters: by place or by name
        self._parameters = [
            (name, compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in names
        ]
        columns = compiled.statement.selected_columns  # type: ignore[union-attr] # a select is what was compiled
        processors = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
        self._converted = [(index, convert) for index, convert in enumerate(processors) if convert]

    def tuples(self, driver: ReaderPool | DriverConnection, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Return the rows that the select finds with these parameters; raises what `fetch_all` of the driver raises."""
        values = {**self._constants, **parameters} if self._constants else parameters
        converted = [convert(values[name]) if convert else values[name] for name, convert in self._parameters]
        sent = converted if self._names is None else dict(zip(self._names, converted, strict=True))
        found = driver.fetch_all(self._sql, sent)
        if len(found) == 1:  # which needs no columns
            row = list(found[0])
            for index, convert in self._converted:
                row[index] = convert(row[index])
            return [tuple(row)]
        columns: list[Iterable[Any]] = list(zip(*found, strict=True))
        for index, convert in self._converted if found else ():
            columns[index] = map(convert, columns[index])
        return list(zip(*columns, strict=True))


def _free_reader_pool() -> ReaderPool | None:
    """Return what executes a query without SQLAlchemy; None in a transaction of the session, and after a failure."""
    registry = db.session.registry
    if registry.has() and registry().in_transaction():
        return None
    pool = reader_pool_of(db.engine)
    return None if pool.is_resting() else pool


def _compiled(query: AnySelect, dialect: Dialect) -> SQLCompiler:
    return query.compile(dialect=dialect)
