"""The staging area of an import: a temporary database on disk, so that a file need not fit into memory."""

import marshal
import pickle
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

# How many rows are read at a time.
CHUNK = 500
_COLUMNS = "line, sku, sku_key, cells, valid, row"


class Row(NamedTuple):
    """One row of a file: the line it begins at, and the fields it sets, as clients see them.

    A row that is not `valid` has only the fields without a fault; `row` is its number below the header. A row that is
    found by its barcode may have no SKU. `stock` is what it says of the stock, a cost as text; `emptied` are the fields
    that it sets because their cells are empty.
    """

    line: int
    sku: str | None
    sku_key: str | None
    fields: dict[str, Any]
    valid: bool
    row: int
    stock: dict[str, Any] = {}
    emptied: tuple[str, ...] = ()


class Pending(NamedTuple):
    """A row to be written, with the id and version of its item, if there is one, and whether it frees its barcode."""

    row: Row
    item_id: int | None
    version: int | None
    frees_barcode: bool


def temporary_database(schema: str) -> sqlite3.Connection:
    """Open a database in a new temporary file, which is deleted when it is closed, by the thread that opened it."""
    rows = sqlite3.connect("", isolation_level=None)
    rows.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; {schema}")
    return rows


class Staging:
    """The rows of one file; to be closed by the thread that opened it, which deletes its temporary file."""

    def __init__(self) -> None:
        self._rows = temporary_database(
            """
            CREATE TABLE rows (
                line INTEGER PRIMARY KEY, sku TEXT, sku_key TEXT, barcode TEXT, valid INTEGER, cells BLOB,
                row INTEGER
            );
            CREATE TABLE pending (
                line INTEGER PRIMARY KEY, chunk INTEGER, item_id INTEGER, version INTEGER, frees_barcode INTEGER
            );
            CREATE TABLE plans (chunk INTEGER PRIMARY KEY, plan BLOB);
            """
        )

    def close(self) -> None:
        self._rows.close()

    def add(self, rows: Iterable[Row]) -> None:
        """Store rows, in one transaction."""
        self._rows.execute("BEGIN")
        self._rows.executemany(
            "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?)",
            ((*row[:3], _barcode(row.fields), row.valid, marshal.dumps(_cells_of(row)), row.row) for row in rows),
        )
        self._rows.execute("CREATE INDEX rows_sku_key ON rows (sku_key)")
        self._rows.execute("CREATE INDEX rows_barcode ON rows (barcode) WHERE barcode > ''")
        self._rows.execute("COMMIT")

    @property
    def rows(self) -> int:
        """How many rows are stored."""
        return self._count("rows")

    @property
    def pending_rows(self) -> int:
        """How many rows are pending."""
        return self._count("pending")

    def _count(self, table: str) -> int:
        [[count]] = self._rows.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - the names are ours
        return int(count)

    def duplicates(self, column: str) -> Iterator[tuple[int, int, str, int]]:
        """Yield line, row, value and line of first use for each row with the `sku` or `barcode` of an earlier row."""
        key = {"sku": "sku_key", "barcode": "barcode"}[column]
        yield from self._rows.execute(
            f"""
            SELECT line, row, {column}, first FROM rows JOIN (
                SELECT {key} AS duplicate_key, min(line) AS first FROM rows
                WHERE {key} > '' GROUP BY {key} HAVING count(*) > 1
            ) ON {key} = duplicate_key WHERE line > first ORDER BY line
            """  # noqa: S608 - the names are ours
        )

    def sets_barcode(self, key: str) -> bool:
        """Return whether a row sets the barcode of the item with this normalized SKU."""
        query = "SELECT 1 FROM rows WHERE sku_key = ? AND barcode IS NOT NULL"
        return self._rows.execute(query, (key,)).fetchone() is not None

    def replaces_barcode(self, key: str, barcode: str) -> bool:
        """Return whether a row gives the item with this normalized SKU another barcode than this one, or none."""
        query = "SELECT 1 FROM rows WHERE sku_key = ? AND barcode <> ?"
        return self._rows.execute(query, (key, barcode)).fetchone() is not None

    def chunks(self) -> Iterator[list[Row]]:
        """Yield all rows in the order of the file, in lists of up to `CHUNK`."""
        query, last = "SELECT {} FROM rows WHERE line > ? ORDER BY line LIMIT ?", 0
        while rows := _rows(self._rows.execute(query.format(_COLUMNS), (last, CHUNK))):
            last = rows[-1].line
            yield rows

    def put_plan(self, chunk: int, plan: object, pending: Iterable[Pending]) -> None:
        """Store the plan for the rows of a chunk that change something or expect something, and these rows."""
        self._rows.execute("BEGIN")
        self._rows.execute("INSERT INTO plans VALUES (?, ?)", (chunk, pickle.dumps(plan)))
        self._rows.executemany(
            "INSERT INTO pending VALUES (?, ?, ?, ?, ?)",
            [(row.line, chunk, item_id, version, frees) for row, item_id, version, frees in pending],
        )
        self._rows.execute("COMMIT")

    def index_pending(self) -> None:
        """Make `versions` and `pending_of` quick, once all plans are stored."""
        self._rows.execute("CREATE INDEX pending_item_id ON pending (item_id, version, chunk)")
        self._rows.execute("CREATE INDEX pending_chunk ON pending (chunk)")

    def plans(self) -> Iterator[tuple[int, Any]]:
        """Yield the chunks that have a plan, each with its plan, in the order of the file."""
        for chunk, plan in self._rows.execute("SELECT chunk, plan FROM plans ORDER BY chunk"):
            yield chunk, pickle.loads(plan)  # noqa: S301 - nobody else can write the file

    def versions(self) -> Iterator[list[tuple[int, int, int]]]:
        """Yield id, version and chunk of the items of pending rows, by id, in lists of up to `CHUNK`."""
        found = self._rows.execute(
            "SELECT item_id, version, chunk FROM pending WHERE item_id IS NOT NULL ORDER BY item_id"
        )
        while versions := found.fetchmany(CHUNK):
            yield versions

    def pending_of(self, chunk: int) -> list[Row]:
        """Return the pending rows of a chunk."""
        query = "SELECT {} FROM pending JOIN rows USING (line) WHERE chunk = ? ORDER BY line"
        return _rows(self._rows.execute(query.format(_COLUMNS), (chunk,)))

    def items_to_free(self) -> list[int]:
        """Return the ids of the items whose barcode a row replaces or removes, in order."""
        query = "SELECT item_id FROM pending WHERE frees_barcode ORDER BY item_id"
        return [item_id for (item_id,) in self._rows.execute(query)]


def _rows(found: Iterable[tuple[Any, ...]]) -> list[Row]:
    return [
        Row(line, sku, key, cells[0], bool(valid), row, *cells[1:])
        for line, sku, key, stored, valid, row in found
        if (cells := marshal.loads(stored))  # noqa: S302 - nobody else can write the file
    ]


def _cells_of(row: Row) -> tuple[Any, ...]:
    """Return what a row has besides its columns in the table; most rows have little."""
    return (row.fields, row.stock, row.emptied) if row.stock or row.emptied else (row.fields,)


def _barcode(fields: dict[str, Any]) -> str | None:
    """Return the barcode that a row sets, "" if it removes it; None if the row does not set it."""
    return fields["barcode"] or "" if "barcode" in fields else None
