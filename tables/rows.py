"""The rows below a header as records: blank ones, headers repeated, wrong lengths, and the quirks of a preset."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter

from tables.cells import Cell
from tables.header import Header, key_of
from tables.presets import Preset
from tables.records import Record, RecordFault

ANY = "*"
# The line and the cells of one row.
Row = tuple[int, Sequence[Cell]]


class Rows:
    """The rows of one table below its header; `row` is the number of the last one that was read.

    `blank` counts the blank ones, `skipped` those that the preset leaves out, as those without a value in the column
    `key`.
    """

    def __init__(self, header: Header, preset: Preset | None, key: str) -> None:
        self.header = header
        self.row = self.skipped = self.blank = 0
        self._quirks = Quirks(header, preset, key) if preset else None

    def records(self, rows: Iterable[Row]) -> Iterator[Record | RecordFault]:
        """Yield a record or an error for each row that is not blank."""
        names = self.header.names
        width, fields = len(names), list(self.header.positions)
        places = list(self.header.positions.values())
        pick = _picker(places)
        quirks = self._quirks
        for row, (line, cells) in enumerate(rows, 1):
            self.row = row
            if not any(cells):
                self.blank += 1
                continue
            if len(cells) < width or any(cells[width:]):
                message = f"The row has {len(cells)} cells, the header {width}; is a delimiter missing, or a quote?"
                yield RecordFault(line, row, "", str(cells[0]), "wrong_length", message)
            elif cells[0] == names[0] and list(cells[:width]) == names:
                message = "The header stands here again: two files were joined; delete this line"
                yield RecordFault(line, row, "", names[0], "header_repeated", message)
            elif quirks is None:
                yield Record(line, row, dict(zip(fields, pick(cells), strict=False)))
            elif (changed := quirks.applied(list(cells))) is not None:
                yield Record(line, row, dict(zip(fields, pick(changed), strict=False)))
            else:
                self.skipped += 1


def _picker(places: Sequence[int]) -> Callable[[Sequence[Cell]], Iterable[Cell]]:
    """Return a function that takes the cells at some places out of a row."""
    if list(places) == list(range(len(places))):
        return lambda cells: cells
    if len(places) == 1:
        return lambda cells: (cells[places[0]],)
    return itemgetter(*places)


class Quirks:
    """The quirks of a preset, bound to the columns of a file."""

    def __init__(self, header: Header, preset: Preset, key: str) -> None:
        place = {key_of(name): position for position, name in reversed(list(enumerate(header.names)))}
        self._key = header.positions[key]
        self._tags = (header.positions.get("tags"), preset.tags)
        self._empty = frozenset(preset.empty)
        self._skip = [
            (place[key_of(name)], frozenset(values)) for name, values in preset.skip.items() if key_of(name) in place
        ]
        by, columns = (preset.fill.by, preset.fill.columns) if preset.fill else ((), ())
        self._by = next((place[key_of(name)] for name in by if key_of(name) in place), None)
        self._filled = [place[key_of(name)] for name in columns if key_of(name) in place]
        self._before: list[Cell] = []

    def applied(self, cells: list[Cell]) -> list[Cell] | None:
        """Return the cells of a row as other files have them, or None for a row that is left out."""
        if self._empty:
            cells = ["" if cell in self._empty else cell for cell in cells]
        if self._by is not None:
            self._fill(cells)
        key = cells[self._key]
        if isinstance(key, str) and not key.strip():
            return None
        if any(cells[place] and (ANY in values or cells[place] in values) for place, values in self._skip):
            return None
        place, separator = self._tags
        if place is not None and separator and isinstance(tags := cells[place], str):
            parts = {tag.casefold(): tag for part in tags.split(separator) if (tag := part.strip())}
            cells[place] = "|".join(parts.values())
        return cells

    def _fill(self, cells: list[Cell]) -> None:
        """Fill what the first row of the same thing has and the others leave out."""
        before, self._before = self._before, cells
        if self._by is None or not before or before[self._by] != cells[self._by]:
            return
        for place in self._filled:
            cells[place] = cells[place] or before[place]
