"""Metrics: what Prometheus is told of the service, with labels that can't grow without end."""

import threading

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app import create_app
from tests.support.clients import Client, with_password
from tests.support.databases import settings_for

ITEM = "/api/v1/items/<id:item_id>"


class Numbers:
    """What /metrics says now, and how far it is from what it said before."""

    def __init__(self, app):
        self.client = Client(app)
        self.before = self.read()

    def read(self):
        families = text_string_to_metric_families(self.client.get("//metrics").text)
        return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}

    def grown(self, name, **labels):
        key = name, frozenset(labels.items())
        return self.read().get(key, 0) - self.before.get(key, 0)


@pytest.fixture
def numbers(app):
    return Numbers(app)


def test_requests_are_counted_by_method_route_and_status(member, lamp, app):
    numbers = Numbers(app)
    for path in (lamp, lamp, "/items/2147483647"):
        member.get(path)

    assert numbers.grown("stockroom_http_requests_total", method="GET", route=ITEM, status="200") == 2
    assert numbers.grown("stockroom_http_requests_total", method="GET", route=ITEM, status="404") == 1
    assert numbers.grown("stockroom_http_request_duration_seconds_count", route=ITEM) == 3


def test_a_refused_credential_is_counted_under_its_route_too(nobody, numbers):
    nobody.get("/items")

    assert numbers.grown("stockroom_http_requests_total", method="GET", route="/api/v1/items", status="401") == 1


def test_no_stranger_can_make_a_label(nobody, numbers):
    labels = {key for key in numbers.read() if key[0].startswith("stockroom")}
    for number in range(5):
        nobody.get(f"//nowhere/{number}")
        nobody.open(f"METHOD{number}", "/items")
        nobody.open("GET", f"//problems/{number}")

    new = {key for key in numbers.read() if key[0].startswith("stockroom_http_requests_total")} - labels
    assert len(new) <= 3
    assert numbers.grown("stockroom_http_requests_total", method="GET", route="unknown", status="404") == 5
    assert numbers.grown("stockroom_http_requests_total", method="other", route="unknown", status="405") == 5


def test_movements_are_counted_by_kind_once_they_are_recorded(member, lamp, app):
    numbers = Numbers(app)
    lines = [{"sku": "LAMP-1", "kind": kind, "quantity": 1, "reason": "test"} for kind in ("issue", "receive", "issue")]
    recorded = member.post("/movements", json={"movements": lines})
    refused = member.post(f"{lamp}/movements", json={"kind": "issue", "quantity": 99, "reason": "too many"})

    assert (recorded.status_code, refused.status_code) == (201, 409)
    assert numbers.grown("stockroom_movements_recorded_total", kind="issue") == 2
    assert numbers.grown("stockroom_movements_recorded_total", kind="receive") == 1
    assert numbers.grown("stockroom_movements_recorded_total", kind="count") == 0


def test_an_opening_stock_and_an_import_are_counted_too(member, numbers):
    member.post("/items", json={"sku": "A", "name": "A", "quantity": 1})
    file = "sku,name,quantity\r\nA,A,2\r\nB,B,3\r\n"
    member.post("/items/import", data=file, headers={"Content-Type": "text/csv"})

    assert numbers.grown("stockroom_movements_recorded_total", kind="opening") == 2
    assert numbers.grown("stockroom_movements_recorded_total", kind="count") == 1


def test_wrong_credentials_are_counted_and_missing_ones_are_not(app, admin, nobody, numbers):
    with_password(app, "ada", "not the password").get("/items")
    nobody.get("/items", headers={"X-API-Key": "stk_nonsense"})
    nobody.post("/auth/login", json={"username": "ada", "password": "not the password"})
    nobody.get("/items")

    assert numbers.grown("stockroom_sign_in_failures_total") == 3


def test_an_export_is_counted_when_it_is_over(member, lamp, app):
    numbers = Numbers(app)
    with member.get("/items/export") as export:
        assert export.data

    route = {"method": "GET", "route": "/api/v1/items/export", "status": "200"}
    assert numbers.grown("stockroom_http_requests_total", **route) == 1


def test_the_pool_and_the_version_are_told(numbers):
    told = {name for name, _ in numbers.before}

    assert {"stockroom_database_connections_in_use", "stockroom_database_connections_limit", "stockroom_info"} <= told


def test_two_applications_count_for_themselves(app, tmp_path, numbers):
    other = create_app(settings_for("sqlite:///other.sqlite3", tmp_path))
    Client(other).get("//livez")

    assert numbers.grown("stockroom_http_requests_total", method="GET", route="/livez", status="200") == 0


def test_threads_lose_no_count(app, numbers):
    def ask():
        for _ in range(25):
            Client(app).get("//livez")

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert numbers.grown("stockroom_http_requests_total", method="GET", route="/livez", status="200") == 100


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [(None, "text/plain"), ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text")],
)
def test_the_text_is_what_the_reader_asks_for(nobody, accept, content_type):
    answer = nobody.get("//metrics", headers={"Accept": accept} if accept else {})

    assert (answer.status_code, answer.mimetype) == (200, content_type)
