"""The options of an import: parameters of a request, and options of the command line."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from api.requests.fields import QueryField
from api.requests.text import Text, truncate
from api.requests.types import Choice, InvalidValue, Json
from models.files import rules
from resources.item_rows import IMPORT_COLUMNS
from resources.movement_rows import COLUMNS as MOVEMENT_COLUMNS
from tables.encodings import CODECS, named
from tables.numbers import DECIMALS, SEPARATORS
from tables.presets import PRESETS
from tables.reading import Options


class ColumnMapping:
    """Names of a file with their fields, as `Variant SKU:sku,Title:name`; a name may have commas and colons."""

    def __init__(self, fields: Sequence[str]) -> None:
        self.fields = fields

    def from_text(self, text: str) -> dict[str, str]:
        fields = "|".join(self.fields)
        mapping: dict[str, str] = {}
        end = 0
        for found in re.finditer(rf"\s*(.+?)\s*:\s*({fields})\s*(?:,|$)", text, re.DOTALL):
            if found.start() != end:
                break
            end = found.end()
            _add(mapping, found[1], found[2])
        if not mapping or end != len(text):
            rest = truncate(text[end:])
            raise InvalidValue(
                "bad_format",
                f"must be NAME:FIELD,NAME:FIELD with names of the file and of the fields {', '.join(self.fields)}; "
                f"{rest!r} is not",
            )
        return mapping

    def schema(self) -> Json:
        return {"type": "string", "minLength": 1, "examples": ["Variant SKU:sku,Title:name"]}


class Encoding:
    """The name of an encoding that is read here, or another name of it."""

    def from_text(self, text: str) -> str:
        found = named(text)
        if found is None:
            raise InvalidValue("not_a_choice", f"must be one of {', '.join(CODECS)}")
        return found

    def schema(self) -> Json:
        return {"type": "string", "examples": ["windows-1252"]}


def _rule(name: str, choices: Sequence[str], text: str) -> QueryField:
    """Return the option of one of the `Rules`, whose first choice is the default."""
    return QueryField(name, Choice(*choices), default=choices[0], help=text)


# What the rows of a file do; `Rules` has the choices.
ROW_OPTIONS = (
    _rule(
        "on_conflict",
        rules.ON_CONFLICT,
        "What to do with a row whose item is there: `update` it, `skip` the row, or `fail`.",
    ),
    _rule(
        "on_missing",
        rules.ON_MISSING,
        "What to do with a row whose item is not there: `create` it, `skip` the row, or `fail`.",
    ),
    _rule("match", rules.MATCH, "The column that finds the item of a row: `sku` or `barcode`."),
    _rule(
        "quantity",
        rules.QUANTITY,
        "What the quantity does to the stock: `count` sets, `receive` adds, `issue` takes, `ignore` leaves it.",
    ),
    _rule(
        "empty", rules.EMPTY, "What an empty cell does: it sets the `default`, or it lets the item `keep` what it has."
    ),
    _rule("negative", rules.NEGATIVE, "What a negative quantity is: a fault (`refuse`), or `zero`."),
)


def file_options(fields: Sequence[str]) -> tuple[QueryField, ...]:
    """Return the options that say how a file with these fields is read."""
    return (
        QueryField(
            "extra_columns",
            Choice("refuse", "ignore"),
            help="What to do with columns of other names: `refuse`, or `ignore`, as with a preset.",
        ),
        QueryField(
            "columns", ColumnMapping(fields), help="The fields of names in the file, as `Variant SKU:sku,Title:name`."
        ),
        QueryField(
            "preset", Choice(*PRESETS), help="The product that wrote the file; GET /imports/presets lists them."
        ),
        QueryField("encoding", Encoding(), help="Of a file that is neither UTF-8 nor UTF-16, as `windows-1252`."),
        QueryField("decimal", Choice(*DECIMALS), help="What stands before the decimals; a point if not given."),
        QueryField("thousands", Choice(*SEPARATORS), help="What stands between thousands; nothing if not given."),
        QueryField("currency", Choice("ignore"), help="Leave out the sign or code of a currency beside an amount."),
        QueryField("sheet", Text(31, 1, lines=True), help="The sheet of a workbook; the first if not given."),
    )


FILE_OPTIONS = file_options(IMPORT_COLUMNS)
# Those of an import of movements, of which no other product writes a file.
MOVEMENT_OPTIONS = tuple(option for option in file_options(MOVEMENT_COLUMNS) if option.name != "preset")
OPTIONS = (*ROW_OPTIONS, *FILE_OPTIONS)
# The options by name, with other arguments or without.
Arguments = Mapping[str, Any]


def conflicts(args: Arguments) -> Iterator[InvalidValue]:
    """Yield the error of options that exclude each other."""
    if args["decimal"] and args["decimal"] == args["thousands"]:
        yield InvalidValue("not_a_choice", "must not be what stands before the decimals", "thousands")


def rules_of(args: Arguments) -> rules.Rules:
    """Return the rules for the rows among the arguments of a request or of a command."""
    chosen = {option.name: args[option.name] for option in ROW_OPTIONS}
    return rules.Rules(**chosen, of_product=args["preset"] is not None)


def options_of(args: Arguments) -> Options:
    """Return the options of the file among the arguments of a request or of a command."""
    given: dict[str, Any] = {option.name: args.get(option.name) for option in FILE_OPTIONS}
    return Options(**{**given, "columns": given["columns"] or {}})


def mapping_of(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the fields by their names in a file; raise InvalidValue for a name or a field that is given twice."""
    mapping: dict[str, str] = {}
    for name, field in pairs:
        _add(mapping, name, field)
    return mapping


def _add(mapping: dict[str, str], name: str, field: str) -> None:
    if name in mapping or field in mapping.values():
        raise InvalidValue("repeated", f"must name each column and each field once, and has {truncate(name)}:{field}")
    mapping[name] = field
