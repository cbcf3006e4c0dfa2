"""The history of a stock: its quantity at times of equal distance, from the same ledger as all else."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from models.values import rfc3339
from tests.support.databases import on_one_database
from tests.support.shelf import add, make_location

BEGIN = datetime(2025, 11, 1, 9, 30, tzinfo=UTC)


def record(client, item, kind, quantity, at, **fields):
    line = {"kind": kind, "quantity": quantity, "reason": "test", "occurred_at": rfc3339(at), **fields}
    answer = client.post(f"/items/{item['id']}/movements", json=line)
    assert answer.status_code == 201, answer.json


def quantities(client, item, query):
    """The quantity at each point."""
    answer = client.get(f"/items/{item['id']}/history?{query}")
    assert answer.status_code == 200, answer.json
    return [point["quantity"] for point in answer.json["data"]]


def test_each_point_has_what_had_occurred_by_then_to_the_microsecond(member):
    bolt = add(member, "BOLT")
    tick, hour = timedelta(microseconds=1), timedelta(hours=1)
    record(member, bolt, "receive", 64, BEGIN - hour)
    record(member, bolt, "receive", 1, BEGIN + hour)
    record(member, bolt, "receive", 2, BEGIN + hour + tick)
    record(member, bolt, "receive", 4, BEGIN + 3 * hour - tick)
    record(member, bolt, "issue", 8, BEGIN + 4 * hour + tick)
    period = f"since={rfc3339(BEGIN)}&until={rfc3339(BEGIN + 4 * hour + 2 * tick)}"

    answer = member.get(f"/items/{bolt['id']}/history?{period}&step=hour").json

    assert answer == {
        "data": [
            {"at": rfc3339(BEGIN + number * hour), "quantity": quantity}
            for number, quantity in enumerate((64, 65, 67, 71, 71))
        ]
    }
    for point in answer["data"]:
        at = member.get(f"/items/{bolt['id']}/quantity?at={point['at']}").json
        assert at["quantity"] == point["quantity"]


def test_without_a_period_it_is_the_last_thirty_days_by_day(member, lamp):
    points = member.get(f"{lamp}/history").json["data"]

    times = [datetime.fromisoformat(point["at"]) for point in points]
    assert {later - earlier for earlier, later in pairwise(times)} == {timedelta(days=1)}
    assert (len(points), points[0]["quantity"], points[-1]["quantity"]) == (31, 0, 5)
    assert timedelta(0) <= datetime.now(UTC) - times[-1] < timedelta(hours=1)


def test_a_week_is_seven_days_from_the_beginning(member):
    bolt = add(member, "BOLT")
    for day in range(15):
        record(member, bolt, "receive", 1, BEGIN + timedelta(days=day))
    period = f"since={rfc3339(BEGIN)}&until={rfc3339(BEGIN + timedelta(days=20))}"

    assert quantities(member, bolt, f"{period}&step=week") == [1, 8, 15]


def test_of_a_location_it_is_what_was_there(app, member):
    make_location(app, "VAN")
    bolt = add(member, "BOLT")
    record(member, bolt, "receive", 5, BEGIN)
    record(member, bolt, "receive", 2, BEGIN + timedelta(hours=30), location="VAN")
    period = f"since={rfc3339(BEGIN)}&until={rfc3339(BEGIN + timedelta(days=2))}"

    assert quantities(member, bolt, period) == [5, 5, 7]
    assert quantities(member, bolt, f"{period}&location=MAIN") == [5, 5, 5]
    assert quantities(member, bolt, f"{period}&location=van") == [0, 0, 2]
    unknown = member.get(f"/items/{bolt['id']}/history?location=ATTIC")
    assert (unknown.status_code, unknown.json["code"]) == (422, "unknown_location")


def test_an_item_that_never_moved_has_a_history_and_one_that_is_not_there_has_none(member):
    bolt = add(member, "BOLT")

    assert set(quantities(member, bolt, "step=week")) == {0}
    assert member.get("/items/999/history").status_code == 404


@on_one_database
def test_a_history_of_one_moment_has_one_point_and_one_may_be_a_table(member, lamp):
    at = rfc3339(BEGIN)

    assert member.get(f"{lamp}/history?since={at}&until={at}").json == {"data": [{"at": at, "quantity": 0}]}
    table = member.get(f"{lamp}/history?since={at}&until={at}&format=csv").text
    assert table == f"at,quantity\r\n{at},0\r\n"


@pytest.mark.parametrize(
    ("query", "field", "words"),
    [
        ("step=hour&since=2025-01-01T00:00:00Z&until=2025-12-01T00:00:00Z", "step", "makes 8017 points"),
        ("step=hour&since=2025-01-01T00:00:00Z&until=2025-12-01T00:00:00Z", "step", "step=day fits"),
        ("step=day&since=2020-01-01T00:00:00Z&until=2025-01-01T00:00:00Z", "step", "step=week fits"),
        ("step=week&since=1950-01-01T00:00:00Z&until=2025-01-01T00:00:00Z", "step", "no step fits"),
        ("step=minute", "step", "hour, day, week"),
        ("since=2025-01-02T00:00:00Z&until=2025-01-01T00:00:00Z", "since", "not be later than until"),
    ],
)
@on_one_database
def test_what_makes_too_many_points_or_none_is_refused_with_a_way_out(member, lamp, query, field, words):
    refused = member.get(f"{lamp}/history?{query}")

    assert refused.status_code == 422
    [error] = refused.json["errors"]
    assert error["field"] == field
    assert words in error["message"]


@on_one_database
def test_a_thousand_points_are_not_too_many(member, lamp):
    until = rfc3339(datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=999))

    query = f"step=hour&since=2025-01-01T00:00:00Z&until={until}"

    assert len(member.get(f"{lamp}/history?{query}").json["data"]) == 1000
