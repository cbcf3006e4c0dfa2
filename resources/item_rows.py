"""The rows of an import: cells of CSV, or members of JSON lines, converted by the request schemas of items."""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any

from api.requests.bodies import InvalidJson, parse_json
from api.requests.parsers import MAX_UNKNOWN, unknown
from api.requests.tables import Record, RecordFault, Records
from api.requests.text import truncate
from api.requests.types import InvalidValue, InvalidValues
from models.files.bulk import BLANK
from models.files.row_faults import VALUE_LENGTH, RowFault
from models.files.staging import Row
from models.refusals import MAX_FAULTS
from models.stock.item_fields import FILE_COLUMNS
from models.values import money, normalized
from resources.item_parsers import create_parser

# The columns of the import are those of the export, so that an exported file can be imported.
COLUMNS = FILE_COLUMNS
REQUIRED = ("sku",)
# The values of empty cells; an empty quantity is left out, so the stock stays.
EMPTY = {**BLANK, "quantity": None}

# Columns whose values are often repeated.
REPETITIVE = [name for name in COLUMNS if name not in ("sku", "name", "description", "barcode")]
CACHE_SIZE, SHORT = 4096, 100

# The function of each column that converts a value to a field; it raises InvalidValues.
Readers = Mapping[str, Callable[[Any], Any]]


def rows_of(records: Records, readers: Readers, faults: list[RowFault]) -> Iterator[Row]:
    """Yield the rows of a file, converted by `readers`; errors are added to `faults`."""
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
    """Return the valid fields, and the errors of the others."""
    faults: list[RowFault] = []
    try:
        fields = {name: readers[name](value) for name, value in record.values.items()}
    except (KeyError, InvalidValues):  # rare, so only then is each value converted by itself
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


def _cached(readers: Mapping[str, Callable[[Any], Any]]) -> Readers:
    """Return the same readers with a cache of short texts."""
    return {**readers, **{name: _cache(readers[name]) for name in REPETITIVE}}


def _cache(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    cached = lru_cache(CACHE_SIZE)(read)
    return lambda value: cached(value) if type(value) is str and len(value) <= SHORT else read(value)


# The readers of the members of a JSON object, and of the cells of a CSV file.
_of_value = {"price": lambda value: money(create_parser.fields["price"].convert(value))}
_of_text = {"price": _price, "tags": _tags, "attributes": _attributes}
MEMBERS = _cached({name: _of_value.get(name) or create_parser.fields[name].convert for name in COLUMNS})
CELLS = _cached({name: _cell_reader(name) for name in COLUMNS})


def _truncated(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return truncate(text[:VALUE_LENGTH], VALUE_LENGTH)
