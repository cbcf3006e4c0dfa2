"""A program that commits one group of two movements on SQLite, and ends before one statement of it as if killed.

`python -m tests.faults.group URL FOLDER STEP`: the exit status is ENDED if there is a statement of this number, from 0,
or if it is the number of statements, which is after the commit and before anybody hears of it; else 0. What is
acknowledged goes to the file `acknowledged` in the folder. The keyed movement of the step before is sent again, first.
"""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from app import create_app
from models.database.base import db
from models.database.current_write import DriverConnection
from models.database.group_commit import group_commit_of
from models.database.schema import migrate
from models.database.transactions import begin_write
from tests.support.clients import Client, person
from tests.support.databases import settings_for

ENDED = 99
PATH = "/items/1/movements"


def main(database_url: str, folder: Path, step: int) -> None:
    """Send two movements that are committed together, and end at this step."""
    app = create_app(settings_for(database_url, folder))
    with app.app_context():
        migrate()
    member = person(app, "mel", "member")
    # The first key of a process takes statements more than others: old keys are deleted then.
    item = {"sku": f"LAMP-{step}", "name": "Desk lamp"}
    assert member.post("/items", json=item, headers={"Idempotency-Key": item["sku"]}).status_code == 201
    if step:
        move(member, folder, step - 1, keyed=True)
    with app.app_context(), ThreadPoolExecutor() as pool:
        begin_write()
        sent = [pool.submit(move, member, folder, step, keyed=keyed) for keyed in (True, False)]
        while group_commit_of(db.engine).waiting() < len(sent):
            time.sleep(0.001)
        end_at(step)
        db.session.rollback()
    for each in sent:
        each.result()


def move(member: Client, folder: Path, step: int, *, keyed: bool) -> None:
    """Receive one lamp, and note it when that is acknowledged."""
    reference = reference_of(step, keyed=keyed)
    movement = {"kind": "receive", "quantity": 1, "reason": "delivery", "reference": reference}
    answer = member.post(PATH, json=movement, headers={"Idempotency-Key": reference} if keyed else {})
    assert answer.status_code == 201, answer.json
    with (folder / "acknowledged").open("a") as file:
        file.write(f"{reference}\n")


def reference_of(step: int, *, keyed: bool) -> str:
    """Return the reference of one of the two movements of a step."""
    return f"{step} {'keyed' if keyed else 'plain'}"


def end_at(step: int) -> None:
    """End this process before the short writes execute the statement of this number, or after their commit."""
    execute, count = DriverConnection.exec_driver_sql, 0

    def execute_or_end(self: DriverConnection, statement: str, *parameters: Any) -> Any:
        nonlocal count
        if count == step:
            os._exit(ENDED)
        count += 1
        result = execute(self, statement, *parameters)
        if statement == "COMMIT" and count == step:
            os._exit(ENDED)
        return result

    DriverConnection.exec_driver_sql = execute_or_end


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
