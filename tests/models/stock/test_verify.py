"""`flask verify`: an administrator can count on it to find what is wrong with the ledger."""

import pytest
from sqlalchemy import text

from models.database.base import db
from tests.support.shelf import add


@pytest.fixture
def verify(app):
    """Run the command; the exit status and what it printed."""

    def run():
        result = app.test_cli_runner().invoke(args=["verify"])
        return result.exit_code, result.stdout

    return run


@pytest.fixture
def tamper(app):
    """Change the database behind the service's back."""

    def execute(statement):
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(text(statement))

    return execute


@pytest.fixture
def stocked(member, lamp):
    member.post("/items", json={"sku": "NONE", "name": "Never moved"})
    for quantity in (3, 4):
        member.post(f"{lamp}/movements", json={"kind": "receive", "quantity": quantity, "reason": "delivery"})
    return [row["id"] for row in member.get(f"{lamp}/movements").json["data"]]


def test_a_sound_ledger_is_said_to_be_sound(verify, stocked):
    assert verify() == (0, "All is well: 3 movements verified.\n")


def test_an_empty_database_is_sound(verify, app):
    assert verify() == (0, "All is well: 0 movements verified.\n")


def test_a_quantity_that_is_not_the_sum_of_its_movements_is_found(verify, tamper, stocked):
    tamper("UPDATE items SET quantity = 11 WHERE sku = 'LAMP-1'")

    status, printed = verify()

    assert status == 1
    assert printed.endswith("(LAMP-1): quantity is 11, its movements sum up to 12\n")


def test_stock_without_any_movement_is_found(verify, tamper, stocked):
    tamper("UPDATE items SET quantity = 1 WHERE sku = 'NONE'")

    status, printed = verify()

    assert (status, printed.count("\n")) == (1, 1)
    assert "(NONE): quantity is 1, its movements sum up to 0" in printed


def test_a_broken_chain_is_found(verify, tamper, stocked):
    tamper(f"UPDATE movements SET quantity_after = 9 WHERE id = {stocked[1]}")

    status, printed = verify()

    assert status == 1
    assert printed == (
        f"movement {stocked[1]}: quantity_after is 9, not 8\nmovement {stocked[2]}: quantity_after is 12, not 13\n"
    )


def test_a_movement_without_its_event_is_found(verify, tamper, stocked):
    tamper(f"DELETE FROM events WHERE movement_id = {stocked[2]}")

    assert verify() == (1, f"movement {stocked[2]}: has no event\n")


# --- history: what ledgers that are older than the rule may have ----------------------------------------------------


def day(number):
    """A day of November 2025, as clients see it, and as the databases have it."""
    return f"2025-11-{number:02}T12:00:00.000000Z"


@pytest.fixture
def record(member):
    """Record a movement of an item on a day, or as of now, and return its id."""
    bolt = add(member, "BOLT")["id"]

    def record(kind, quantity, number=None):
        dated = {"occurred_at": day(number)} if number else {}
        body = {"kind": kind, "quantity": quantity, "reason": "a reason", **dated}
        return member.post(f"/items/{bolt}/movements", json=body).json["id"]

    return record


@pytest.fixture
def move_to(tamper):
    """Move a movement to another day."""

    def move_to(movement_id, number, counted="counted"):
        at = day(number).replace("T", " ").rstrip("Z")
        tamper(f"UPDATE movements SET occurred_at = '{at}', counted = {counted} WHERE id = {movement_id}")
        tamper("UPDATE items SET moved_at = (SELECT max(occurred_at) FROM movements WHERE item_id = items.id)")

    return move_to


def test_backdated_movements_and_counts_make_a_sound_history(verify, record):
    record("receive", 10, 20)
    record("issue", 3, 24)
    record("count", 9, 22)
    record("receive", 1, 23)
    record("issue", 7)

    assert verify() == (0, "All is well: 5 movements verified.\n")


def test_a_moment_at_which_the_stock_was_negative_is_found(verify, record, move_to):
    record("receive", 2, 25)
    for number in (21, 22):
        move_to(record("issue", 1), number)

    status, printed = verify()

    assert status == 1
    assert printed.startswith("history: item ")
    assert printed.endswith(f"(BOLT): below zero, -2 at {day(22)}\n")


def test_a_count_that_what_was_recorded_later_contradicts_is_found(verify, record, move_to):
    record("receive", 10, 20)
    count = record("count", 9, 22)
    received = record("receive", 4)
    move_to(received, 22)

    status, printed = verify()

    assert status == 1
    assert printed.endswith(f"(BOLT): count {count} found 9 at {day(22)}, where the ledger has 13\n")


def test_a_count_that_an_older_version_compared_with_the_wrong_stock_is_found(verify, record, move_to):
    record("receive", 10, 20)
    record("issue", 3, 24)
    count = record("count", 9)
    move_to(count, 25, counted="NULL")
    assert verify() == (0, "All is well: 3 movements verified.\n")

    move_to(count, 22, counted="NULL")

    assert verify()[1].endswith(f"(BOLT): count {count} found 9 at {day(22)}, where the ledger has 12\n")


def test_lines_of_an_older_version_that_share_a_moment_with_a_count_do_not_contradict_it(verify, record, move_to):
    record("receive", 10, 20)
    for movement in (record("count", 9), record("issue", 2)):
        move_to(movement, 22, counted="NULL")

    assert verify() == (0, "All is well: 3 movements verified.\n")


def test_a_latest_moment_that_is_none_of_its_movements_is_found(verify, tamper, stocked):
    tamper("UPDATE items SET moved_at = '2025-11-01 12:00:00.000000' WHERE sku = 'LAMP-1'")

    status, printed = verify()

    assert status == 1
    assert "(LAMP-1): moved_at is 2025-11-01T12:00:00.000000Z, its latest movement 20" in printed


def test_a_delivery_recorded_late_is_put_right_as_the_guide_for_administrators_says(verify, record, move_to):
    record("receive", 5, 25)
    move_to(record("issue", 5), 20)
    assert "below zero, -5" in verify()[1]

    record("adjust", 5, 20)
    record("adjust", -5)

    assert verify() == (0, "All is well: 4 movements verified.\n")
