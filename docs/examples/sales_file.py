"""Read a file of sales for replay_sales.py: any delimiter, the encodings that Excel writes, days or months first."""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice")
DELIMITERS = ",;\t|"
SEPARATOR_LINE = re.compile(r'"?sep=([,;\t|])"?\r?\n', re.IGNORECASE)
ISO_DATES = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M")
# Two numbers, of which one is the day and one the month, and the rest.
SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d\d) (\d{1,2}:\d\d(?::\d\d)?)", re.ASCII)
# Whether the day comes first, by the option that says so.
ORDERS = {"--day-first": True, "--month-first": False}

# The line of a file at which a row ends, and its cells by column.
Row = tuple[int, dict[str, str]]


class Failure(Exception):
    """The replay can't go on; the message says why."""


@dataclass
class Sale:
    """One line of the file; `quantity` is negative for a return."""

    line: int
    reference: str
    sku: str
    name: str
    quantity: int
    date: datetime
    price: Decimal

    def movement(self) -> dict[str, Any]:
        """Return the movement that this line becomes."""
        sold = self.quantity > 0
        return {
            "sku": self.sku,
            "kind": "issue" if sold else "receive",
            "quantity": abs(self.quantity),
            "reason": "sale" if sold else "return",
            "reference": self.reference,
            "occurred_at": rfc3339(self.date),
        }


def rfc3339(time: datetime) -> str:
    """Return a time as the service reads it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def read_sales(path: Path, day_first: bool | None) -> list[Sale]:
    """Return the lines of the file by date; one without a quantity moves nothing and is left out.

    Raises Failure, also where nothing says whether days or months come first and `day_first` is None.
    """
    rows = read_rows(path)
    if day_first is None:
        day_first = order_of(path, (cells["InvoiceDate"] for _, cells in rows))
    lines_of_invoice: Counter[str] = Counter()
    sales = []
    for line, cells in rows:
        try:
            sale = read_sale(line, cells, day_first, lines_of_invoice)
        except ValueError as error:
            raise Failure(f"{path}, line {line}: {error}") from None
        if sale.quantity:
            sales.append(sale)
    return sorted(sales, key=lambda sale: sale.date)  # the service refuses to sell what comes later


def read_rows(path: Path) -> list[Row]:
    """Return the rows of the file, without blanks around and within their cells."""
    text = decoded(path.read_bytes())
    separator = SEPARATOR_LINE.match(text)
    above = 1 if separator else 0
    text = text[separator.end() :] if separator else text
    delimiter = separator[1] if separator else delimiter_of(text)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    found = []
    try:
        missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
        if missing:
            raise Failure(f"{path}: the first line must name the columns; {', '.join(missing)} not found")
        for row in rows:
            if None in row or None in row.values():
                words = "it has more or fewer cells than the first line"
                raise Failure(f"{path}, line {above + rows.line_num}: {words}")
            cells = {column: " ".join(row[column].split()) for column in COLUMNS}
            found.append((above + rows.line_num, cells))
    except csv.Error as error:
        raise Failure(f"{path}, line {above + rows.line_num}: {error}") from None
    return found


def decoded(data: bytes) -> str:
    """Return the text of a file in UTF-8, in UTF-16 with its mark, or else in the Windows encoding of the West."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("windows-1252", errors="replace")


def delimiter_of(text: str) -> str:
    """Return the delimiter between the names in the first line."""
    first = text.partition("\n")[0].strip()
    return max(DELIMITERS, key=lambda delimiter: len({*first.replace('"', "").split(delimiter)} & {*COLUMNS}))


def order_of(path: Path, dates: Iterable[str]) -> bool:
    """Return whether days come before months: the first number above 12 is a day; raise Failure if there is none."""
    ambiguous = False
    for date in dates:
        if found := SLASHED.fullmatch(date):
            ambiguous = True
            if int(found[1]) > 12 or int(found[2]) > 12:
                return int(found[1]) > 12
    if ambiguous:
        options = " or ".join(ORDERS)
        raise Failure(f"{path}: no day is above 12, so nobody knows whether 2/1/2010 is in January; say {options}")
    return False


def read_sale(line: int, cells: dict[str, str], day_first: bool, lines_of_invoice: Counter[str]) -> Sale:
    """Return one line; raise ValueError with what is wrong."""
    invoice, sku, name, quantity, date, price = (cells[column] for column in COLUMNS)
    if not invoice or not sku:
        raise ValueError("InvoiceNo and StockCode must not be empty")
    lines_of_invoice[invoice] += 1
    return Sale(
        line=line,
        reference=f"{invoice}/{lines_of_invoice[invoice]}",
        sku=sku,
        name="".join(filter(str.isprintable, name))[:200],
        quantity=read_with(int, quantity, "Quantity must be a whole number"),
        date=read_date(date, day_first),
        price=read_with(Decimal, price, "UnitPrice must be a number"),
    )


def read_with(kind: Callable[[str], Any], text: str, words: str) -> Any:
    """Return a cell as a number; raise ValueError with these words."""
    try:
        return kind(text)
    except (ValueError, InvalidOperation):
        raise ValueError(f"{words}; it is {text!r}") from None


def read_date(text: str, day_first: bool) -> datetime:
    """Return a date, which the file gives without a zone, in UTC; raise ValueError."""
    iso = text
    if found := SLASHED.fullmatch(text):
        day, month = (found[1], found[2]) if day_first else (found[2], found[1])
        iso = f"{found[3] if len(found[3]) == 4 else '20' + found[3]}-{month}-{day} {found[4]}"
    for form in ISO_DATES:
        try:
            return datetime.strptime(iso, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    example = "31/12/2010 8:26" if day_first else "12/31/2010 8:26"
    raise ValueError(f"InvoiceDate must be as {example} in this file; it is {text!r}")
