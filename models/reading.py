"""Reading with as little ceremony as there can be: plain rows, their columns as attributes.

Within a transaction a read belongs to that one. Otherwise, on SQLite, it goes straight to the driver, outside any
transaction, as one statement needs none: no network hides there what SQLAlchemy costs, which is ten times the
statement. A read that fails is asked again the long way, which knows what to make of the failure.
"""

import sqlite3
from collections import namedtuple
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import starmap
from typing import Any

from sqlalchemy import BindParameter, Dialect, Engine, Select
from sqlalchemy.sql.compiler import SQLCompiler

from models.base import db

AnySelect = Select[*tuple[Any, ...]]

# How many shapes of queries are remembered; clients can make ever new ones.
REMEMBERED = 500


class Question:
    """A select that is asked again and again; only its parameters differ."""

    def __init__(self, query: AnySelect) -> None:
        self._query = query
        self._straight: _Straight | None = None

    def rows(self, **parameters: Any) -> list[Any]:
        """The rows of the answer."""
        engine = _engine_for_straight()
        if engine:
            self._straight = self._straight or _Straight(_compiled(self._query, engine.dialect))
            with suppress(sqlite3.Error):
                return self._straight.rows(engine, parameters)
        return list(db.session.connection().execute(self._query, parameters))

    def one_or_none(self, **parameters: Any) -> Any:
        """The only row, None if there is none."""
        rows = self.rows(**parameters)
        if len(rows) > 1:
            raise AssertionError("one row at most was to be found")
        return rows[0] if rows else None


def rows(query: AnySelect) -> list[Any]:
    """The rows of a select that was built for this request, its values in it."""
    engine = _engine_for_straight()
    key = query._generate_cache_key() if engine else None
    if engine and key:
        shape = _shapes.get(key.key)
        if shape is None:
            if len(_shapes) >= REMEMBERED:
                _shapes.clear()
            shape = _shapes[key.key] = _Straight(_compiled(query, engine.dialect), key.bindparams)
        with suppress(sqlite3.Error):
            return shape.rows(engine, shape.named(key.bindparams))
    return list(db.session.connection().execute(query))


class _Straight:
    """The text of a select for SQLite's driver, and what its values are made into and made of."""

    def __init__(self, compiled: SQLCompiler, values: Sequence[BindParameter[Any]] = ()) -> None:
        dialect = compiled.dialect
        self._text = str(compiled)
        self._given = compiled.params  # an OFFSET of 0 is the compiler's own
        self._names = [compiled.bind_names.get(value) for value in values]
        self._sent = [
            (name, compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect))
            for name in compiled.positiontup or ()
        ]
        columns = compiled.statement.selected_columns  # type: ignore[union-attr] # a select is what was compiled
        self._row = namedtuple("Row", [str(name) for name in columns.keys()], rename=True)  # type: ignore[misc] # noqa: SIM118
        made = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
        self._made = [(place, make) for place, make in enumerate(made) if make]

    def named(self, values: Sequence[BindParameter[Any]]) -> dict[str, Any]:
        """The values of another select of the same shape, by the names that they have in this one."""
        named = {name: value.effective_value for name, value in zip(self._names, values, strict=True) if name}
        return {**self._given, **named}

    def rows(self, engine: Engine, parameters: Mapping[str, Any]) -> list[Any]:
        sent = [make(parameters[name]) if make else parameters[name] for name, make in self._sent]
        connection = engine.raw_connection()
        try:
            found = connection.cursor().execute(self._text, sent).fetchall()
        finally:
            connection.close()
        columns: list[Iterable[Any]] = list(zip(*found, strict=True))
        for place, make in self._made if found else ():
            columns[place] = map(make, columns[place])
        return list(starmap(self._row, zip(*columns, strict=True)))


_shapes: dict[Any, _Straight] = {}


def _engine_for_straight() -> Engine | None:
    engine = db.engine
    if engine.dialect.name != "sqlite" or (db.session.registry.has() and db.session().in_transaction()):
        return None
    return engine


def _compiled(query: AnySelect, dialect: Dialect) -> SQLCompiler:
    return query.compile(dialect=dialect)
