"""Helpers that several tests share: create items, find them by SKU, send requests concurrently."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from urllib.parse import quote

from flask import Flask
from werkzeug.test import TestResponse

from models.database.transactions import transactional
from models.principal import SYSTEM
from models.stock.location import Location
from tests.support.clients import Client


def add(client: Client, sku: str, **fields: Any) -> dict[str, Any]:
    """Create an item and return it; its name is its SKU unless given."""
    created = client.post("/items", **body({"sku": sku, "name": sku, **fields}))
    assert created.status_code == 201, created.json
    return dict(created.json)


def make_location(app: Flask, code: str, **fields: Any) -> str:
    """Create a location and return its code."""
    with app.app_context():
        transactional(Location.create)(by=SYSTEM, code=code, **fields)
    return code


def body(value: dict[str, Any]) -> dict[str, str]:
    """Return the arguments that send a JSON body in the order of its names; the test client's `json=` sorts them."""
    return {"data": json.dumps(value), "content_type": "application/json"}


def path_of(sku: str) -> str:
    """Return the path of an item by its SKU, percent-encoded."""
    return f"/items/by-sku/{quote(sku, safe='')}"


def together(*operations: Callable[[], TestResponse]) -> list[TestResponse]:
    """Run operations in as many threads, which start at the same time; return their responses."""
    start = Barrier(len(operations))

    def run(operation: Callable[[], TestResponse]) -> TestResponse:
        start.wait()
        return operation()

    with ThreadPoolExecutor(len(operations)) as pool:
        return list(pool.map(run, operations))
