"""Where the rows of an import wait: a private database on disk, so that no file is too large for the memory."""

import marshal
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

CHUNK = 500


class Row(NamedTuple):
    """One row of a file: the line it begins at, and the fields it sets, as clients see them.

    Of a row that is not `sound`, only the fields without a fault are here.
    """

    line: int
    sku: str
    sku_key: str
    fields: dict[str, Any]
    valid: bool


class Staging:
    """The rows of one file; close it in the thread that opened it, and its file is gone."""

    def __init__(self) -> None:
        # The empty name is SQLite's for a database in a temporary file of its own, deleted when it is closed.
        self._rows = sqlite3.connect("", isolation_level=None)
        self._rows.executescript(
            """
            PRAGMA journal_mode = OFF;
            PRAGMA synchronous = OFF;
            CREATE TABLE rows (
                line INTEGER PRIMARY KEY, sku TEXT, sku_key TEXT, barcode TEXT, sound INTEGER, fields BLOB
            );
            CREATE TABLE due (place INTEGER PRIMARY KEY, line INTEGER, item_id INTEGER, frees_barcode INTEGER);
            """
        )

    def close(self) -> None:
        self._rows.close()

    def add(self, rows: Iterable[Row]) -> None:
        """Store rows, all at once."""
        self._rows.execute("BEGIN")
        self._rows.executemany(
            "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?)",
            ((*row[:3], _barcode(row.fields), row.valid, marshal.dumps(row.fields)) for row in rows),
        )
        self._rows.execute("CREATE INDEX rows_sku_key ON rows (sku_key)")
        self._rows.execute("CREATE INDEX rows_barcode ON rows (barcode) WHERE barcode > ''")
        self._rows.execute("COMMIT")

    def duplicates(self, column: str) -> Iterator[tuple[int, str, int]]:
        """Of every row whose `sku` or `barcode` an earlier row has: its line, the value, the line of the first."""
        key = {"sku": "sku_key", "barcode": "barcode"}[column]
        yield from self._rows.execute(
            f"""
            SELECT line, {column}, first FROM rows JOIN (
                SELECT {key} AS twin_key, min(line) AS first FROM rows
                WHERE {key} > '' GROUP BY {key} HAVING count(*) > 1
            ) ON {key} = twin_key WHERE line > first ORDER BY line
            """  # noqa: S608 - the names are ours
        )

    def sets_barcode(self, key: str) -> bool:
        """Whether a row sets the barcode of the item with this folded SKU."""
        query = "SELECT 1 FROM rows WHERE sku_key = ? AND barcode IS NOT NULL"
        return self._rows.execute(query, (key,)).fetchone() is not None

    def chunks(self) -> Iterator[list[Row]]:
        """All the rows, in the order of the file, some at a time."""
        return self._chunks(
            "SELECT line, line, sku, sku_key, fields, sound FROM rows WHERE line > ? ORDER BY line LIMIT ?"
        )

    def put_pending(self, pending: Iterable[tuple[Row, int | None, bool]]) -> None:
        """Remember which rows have something to do, to which item, and whether it gives up its barcode."""
        self._rows.execute("BEGIN")
        self._rows.executemany(
            "INSERT INTO due (line, item_id, frees_barcode) VALUES (?, ?, ?)",
            [(row.line, item_id, frees) for row, item_id, frees in pending],
        )
        self._rows.execute("COMMIT")

    def order_pending(self) -> None:
        """Put the rows that are due into the order of their items' ids, new items last in the order of the file."""
        self._rows.executescript(
            """
            CREATE TABLE ordered (place INTEGER PRIMARY KEY, line INTEGER, item_id INTEGER, frees_barcode INTEGER);
            INSERT INTO ordered (line, item_id, frees_barcode)
                SELECT line, item_id, frees_barcode FROM due ORDER BY item_id IS NULL, item_id, line;
            DROP TABLE due;
            """
        )

    def pending(self) -> Iterator[list[Row]]:
        """The rows that are due, ordered, some at a time."""
        return self._chunks(
            "SELECT place, line, sku, sku_key, fields, sound FROM ordered JOIN rows USING (line) "
            "WHERE place > ? ORDER BY place LIMIT ?"
        )

    def freeing(self) -> list[int]:
        """The ids of the items that give up a barcode, in order."""
        query = "SELECT item_id FROM ordered WHERE frees_barcode ORDER BY item_id"
        return [item_id for (item_id,) in self._rows.execute(query)]

    def _chunks(self, query: str) -> Iterator[list[Row]]:
        last = 0
        while found := self._rows.execute(query, (last, CHUNK)).fetchall():
            last = found[-1][0]
            yield [
                Row(line, sku, key, marshal.loads(fields), bool(valid))  # noqa: S302 - nobody else can write the file
                for _, line, sku, key, fields, valid in found
            ]


def _barcode(fields: dict[str, Any]) -> str | None:
    """The barcode that a row sets, empty if it takes it away; None if it leaves it alone."""
    return fields["barcode"] or "" if "barcode" in fields else None
