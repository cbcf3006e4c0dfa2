"""The rows of a file: the records of its table, each value converted by the reader of its column."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from typing import Any

from api.requests.text import truncate
from api.requests.types import InvalidValue, InvalidValues
from api.requests.unknown import MAX_UNKNOWN, unknown
from models.files.row_faults import VALUE_LENGTH, Faults, RowFault
from tables.cells import Cell, WrongCell, plain_text
from tables.header import key_of, quoted
from tables.reading import Table
from tables.records import CellFault, Record, RecordFault

# What a reader returns for an empty cell, and for one that is not looked at. Most columns may be empty.
BLANK_CELL = ...
CACHE_SIZE, SHORT = 4096, 100

# The function of each column that converts a value to a field; it raises InvalidValues.
Reader = Callable[[Any], Any]
Readers = Mapping[str, Reader]
# The function that yields the errors of fields together.
Check = Callable[[Mapping[str, Any]], Iterable[InvalidValue]]


def fields_of_records(
    table: Table, readers: Readers, required: Sequence[str], faults: Faults, check: Check = lambda _: ()
) -> Iterator[tuple[Record, dict[str, Any], bool]]:
    """Yield each record of a table with its valid fields, and whether it has no errors; these are added to `faults`.

    `required` are the columns that each record must have; `check` yields the errors of fields together.
    """
    for record in table.records():
        if isinstance(record, RecordFault):
            line, row, column, value, code, message = record
            name = truncate(column)
            faults.add([RowFault(line, name, _truncated(value), code, f"{name} {message}".lstrip(), row)])
        else:
            fields, wrong = _fields_of(record, readers, required)
            if not wrong:
                wrong = [_fault(record, each.part, record.values.get(each.part, ""), each) for each in check(fields)]
            if wrong:
                faults.add(_with_names_of_file(wrong, table.name_of))
            yield record, fields, not wrong
        if faults and faults.are_too_many:
            return


def _fields_of(record: Record, readers: Readers, required: Sequence[str]) -> tuple[dict[str, Any], list[RowFault]]:
    """Return the valid fields, and the errors of the others."""
    faults: list[RowFault] = []
    try:
        fields = {name: readers[name](value) for name, value in record.values.items()}
    except (KeyError, InvalidValues):  # rare, so only then is each value converted by itself
        fields = dict(_one_by_one(record, readers, faults))
    faults += [
        RowFault(record.line, name, "", "required", f"{name} is required", record.row)
        for name in required
        if name not in record.values
    ]
    return fields, faults


def _one_by_one(record: Record, readers: Readers, faults: list[RowFault]) -> Iterator[tuple[str, Any]]:
    """Yield the valid fields; the errors of the others are added to `faults`, up to `MAX_UNKNOWN` for unknown names."""
    known = {name: value for name, value in record.values.items() if name in readers}
    others = ((name, value) for name, value in record.values.items() if name not in readers)
    for name, value in (*known.items(), *islice(others, MAX_UNKNOWN)):
        try:
            if name not in readers:
                fault = unknown(name, readers, "unknown_column", "column")
                raise InvalidValue(fault.code, str(fault))
            yield name, readers[name](value)
        except InvalidValues as error:
            column = truncate(name)
            faults += [_fault(record, column, value, found) for found in error.within(column)]


def _fault(record: Record, column: str, value: Any, error: InvalidValue) -> RowFault:
    return RowFault(record.line, column, _truncated(value), error.code, f"{error.part} {error}", record.row)


def _with_names_of_file(faults: list[RowFault], names: Mapping[str, str]) -> Iterator[RowFault]:
    """Yield the same errors; their messages begin with the name in the file, where that is not the field's."""
    for fault in faults:
        name = names.get(fault.column, fault.column)
        known = key_of(name) == key_of(fault.column)
        yield fault if known else replace(fault, message=f"{quoted(name)}: {fault.message}")


def cell_reader(text_of: Callable[[Cell], str], parse: Reader, *, may_be_empty: bool) -> Reader:
    """Return the function that reads a cell, whose text `text_of` takes from it and `parse` converts."""

    def read(cell: Cell) -> Any:
        try:
            text = text_of(cell)
            return parse(text) if text or not may_be_empty else BLANK_CELL
        except CellFault as fault:
            raise InvalidValue(fault.code, str(fault)) from None
        except InvalidValue as error:
            raise _in_words(error, text) from None

    return read


def _in_words(error: InvalidValue, text: str) -> InvalidValue:
    """Return the error of a cell in the words of people who have it in a spreadsheet."""
    if not text:
        return InvalidValue(error.code, "is empty")
    if error.code == "bad_characters":
        words = (
            "has a line break" if {"\r", "\n"} & {*text} else "has a character that nobody sees, a control character"
        )
        return InvalidValue(error.code, words)
    return error


def cached(names: Iterable[str], readers: Readers) -> Readers:
    """Return the same readers, those of the columns `names` with a cache of short texts."""
    return {**readers, **{name: _cache(readers[name]) for name in names}}


def _cache(read: Reader) -> Reader:
    from_cache = lru_cache(CACHE_SIZE)(read)
    return lambda value: from_cache(value) if type(value) is str and len(value) <= SHORT else read(value)


def null_is_empty(read: Reader) -> Reader:
    """Return the reader for which null is an empty cell."""
    return lambda value: BLANK_CELL if value is None else read(value)


def text_of_line(cell: Cell) -> str:
    """Return the text of a cell without blanks around it, which nobody sees."""
    return plain_text(cell).strip()


def _truncated(value: Any) -> str:
    if isinstance(value, WrongCell):
        return truncate(value.text, VALUE_LENGTH)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return truncate(text[:VALUE_LENGTH], VALUE_LENGTH)
