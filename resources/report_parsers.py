"""The request schemas of reports: of what time they are, how they are paged, and what they leave out."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from flask_restful.reqparse import Namespace

from api.errors import InvalidInput, fault
from api.requests.fields import QueryField
from api.requests.parsers import RequestParser
from api.requests.types import Choice, Integer, InvalidValue, Timestamp
from api.responses.pagination import CURSOR_FIELDS, DEFAULT_LIMIT, MAX_LIMIT
from api.responses.tables import TABLE_FIELDS
from models.reports import valuation
from models.reports.period import period
from models.stock.history import MAX_POINTS, STEPS, points_of
from models.stock.item_fields import MAX_QUANTITY
from resources.location_parsers import code_type

# A table has all rows, so that it has no page: these have no default, and are refused beside a format of one.
PAGE_FIELDS = (
    QueryField("limit", Integer(1, MAX_LIMIT), help=f"Rows per page; {DEFAULT_LIMIT} if not given."),
    *(field for field in CURSOR_FIELDS if field.name == "cursor"),
)


def refuse_page(args: Namespace) -> None:
    """Raise InvalidInput for a page of a table, which has all rows."""
    given = [field.name for field in PAGE_FIELDS if args[field.name] is not None]
    if given:
        words = "says nothing about a table, which has all rows; leave it out"
        raise InvalidInput([fault(name, "not_applicable", words) for name in given])


def period_of(args: Namespace) -> tuple[datetime, datetime]:
    """Return the beginning and the end of the period: that of the client, or the last 30 days."""
    return period(args["since"], args["until"])


def faults_of_period(args: Namespace) -> Iterator[InvalidValue]:
    """Yield the error of a period that has no length."""
    since, until = period_of(args)
    if since >= until:
        yield InvalidValue("too_large", "must be earlier than until, which is now if it is not given", "since")


def faults_of_history(args: Namespace) -> Iterator[InvalidValue]:
    """Yield the error of a history that ends before it begins, or that has too many points."""
    since, until = period_of(args)
    if since > until:
        yield InvalidValue("too_large", "must not be later than until, which is now if it is not given", "since")
    elif (points := points_of(since, until, args["step"])) > MAX_POINTS:
        fitting = next((step for step in STEPS if points_of(since, until, step) <= MAX_POINTS), None)
        way = f"step={fitting} fits" if fitting else "no step fits so long a time"
        yield InvalidValue("too_small", f"makes {points} points, of at most {MAX_POINTS}; {way}", "step")


def _period(whole: str) -> tuple[QueryField, QueryField]:
    return (
        QueryField("since", Timestamp(), help="The beginning; 30 days before the end if not given."),
        QueryField("until", Timestamp(), help=f"The end{whole}; now if not given."),
    )


valuation_parser = RequestParser(
    QueryField("at", Timestamp(), help="The time; if left out, now, and all that is recorded counts."),
    QueryField(
        "method",
        Choice(*valuation.METHODS),
        default=valuation.AVERAGE,
        help="What a unit costs: the moving `average` of the receipts, or what the `last` one cost.",
    ),
    *PAGE_FIELDS,
    *TABLE_FIELDS,
)
reorder_parser = RequestParser(
    QueryField("location", code_type, help="The stocks of this location that have a level of their own."),
    QueryField(
        "reorder_to",
        Integer(1, MAX_QUANTITY),
        help="How many of each are to be available; if left out, as many as its reorder level.",
    ),
    *PAGE_FIELDS,
    *TABLE_FIELDS,
)
turnover_parser = RequestParser(
    *_period(", which is not part of the period"), *PAGE_FIELDS, *TABLE_FIELDS, check=faults_of_period
)
history_parser = RequestParser(
    *_period(", at or before which the last point lies"),
    QueryField(
        "step", Choice(*STEPS), default="day", help=f"Between two points, of which there are up to {MAX_POINTS}."
    ),
    QueryField("location", code_type, help="The code of the location; if left out, all of them."),
    *TABLE_FIELDS,
    check=faults_of_history,
)


def page_of(args: Namespace) -> dict[str, Any]:
    """Return the arguments of a page, with the default of its length."""
    return {"limit": args["limit"] or DEFAULT_LIMIT, "cursor": args["cursor"]}
