"""Helpers for imports: send a file and return the outcome."""

from typing import Any

from werkzeug.test import TestResponse

from tests.support.clients import Client

HEADER = "sku,name,description,unit,price,quantity,reorder_level,bin,barcode,tags,attributes"
CSV = "text/csv"
NDJSON = "application/x-ndjson"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def send(client: Client, file: str | bytes, query: str = "", content_type: str = CSV, **headers: str) -> TestResponse:
    """Import a file, given as text or bytes, and return the response."""
    data = file.encode() if isinstance(file, str) else file
    return client.post(f"/items/import{query}", data=data, content_type=content_type, headers=headers)


def imported(client: Client, file: str | bytes, query: str = "", content_type: str = CSV) -> tuple[int, int, int]:
    """Import a file that is valid; return the numbers of created, updated and unchanged items."""
    answer = send(client, file, query, content_type)
    assert answer.status_code == 200, answer.json
    assert answer.json["errors"] == []
    return answer.json["created"], answer.json["updated"], answer.json["unchanged"]


def faults(client: Client, file: str | bytes, query: str = "", content_type: str = CSV) -> list[tuple[int, str, str]]:
    """Import a file that is refused; return line, column and code of each of its faults."""
    refused = send(client, file, query, content_type)
    assert (refused.status_code, refused.json["code"]) == (422, "invalid_input"), refused.json
    assert (refused.json["created"], refused.json["updated"], refused.json["unchanged"]) == (0, 0, 0)
    return [(error["line"], error["column"], error["code"]) for error in refused.json["errors"]]


def items(client: Client) -> dict[str, dict[str, Any]]:
    """Return every item that is not archived, by SKU."""
    return {item["sku"]: item for item in client.get("/items?limit=200").json["data"]}
