"""The staging area of an import of movements: its lines, their items, and what each line did to the stock."""

import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from models.files.staging import temporary_database
from models.stock.lines import Line
from models.values import normalized

# How many lines are applied or recorded at a time; those of one item are applied together.
CHUNK = 1000
# The reason of a line that gives none.
REASON = "import"


class StagedLine(NamedTuple):
    """One line of a file; a line that is not `valid` has only the fields without a fault. `unit_cost` is as text."""

    line: int
    row: int
    valid: bool
    sku: str | None = None
    barcode: str | None = None
    kind: str = ""
    quantity: int = 0
    reason: str = REASON
    reference: str = ""
    expect_quantity: int | None = None
    location: str | None = None
    unit_cost: str | None = None
    occurred_at: datetime | None = None

    def to_line(self) -> Line:
        """Return the movement that is to be recorded."""
        return Line(
            self.kind,
            self.quantity,
            self.reason,
            self.reference,
            sku=self.sku,
            barcode=self.barcode,
            location=self.location,
            expect_quantity=self.expect_quantity,
            occurred_at=self.occurred_at,
            unit_cost=None if self.unit_cost is None else Decimal(self.unit_cost),
        )


class AppliedLine(NamedTuple):
    """A line with where it is, what it does to the stocks of its item, and when."""

    line: StagedLine
    item_id: int
    item_sku: str
    location_id: int | None
    location: str
    delta: int
    quantity_after: int
    location_quantity_after: int
    time: datetime


# The first and the last id of some items.
Items = tuple[int, int]
_FIELDS = ", ".join(StagedLine._fields)
# The columns of what a line does: the fields of an `AppliedLine` behind the line.
_COLUMNS = [name if name != "location" else "location_code" for name in AppliedLine._fields[1:]]
_APPLIED = ", ".join(f"{name} = ?" for name in _COLUMNS)


class MovementStaging:
    """The lines of one file; to be closed by the thread that opened it, which deletes its temporary file."""

    def __init__(self) -> None:
        self._rows = temporary_database(
            """
            CREATE TABLE lines (
                line INTEGER PRIMARY KEY, row INTEGER, valid INTEGER, sku TEXT, barcode TEXT, kind TEXT,
                quantity INTEGER, reason TEXT, reference TEXT, expect_quantity INTEGER, location TEXT, unit_cost TEXT,
                occurred_at TEXT, sku_key TEXT, item_id INTEGER, item_sku TEXT, location_id INTEGER, location_code TEXT,
                delta INTEGER, quantity_after INTEGER, location_quantity_after INTEGER, time TEXT
            );
            CREATE TABLE items (first INTEGER PRIMARY KEY, last INTEGER, versions BLOB, moves BLOB);
            CREATE TABLE plans (part INTEGER PRIMARY KEY, plan BLOB);
            """
        )

    def close(self) -> None:
        self._rows.close()

    @property
    def count(self) -> int:
        """How many lines are stored."""
        [[count]] = self._rows.execute("SELECT count(*) FROM lines")
        return int(count)

    def add(self, lines: Iterable[StagedLine]) -> None:
        """Store lines."""
        places = ", ".join("?" * (len(StagedLine._fields) + 1))
        rows = ((*line[:-1], _text(line.occurred_at), line.sku and normalized(line.sku)) for line in lines)
        self._write(f"INSERT INTO lines ({_FIELDS}, sku_key) VALUES ({places})", rows)  # noqa: S608 - the names are ours
        for column in ("sku_key", "barcode", "item_id"):
            self._rows.execute(f"CREATE INDEX lines_{column} ON lines ({column})")

    def _write(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Execute a statement for each row, in one transaction."""
        self._rows.execute("BEGIN")
        self._rows.executemany(statement, rows)
        self._rows.execute("COMMIT")

    def names(self, column: str) -> Iterator[list[str]]:
        """Yield the different names of items in a column, `sku_key` or `barcode`, in lists of up to `CHUNK`."""
        query = f"SELECT DISTINCT {column} FROM lines WHERE {column} > ? ORDER BY {column} LIMIT ?"  # noqa: S608
        last = ""
        while found := [name for (name,) in self._rows.execute(query, (last, CHUNK))]:
            last = found[-1]
            yield found

    def set_items(self, column: str, ids: Mapping[str, int]) -> None:
        """Set the item of the lines that have these names in a column."""
        rows = [(item_id, name) for name, item_id in ids.items()]
        self._write(f"UPDATE lines SET item_id = ? WHERE {column} = ?", rows)  # noqa: S608

    def forget_items(self) -> None:
        """Forget which items the lines have, and what they do."""
        self._rows.executescript("UPDATE lines SET item_id = NULL; DELETE FROM items; UPDATE plans SET plan = NULL;")

    def without_item(self) -> Iterator[StagedLine]:
        """Yield the lines that name an item which was not found."""
        query = f"SELECT {_FIELDS} FROM lines WHERE item_id IS NULL AND (sku IS NULL) <> (barcode IS NULL)"  # noqa: S608
        return map(_staged_line, self._rows.execute(query))

    def group_items(self) -> None:
        """Divide the items of the lines, in the order of their ids, for `items`.

        A group has `CHUNK` lines, or as many more as its last item has. An item is left out if one of its lines has a
        fault: nobody knows what it would have at the others.
        """
        self._rows.execute("UPDATE lines SET valid = 0 WHERE item_id IN (SELECT item_id FROM lines WHERE NOT valid)")
        query = """
            INSERT INTO items (first, last) SELECT min(item_id), max(item_id) FROM (
                SELECT item_id, (sum(lines) OVER (ORDER BY item_id) - lines) / ? AS chunk FROM (
                    SELECT item_id, count(*) AS lines FROM lines WHERE valid AND item_id IS NOT NULL GROUP BY item_id
                )
            ) GROUP BY chunk
        """
        self._rows.execute(query, (CHUNK,))

    def items(self) -> list[Items]:
        """Return the items of the lines, in the order of their ids, some at a time."""
        return self._rows.execute("SELECT first, last FROM items ORDER BY first").fetchall()

    def item_ids(self, items: Items) -> list[int]:
        """Return the ids of some items."""
        query = "SELECT DISTINCT item_id FROM lines WHERE item_id BETWEEN ? AND ? AND valid ORDER BY item_id"
        return [item_id for (item_id,) in self._rows.execute(query, items)]

    def lines_of(self, items: Items) -> list[StagedLine]:
        """Return the lines of some items, in the order of the file."""
        query = f"SELECT {_FIELDS} FROM lines WHERE item_id BETWEEN ? AND ? AND valid ORDER BY line"  # noqa: S608
        return list(map(_staged_line, self._rows.execute(query, items)))

    def put_applied(
        self, items: Items, lines: Iterable[AppliedLine], versions: Mapping[int, int], moves: object
    ) -> None:
        """Store what the lines of some items do; what is planned for the parts with these lines is discarded.

        `versions` are those that the items had by their ids, `moves` is what is to be written of their stocks.
        """
        rows = [(*applied[1:-1], _text(applied.time), applied.line.line) for applied in lines]
        self._write(f"UPDATE lines SET {_APPLIED} WHERE line = ?", rows)  # noqa: S608 - the names are ours
        self._write("UPDATE plans SET plan = NULL WHERE part = ?", {(row[-1] // CHUNK,) for row in rows})
        stored = (pickle.dumps(versions), pickle.dumps(moves), items[0])
        self._rows.execute("UPDATE items SET versions = ?, moves = ? WHERE first = ?", stored)

    def versions(self, items: Items) -> dict[int, int]:
        """Return the versions of some items, by their ids, to which the lines were applied; none if they were not."""
        return self._stored("versions", items) or {}

    def moves(self, items: Items) -> Any:
        """Return what is to be written of the stocks of some items."""
        return self._stored("moves", items)

    def _stored(self, column: str, items: Items) -> Any:
        [[stored]] = self._rows.execute(f"SELECT {column} FROM items WHERE first = ?", items[:1])  # noqa: S608
        return None if stored is None else pickle.loads(stored)  # noqa: S301 - nobody else can write the file

    def parts(self) -> list[int]:
        """Return the parts of the file that have lines: numbers, in their order."""
        return [part for (part,) in self._rows.execute("SELECT DISTINCT line / ? FROM lines ORDER BY 1", (CHUNK,))]

    def applied(self, part: int) -> list[AppliedLine]:
        """Return the lines of a part, in their order, with what they do."""
        names = ", ".join(_COLUMNS)
        query = f"SELECT {names}, {_FIELDS} FROM lines WHERE line >= ? AND line < ? ORDER BY line"  # noqa: S608
        found = self._rows.execute(query, (part * CHUNK, (part + 1) * CHUNK))
        last = len(_COLUMNS) - 1
        return [
            AppliedLine._make((_staged_line(row[last + 1 :]), *row[:last], datetime.fromisoformat(row[last])))
            for row in found
        ]

    def put_plan(self, part: int, plan: object) -> None:
        """Store what is planned for a part."""
        self._rows.execute("REPLACE INTO plans VALUES (?, ?)", (part, pickle.dumps(plan)))

    def plans(self) -> Iterator[tuple[int, Any]]:
        """Yield the parts of the file in their order, each with what is planned for it; None if that was discarded."""
        for part, plan in self._rows.execute("SELECT part, plan FROM plans ORDER BY part"):
            yield part, None if plan is None else pickle.loads(plan)  # noqa: S301 - nobody else can write the file


def _staged_line(row: Sequence[Any]) -> StagedLine:
    return StagedLine._make((*row[:-1], row[-1] and datetime.fromisoformat(row[-1])))


def _text(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
