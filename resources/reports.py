"""Reports: what the stock is worth, what has to be ordered, what goes, and how a stock went up and down."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from flask_restful.reqparse import Namespace

from api.auth.permissions import scope
from api.media_types import CSV, JSON, NDJSON, XLSX
from api.operation import Method, answers, gives, or_table, takes
from api.resource import ProtectedResource
from api.responses.downloads import download
from api.responses.negotiation import representation
from api.responses.outputs import CURSOR
from api.responses.pagination import Answer, Paging
from api.responses.tables import layout_of
from models.json_schema import COUNT, MONEY, TIME, Schema, closed, list_of, one_of
from models.reports import reorder, turnover, valuation
from models.stock.history import COLUMNS as HISTORY_COLUMNS
from models.stock.history import SCHEMA as POINT
from models.stock.history import history
from models.stock.item import Item
from models.values import now, rfc3339
from resources.report_parsers import (
    history_parser,
    page_of,
    period_of,
    refuse_page,
    reorder_parser,
    turnover_parser,
    valuation_parser,
)

by_item = Paging(Item.id, {})
by_item_of = {list_: Paging(column, {}, default="id") for list_, column in reorder.ORDERS.items()}
report = answers(JSON, CSV, XLSX, NDJSON)


def gives_report(
    title: str, row: Schema, refuses: tuple[str, ...] = (), **members: Schema
) -> Callable[[Method], Method]:
    """Declare that a method returns a page of a report with some members before its rows, or all rows as a file."""
    schema = closed(title, {**members, "data": list_of(row), "next_cursor": CURSOR})
    return gives(schema, refuses=refuses, linked=True, file=True, name=f"get_{title.lower()}")


class ValuationResource(ProtectedResource):
    """What the stock is worth."""

    cacheable = True
    permissions = {"GET": scope("items:read")}

    @takes(valuation_parser)
    @gives_report(
        "Valuation",
        valuation.SCHEMA,
        at=TIME,
        method=one_of(*valuation.METHODS),
        value=MONEY,
        items=COUNT,
        without_cost=COUNT,
    )
    @report
    def get(self, args: Namespace) -> Any:
        """Value the items that are or were in stock, archived ones too, by the costs of their receipts."""
        at, method = args["at"], args["method"]
        rows = ([item.to_dict() for item in batch] for batch in valuation.batches(at, method))

        def page() -> Answer:
            body, status, headers = by_item.by_cursor(valuation.matching(at), page_of(args), tuple)
            items = valuation.valued(body["data"], at, method)
            common = {"at": rfc3339(at or now()), "method": method, **valuation.totals(at, method)}
            return {**common, **body, "data": [item.to_dict() for item in items]}, status, headers

        return _answer(args, "valuation", valuation.COLUMNS, rows, page)


class ReorderResource(ProtectedResource):
    """What has to be ordered."""

    cacheable = True
    permissions = {"GET": scope("items:read")}

    @takes(reorder_parser)
    @gives_report("Reorder", reorder.SCHEMA, refuses=("unknown_location",))
    @report
    def get(self, args: Namespace) -> Any:
        """List what is at or below its reorder level, by what is available, and how many units to order of it."""
        location, reorder_to = args["location"], args["reorder_to"]
        query, represent = reorder.matching(location), partial(reorder.to_dict, reorder_to=reorder_to)
        paging = by_item_of[query.filters]
        rows = reorder.batches(location, reorder_to)
        return _answer(
            args, "reorder", reorder.COLUMNS, rows, lambda: paging.by_cursor(query, page_of(args), represent)
        )


class TurnoverResource(ProtectedResource):
    """What goes, and what lies idle."""

    cacheable = True
    permissions = {"GET": scope("items:read")}

    @takes(turnover_parser)
    @gives_report("Turnover", turnover.SCHEMA, since=TIME, until=TIME)
    @report
    def get(self, args: Namespace) -> Any:
        """List what was issued of each item in a period, for how many days its stock lasts, and its last issue."""
        since, until = period_of(args)
        represent = partial(turnover.to_dict, period=until - since)

        def page() -> Answer:
            query = turnover.matching(since, until)
            body, status, headers = by_item.by_cursor(query, page_of(args), represent)
            return {"since": rfc3339(since), "until": rfc3339(until), **body}, status, headers

        return _answer(args, "turnover", turnover.COLUMNS, turnover.batches(since, until), page)


class ItemHistoryResource(ProtectedResource):
    """The stock of one item over time."""

    cacheable = True
    permissions = {"GET": scope("items:read")}

    @takes(history_parser)
    @gives(closed("ItemHistory", {"data": list_of(POINT)}), refuses=("unknown_location",))
    @or_table("history", HISTORY_COLUMNS)
    def get(self, args: Namespace, item_id: int) -> Any:
        """Read the quantity of an item at times of equal distance, beginning at `since`, for a plot."""
        since, until = period_of(args)
        return {"data": history(item_id, since, until, args["step"], args["location"])}


def _answer(
    args: Namespace,
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[dict[str, Any]]],
    page: Callable[[], Answer],
) -> Any:
    """Return a page of a report or, if the client wants a table, all `rows` as a file; they are read only then."""
    layout = layout_of(args, title, columns)
    if representation() == JSON:
        return page()
    refuse_page(args)
    return download(layout, rows)
