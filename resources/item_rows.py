"""The rows of an import: cells of CSV, or members of JSON lines, read by the rules of the forms of items."""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from api.requests.bodies import InvalidJson, parse_json
from api.requests.parsers import unknown
from api.requests.tables import Record, RecordFault, Records
from api.requests.text import truncate
from api.requests.types import InvalidValue, InvalidValues
from models.files.bulk import BLANK
from models.files.importing import VALUE_LENGTH, RowFault
from models.files.staging import Row
from models.refusals import MAX_FAULTS
from models.stock.item_fields import FILE_COLUMNS
from models.values import money, normalized
from resources.item_parsers import create_parser

# The columns of the import are those of the export, so that what went out can come back.
COLUMNS = FILE_COLUMNS
REQUIRED = ("sku",)
# What an empty cell means; an empty quantity is none, and leaves the stock alone.
EMPTY = {**BLANK, "quantity": None}

# Columns whose values come again and again.
REPETITIVE = [name for name in COLUMNS if name not in ("sku", "name", "description", "barcode")]
REMEMBERED, SHORT = 4096, 100

# What turns the value of each column into a field; raises InvalidValues.
Readers = Mapping[str, Callable[[Any], Any]]


def rows_of(records: Records, readers: Readers, faults: list[RowFault]) -> Iterator[Row]:
    """The rows of a file whose values `readers` turn into fields; what is wrong goes to `faults`."""
    for record in records:
        if isinstance(record, RecordFault):
            message = f"{record.column} {record.message}" if record.column else record.message
            faults.append(RowFault(record.line, record.column, _truncated(record.value), record.code, message))
        else:
            fields, wrong = _fields_of(record, readers)
            faults += wrong
            if "sku" in fields:
                sku = fields.pop("sku")
                yield Row(record.line, sku, normalized(sku), fields, not wrong)
        if len(faults) >= MAX_FAULTS:
            return


def _fields_of(record: Record, readers: Readers) -> tuple[dict[str, Any], list[RowFault]]:
    """The fields that are right, and the faults of the others."""
    faults: list[RowFault] = []
    try:
        fields = {name: readers[name](value) for name, value in record.values.items()}
    except (KeyError, InvalidValues):  # which is rare: only then is each looked at alone
        fields = dict(_one_by_one(record, readers, faults))
    if fields.get("quantity", 0) is None:
        del fields["quantity"]
    faults += [
        RowFault(record.line, name, "", "required", f"{name} is required")
        for name in REQUIRED
        if name not in record.values
    ]
    return fields, faults


def _one_by_one(record: Record, readers: Readers, faults: list[RowFault]) -> Iterator[tuple[str, Any]]:
    """The fields that are right; what is wrong with the others goes to `faults`."""
    for name, value in record.values.items():
        try:
            if name not in readers:
                fault = unknown(name, COLUMNS, "unknown_column", "column")
                raise InvalidValue(fault.code, str(fault))
            yield name, readers[name](value)
        except InvalidValues as error:
            faults += [
                RowFault(record.line, truncate(name), _truncated(value), found.code, f"{found.part} {found}")
                for found in error.within(truncate(name))
            ]


def _price(text: str) -> str:
    try:
        return money(create_parser.fields["price"].type.from_text(text))
    except InvalidValue as error:
        if error.code == "wrong_type" and "," in text:
            raise InvalidValue(error.code, f"{error}: a point before the decimals, nothing between thousands") from None
        raise


def _tags(text: str) -> Any:
    return create_parser.fields["tags"].type(text.split("|"))


def _attributes(text: str) -> Any:
    try:
        return create_parser.fields["attributes"].type(parse_json(text))
    except InvalidJson as error:
        raise InvalidValue("malformed_json", str(error)) from None


def _cell_reader(name: str) -> Callable[[str], Any]:
    read = _of_text.get(name) or create_parser.fields[name].type.from_text
    return (lambda text: read(text) if text else EMPTY[name]) if name in EMPTY else read


def _remembering(readers: Mapping[str, Callable[[Any], Any]]) -> Readers:
    """The same readers, which read a short text that comes again only once."""
    return {**readers, **{name: _remember(readers[name]) for name in REPETITIVE}}


def _remember(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    again = lru_cache(REMEMBERED)(read)
    return lambda value: again(value) if type(value) is str and len(value) <= SHORT else read(value)


# Of the members of a JSON object, and of the cells of a CSV file.
_of_value = {"price": lambda value: money(create_parser.fields["price"].convert(value))}
_of_text = {"price": _price, "tags": _tags, "attributes": _attributes}
MEMBERS = _remembering({name: _of_value.get(name) or create_parser.fields[name].convert for name in COLUMNS})
CELLS = _remembering({name: _cell_reader(name) for name in COLUMNS})


def _truncated(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return truncate(text[:VALUE_LENGTH], VALUE_LENGTH)
