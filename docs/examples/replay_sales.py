"""Replay a file of sales into Stockroom: items by SKU, one movement for each line, nothing twice.

    STOCKROOM_URL=http://127.0.0.1:8000 STOCKROOM_TOKEN=stk_… python replay_sales.py sales.csv --day-first

The file is a CSV with the columns InvoiceNo, StockCode, Description, Quantity, InvoiceDate and UnitPrice, and any
delimiter; other columns are left alone. A positive quantity is a sale and becomes an `issue`, a negative one is a
return and becomes a `receive`. Sales say nothing of the stock they were sold from, so each item first receives what the
replay will miss, whatever it has today. The service refuses what is older than a count of its item.

Dates are those of UTC, because the file names no zone. A day above 12 says whether days or months come first; in a file
without one, say --day-first or --month-first.

Every movement carries the reference invoice/line ("536365/3" is the third line of invoice 536365), and what the ledger
has already, whatever its date, is left out: run it again whenever you like, also after it was interrupted.
The token needs the scopes items:read, items:write and stock:write. The reading is in sales_file.py.
"""

import argparse
import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

from sales_file import ORDERS, Failure, Sale, read_sales, rfc3339

OPENING = "opening for replay"
BATCH = 500
ATTEMPTS = 8
LONGEST_WAIT = 30.0

Json = dict[str, Any]


# Speaking with the service


class Refused(Failure):
    """The service said no; `status` is the HTTP status."""

    def __init__(self, status: int, problem: Json) -> None:
        faults = "; ".join(fault["message"] for fault in problem.get("errors", []))
        super().__init__(f"{status} {problem.get('code', '')}: {faults or problem.get('detail', '')}")
        self.status = status


class Stockroom:
    """The API, asked with patience: it waits when the service asks for it, and asks again for a lost answer."""

    def __init__(self, url: str, token: str) -> None:
        self.base = url.rstrip("/") + "/api/v1"
        self.token = token

    def ask(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        find: Callable[[], Any] | None = None,
        read: Callable[[IO[bytes]], Any] = json.load,
    ) -> Any:
        """Return what `read` makes of the answer; raise Refused, or Failure when there is none.

        When the answer of a write is lost, the write may have been made all the same: `find` looks for it,
        and only what it does not find is sent again.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self.ask_once(method, path, body, read)
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

    def ask_once(self, method: str, path: str, body: Json | None, read: Callable[[IO[bytes]], Any]) -> Any:
        """Return what `read` makes of the answer to one request."""
        request = urllib.request.Request(
            self.base + path,
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            return read(response)


def refusal_of(error: urllib.error.HTTPError) -> Refused:
    """Return the refusal in the answer of the service, or of something before it."""
    try:
        problem = json.loads(error.read())
    except ValueError:  # something between us and the service answered
        problem = {"detail": error.reason}
    return Refused(error.code, problem)


def wait_of(retry_after: str | None, attempt: int) -> float:
    """Return how many seconds to wait: what the service asks for, or twice as long each time."""
    asked = float(retry_after) if retry_after and retry_after.isdecimal() else 0.25 * 2**attempt
    return min(asked, LONGEST_WAIT)


# The replay


def replay(stockroom: Stockroom, sales: list[Sale]) -> str:
    """Make the items and record the movements that are not there yet; return the summary."""
    known = references(stockroom)
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


def references(stockroom: Stockroom) -> set[str]:
    """Return all references of the ledger: the dates of a file are no help, they may have been read wrongly before."""
    path = "/movements/export?format=ndjson&fields=reference"
    lines = stockroom.ask("GET", path, read=lambda answer: answer.read().splitlines())
    return {json.loads(line)["reference"] for line in lines}


def find_or_create_items(stockroom: Stockroom, sales: list[Sale]) -> tuple[dict[str, Json], int]:
    """Return the items of these sales, by SKU as the file spells it, and how many had to be made.

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
    """Return the item with this SKU in any case, if there is one."""
    try:
        item: Json = stockroom.ask("GET", f"/items/by-sku/{urllib.parse.quote(sku, safe='')}")
    except Refused as refusal:
        if refusal.status == 404:
            return None
        raise
    return item


def create_item(stockroom: Stockroom, sku: str, name: str, price: Decimal) -> Json:
    """Create an item and return it."""
    body = {"sku": sku, "name": name, "price": str(price)}
    item: Json = stockroom.ask("POST", "/items", body, find=lambda: find_item(stockroom, sku))
    return item


def openings_for(sales: list[Sale], items: dict[str, Json]) -> Iterator[Json]:
    """Yield for each item what it must receive first, so that its stock never falls below zero in these sales."""
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
    """Replay the file that the command line names."""
    parser = argparse.ArgumentParser(description="Replay a CSV of sales into Stockroom.")
    parser.add_argument("file", type=Path)
    order = parser.add_mutually_exclusive_group()
    for option, day_first in ORDERS.items():
        order.add_argument(option, dest="day_first", action="store_const", const=day_first)
    arguments = parser.parse_args()
    url, token = os.environ.get("STOCKROOM_URL", ""), os.environ.get("STOCKROOM_TOKEN", "")
    if not url.startswith(("http://", "https://")) or not token:
        print("Set STOCKROOM_URL, as http://127.0.0.1:8000, and STOCKROOM_TOKEN.", file=sys.stderr)
        return 2
    try:
        print(replay(Stockroom(url, token), read_sales(arguments.file, arguments.day_first)))
    except (Failure, OSError) as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
