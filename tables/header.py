"""The header of a table: which of its columns has which of our fields, and what is wrong with it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from tables.presets import PRESETS, Preset
from tables.records import Columns, InvalidOption, RecordFault

MAX_COLUMNS = 200
# How many names a message lists.
LISTED = 10


def key_of(name: str) -> str:
    """Return what a name is compared by: case, blanks around it, and which of `_`, `-` and blank stands inside."""
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()


def quoted(name: str) -> str:
    """Return a name from outside, at most 64 characters of it and printable, for a message."""
    return repr(name if len(name) <= 64 else f"{name[:64]}…")


@dataclass(frozen=True, slots=True)
class Naming:
    """How the columns of a file are named: by ours, also former ones, or a preset's, but first by the given ones.

    `given` has fields by the names of the file; with `ignore_extra` columns of other names are left out.
    """

    columns: Columns
    given: Mapping[str, str]
    preset: Preset | None
    ignore_extra: bool
    _ours: dict[str, str] = field(init=False, default_factory=dict)
    _given: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        ours = {**self.columns.former, **{name: name for name in self.columns.names}}
        known = self.preset.columns if self.preset else ours
        self._ours.update({key_of(name): field for name, field in known.items()})
        self._given.update({key_of(name): field for name, field in self.given.items()})

    def field_of(self, name: str) -> str | None:
        """Return the field of one column by its name alone."""
        key = key_of(name)
        found = self._given.get(key) or self._ours.get(key)
        if found is None and self.preset:
            starts = ((start[:-1], field) for start, field in self._ours.items() if start.endswith("*"))
            found = next((field for start, field in starts if key.startswith(start)), None)
        return found

    def score(self, names: Sequence[str]) -> tuple[int, int]:
        """Return how well names fit a header: how many are known, and how many there are."""
        return len({found for name in names[:MAX_COLUMNS] if (found := self.field_of(name))}), len(names)

    def is_header(self, names: Sequence[str]) -> bool:
        """Return whether names are a header: all that is required is among them, and another known name."""
        fields = {self.field_of(name) for name in names[:MAX_COLUMNS]}
        return set(self.columns.required) <= fields and (len(names) == 1 or len(fields - {None}) > 1)


@dataclass(slots=True)
class Header:
    """The header of a file: the position of each field, and the names of the file by which it was found."""

    names: list[str]
    positions: dict[str, int]
    faults: list[RecordFault]
    claimed: set[int]  # the positions of columns that have a field, one given twice included

    @property
    def columns(self) -> dict[str, str]:
        """The fields by their names in the file."""
        return {self.names[position]: field for field, position in self.positions.items()}

    @property
    def others(self) -> list[str]:
        """The names of the columns without a field, at most as many as a header may have."""
        names = (name for place, name in enumerate(self.names) if place not in self.claimed and name.strip())
        return [*dict.fromkeys(names)][:MAX_COLUMNS]


def read_header(names: Sequence[str], naming: Naming, line: int, title: int | None = None) -> Header:
    """Return the header with these names, and with its faults; `title` is the line of the real header below it.

    Raises InvalidOption where a given name is not there.
    """
    names = list(names)
    while names and not names[-1].strip():
        names.pop()
    header = Header(names, {}, [], set())
    if not names:
        message = "The file is empty; its first line must name the columns"
        header.faults = [RecordFault(line, 0, "", "", "required", message)]
    elif len(names) > MAX_COLUMNS:
        message = f"The header has {len(names)} columns; at most {MAX_COLUMNS} are read"
        header.faults = [RecordFault(line, 0, "", "", "too_many_columns", message)]
    elif title is not None:
        text = f"Line {line} is not the header, which seems to be line {title}: delete the lines above it"
        header.faults = [RecordFault(line, 0, "", names[0], "title_above_header", text)]
    else:
        _check_given(names, naming)
        header.faults = [
            RecordFault(line, 0, *fault) for fault in (*_take(header, naming), *_faults_of_names(header, naming))
        ]
    return header


Fault = tuple[str, str, str, str]  # column, value, code, message


def _take(header: Header, naming: Naming) -> Iterator[Fault]:
    """Find the position of each field; yield a fault for a field that two columns claim."""
    by_field: dict[str, list[int]] = {}
    for position, name in enumerate(header.names):
        if found := naming.field_of(name):
            by_field.setdefault(found, []).append(position)
    given = {key_of(name) for name in naming.given}
    order = [key_of(name) for name in naming.preset.columns] if naming.preset else []
    for found, positions in by_field.items():
        chosen = [position for position in positions if key_of(header.names[position]) in given] or positions
        exact = [position for position in chosen if key_of(header.names[position]) in order]
        if naming.preset and exact:
            first = min(exact, key=lambda position: order.index(key_of(header.names[position])))
            chosen = [position for position in exact if key_of(header.names[position]) == key_of(header.names[first])]
        if len(chosen) > 1:
            shown = " and ".join(f"{quoted(header.names[place])} (column {place + 1})" for place in chosen[:2])
            words = f"must be named once; the header has {shown}"
            yield found, header.names[chosen[1]], "repeated", words
        header.positions[found] = chosen[0]
        header.claimed.update(chosen)


def _faults_of_names(header: Header, naming: Naming) -> Iterator[Fault]:
    """Yield what is missing, and in one fault what is too much."""
    hint = _preset_that_fits(header.names, naming.columns) if naming.preset is None else ""
    for name in naming.columns.required:
        if name not in header.positions:
            yield name, "", "required", f"is missing among the columns{hint}"
    one_of = naming.columns.one_of
    if one_of and header.positions.keys().isdisjoint(one_of):
        yield one_of[0], "", "required", f"or {' or '.join(one_of[1:])} is missing among the columns{hint}"
    extra = [] if naming.ignore_extra else [place for place in range(len(header.names)) if place not in header.claimed]
    if not extra:
        return
    listed = [_in_words(header, place, naming) for place in extra[:LISTED]]
    name = next((name for place in extra if (name := header.names[place].strip())), "")
    if len(extra) == 1 and not name:
        words = f"The {listed[0]} has to be named, or deleted"
    elif len(extra) == 1:
        near = listed[0].removeprefix(quoted(name)).strip(" ()")
        words = f"is not a column of this table; {near or 'known are ' + ', '.join(naming.columns.names)}"
    else:
        more = f"and {len(extra) - 1} more" if name else f"{len(extra)} columns"
        words = f"{more} are not columns of this table: {', '.join(listed)}{', …' if len(extra) > LISTED else ''}"
    ways = "extra_columns=ignore leaves such columns out, columns=NAME:FIELD names their fields"
    yield name, name, "unknown_column", f"{words}{hint}; {ways}"


def _in_words(header: Header, place: int, naming: Naming) -> str:
    """Return a column without a field in words, with the nearest known name that no other column has."""
    name = header.names[place].strip()
    if not name:
        return f"column {place + 1} without a name"
    free = [known for known in naming.columns.names if known not in header.positions]
    near = get_close_matches(key_of(name[:100]), free, n=1)
    return quoted(name) + (f" (did you mean {near[0]!r}?)" if near else "")


def _preset_that_fits(names: Sequence[str], columns: Columns) -> str:
    """Return words about the preset whose export has such a header, or nothing where none has our columns."""
    keys = {key_of(name) for name in names}
    for name, preset in PRESETS.items():
        if keys.issuperset(map(key_of, preset.signature)) and {*preset.columns.values()} <= {*columns.names}:
            return f"; this looks like a {preset.title}: add preset={name}"
    return ""


def _check_given(names: Sequence[str], naming: Naming) -> None:
    """Raise InvalidOption for a given name that the file does not have."""
    there = {key_of(name): name for name in names}
    for name in naming.given:
        if key_of(name) not in there:
            near = get_close_matches(key_of(name[:100]), there, n=1)
            hint = f"; did you mean {quoted(there[near[0]])}?" if near else ""
            raise InvalidOption(
                "columns", "unknown_column", f"names {quoted(name)}, which the file does not have{hint}"
            )
