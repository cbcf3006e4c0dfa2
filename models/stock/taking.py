"""The lines of one act, applied to locked stocks in their order."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from models.database.current_write import WriteConnection
from models.refusals import Refusal
from models.stock.lines import Line, Quantities
from models.stock.reserved import read_reserved
from models.stock.stock_levels import Stock, StockAt, Stocks


class Taken(NamedTuple):
    """A line that was applied at `time`, with its number among them, from 0."""

    number: int
    line: Line
    stock: Stock
    at: StockAt
    time: datetime
    quantities: Quantities


def take_lines(
    connection: WriteConnection, stocks: Stocks, lines: Iterable[Line], recorded_at: datetime
) -> tuple[list[Taken], dict[int, Refusal]]:
    """Apply lines to stocks in their order; return what was applied, and the refusals of the others by number."""
    dated: list[tuple[int, Line, Stock, StockAt, datetime]] = []
    taken: list[Taken] = []
    refusals: dict[int, Refusal] = {}
    read_reserved(connection, stocks.by_id.values())
    for number, line in enumerate(lines):
        try:
            stock = stocks.of(line)
            at = stocks.at(line, stock)
        except Refusal as refusal:
            refusals[number] = refusal
        else:
            dated.append((number, line, stock, at, stock.date(line, at, recorded_at)))
    for number, line, stock, at, time in dated:
        try:
            quantities = stock.take(line, at, time, connection)
        except Refusal as refusal:
            refusals[number] = refusal
        else:
            taken.append(Taken(number, line, stock, at, time, quantities))
    return taken, dict(sorted(refusals.items()))
