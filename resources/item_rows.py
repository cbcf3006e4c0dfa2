"""The rows of an import: cells of a table, or members of JSON lines, converted by the request schemas of items."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from typing import Any

from api.requests.bodies import InvalidJson, parse_json
from api.requests.fields import Field
from api.requests.text import Text, truncate
from api.requests.types import Integer, InvalidValue, InvalidValues
from api.requests.unknown import FORMER, MAX_UNKNOWN, unknown
from models.files.bulk import BLANK
from models.files.row_faults import VALUE_LENGTH, Faults, RowFault
from models.files.rules import MATCH, Rules
from models.files.staging import Row
from models.stock.item_fields import FILE_COLUMNS, MAX_QUANTITY
from models.values import money, normalized
from resources.item_parsers import create_parser
from tables.cells import Cell, WrongCell, code_text, plain_text
from tables.header import key_of, quoted
from tables.numbers import NumberFormat
from tables.reading import NDJSON, Table
from tables.records import CellFault, Columns, Record, RecordFault

# What a row says about the stock; the other columns are fields of the item.
OF_STOCK = ("quantity", "expect_quantity", "reason")
MORE_FIELDS = (
    Field("expect_quantity", Integer(0, MAX_QUANTITY), nullable=True),
    Field("reason", Text(500, 1), nullable=True),
)
# The columns of the export, so that an exported file can be imported, and those of the import.
COLUMNS = FILE_COLUMNS
IMPORT_COLUMNS = (*COLUMNS, *(field.name for field in MORE_FIELDS))
# The table, which may have columns of before, by the column that finds the item of a row.
TABLES = {match: Columns(IMPORT_COLUMNS, (match,), FORMER) for match in MATCH}
# What a reader returns for an empty cell, and for one that is not looked at. Most columns may be empty.
BLANK_CELL = ...

# Columns whose values are often repeated.
REPETITIVE = [name for name in IMPORT_COLUMNS if name not in ("sku", "name", "description", "barcode", "reason")]
CACHE_SIZE, SHORT = 4096, 100

# The function of each column that converts a value to a field; it raises InvalidValues.
Reader = Callable[[Any], Any]
Readers = Mapping[str, Reader]


class ZeroIfNegative(Integer):
    """A quantity that is 0 if the file has a negative one."""

    def __init__(self) -> None:
        super().__init__(-MAX_QUANTITY, MAX_QUANTITY)

    def __call__(self, value: Any) -> int:
        return max(0, super().__call__(value))


def rows_of(table: Table, rules: Rules, faults: Faults) -> Iterator[Row]:
    """Yield the rows of a table; errors are added to `faults`."""
    readers = member_readers(rules) if table.format == NDJSON else cell_readers(table.numbers, rules)
    for record in table.records():
        if isinstance(record, RecordFault):
            line, row, column, value, code, message = record
            name = truncate(column)
            faults.add([RowFault(line, name, _truncated(value), code, f"{name} {message}".lstrip(), row)])
        else:
            fields, wrong = _fields_of(record, readers, rules.match)
            if wrong:
                faults.add(_with_names_of_file(wrong, table.name_of))
            if rules.match in fields:
                yield _row(record, fields, not wrong, rules)
        if faults and faults.are_too_many:
            return


def _row(record: Record, fields: dict[str, Any], valid: bool, rules: Rules) -> Row:
    """Return the row with these fields, its empty cells kept or emptied as the rules say."""
    emptied: tuple[str, ...] = ()
    if BLANK_CELL in fields.values():
        blank = [name for name, value in fields.items() if value is BLANK_CELL]
        emptied = () if rules.empty == "keep" else tuple(name for name in blank if name in BLANK)
        for name in blank:
            if name in emptied:
                fields[name] = BLANK[name]
            else:
                del fields[name]
    stock = {name: fields.pop(name) for name in OF_STOCK if name in fields}
    sku = fields.pop("sku", None)
    return Row(record.line, sku, None if sku is None else normalized(sku), fields, valid, record.row, stock, emptied)


def _fields_of(record: Record, readers: Readers, required: str) -> tuple[dict[str, Any], list[RowFault]]:
    """Return the valid fields, and the errors of the others."""
    faults: list[RowFault] = []
    try:
        fields = {name: readers[name](value) for name, value in record.values.items()}
    except (KeyError, InvalidValues):  # rare, so only then is each value converted by itself
        fields = dict(_one_by_one(record, readers, faults))
    if required not in record.values:
        faults.append(RowFault(record.line, required, "", "required", f"{required} is required", record.row))
    return fields, faults


def _one_by_one(record: Record, readers: Readers, faults: list[RowFault]) -> Iterator[tuple[str, Any]]:
    """Yield the valid fields; the errors of the others are added to `faults`, up to `MAX_UNKNOWN` for unknown names."""
    known = {name: value for name, value in record.values.items() if name in readers}
    others = ((name, value) for name, value in record.values.items() if name not in readers)
    for name, value in (*known.items(), *islice(others, MAX_UNKNOWN)):
        try:
            if name not in readers:
                fault = unknown(name, IMPORT_COLUMNS, "unknown_column", "column")
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


def _cell_reader(text_of: Callable[[Cell], str], parse: Reader, *, may_be_empty: bool) -> Reader:
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
    if error.code == "too_short" and not text:
        return InvalidValue(error.code, "is empty")
    if error.code == "bad_characters":
        words = (
            "has a line break" if {"\r", "\n"} & {*text} else "has a character that nobody sees, a control character"
        )
        return InvalidValue(error.code, words)
    return error


def _cached(readers: Readers) -> Readers:
    """Return the same readers with a cache of short texts."""
    return {**readers, **{name: _cache(readers[name]) for name in REPETITIVE}}


def _cache(read: Reader) -> Reader:
    cached = lru_cache(CACHE_SIZE)(read)
    return lambda value: cached(value) if type(value) is str and len(value) <= SHORT else read(value)


def _fields(rules: Rules) -> dict[str, Field]:
    """Return the field of each column, as a client may set it."""
    fields = {**create_parser.fields, **{field.name: field for field in MORE_FIELDS}}
    if rules.negative == "zero":
        fields["quantity"] = Field("quantity", ZeroIfNegative())
    return fields


def _ignored(_: Any) -> Any:
    return BLANK_CELL


@lru_cache(16)
def member_readers(rules: Rules) -> Readers:
    """Return the readers of the members of a JSON object; with `empty="keep"` null is as if it was left out."""
    fields = _fields(rules)
    readers: dict[str, Reader] = {name: fields[name].convert for name in IMPORT_COLUMNS}
    readers["price"] = lambda value: money(fields["price"].convert(value))
    may_be_null = [name for name in (*BLANK, *OF_STOCK) if fields[name].nullable or rules.empty == "keep"]
    readers |= {name: _null_is_empty(readers[name]) for name in may_be_null}
    readers[rules.match] = Field(rules.match, fields[rules.match].type).convert
    return _cached(readers | ({"quantity": _ignored} if rules.quantity == "ignore" else {}))


def _null_is_empty(read: Reader) -> Reader:
    return lambda value: BLANK_CELL if value is None else read(value)


@lru_cache(16)
def cell_readers(numbers: NumberFormat, rules: Rules) -> Readers:
    """Return the readers of the cells of a table in which numbers are written so."""
    text_of: dict[str, Callable[[Cell], str]] = {
        **dict.fromkeys(("sku", "barcode"), code_text),
        **dict.fromkeys(("quantity", "reorder_level", "expect_quantity"), numbers.whole),
        "price": numbers.amount,
        "description": plain_text,
    }
    types = {name: field.type for name, field in _fields(rules).items()}
    parse: dict[str, Reader] = {
        "price": lambda text: money(types["price"].from_text(text)),
        "tags": _tags,
        "attributes": _attributes,
    }
    may_be_empty = {*BLANK, *OF_STOCK, *MATCH, *(("name",) if rules.empty == "keep" else ())} - {rules.match}
    readers = {
        name: _cell_reader(
            text_of.get(name, _line_of), parse.get(name) or types[name].from_text, may_be_empty=name in may_be_empty
        )
        for name in IMPORT_COLUMNS
    }
    return _cached(readers | ({"quantity": _ignored} if rules.quantity == "ignore" else {}))


def _line_of(cell: Cell) -> str:
    """Return the text of a cell without blanks around it, which nobody sees."""
    return plain_text(cell).strip()


def _truncated(value: Any) -> str:
    if isinstance(value, WrongCell):
        return truncate(value.text, VALUE_LENGTH)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return truncate(text[:VALUE_LENGTH], VALUE_LENGTH)
