"""Writing at the driver's level: a statement is compiled to SQL once, and rows become its parameters column by column.

SQLAlchemy makes a dictionary and a list of parameters for every row, which costs several times what writing the row
does.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    JSON,
    Delete,
    Dialect,
    Insert,
    Select,
    Table,
    Text,
    Update,
    bindparam,
    cast,
    column,
    func,
    insert,
    select,
)
from sqlalchemy.types import TypeEngine

from models.database.base import Base, db, table_of
from models.database.column_types import Json
from models.database.current_write import WriteConnection, write_connection
from models.values import as_json

CACHED_VALUES = 1024
Statement = Insert | Update | Delete | Select[Any]
Processor = Callable[[Any], Any] | None
_processors: dict[tuple[str, str], Processor] = {}  # by the type and the name of the dialect


def execute_many(connection: WriteConnection, statement: Statement, rows: Sequence[Mapping[str, Any]]) -> int:
    """Execute a statement with named parameters for each row; return how many rows of the table it changed in all.

    Members of a row that are no parameter are ignored.
    """
    return execute_prepared(connection, statement, prepare(statement, rows))


def prepare(statement: Statement, rows: Sequence[Mapping[str, Any]]) -> Any:
    """Return the parameters of the driver for each row, for `execute_prepared`; a transaction is not needed yet."""
    return _prepared(statement, db.engine.dialect, many=True)[1](rows)


def execute_prepared(connection: WriteConnection, statement: Statement, parameters: Any) -> int:
    """Execute a statement with what `prepare` returned; return how many rows of the table it changed in all."""
    text, _ = _prepared(statement, connection.dialect, many=True)
    changed: int = connection.exec_driver_sql(text, parameters).rowcount
    return changed


def execute_one(connection: WriteConnection, statement: Statement, values: Mapping[str, Any]) -> Any:
    """Execute a statement with named parameters once; return its result with the values of the driver, unconverted.

    The result is SQLAlchemy's, or in a short write a cursor of the driver.
    """
    text, parameters_of = _prepared(statement, connection.dialect, many=False)
    return connection.exec_driver_sql(text, parameters_of((values,))[0])


def as_utc(value: Any) -> datetime | None:
    """Return a timestamp that a driver returned, unconverted, as an aware datetime."""
    time: datetime | None = datetime.fromisoformat(value) if isinstance(value, str) else value  # text is SQLite's
    return time if time is None or time.tzinfo else time.replace(tzinfo=UTC)


def prepare_inserts(model: type[Base], rows: Sequence[Mapping[str, Any]], late: Sequence[str]) -> list[Any]:
    """Return rows for `insert_prepared`, as far as they can be prepared without the columns `late`.

    Those are the first columns of the table, of which one is `id`.
    """
    if db.engine.dialect.name != "sqlite" or not rows:
        return list(rows)
    without = dict.fromkeys(late)
    parameters = prepare(_insert(table_of(model), with_id=True), [{**row, **without} for row in rows])
    return [each[len(late) :] for each in parameters]


def insert_prepared(model: type[Base], rows: Sequence[Any], **late: Sequence[Any]) -> list[int]:
    """Insert what `prepare_inserts` returned, with a value for each row of the columns `late`; return the new ids."""
    if not rows:
        return []
    if db.engine.dialect.name != "sqlite":
        return insert_many(
            model,
            [row | dict(zip(late, values, strict=True)) for row, *values in zip(rows, *late.values(), strict=True)],
        )
    table, connection = table_of(model), write_connection()
    ids = _next_ids(connection, table, len(rows))
    parameters = [(*values, *row) for *values, row in zip(ids, *late.values(), rows, strict=True)]
    execute_prepared(connection, _insert(table, with_id=True), parameters)
    return ids


def _next_ids(connection: Any, table: Table, count: int) -> list[int]:
    """Return the next ids of a table of SQLite; no other transaction writes meanwhile."""
    first = (connection.scalar(select(func.max(table.c.id))) or 0) + 1
    return list(range(first, first + count))


def insert_many(model: type[Base], rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Insert rows into a table with an `id`, inside a write transaction; return their ids in the order of the rows."""
    table = table_of(model)
    connection: Any = write_connection()
    dialect = connection.dialect
    if len(rows) == 1:
        returns_id = dialect.name == "postgresql"  # the drivers of the others know it
        inserted = execute_one(connection, _insert(table, with_id=False, returns_id=returns_id), rows[0])
        return [inserted.scalar() if returns_id else inserted.lastrowid]
    if not dialect.insert_returning:  # MySQL
        return [connection.execute(insert(table), row).inserted_primary_key[0] for row in rows]
    if dialect.name == "postgresql":
        next_id = func.nextval(func.pg_get_serial_sequence(table.name, "id"))
        ids = list(connection.scalars(select(next_id).select_from(func.generate_series(1, len(rows)))))
    elif dialect.name == "sqlite":
        ids = _next_ids(connection, table, len(rows))
    else:
        return list(connection.scalars(insert(table).returning(table.c.id, sort_by_parameter_order=True), rows))
    execute_many(
        connection, _insert(table, with_id=True), [{**row, "id": id_} for id_, row in zip(ids, rows, strict=True)]
    )
    return ids


@lru_cache
def _insert(table: Table, *, with_id: bool, returns_id: bool = False) -> Insert:
    columns = [each.name for each in table.c if with_id or each.name != "id"]
    statement = insert(table).values({name: bindparam(name) for name in columns})
    return statement.returning(table.c.id) if returns_id else statement


@lru_cache
def _prepared(
    statement: Statement, dialect: Dialect, *, many: bool
) -> tuple[str, Callable[[Sequence[Mapping[str, Any]]], Any]]:
    """Return the SQL of a statement, and the function that converts rows to its parameters."""
    compiled = statement.compile(dialect=dialect)
    type_of = {name: bind.type for bind, name in compiled.bind_names.items()}
    names = compiled.positiontup or list(type_of)
    types = [type_of[name] for name in names]
    known = {name: value for name, value in compiled.params.items() if value is not None}
    values_of = _converter(names, types, known, dialect)
    if compiled.positiontup:
        return str(compiled), values_of

    def named(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        return [dict(zip(names, values, strict=True)) for values in values_of(rows)]

    if not many or not isinstance(statement, Insert) or dialect.name != "postgresql":
        return str(compiled), named
    # PostgreSQL and its driver take rows as one JSON text twice as fast as they execute one statement for each.
    table = func.json_to_recordset(cast(bindparam("rows", type_=Text()), JSON)).table_valued(*map(column, names, types))
    read = select(*table.render_derived(with_types=True).c)
    text = str(insert(statement.table).from_select(names, read).compile(dialect=dialect))
    return text, lambda rows: {"rows": as_json(named(rows))}


def _converter(
    names: Sequence[str], types: Sequence[TypeEngine[Any]], known: Mapping[str, Any], dialect: Dialect
) -> Callable[[Sequence[Mapping[str, Any]]], list[tuple[Any, ...]]]:
    """Return the function that converts rows to values of the driver; `known` has those that the statement sets."""
    pick: Callable[[Mapping[str, Any]], Any] = itemgetter(*names)
    if known or len(names) == 1:

        def pick(row: Mapping[str, Any]) -> Any:
            return [row[name] if name in row else known[name] for name in names]

    processors = [_processor(type_, dialect) for type_ in types]
    converted = [(index, convert) for index, convert in enumerate(processors) if convert]

    def values_of(rows: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
        if len(rows) == 1:  # which needs no columns
            values = list(pick(rows[0]))
            for index, convert in converted:
                values[index] = convert(values[index])
            return [tuple(values)]
        columns: list[Iterable[Any]] = list(zip(*map(pick, rows), strict=True))
        for index, convert in converted:
            columns[index] = map(convert, columns[index])
        return list(zip(*columns, strict=True))

    return values_of


def _processor(type_: TypeEngine[Any], dialect: Dialect) -> Processor:
    """Return what converts values of a type for the driver, None if nothing does; one for all columns of the type.

    Timestamps and prices come again and again, so they are cached; lists and objects can't be keys of a cache.
    """
    key = (repr(type_), dialect.name)
    if key not in _processors:
        convert: Processor = type_.dialect_impl(dialect).bind_processor(dialect)
        if convert is not None and not isinstance(type_, Json):
            convert = lru_cache(CACHED_VALUES)(convert)
        _processors[key] = convert
    return _processors[key]
