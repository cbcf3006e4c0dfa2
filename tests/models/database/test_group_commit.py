"""Short writes that wait together are committed together on SQLite; each is acknowledged as if it were alone."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from models.database.base import db
from models.database.current_write import DriverConnection
from models.database.group_commit import group_commit_of
from models.database.transactions import begin_write
from models.stock.movement import Movement
from models.stock.verify import verify

ISSUE = {"kind": "issue", "quantity": 1, "reason": "order"}
Post = Callable[[], Any]


@pytest.fixture(autouse=True)
def sqlite_alone(database_url):
    if not database_url.startswith("sqlite"):
        pytest.skip("the servers of other databases group commits themselves")


@pytest.fixture
def statements(monkeypatch) -> list[str]:
    """What is executed on the connections of short writes."""
    executed: list[str] = []
    execute = DriverConnection.exec_driver_sql

    def listen(self: DriverConnection, statement: str, *parameters: Any) -> Any:
        executed.append(statement)
        return execute(self, statement, *parameters)

    monkeypatch.setattr(DriverConnection, "exec_driver_sql", listen)
    return executed


@contextmanager
def waiting_together(app, *posts: Post) -> Iterator[list["Future[Any]"]]:
    """Let another write have its turn until all of these requests wait for theirs."""
    with ThreadPoolExecutor(len(posts)) as pool:
        with app.app_context():
            begin_write()
            answers = [pool.submit(post) for post in posts]
            deadline = time.monotonic() + 5
            while group_commit_of(db.engine).waiting() < len(posts):
                assert time.monotonic() < deadline
                time.sleep(0.001)
            yield answers
            db.session.rollback()


def together(app, *posts: Post) -> list[Any]:
    with waiting_together(app, *posts) as answers:
        pass
    return [answer.result() for answer in answers]


def issue(member, path: str, **changed: Any) -> Post:
    headers = changed.pop("headers", {})
    return lambda: member.post(f"{path}/movements", json={**ISSUE, **changed}, headers=headers)


def patch(member, path: str, changes: dict[str, Any], **headers: str) -> Post:
    return lambda: member.patch(path, json=changes, headers=headers)


def stock(member, path: str) -> int:
    return member.get(path).json["quantity"]


def test_movements_that_wait_together_are_committed_once(app, member, lamp, statements):
    answers = together(app, *[issue(member, lamp)] * 4)

    assert [answer.status_code for answer in answers] == [201] * 4
    assert statements.count("COMMIT") == 1
    assert sorted(answer.json["quantity_after"] for answer in answers) == [1, 2, 3, 4]
    assert stock(member, lamp) == 1


def test_each_of_them_has_its_own_event_in_the_order_of_the_feed(app, member, lamp):
    answers = together(app, *[issue(member, lamp)] * 4)

    events = member.get("/events?type=movement.created").json["data"][-4:]
    assert [event["data"]["quantity_after"] for event in events] == [4, 3, 2, 1]
    requests = {answer.headers["X-Request-ID"]: answer.json["id"] for answer in answers}
    assert {event["request_id"]: event["data"]["id"] for event in events} == requests


def test_a_refused_one_is_refused_alone(app, member, lamp, statements):
    refused, *recorded = together(app, issue(member, lamp, quantity=100), *[issue(member, lamp)] * 3)

    assert (refused.status_code, refused.json["code"]) == (409, "insufficient_stock")
    assert [answer.status_code for answer in recorded] == [201] * 3
    assert statements.count("COMMIT") == 1
    assert stock(member, lamp) == 2


def test_no_two_of_a_group_take_the_same_unit(app, member, lamp):
    answers = together(app, *[issue(member, lamp, quantity=3)] * 4)

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert {answer.json["quantity"] for answer in answers if answer.status_code == 409} == {2}
    assert stock(member, lamp) == 2


def test_one_with_a_fault_of_ours_fails_alone(app, member, lamp, monkeypatch):
    record = Movement.record.__func__

    def faulty(cls, lines, by):
        movements = record(cls, lines, by)
        if lines[0].reference == "fault":
            raise ZeroDivisionError
        return movements

    monkeypatch.setattr(Movement, "record", classmethod(faulty))
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)

    failed, *recorded = together(app, issue(member, lamp, reference="fault"), *[issue(member, lamp)] * 2)

    assert failed.status_code == 500
    assert [answer.status_code for answer in recorded] == [201] * 2
    assert stock(member, lamp) == 3


def test_retries_of_a_group_are_replayed(app, member, lamp, statements):
    posts = [issue(member, lamp, headers={"Idempotency-Key": f"order-{number}"}) for number in range(4)]
    first = together(app, *posts)
    commits = statements.count("COMMIT")
    again = together(app, *posts)

    assert commits == 1
    assert [answer.json for answer in again] == [answer.json for answer in first]
    assert all(answer.headers["Idempotent-Replayed"] == "true" for answer in again)
    assert stock(member, lamp) == 1


def test_a_refusal_in_a_group_is_stored_under_its_key(app, member, lamp):
    key = {"Idempotency-Key": "too-many"}
    refused, _ = together(app, issue(member, lamp, quantity=100, headers=key), issue(member, lamp))
    assert member.post(f"{lamp}/movements", json={**ISSUE, "kind": "receive", "quantity": 500}).status_code == 201

    again = member.post(f"{lamp}/movements", json={**ISSUE, "quantity": 100}, headers=key)

    assert (refused.status_code, again.status_code) == (409, 409)
    assert again.headers["Idempotent-Replayed"] == "true"


def test_where_the_transaction_of_a_group_fails_each_is_recorded_once_by_itself(app, member, lamp, monkeypatch):
    """Its connection may add no page to the file: SQLite fails, at a statement or the commit, as on a full disk."""
    long = [issue(member, lamp, reason="r" * 500, reference=f"full-{number}") for number in range(8)]
    execute = DriverConnection.exec_driver_sql

    def on_a_small_disk(self: DriverConnection, statement: str, *parameters: Any) -> Any:
        if statement == "BEGIN IMMEDIATE":
            execute(self, f"PRAGMA max_page_count={pages + 3}")
        executed.append(statement)
        return execute(self, statement, *parameters)

    executed: list[str] = []
    with app.app_context(), db.engine.connect() as connection:
        driver: Any = connection.connection.dbapi_connection
        driver.execute("VACUUM")  # so that no page is free
        [pages] = driver.execute("PRAGMA page_count").fetchone()
    monkeypatch.setattr(DriverConnection, "exec_driver_sql", on_a_small_disk)
    assert member.post(f"{lamp}/movements", json={**ISSUE, "kind": "receive", "quantity": 95}).status_code == 201

    answers = [answer for _ in range(4) for answer in together(app, *long)]

    assert {answer.status_code for answer in answers} == {201}
    assert executed.count("BEGIN IMMEDIATE") > executed.count("COMMIT")
    recorded = [answer.json["id"] for answer in answers]
    ledger = member.get("/items/1/movements?kind=issue&limit=200").json["data"]
    assert sorted(recorded) == [row["id"] for row in ledger]
    with app.app_context():
        assert list(verify()) == []


def test_writes_of_items_are_committed_with_the_movements_that_wait(app, member, lamp, statements):
    archived = member.post("/items", json={"sku": "OLD", "name": "old"}).headers["Location"]
    statements.clear()

    answers = together(
        app,
        issue(member, lamp),
        patch(member, lamp, {"bin": "B-2"}),
        lambda: member.put("/items/by-sku/NEW", json={"name": "new"}),
        lambda: member.post("/items", json={"sku": "FULL", "name": "full", "quantity": 3}),
        lambda: member.delete(archived),
    )

    assert [answer.status_code for answer in answers] == [201, 200, 201, 201, 204]
    assert statements.count("COMMIT") == 1
    assert member.get(lamp).json["bin"] == "B-2"
    assert member.get("/items/by-sku/FULL").json["quantity"] == 3
    assert member.get(archived).json["archived"]
    events = {event["type"] for event in member.get("/events").json["data"][-6:]}
    assert events == {"movement.created", "item.updated", "item.created", "item.archived"}


def test_of_patches_with_the_same_etag_one_is_made(app, member, lamp):
    etag = member.get(lamp).headers["ETag"]

    answers = together(app, *[patch(member, lamp, {"bin": f"B-{number}"}, **{"If-Match": etag}) for number in range(3)])

    assert sorted(answer.status_code for answer in answers) == [200, 412, 412]
    [made] = [answer for answer in answers if answer.status_code == 200]
    assert member.get(lamp).json == made.json


def test_what_another_one_of_the_group_has_taken_is_refused(app, member, lamp, statements):
    member.post("/items", json={"sku": "OTHER", "name": "other"})
    statements.clear()

    answers = together(app, *[patch(member, f"/items/{number}", {"barcode": "4711", "bin": "C"}) for number in (1, 2)])

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    [refused] = [answer.json for answer in answers if answer.status_code == 409]
    assert refused["code"] == "barcode_taken"
    assert statements.count("COMMIT") == 1
    assert sorted(item["bin"] for item in member.get("/items").json["data"]) == ["", "C"]
