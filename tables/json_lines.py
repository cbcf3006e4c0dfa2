"""JSON lines: an object on each line, whose members are typed and exact, so that only their names may be mapped."""

from typing import Any, TextIO

from tables.csv_reader import MAX_LINE
from tables.header import MAX_COLUMNS, Naming
from tables.records import JsonParser, Record, RecordFault, Records

# How many different names are remembered of a file.
REMEMBERED = 10_000


def read_json_lines(file: TextIO, members: "Members", parse: JsonParser) -> Records:
    """Yield the objects of a file that has one on each line; blank lines are skipped."""
    line = 0
    while text := file.readline(MAX_LINE):
        line += 1
        if len(text) == MAX_LINE:
            message = f"The file can't be read from here on: a line has more than {MAX_LINE} characters"
            yield RecordFault(line, line, "", "", "malformed_json", message)
            return
        if not text.strip():
            continue
        try:
            value = parse(text.strip())
        except ValueError as error:
            yield RecordFault(line, line, "", text.strip(), "malformed_json", f"The line {error}")
            continue
        if not isinstance(value, dict):
            yield RecordFault(line, line, "", text.strip(), "not_an_object", "The line must be a JSON object")
        elif (named := members.of(value)) is not None:
            yield Record(line, line, named)
        else:
            yield RecordFault(line, line, "", text.strip(), "repeated", "The line names a field twice")


class Members:
    """The members of objects by our names; those that have none are left out if the file may have more.

    `columns` has the fields by the names in the file that were others.
    """

    def __init__(self, naming: Naming) -> None:
        self._naming = naming
        self._former = naming.columns.former
        self._exact = not (naming.given or naming.ignore_extra)
        self._fields: dict[str, str | None] = {}
        self.columns: dict[str, str] = {}

    def of(self, value: dict[str, Any]) -> dict[str, Any] | None:
        """Return an object with the fields as names, or None if two of its names stand for one field."""
        if self._exact and value.keys().isdisjoint(self._former):
            return value
        found = [(field, member) for name, member in value.items() if (field := self._field_of(name)) is not None]
        members = dict(found)
        return members if len(members) == len(found) else None

    def _field_of(self, name: str) -> str | None:
        if name not in self._fields:
            if len(self._fields) >= REMEMBERED:
                self._fields.clear()
            found = self._fields[name] = self._find(name)
            if found is not None and found != name and len(self.columns) < MAX_COLUMNS:
                self.columns[name] = found
        return self._fields[name]

    def _find(self, name: str) -> str | None:
        if self._exact:
            return self._former.get(name, name)
        return self._naming.field_of(name) or (None if self._naming.ignore_extra else name)
