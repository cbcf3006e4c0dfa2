"""Valuation and history against plain sums in Python: whatever was recorded, in whatever order, they agree."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import count
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from models.reports.moving_average import LONGEST, MovingAverage
from models.values import money_of_scaled, rfc3339
from tests.support.shelf import add, make_location

BEGIN = datetime(2025, 11, 1, tzinfo=UTC)
# Around the points of a history by day: a microsecond before one, at it, after it, and a second that a float rounds.
TIMES = [
    BEGIN + timedelta(days=day) + offset
    for day in range(4)
    for offset in (timedelta(microseconds=-1), timedelta(0), timedelta(microseconds=1), timedelta(hours=7))
]
PLACES = ("MAIN", "VAN")
whens: Any = st.integers(0, len(TIMES) - 1)
places = st.sampled_from(PLACES)
costs = st.one_of(st.none(), st.integers(0, 99_999))
operations = st.one_of(
    st.tuples(st.just("receive"), st.integers(1, 9), costs, whens, places),
    st.tuples(st.sampled_from(("issue", "count")), st.integers(1, 9), st.none(), whens, places),
    st.tuples(st.just("adjust"), st.integers(-5, 5).filter(bool), st.none(), whens, places),
    st.tuples(st.just("reverse"), st.integers(0, 9), st.none(), whens, places),
)
FEW = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


class Row(NamedTuple):
    """One row of the ledger, as it was answered."""

    at: datetime
    id: int
    delta: int
    cost: int | None
    place: str
    reverses: int | None


def record(client, path, steps):
    """Record the steps that are not refused, and return the rows of the ledger in the order of time."""
    rows = []
    for kind, number, cost, when, place in steps:
        if kind == "reverse":
            if not rows:
                continue
            answer = client.post(f"/movements/{rows[number % len(rows)].id}/reversal", json={})
        else:
            line = {"kind": kind, "quantity": number, "reason": "test", "location": place}
            line |= {"occurred_at": rfc3339(TIMES[when])}
            line |= {} if cost is None else {"unit_cost": money_of_scaled(cost)}
            answer = client.post(f"{path}/movements", json=line)
        if answer.status_code == 201:
            row = answer.json
            at = datetime.fromisoformat(row["occurred_at"])
            rows.append(Row(at, row["id"], row["delta"], cost, row["location"], row["reverses"]))
    return sorted(rows)


def average(rows, at):
    """The moving average by its definition, and the cost of the last receipt, of what had not been undone by then."""
    undone = {row.reverses for row in rows if row.reverses and row.at <= at}
    stock, known, last = 0, None, None
    for row in rows:
        if row.at > at or row.reverses or row.id in undone:
            continue
        if row.cost is not None:
            last = row.cost
            begins = known is None or stock <= 0
            known = row.cost if begins else (stock * known + row.delta * row.cost) / Fraction(stock + row.delta)
        stock += row.delta
    return (None if known is None else round(known)), last


@pytest.fixture
def series(app):
    """The numbers of the items, and a second location."""
    make_location(app, "VAN")
    return count()


def test_the_average_of_any_ledger_is_that_of_its_definition_at_any_time(member, series):
    @FEW
    @given(st.lists(operations, max_size=12))
    def check(steps):
        item = add(member, f"A{next(series)}", price="7.77")
        rows = record(member, f"/items/{item['id']}", steps)
        for at in (*TIMES[::5], datetime.now(UTC) + timedelta(days=1)):
            quantity = sum(row.delta for row in rows if row.at <= at)
            of_average, of_last = average(rows, at)
            for method, known in (("average", of_average), ("last", of_last)):
                report = member.get(f"/reports/valuation?at={rfc3339(at)}&method={method}&limit=200").json
                found = {each["item_id"]: each for each in report["data"]}.get(item["id"])
                if not quantity:
                    assert found is None
                    continue
                cost = 77_700 if known is None else known
                assert (found["quantity"], found["unit_cost"]) == (quantity, money_of_scaled(cost))
                assert found["value"] == money_of_scaled(quantity * cost)

    check()


def test_the_history_of_any_ledger_is_the_sum_of_what_had_occurred(member, series):
    @FEW
    @given(st.lists(operations, max_size=12), st.sampled_from(("hour", "day")), st.sampled_from((None, *PLACES)))
    def check(steps, step, place):
        item = add(member, f"H{next(series)}")
        rows = record(member, f"/items/{item['id']}", steps)
        period = f"since={rfc3339(TIMES[1])}&until={rfc3339(TIMES[-1])}"
        there = "" if place is None else f"&location={place}"

        points = member.get(f"/items/{item['id']}/history?{period}&step={step}{there}").json["data"]

        length = {"hour": timedelta(hours=1), "day": timedelta(days=1)}[step]
        times = [TIMES[1] + number * length for number in range((TIMES[-1] - TIMES[1]) // length + 1)]
        assert points == [
            {
                "at": rfc3339(time),
                "quantity": sum(row.delta for row in rows if row.at <= time and place in (None, row.place)),
            }
            for time in times
        ]

    check()


@FEW
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9), st.integers(0, 99_999)), min_size=1))
def test_the_moving_average_is_exact_until_it_is_rounded_once(receipts):
    moving, known, before = MovingAverage(), Fraction(0), 0
    for left, quantity, cost in receipts:
        stock = min(left, before)
        known = (stock * known + quantity * cost) / (stock + quantity)
        moving.receive(quantity, cost, stock=stock)
        before = stock + quantity

    assert moving.rounded() == round(known)


def test_an_average_of_very_many_receipts_stays_short_and_right():
    moving = MovingAverage()
    for number in range(5_000):
        moving.receive(7, 30_000 + number % 2, stock=number % 11 + 3)

    assert moving._denominator.bit_length() <= LONGEST + 1
    assert moving.rounded() in (30_000, 30_001)
