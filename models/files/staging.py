"""The staging area of an import: a temporary database on disk, so that a file need not fit into memory."""

import marshal
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

# How many rows are read at a time.
CHUNK = 500


class Row(NamedTuple):
    """One row of a file: the line it begins at, and the fields it sets, as clients see them.

    A row that is not `valid` has only the fields without a fault; `row` is its number below the header. A row that is
    found by its barcode may have no SKU. `stock` may have `quantity`, `expect_quantity` and `reason`; `emptied` are the
    fields that it sets because their cells are empty.
    """

    line: int
    sku: str | None
    sku_key: str | None
    fields: dict[str, Any]
    valid: bool
    row: int
    stock: dict[str, Any] = {}
    emptied: tuple[str, ...] = ()


class Staging:
    """The rows of one file; to be closed by the thread that opened it, which deletes its temporary file."""

    def __init__(self) -> None:
        # With an empty name SQLite opens a database in a new temporary file, and deletes it when closed.
        self._rows = sqlite3.connect("", isolation_level=None)
        self._rows.executescript(
            """
            PRAGMA journal_mode = OFF;
            PRAGMA synchronous = OFF;
            CREATE TABLE rows (
                line INTEGER PRIMARY KEY, sku TEXT, sku_key TEXT, barcode TEXT, valid INTEGER, cells BLOB,
                row INTEGER
            );
            CREATE TABLE pending (position INTEGER PRIMARY KEY, line INTEGER, item_id INTEGER, frees_barcode INTEGER);
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
        """How many rows are pending, once they are in order."""
        return self._count("ordered")

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
        """Return an iterator over all rows in the order of the file, in lists of up to `CHUNK`."""
        return self._chunks(
            "SELECT line, line, sku, sku_key, cells, valid, row FROM rows WHERE line > ? ORDER BY line LIMIT ?"
        )

    def put_pending(self, pending: Iterable[tuple[Row, int | None, bool]]) -> None:
        """Store the rows that change something, each with the id of its item and whether it replaces its barcode."""
        self._rows.execute("BEGIN")
        self._rows.executemany(
            "INSERT INTO pending (line, item_id, frees_barcode) VALUES (?, ?, ?)",
            [(row.line, item_id, frees) for row, item_id, frees in pending],
        )
        self._rows.execute("COMMIT")

    def order_pending(self) -> None:
        """Sort the pending rows by the ids of their items, new items last in the order of the file."""
        self._rows.executescript(
            """
            CREATE TABLE ordered (position INTEGER PRIMARY KEY, line INTEGER, item_id INTEGER, frees_barcode INTEGER);
            INSERT INTO ordered (line, item_id, frees_barcode)
                SELECT line, item_id, frees_barcode FROM pending ORDER BY item_id IS NULL, item_id, line;
            DROP TABLE pending;
            """
        )

    def pending(self) -> Iterator[list[Row]]:
        """Return an iterator over the pending rows as sorted by `order_pending`, in lists of up to `CHUNK`."""
        return self._chunks(
            "SELECT position, line, sku, sku_key, cells, valid, row FROM ordered JOIN rows USING (line) "
            "WHERE position > ? ORDER BY position LIMIT ?"
        )

    def items_to_free(self) -> list[int]:
        """Return the ids of the items whose barcode a row replaces or removes, in order."""
        query = "SELECT item_id FROM ordered WHERE frees_barcode ORDER BY item_id"
        return [item_id for (item_id,) in self._rows.execute(query)]

    def _chunks(self, query: str) -> Iterator[list[Row]]:
        last = 0
        while found := self._rows.execute(query, (last, CHUNK)).fetchall():
            last = found[-1][0]
            yield [
                Row(line, sku, key, cells[0], bool(valid), row, *cells[1:])
                for _, line, sku, key, stored, valid, row in found
                if (cells := marshal.loads(stored))  # noqa: S302 - nobody else can write the file
            ]


def _cells_of(row: Row) -> tuple[Any, ...]:
    """Return what a row has besides its columns in the table; most rows have little."""
    return (row.fields, row.stock, row.emptied) if row.stock or row.emptied else (row.fields,)


def _barcode(fields: dict[str, Any]) -> str | None:
    """Return the barcode that a row sets, "" if it removes it; None if the row does not set it."""
    return fields["barcode"] or "" if "barcode" in fields else None
