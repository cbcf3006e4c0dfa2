"""The text of a cell: formulas made harmless and restored, codes that a spreadsheet has destroyed, wrong cells.

A cell that a spreadsheet would run as a formula is written with an apostrophe before it, and read without. A code that
looks as if a spreadsheet had shortened it is written as `="5.0"`, so that what is written is always read as it was.
"""

import json
import re
from typing import Any, NamedTuple

from tables.records import CellFault

# The characters with which a formula begins in some spreadsheet; with an apostrophe before it, it is text.
FORMULA = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"  # the last four are their full-width forms
APOSTROPHE = "'"
# A text that is written as a formula, `="00123"`, so that no spreadsheet takes it for a number.
QUOTED = re.compile(r'="((?:[^"]|"")*)"')
DESTROYED = re.compile(
    r"""\d+[.,]\d+E[+-]\d+ | \d+E\+\d+    # 5.90124E+12
    | \d+\.0                              # 5901234123457.0
    | \#{2,}                              # the column was too narrow
    | \#N/A | \#NV | \#[A-Z]+(?:/0)?[!?]  # #REF!, #DIV/0!, #NAME?
    | Err:\d{3}""",
    re.VERBOSE | re.ASCII,
)
# How many digits of a number a spreadsheet keeps.
EXACT_DIGITS = 15
# The columns whose texts a spreadsheet would take for numbers, and those whose texts are numbers.
CODES = ("sku", "barcode")
AMOUNTS = ("price", "unit_cost", "value")


class WrongCell(NamedTuple):
    """A cell of a workbook that holds what no column has: a date, a boolean or an error."""

    place: str
    kind: str
    text: str


class Number(str):
    """A number of a workbook, with a point before its decimals, whatever people write in that country."""

    __slots__ = ()


# What a reader puts into a record for one cell; "" is an empty one.
Cell = str | WrongCell


def unescape_formula(cell: str) -> str:
    """Return the text of a cell that `escape_formula` made."""
    if cell[:1] == APOSTROPHE and cell[1:2] and cell[1] in FORMULA + APOSTROPHE:
        return cell[1:]
    return cell


def escape_formula(text: str) -> str:
    """Return the text as a cell that no spreadsheet runs as a formula; `unescape_formula` reverses it."""
    if text and (text[0] in FORMULA or unescape_formula(text) is not text):
        return APOSTROPHE + text
    return text


def escape_code(text: str) -> str:
    """Return a SKU or barcode as a cell; `code_text` reverses it."""
    if DESTROYED.fullmatch(text):
        return f'="{text}"'
    if text[:1] == APOSTROPHE and text[1:2].isdigit():
        return APOSTROPHE + text
    return escape_formula(text)


def exact_text(text: str) -> str:
    """Return the text as a text cell of a workbook, which no spreadsheet runs; `plain_text` reverses it."""
    return text if unescape_formula(text) is text else APOSTROPHE + text


def exact_code(text: str) -> str:
    """Return a SKU or barcode as a text cell of a workbook; `code_text` reverses it."""
    if DESTROYED.fullmatch(text):
        return f'="{text}"'
    return text if code_text(text) == text else APOSTROPHE + text


def text_of(value: Any) -> str:
    """Return a value as the text of a cell: empty for null, a list with `|` between its parts, an object as JSON."""
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list():
            return "|".join(value)
        case dict():
            return json.dumps(value, ensure_ascii=False)
    return str(value)


def plain_text(cell: Cell) -> str:
    """Return the text of a cell; raise CellFault for a wrong one."""
    if type(cell) is str and cell[:1] != APOSTROPHE:  # nearly every cell, and so without a further call
        return cell
    return unescape_formula(right(cell))


def code_text(cell: Cell) -> str:
    """Return the SKU or barcode in a cell, without blanks around it; raise CellFault where it has been destroyed.

    An apostrophe before digits, which forces text, is left out.
    """
    text = right(cell).strip() if type(cell) is not str else cell.strip()
    if isinstance(cell, Number):
        if "." in text or len(text.lstrip("-")) > EXACT_DIGITS:
            raise _destroyed(text)
        return text
    if text.isalnum():  # most codes, and none of these has been destroyed
        return text
    if text[:1] == APOSTROPHE:
        return text[1:] if text[1:2].isdigit() else unescape_formula(text)
    if quoted := QUOTED.fullmatch(text):
        return quoted[1].replace('""', '"')
    if DESTROYED.fullmatch(text):
        raise _destroyed(text)
    return text


def _destroyed(text: str) -> CellFault:
    return CellFault(
        "shortened_by_spreadsheet",
        f"is {text[:64]!r}, which a spreadsheet has made of the code: take the code from where it comes from, into a "
        f'column formatted as text (if this is the code, write ="{text[:64]}")',
    )


def right(cell: Cell) -> str:
    """Return a cell that is none of the wrong ones; raise CellFault for those."""
    if isinstance(cell, WrongCell):
        raise CellFault("wrong_cell", f"has {cell.kind} in the cell {cell.place}; write it as text or as a number")
    return cell
