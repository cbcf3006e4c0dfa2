"""Replay a file of sales into Stockroom: items by SKU, one movement for each line, nothing twice.

    STOCKROOM_URL=http://127.0.0.1:8000 STOCKROOM_TOKEN=stk_… python replay_sales.py sales.csv

The file is a CSV with the columns InvoiceNo, StockCode, Description, Quantity, InvoiceDate and UnitPrice;
others are left alone. A positive quantity is a sale and becomes an `issue`, a negative one is a return and
becomes a `receive`. Sales tell nothing of the stock they were sold from, so each item first receives what
the replay will miss, whatever it has today. Dates are read as month/day/year and taken for UTC, because
the file names no zone. The service refuses what is older than a count of its item.

Every movement carries the reference invoice/line ("536365/3" is the third line of invoice 536365), and what
the ledger has already is left out: run it again whenever you like, also after it was interrupted.
The token needs the scopes items:read, items:write and stock:write.
"""

import csv
import http.client
import io
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice")
DATE_FORMATS = ("%m/%d/%Y %H:%M", "%m/%d/%y %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M")
OPENING = "opening for replay"
BATCH = 500
ATTEMPTS = 8
LONGEST_WAIT = 30.0

Json = dict[str, Any]


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

    def movement(self) -> Json:
        """The movement that this line becomes."""
        sold = self.quantity > 0
        return {
            "sku": self.sku,
            "kind": "issue" if sold else "receive",
            "quantity": abs(self.quantity),
            "reason": "sale" if sold else "return",
            "reference": self.reference,
            "occurred_at": rfc3339(self.date),
        }


# Reading the file


def read_sales(path: Path) -> list[Sale]:
    """The lines of the file by date; one without a quantity moves nothing and is left out."""
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("windows-1252", errors="replace")
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
    if missing:
        raise Failure(f"{path}: the first line must name the columns; {', '.join(missing)} not found")
    lines_of_invoice: Counter[str] = Counter()
    sales = []
    try:
        for row in rows:
            sale = read_sale(row, rows.line_num, lines_of_invoice)
            if sale.quantity:
                sales.append(sale)
    except (ValueError, csv.Error) as error:
        raise Failure(f"{path}, line {rows.line_num}: {error}") from None
    return sorted(sales, key=lambda sale: sale.date)  # the service refuses to sell what comes later


def read_sale(row: dict[str, str], line: int, lines_of_invoice: Counter[str]) -> Sale:
    """One line; raises ValueError with what is wrong."""
    if None in row or None in row.values():
        raise ValueError("it has more or fewer cells than the first line")
    invoice, sku, name, quantity, date, price = (" ".join(row[column].split()) for column in COLUMNS)
    if not invoice or not sku:
        raise ValueError("InvoiceNo and StockCode must not be empty")
    lines_of_invoice[invoice] += 1
    return Sale(
        line=line,
        reference=f"{invoice}/{lines_of_invoice[invoice]}",
        sku=sku,
        name="".join(filter(str.isprintable, name))[:200],
        quantity=read_with(int, quantity, "Quantity must be a whole number"),
        date=read_date(date),
        price=read_with(Decimal, price, "UnitPrice must be a number"),
    )


def read_with(kind: Callable[[str], Any], text: str, words: str) -> Any:
    try:
        return kind(text)
    except (ValueError, InvalidOperation):
        raise ValueError(f"{words}; it is {text!r}") from None


def read_date(text: str) -> datetime:
    for form in DATE_FORMATS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise ValueError(f"InvoiceDate must be as 12/31/2010 8:26; it is {text!r}")


def rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


# Speaking with the service


class Refused(Failure):
    """The service said no; `status` is the HTTP status."""

    def __init__(self, status: int, problem: Json) -> None:
        faults = "; ".join(fault["message"] for fault in problem.get("errors", []))
        super().__init__(f"{status} {problem.get('code', '')}: {faults or problem.get('detail', '')}")
        self.status = status


class Stockroom:
    """The API, asked with patience: who is told to come later waits, and a lost answer is asked for again."""

    def __init__(self, url: str, token: str) -> None:
        self.base = url.rstrip("/") + "/api/v1"
        self.token = token

    def ask(self, method: str, path: str, body: Json | None = None, find: Callable[[], Any] | None = None) -> Any:
        """The JSON of the answer; raises Refused, or Failure when there is none.

        When the answer of a write is lost, the write may have been made all the same: `find` looks for it,
        and only what it does not find is sent again.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self.ask_once(method, path, body)
            except urllib.error.HTTPError as error:
                with error:
                    refusal = refusal_of(error)
                if error.code not in (429, 503) or attempt == ATTEMPTS:
                    raise refusal from None
                time.sleep(wait_of(error.headers.get("Retry-After"), attempt))
            except (OSError, http.client.HTTPException) as error:
                if attempt == ATTEMPTS:
                    raise Failure(f"{self.base} does not answer: {error}") from None
                time.sleep(wait_of(None, attempt))
                if find and (found := find()):
                    return found
        raise AssertionError("the last attempt returns or raises")

    def ask_once(self, method: str, path: str, body: Json | None) -> Any:
        request = urllib.request.Request(
            self.base + path,
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)

    def pages(self, path: str, **query: Any) -> Iterator[Json]:
        """Every row of a collection, read page by page with a cursor."""
        cursor: str | None = ""
        while cursor is not None:
            page = self.ask("GET", f"{path}?{urllib.parse.urlencode({**query, 'limit': 200, 'cursor': cursor})}")
            yield from page["data"]
            cursor = page["next_cursor"]


def refusal_of(error: urllib.error.HTTPError) -> Refused:
    try:
        problem = json.loads(error.read())
    except ValueError:  # something between us and the service answered
        problem = {"detail": error.reason}
    return Refused(error.code, problem)


def wait_of(retry_after: str | None, attempt: int) -> float:
    """How many seconds to wait: what the service asks for, or twice as long each time."""
    asked = float(retry_after) if retry_after and retry_after.isdecimal() else 0.25 * 2**attempt
    return min(asked, LONGEST_WAIT)


# The replay


def replay(stockroom: Stockroom, sales: list[Sale]) -> str:
    """Make the items and record the movements that are not there yet; answers the summary."""
    known = references(stockroom, sales)
    new = [sale for sale in sales if sale.reference not in known]
    items, created = find_or_create_items(stockroom, new)
    openings = list(openings_for(new, items))
    movements = openings + [sale.movement() for sale in new]
    for begin in range(0, len(movements), BATCH):
        record(stockroom, movements[begin : begin + BATCH])
        print(f"{min(begin + BATCH, len(movements))} of {len(movements)} movements recorded")
    units: Counter[str] = Counter()
    for movement in movements:
        units[movement["reason"]] += movement["quantity"]
    return (
        f"{created} items created.\n"
        f"{len(openings)} openings of {units[OPENING]} units, {units['sale']} units sold, {units['return']} returned.\n"
        f"{len(sales)} lines: {len(new)} new, {len(sales) - len(new)} in the ledger already."
    )


def references(stockroom: Stockroom, sales: list[Sale]) -> set[str]:
    """The references that the ledger has of the time of these sales."""
    if not sales:
        return set()
    since = min(sale.date for sale in sales)
    until = max(sale.date for sale in sales) + timedelta(seconds=1)  # itself no longer in
    rows = stockroom.pages("/movements", since=rfc3339(since), until=rfc3339(until))
    return {row["reference"] for row in rows}


def find_or_create_items(stockroom: Stockroom, sales: list[Sale]) -> tuple[dict[str, Json], int]:
    """The items of these sales, by SKU as the file spells it, and how many had to be made.

    The same code comes with several names and prices; the first that says something is taken.
    """
    names: dict[str, str] = {}
    prices: dict[str, Decimal] = {}
    for sale in sales:
        if sale.name:
            names.setdefault(sale.sku.casefold(), sale.name)
        if sale.price > 0:
            prices.setdefault(sale.sku.casefold(), sale.price)
    items: dict[str, Json] = {}
    created = 0
    for sale in sales:
        if sale.sku in items:
            continue
        key = sale.sku.casefold()
        name, price = names.get(key, f"Item {sale.sku}"), prices.get(key, Decimal(0))
        try:
            found = find_item(stockroom, sale.sku)
            items[sale.sku] = found or create_item(stockroom, sale.sku, name, price)
        except Refused as refusal:
            raise Failure(f"line {sale.line}, StockCode {sale.sku}: {refusal}") from None
        created += not found
    return items, created


def find_item(stockroom: Stockroom, sku: str) -> Json | None:
    try:
        item: Json = stockroom.ask("GET", f"/items/by-sku/{urllib.parse.quote(sku, safe='')}")
    except Refused as refusal:
        if refusal.status == 404:
            return None
        raise
    return item


def create_item(stockroom: Stockroom, sku: str, name: str, price: Decimal) -> Json:
    body = {"sku": sku, "name": name, "price": str(price)}
    item: Json = stockroom.ask("POST", "/items", body, find=lambda: find_item(stockroom, sku))
    return item


def openings_for(sales: list[Sale], items: dict[str, Json]) -> Iterator[Json]:
    """For each item, what it must receive first, so that its stock never falls below zero in these sales."""
    first: dict[int, Sale] = {}
    stock: Counter[int] = Counter()
    lowest: Counter[int] = Counter()
    for sale in sales:
        item_id = items[sale.sku]["id"]
        first.setdefault(item_id, sale)
        stock[item_id] -= sale.quantity
        lowest[item_id] = min(lowest[item_id], stock[item_id])
    for item_id, sale in first.items():
        if lowest[item_id] < 0:
            yield {
                "item_id": item_id,
                "kind": "receive",
                "quantity": -lowest[item_id],
                "reason": OPENING,
                "reference": f"opening/{sale.reference}",
                "occurred_at": rfc3339(sale.date),
            }


def record(stockroom: Stockroom, movements: list[Json]) -> None:
    """Record these movements, all or none; so if the ledger has the first of them, it has them all."""
    reference = urllib.parse.quote(movements[0]["reference"], safe="")
    stockroom.ask(
        "POST",
        "/movements",
        {"movements": movements},
        find=lambda: stockroom.ask("GET", f"/movements?reference={reference}")["data"],
    )


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: replay_sales.py FILE.csv", file=sys.stderr)
        return 2
    url, token = os.environ.get("STOCKROOM_URL", ""), os.environ.get("STOCKROOM_TOKEN", "")
    if not url.startswith(("http://", "https://")) or not token:
        print("Set STOCKROOM_URL, as http://127.0.0.1:8000, and STOCKROOM_TOKEN.", file=sys.stderr)
        return 2
    try:
        print(replay(Stockroom(url, token), read_sales(Path(sys.argv[1]))))
    except (Failure, OSError) as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
