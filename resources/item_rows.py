"""The rows of an import: cells of a table, or members of JSON lines, converted by the request schemas of items."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from typing import Any

from api.requests.bodies import InvalidJson, parse_json
from api.requests.text import truncate
from api.requests.types import InvalidValue, InvalidValues
from api.requests.unknown import FORMER, MAX_UNKNOWN, unknown
from models.files.bulk import BLANK
from models.files.row_faults import VALUE_LENGTH, RowFault
from models.files.staging import Row
from models.refusals import MAX_FAULTS
from models.stock.item_fields import FILE_COLUMNS
from models.values import money, normalized
from resources.item_parsers import create_parser
from tables.cells import Cell, WrongCell, code_text, plain_text
from tables.header import key_of, quoted
from tables.numbers import NumberFormat
from tables.reading import Table
from tables.records import CellFault, Columns, Record, RecordFault

# The columns of the import are those of the export, so that an exported file can be imported; also one of before.
COLUMNS = FILE_COLUMNS
REQUIRED = ("sku",)
TABLE = Columns(COLUMNS, REQUIRED, FORMER)
# The values of empty cells; an empty quantity is left out, so the stock stays.
EMPTY = {**BLANK, "quantity": None}

# Columns whose values are often repeated.
REPETITIVE = [name for name in COLUMNS if name not in ("sku", "name", "description", "barcode")]
CACHE_SIZE, SHORT = 4096, 100

# The function of each column that converts a value to a field; it raises InvalidValues.
Readers = Mapping[str, Callable[[Any], Any]]


def rows_of(table: Table, readers: Readers, faults: list[RowFault]) -> Iterator[Row]:
    """Yield the rows of a table, converted by `readers`; errors are added to `faults`."""
    for record in table.records():
        if isinstance(record, RecordFault):
            line, row, column, value, code, message = record
            name = truncate(column)
            faults.append(RowFault(line, name, _truncated(value), code, f"{name} {message}".lstrip(), row))
        else:
            fields, wrong = _fields_of(record, readers)
            if wrong:
                faults += _with_names_of_file(wrong, table.name_of)
            if "sku" in fields:
                sku = fields.pop("sku")
                yield Row(record.line, sku, normalized(sku), fields, not wrong, record.row)
        if len(faults) >= MAX_FAULTS:
            return


def _fields_of(record: Record, readers: Readers) -> tuple[dict[str, Any], list[RowFault]]:
    """Return the valid fields, and the errors of the others."""
    faults: list[RowFault] = []
    try:
        fields = {name: readers[name](value) for name, value in record.values.items()}
    except (KeyError, InvalidValues):  # rare, so only then is each value converted by itself
        fields = dict(_one_by_one(record, readers, faults))
    if fields.get("quantity", 0) is None:
        del fields["quantity"]
    faults += [
        RowFault(record.line, name, "", "required", f"{name} is required", record.row)
        for name in REQUIRED
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
                fault = unknown(name, COLUMNS, "unknown_column", "column")
                raise InvalidValue(fault.code, str(fault))
            yield name, readers[name](value)
        except InvalidValues as error:
            shown = truncate(name)
            faults += [
                RowFault(record.line, shown, _truncated(value), found.code, f"{found.part} {found}", record.row)
                for found in error.within(shown)
            ]


def _with_names_of_file(faults: list[RowFault], names: Mapping[str, str]) -> Iterator[RowFault]:
    """Yield the same errors; their messages begin with the name in the file, where that is not the field's."""
    for fault in faults:
        name = names.get(fault.column, fault.column)
        known = key_of(name) == key_of(fault.column)
        yield fault if known else replace(fault, message=f"{quoted(name)}: {fault.message}")


def _tags(text: str) -> Any:
    return create_parser.fields["tags"].type(text.split("|"))


def _attributes(text: str) -> Any:
    try:
        return create_parser.fields["attributes"].type(parse_json(text))
    except InvalidJson as error:
        raise InvalidValue("malformed_json", str(error)) from None


def _cell_reader(name: str, text_of: Callable[[Cell], str]) -> Callable[[Cell], Any]:
    """Return the function that reads a cell of one column, whose text `text_of` takes from it."""
    parse = _of_text.get(name) or create_parser.fields[name].type.from_text
    has_blank = name in EMPTY

    def read(cell: Cell) -> Any:
        try:
            text = text_of(cell)
            return parse(text) if text or not has_blank else EMPTY[name]
        except CellFault as fault:
            raise InvalidValue(fault.code, str(fault)) from None
        except InvalidValue as error:
            raise _in_words(error, text) from None

    return read


def _in_words(error: InvalidValue, text: str) -> InvalidValue:
    """Return the error of a cell in the words of people who have it in a spreadsheet."""
    if error.code == "too_short" and not text:
        return InvalidValue(error.code, "is empty")
    if error.code == "bad_characters":
        words = (
            "has a line break" if {"\r", "\n"} & {*text} else "has a character that nobody sees, a control character"
        )
        return InvalidValue(error.code, words)
    return error


def _cached(readers: Mapping[str, Callable[[Any], Any]]) -> Readers:
    """Return the same readers with a cache of short texts."""
    return {**readers, **{name: _cache(readers[name]) for name in REPETITIVE}}


def _cache(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    cached = lru_cache(CACHE_SIZE)(read)
    return lambda value: cached(value) if type(value) is str and len(value) <= SHORT else read(value)


# The readers of the members of a JSON object.
_of_value = {"price": lambda value: money(create_parser.fields["price"].convert(value))}
_of_text = {"price": lambda text: money(create_parser.fields["price"].type.from_text(text)), "tags": _tags}
_of_text["attributes"] = _attributes
MEMBERS = _cached({name: _of_value.get(name) or create_parser.fields[name].convert for name in COLUMNS})


@lru_cache(16)
def cell_readers(numbers: NumberFormat) -> Readers:
    """Return the readers of the cells of a table in which numbers are written so."""
    text_of: dict[str, Callable[[Cell], str]] = {
        **dict.fromkeys(("sku", "barcode"), code_text),
        **dict.fromkeys(("quantity", "reorder_level"), numbers.whole),
        "price": numbers.amount,
        "description": plain_text,
    }
    return _cached({name: _cell_reader(name, text_of.get(name, _line_of)) for name in COLUMNS})


def _line_of(cell: Cell) -> str:
    """Return the text of a cell without blanks around it, which nobody sees."""
    return plain_text(cell).strip()


def _truncated(value: Any) -> str:
    if isinstance(value, WrongCell):
        return truncate(value.text, VALUE_LENGTH)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return truncate(text[:VALUE_LENGTH], VALUE_LENGTH)
