"""Tables on a console: columns as wide as their cells, or as the console, in the characters that it has."""

import json
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any

import click

GAP = "  "
# In columns of the console: no column of a table is made narrower.
NARROWEST = 5


def print_table(lines: Sequence[Sequence[Any]], widest: int | None = None) -> None:
    """Print lines of cells below each other; where they are wider than `widest`, the longest are cut."""
    table = [[_text(cell) for cell in line] for line in lines]
    widths = [max(map(_width, column)) for column in zip(*table, strict=True)]
    if widest is not None:
        _narrow(widths, widest - len(GAP) * (len(widths) - 1))
    for line in table:
        cells = [_cut(text, width) for text, width in zip(line, widths, strict=True)]
        padded = [cell + " " * (width - _width(cell)) for cell, width in zip(cells, widths, strict=True)]
        click.echo(GAP.join(padded).rstrip())


def _narrow(widths: list[int], widest: int) -> None:
    """Take from the widest columns until all fit, as long as there is something to take."""
    while sum(widths) > widest and max(widths) > NARROWEST:
        widths[widths.index(max(widths))] -= 1


def _text(value: Any) -> str:
    """Return the text of a cell: on one line, and in characters that the console has."""
    match value:
        case None:
            text = "-"
        case bool():
            text = "yes" if value else "no"
        case list():
            text = " ".join(map(str, value))
        case dict():
            text = json.dumps(value, ensure_ascii=False)
        case _:
            text = str(value)
    escaped = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
    encoding = sys.stdout.encoding or "ascii"
    return escaped.encode(encoding, "backslashreplace").decode(encoding)


def _width(text: str) -> int:
    """Return how many columns of a console a text takes."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else not unicodedata.combining(each) for each in text)


def _cut(text: str, width: int) -> str:
    """Return a text that takes at most so many columns, with an ellipsis where it was cut."""
    if _width(text) <= width:
        return text
    try:
        end = "…"
        end.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        end = "..."
    while text and _width(text) > width - len(end):
        text = text[:-1]
    return text + end
