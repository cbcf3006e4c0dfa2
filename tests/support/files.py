"""What several tests do with files: send one, and see what was made of it."""

from typing import Any

from werkzeug.test import TestResponse

from tests.support.clients import Client

HEADER = "sku,name,description,unit,price,quantity,reorder_level,location,barcode,tags,attributes"
CSV = "text/csv"
NDJSON = "application/x-ndjson"


def send(client: Client, file: str | bytes, query: str = "", content_type: str = CSV, **headers: str) -> TestResponse:
    """The answer to a file, given as text or as bytes."""
    data = file.encode() if isinstance(file, str) else file
    return client.post(f"/items/import{query}", data=data, content_type=content_type, headers=headers)


def imported(client: Client, file: str | bytes, query: str = "", content_type: str = CSV) -> tuple[int, int, int]:
    """The counts of a file that is taken: created, updated, unchanged."""
    answer = send(client, file, query, content_type)
    assert answer.status_code == 200, answer.json
    assert answer.json["errors"] == []
    return answer.json["created"], answer.json["updated"], answer.json["unchanged"]


def faults(client: Client, file: str | bytes, query: str = "", content_type: str = CSV) -> list[tuple[int, str, str]]:
    """The faults of a file that is refused: line, column, code."""
    refused = send(client, file, query, content_type)
    assert (refused.status_code, refused.json["code"]) == (422, "invalid_input"), refused.json
    assert (refused.json["created"], refused.json["updated"], refused.json["unchanged"]) == (0, 0, 0)
    return [(error["line"], error["column"], error["code"]) for error in refused.json["errors"]]


def items(client: Client) -> dict[str, dict[str, Any]]:
    """Every item by SKU, the archived left out."""
    return {item["sku"]: item for item in client.get("/items?limit=200").json["data"]}
