"""`flask verify`: an administrator can count on it to find what is wrong with the ledger."""

import pytest
from sqlalchemy import text

from models.database.base import db


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
