"""Imports beside some lines of plain Python: whatever the rules, the rows and the retries, the ledger agrees."""

from random import Random
from typing import Any

import pytest

from models.files.rules import MATCH, QUANTITY
from models.stock.verify import verify
from tests.support.files import items, send
from tests.support.shelf import add

NAMES = ("A", "B", "C", "D", "E")
STEPS = 60


class Refused(Exception):
    """The file has a fault."""


def stock_after(stock: dict[str, int], file: list[dict[str, Any]], rules: dict[str, str]) -> dict[str, int]:
    """Return the stock after a file; raise Refused."""
    after = dict(stock)
    for row in file:
        name, quantity, there = row["sku"], row["quantity"], row["sku"] in stock
        way = rules["on_conflict"] if there else rules["on_missing"]
        if rules["quantity"] == "ignore" or quantity == "":
            quantity = None
        elif quantity < 0:
            if rules["negative"] == "refuse":
                raise Refused
            quantity = 0
        before = stock.get(name, 0)
        if way == "fail" or (way != "skip" and row["expect_quantity"] not in ("", before)):
            raise Refused
        if way == "skip":
            continue
        change = {"count": (quantity or 0) - before, "receive": quantity, "issue": -(quantity or 0)}
        after[name] = before if quantity is None else before + change[rules["quantity"]]
        if after[name] < 0:
            raise Refused
    return after


def made_up(random: Random, stock: dict[str, int]) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Return the rows of a file and the rules; stock runs out often, and about every third file has a fault."""
    rules = {
        "quantity": random.choice(QUANTITY),
        "match": random.choice(MATCH),
        "on_missing": random.choice(("create", "create", "create", "skip", "fail")),
        "on_conflict": random.choice(("update",) * 8 + ("skip", "fail")),
        "negative": random.choice(("refuse", "zero")),
        "dry_run": random.choice(("false", "false", "false", "true")),
    }
    rows = []
    for name in random.sample(NAMES, random.randint(1, 3)):
        expected = stock.get(name, 0) + random.choice((0,) * 9 + (1, -1))
        rows.append(
            {
                "sku": name,
                "barcode": f"4{name}",
                "name": "n",
                "quantity": random.choice(("", 0, 1, 1, 2, 2, 3, 5, 8, *[-1] * (random.random() < 0.5))),
                "expect_quantity": random.choice(("", max(0, expected))),
            }
        )
    return rows, rules


@pytest.mark.parametrize("seed", range(4))
def test_any_sequence_of_imports_sales_and_retries_leaves_what_a_plain_sum_leaves(app, member, seed):
    random = Random(seed)
    stock = {"A": 4, "B": 4}
    for name, quantity in stock.items():
        add(member, name, barcode=f"4{name}", quantity=quantity)
    sent: list[Any] = []
    for step in range(STEPS):
        file, rules = made_up(random, stock)
        text = "\n".join([",".join(file[0]), *(",".join(map(str, row.values())) for row in file)])
        query = "?" + "&".join(f"{name}={value}" for name, value in rules.items())
        key = {"Idempotency-Key": str(step)}
        answer = send(member, text, query, **key)
        sent.append((text, query, key, answer))
        stock = agreed(answer, stock, file, rules)

        again = send(member, *(first := random.choice(sent))[:2], **first[2])
        assert (again.status_code, again.headers["Idempotent-Replayed"]) == (first[3].status_code, "true")
        sold = {"sku": "A", "kind": "issue", "quantity": 1, "reason": "sold"}
        stock["A"] -= member.post("/movements", json={"movements": [sold]}).status_code == 201
        assert {sku: item["quantity"] for sku, item in items(member).items()} == stock
    with app.app_context():
        assert list(verify()) == []
    assert {status for *_, answer in sent if (status := answer.status_code)} == {200, 422}


def agreed(answer: Any, stock: dict[str, int], file: list[dict[str, Any]], rules: dict[str, str]) -> dict[str, int]:
    """Return the stock after an answer, with which the model agrees."""
    try:
        after = stock_after(stock, file, rules)
    except Refused:
        assert (answer.status_code, answer.json["code"]) == (422, "invalid_input"), (answer.json, stock, file, rules)
        return stock
    assert answer.status_code == 200, (answer.json, stock, file, rules)
    outcome = answer.json
    assert sum(outcome[name] for name in ("created", "updated", "unchanged", "skipped")) == outcome["rows"] == len(file)
    assert outcome["created"] == len(after) - len(stock)
    assert outcome["counted"] == sum(after[name] != quantity for name, quantity in stock.items())
    return stock if rules["dry_run"] == "true" else after
