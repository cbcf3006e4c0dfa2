"""The numbers of the stock: exact however large, and of the right items and days."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import update

from models.database.base import db, table_of
from models.stock.item import Item
from models.stock.movement import Movement
from models.stock.stats import stats

MOST = {"price": "999999999.9999", "quantity": 1_000_000_000}


def add(member, sku, **fields):
    created = member.post("/items", json={"sku": sku, "name": sku, **fields})
    assert created.status_code == 201, created.json
    return created.headers["Location"]


def test_an_empty_stock_has_zeroes(guest):
    answer = guest.get("/stats")

    assert answer.status_code == 200
    numbers = dict(answer.json)
    assert datetime.fromisoformat(numbers.pop("generated_at")).tzinfo is not None
    assert numbers == {
        "items": 0,
        "archived": 0,
        "units": 0,
        "value": "0.00",
        "low_stock": 0,
        "movements_today": 0,
        "movements_this_week": 0,
    }


def test_items_units_and_value_are_those_that_are_not_archived(member, lamp):
    add(member, "SCREW", price="0.0325", quantity=3)
    member.delete(add(member, "GONE", price="99", quantity=7, reorder_level=10))

    numbers = member.get("/stats").json

    assert (numbers["items"], numbers["archived"], numbers["units"]) == (2, 1, 8)
    assert numbers["value"] == "62.5975"
    assert numbers["low_stock"] == 0


@pytest.mark.parametrize(("level", "low"), [(None, 0), (4, 0), (5, 1), (6, 1)])
def test_low_stock_is_at_or_below_the_reorder_level(member, level, low):
    add(member, "A", quantity=5, reorder_level=level)

    assert member.get("/stats").json["low_stock"] == low
    assert member.get("/items?low_stock=true").json["total_items"] == low


def test_the_value_of_the_dearest_stock_there_can_be_is_exact(member):
    for number in range(12):
        add(member, f"GOLD-{number}", **MOST)

    numbers = member.get("/stats").json

    assert numbers["units"] == 12 * 10**9
    assert numbers["value"] == "11999999999998800000.00"


@pytest.mark.parametrize("price", ["0.0001", "0.9999", "1", "999.9999", "12345678.9012", "100000000.0001"])
def test_no_digit_of_a_price_is_lost(member, price):
    add(member, "A", price=price, quantity=999_999_937)

    assert Decimal(member.get("/stats").json["value"]) == Decimal(price) * 999_999_937


WEDNESDAY = datetime(2026, 11, 18, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("occurred", "today", "week"),
    [
        (datetime(2026, 11, 18, 0, tzinfo=UTC), 1, 1),
        (datetime(2026, 11, 18, 23, 59, 59, 999999, tzinfo=UTC), 1, 1),
        (datetime(2026, 11, 17, 23, 59, 59, 999999, tzinfo=UTC), 0, 1),
        (datetime(2026, 11, 16, 0, tzinfo=UTC), 0, 1),
        (datetime(2026, 11, 15, 23, 59, 59, 999999, tzinfo=UTC), 0, 0),
        (datetime(2026, 11, 19, 0, tzinfo=UTC), 0, 0),
    ],
)
def test_a_day_begins_at_midnight_utc_and_a_week_on_monday(app, lamp, occurred, today, week):
    with app.app_context():
        db.session.execute(update(table_of(Movement)).values(occurred_at=occurred))
        numbers = stats(WEDNESDAY)
        db.session.rollback()

    assert (numbers["movements_today"], numbers["movements_this_week"]) == (today, week)


def test_movements_of_today_are_counted(member, lamp):
    yesterday = (datetime.now(UTC) - timedelta(days=8)).isoformat()
    for occurred in ({}, {"occurred_at": yesterday}):
        member.post(f"{lamp}/movements", json={"kind": "receive", "quantity": 1, "reason": "delivery", **occurred})

    assert member.get("/stats").json["movements_today"] == 2
    assert member.get("/stats").json["movements_this_week"] == 2


def test_the_numbers_are_for_whoever_may_read_items(member, nobody):
    assert nobody.get("/stats").status_code == 401
    assert member.get("/stats").status_code == 200
    assert Item.__tablename__ == "items"
