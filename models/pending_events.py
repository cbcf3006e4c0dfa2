"""The events of a transaction before they are written: in memory, in a file, or staged in the database."""

import pickle
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import count
from typing import IO, Any

from sqlalchemy import Column, Connection, Integer, MetaData, Select, Table, bindparam, insert, select

from models.database.column_types import Json, long_text
from models.database.writing import execute_many


class PendingEvents:
    """The events of a transaction that has not ended; if there are very many, most of them are in a temporary file.

    `write`, if given, takes those instead.
    """

    IN_MEMORY = 2000

    def __init__(self, write: Callable[[list[dict[str, Any]]], object] | None = None) -> None:
        self._write = write
        self._last: list[dict[str, Any]] = []
        self._file: IO[bytes] | None = None
        self.kinds: Counter[str] = Counter()  # of movements

    def append(self, row: dict[str, Any]) -> None:
        self._last.append(row)
        if len(self._last) < self.IN_MEMORY:
            return
        if self._write:
            self._write(self._last)
        else:
            self._file = self._file or tempfile.TemporaryFile()  # noqa: SIM115 - close() closes it
            pickle.dump(self._last, self._file)
        self._last = []

    def are_many(self) -> bool:
        """Return whether most of them are in the file."""
        return self._file is not None

    def chunks(self) -> Iterator[list[dict[str, Any]]]:
        """Yield all events in their order, in lists."""
        if self._file:
            end = self._file.tell()
            self._file.seek(0)
            while self._file.tell() < end:
                yield pickle.load(self._file)  # noqa: S301 - a file that nobody else can write
        if self._last:
            yield self._last

    def close(self) -> None:
        if self._file:
            self._file.close()


@contextmanager
def staged(connection: Connection, events: Table, pending: PendingEvents) -> Iterator[Select[Any]]:
    """Put the events into a temporary table of this connection; yield the select that has them in their order."""
    table = _staging(events)
    names = [column.name for column in events.columns if column.name != "id"]
    if connection.dialect.name == "mysql":  # the table may be left from a transaction that failed
        connection.exec_driver_sql(f"DROP TEMPORARY TABLE IF EXISTS {table.name}")
    table.create(connection, checkfirst=False)
    parameters = map(str, table.columns.keys())  # str: their own class is none that orjson takes
    statement = insert(table).values({name: bindparam(name) for name in parameters})
    positions = count()
    for chunk in pending.chunks():
        execute_many(connection, statement, [{**row, "position": next(positions)} for row in chunk])
    yield select(*(table.c[name] for name in names)).order_by(table.c.position)
    if connection.dialect.name == "mysql":
        connection.exec_driver_sql(f"DROP TEMPORARY TABLE {table.name}")


@lru_cache
def _staging(events: Table) -> Table:
    """Return the temporary table with the columns of the events; `data` is JSON text already."""
    columns = [
        Column(column.name, long_text() if isinstance(column.type, Json) else column.type)
        for column in events.columns
        if column.name != "id"
    ]
    position = Column("position", Integer, primary_key=True, autoincrement=False)
    return Table("staged_events", MetaData(), position, *columns, prefixes=["TEMPORARY"], postgresql_on_commit="DROP")
