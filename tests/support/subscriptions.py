"""Subscriptions of the tests: how they are made and become due, and the events that they are about."""

from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import update

from models.database.base import db
from models.database.transactions import transactional
from models.event import Event
from models.outbound.subscription import Subscription
from models.principal import SYSTEM
from models.values import now
from tests.support.clients import Client

BOTH = ["item.low_stock", "item.restocked"]


def subscribe(client: Client, types: list[str] = BOTH, **fields: Any) -> int:
    """Subscribe to events, by default every minute; return the id."""
    rhythm = {} if "daily_at" in fields else {"every_minutes": 1}
    made = client.post("/subscriptions", json={"channel": "mail", "types": types, **rhythm, **fields})
    assert made.status_code == 201, made.json
    return int(made.json["id"])


def read(client: Client, subscription_id: int) -> dict[str, Any]:
    """Return a subscription as clients see it."""
    found = client.get(f"/subscriptions/{subscription_id}")
    assert found.status_code == 200, found.json
    return dict(found.json)


def set_columns(app: Flask, subscription_id: int, **values: Any) -> None:
    """Write columns of a subscription that no client can write."""
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(update(Subscription).where(Subscription.id == subscription_id).values(**values))


def let_come(app: Flask, subscription_id: int) -> None:
    """Let the time of the next digest, or of the next attempt, come."""
    set_columns(app, subscription_id, next_at=now() - timedelta(seconds=1), next_attempt_at=None)


def cross(app: Flask, item: dict[str, Any], type_: str = "item.low_stock", **data: Any) -> None:
    """Record that an item has crossed its level."""
    record(app, type_, {"item_id": item["id"], "sku": item["sku"], **LEFT, **data}, item["id"])


LEFT = {"location": None, "quantity": 3, "reserved": 1, "available": 2, "reorder_level": 5}


def record(app: Flask, type_: str, data: dict[str, Any], item_id: int | None = None, times: int = 1) -> None:
    """Record an event so many times."""

    @transactional
    def write() -> None:
        Event.record_many(type_, [(data, item_id, None)] * times, SYSTEM)

    with app.app_context():
        write()
