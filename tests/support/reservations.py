"""Helpers of the tests of reservations: make one, let it expire, look whether all is sound."""

from typing import Any

from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from models.database.base import db
from models.stock.verify import verify
from tests.support.clients import Client


def post_reservation(client: Client, sku: str, quantity: int, minutes: int | None = None, **line: Any) -> TestResponse:
    """Reserve something, for so many minutes or for ever; return the response."""
    body: dict[str, Any] = {"reservations": [{"sku": sku, "quantity": quantity, "reason": "an order", **line}]}
    return client.post("/reservations", json=body if minutes is None else {**body, "expires_in_minutes": minutes})


def reserve(client: Client, sku: str, quantity: int, minutes: int | None = None, **line: Any) -> dict[str, Any]:
    """Reserve something, and return the reservation."""
    made = post_reservation(client, sku, quantity, minutes, **line)
    assert made.status_code == 201, made.json
    [reservation] = made.json["reservations"]
    return dict(reservation)


def let_expire(app: Flask, reservation: dict[str, Any]) -> None:
    """Set the time of a reservation to one in the past, as if that had gone by."""
    with app.app_context(), db.engine.begin() as connection:
        past = "2026-01-05 12:00:00.000000"
        connection.execute(text(f"UPDATE reservations SET expires_at = '{past}' WHERE id = {reservation['id']}"))


def path_of_reservation(reservation: dict[str, Any], more: str = "") -> str:
    """Return the path of a reservation, or of what is below it."""
    return f"/reservations/{reservation['id']}{more}"


def promised(client: Client, item: str) -> tuple[int, int, int]:
    """Return quantity, reserved and available of an item."""
    found = client.get(item).json
    return found["quantity"], found["reserved"], found["available"]


def is_sound(app: Flask) -> bool:
    """Return whether the ledger, the stocks and the reservations are what they should be."""
    with app.app_context():
        found = list(verify())
        db.session.rollback()
    assert found == []
    return True
