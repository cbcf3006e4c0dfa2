"""Helpers of the tests of webhooks: make one, write what the sender would, look into the tables."""

from typing import Any

from flask import Flask
from sqlalchemy import insert, select, update

from models.database.base import db, table_of
from models.outbound.delivery import Delivery, RequestedDelivery
from models.outbound.webhook import Webhook
from models.values import now
from tests.support.clients import Client

# An address of the internet, so that no name is looked up.
URL = "https://93.184.215.14/stock"
NEW = {"url": URL, "types": ["*"]}


def make(client: Client, **fields: Any) -> dict[str, Any]:
    """Create a webhook and return it, with its secret."""
    created = client.post("/webhooks", json={**NEW, **fields})
    assert created.status_code == 201, created.json
    return dict(created.json)


def path_of_webhook(webhook: dict[str, Any], more: str = "") -> str:
    """Return the path of a webhook, or of what is below it."""
    return f"/webhooks/{webhook['id']}{more}"


def row_of(app: Flask, webhook: dict[str, Any]) -> Any:
    """Return the row of a webhook."""
    with app.app_context(), db.engine.begin() as connection:
        table = table_of(Webhook)
        return connection.execute(select(table).where(table.c.id == webhook["id"])).one()


def write_as_the_sender(app: Flask, webhook: dict[str, Any], **columns: Any) -> None:
    """Set columns of a webhook, as the sender does at any time."""
    with app.app_context(), db.engine.begin() as connection:
        table = table_of(Webhook)
        connection.execute(update(table).where(table.c.id == webhook["id"]).values(**columns))


def let_fail(app: Flask, webhook: dict[str, Any], **columns: Any) -> None:
    """Let a webhook wait after three failed attempts."""
    failed = {"attempts": 3, "next_attempt_at": now(), "failing_since": now(), "last_status": 500}
    write_as_the_sender(app, webhook, **failed, **columns)


def write_log(app: Flask, webhook: dict[str, Any], *entries: dict[str, Any]) -> None:
    """Add attempts to the log of a webhook, in this order."""
    entry = {"webhook_id": webhook["id"], "event_id": None, "attempt": 1, "at": now(), "ms": 12}
    with app.app_context(), db.engine.begin() as connection:
        for each in entries:
            outcome = {"status": "delivered", "code": 204, "error": None}
            connection.execute(insert(table_of(Delivery)).values({**entry, **outcome, **each}))


def requested_of(app: Flask, webhook: dict[str, Any]) -> list[int | None]:
    """Return the events that are to be delivered once more, in the order of the requests; None is a test."""
    with app.app_context(), db.engine.begin() as connection:
        table = table_of(RequestedDelivery)
        query = select(table.c.event_id).where(table.c.webhook_id == webhook["id"]).order_by(table.c.id)
        return list(connection.scalars(query))
