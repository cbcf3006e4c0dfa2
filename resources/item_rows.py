"""The rows of an import: cells of a table, or members of JSON lines, converted by the request schemas of items."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from api.requests.bodies import InvalidJson, parse_json
from api.requests.fields import Field
from api.requests.text import Sku, Text
from api.requests.types import Amount, Integer, InvalidValue
from api.requests.unknown import FORMER
from models.files.bulk import BLANK
from models.files.row_faults import Faults
from models.files.rules import MATCH, Rules
from models.files.staging import Row
from models.stock.item_fields import FILE_COLUMNS, MAX_PRICE, MAX_QUANTITY
from models.stock.location import CODE_LENGTH
from models.values import money, normalized
from resources.file_rows import (
    BLANK_CELL,
    Reader,
    Readers,
    cached,
    cell_reader,
    fields_of_records,
    null_is_empty,
    text_of_line,
)
from resources.item_parsers import create_parser
from tables.cells import Cell, code_text, plain_text
from tables.numbers import NumberFormat
from tables.reading import NDJSON, Table
from tables.records import Columns, Record

# What a row says about the stock; the other columns are fields of the item.
OF_STOCK = ("quantity", "expect_quantity", "reason", "location", "unit_cost")
MORE_FIELDS = (
    Field("expect_quantity", Integer(0, MAX_QUANTITY), nullable=True),
    Field("reason", Text(500, 1), nullable=True),
    Field("location", Sku(CODE_LENGTH), nullable=True),
    Field("unit_cost", Amount(MAX_PRICE), nullable=True),
)
# The columns of the export, so that an exported file can be imported, and those of the import.
COLUMNS = FILE_COLUMNS
IMPORT_COLUMNS = (*COLUMNS, *(field.name for field in MORE_FIELDS))
AMOUNTS = ("price", "unit_cost")
# Columns whose values are often repeated.
REPETITIVE = [name for name in IMPORT_COLUMNS if name not in ("sku", "name", "description", "barcode", "reason")]


def columns_of(match: str, *, locations: bool) -> Columns:
    """Return the columns of a file whose rows are found by `match`; with `locations`, where the quantities are.

    Who has one location has files of before, in which `bin` was called `location`.
    """
    if locations:
        return Columns(IMPORT_COLUMNS, (match,))
    return Columns(tuple(name for name in IMPORT_COLUMNS if name != "location"), (match,), FORMER)


class ZeroIfNegative(Integer):
    """A quantity that is 0 if the file has a negative one."""

    def __init__(self) -> None:
        super().__init__(-MAX_QUANTITY, MAX_QUANTITY)

    def __call__(self, value: Any) -> int:
        return max(0, super().__call__(value))


def rows_of(table: Table, rules: Rules, faults: Faults) -> Iterator[Row]:
    """Yield the rows of a table; errors are added to `faults`."""
    readers = member_readers(rules) if table.format == NDJSON else cell_readers(table.numbers, rules)
    for record, fields, valid in fields_of_records(table, readers, (rules.match,), faults):
        if rules.match in fields:
            yield _row(record, fields, valid, rules)


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


def _tags(text: str) -> Any:
    return create_parser.fields["tags"].type(text.split("|"))


def _attributes(text: str) -> Any:
    try:
        return create_parser.fields["attributes"].type(parse_json(text))
    except InvalidJson as error:
        raise InvalidValue("malformed_json", str(error)) from None


def _fields(rules: Rules) -> dict[str, Field]:
    """Return the field of each column, as a client may set it."""
    fields = {**create_parser.fields, **{field.name: field for field in MORE_FIELDS}}
    if rules.negative == "zero":
        fields["quantity"] = Field("quantity", ZeroIfNegative())
    return fields


def _as_money(read: Reader) -> Reader:
    """Return the reader of an amount that leaves it as clients see it, which is how rows are stored."""
    return lambda value: money(read(value))


def _ignored(_: Any) -> Any:
    return BLANK_CELL


@lru_cache(16)
def member_readers(rules: Rules) -> Readers:
    """Return the readers of the members of a JSON object; with `empty="keep"` null is as if it was left out."""
    fields = _fields(rules)
    readers: dict[str, Reader] = {name: fields[name].convert for name in IMPORT_COLUMNS}
    readers |= {name: _as_money(fields[name].convert) for name in AMOUNTS}
    may_be_null = [name for name in (*BLANK, *OF_STOCK) if fields[name].nullable or rules.empty == "keep"]
    readers |= {name: null_is_empty(readers[name]) for name in may_be_null}
    readers[rules.match] = Field(rules.match, fields[rules.match].type).convert
    return cached(REPETITIVE, readers | ({"quantity": _ignored} if rules.quantity == "ignore" else {}))


@lru_cache(16)
def cell_readers(numbers: NumberFormat, rules: Rules) -> Readers:
    """Return the readers of the cells of a table in which numbers are written so."""
    text_of: dict[str, Callable[[Cell], str]] = {
        **dict.fromkeys(("sku", "barcode", "location"), code_text),
        **dict.fromkeys(("quantity", "reorder_level", "expect_quantity"), numbers.whole),
        **dict.fromkeys(AMOUNTS, numbers.amount),
        "description": plain_text,
    }
    types = {name: field.type for name, field in _fields(rules).items()}
    parse: dict[str, Reader] = {
        **{name: _as_money(types[name].from_text) for name in AMOUNTS},
        "tags": _tags,
        "attributes": _attributes,
    }
    may_be_empty = {*BLANK, *OF_STOCK, *MATCH, *(("name",) if rules.empty == "keep" else ())} - {rules.match}
    readers = {
        name: cell_reader(
            text_of.get(name, text_of_line), parse.get(name) or types[name].from_text, may_be_empty=name in may_be_empty
        )
        for name in IMPORT_COLUMNS
    }
    return cached(REPETITIVE, readers | ({"quantity": _ignored} if rules.quantity == "ignore" else {}))
