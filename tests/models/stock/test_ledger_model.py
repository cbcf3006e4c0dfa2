"""The ledger against ten lines of plain Python: whatever the sequence of writes and retries, they agree."""

from itertools import count
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

SKUS = ("BOLT", "NUT")
REASON = {"reason": "the model says so"}

skus = st.sampled_from(SKUS)
# Small enough that stock runs out often, and that a reversal often finds too little.
lines = st.one_of(
    st.fixed_dictionaries({"kind": st.sampled_from(("receive", "issue")), "quantity": st.integers(1, 9)}),
    st.fixed_dictionaries({"kind": st.just("adjust"), "quantity": st.integers(-9, 9).filter(bool)}),
    st.fixed_dictionaries(
        {"kind": st.just("count"), "quantity": st.integers(0, 9)}, optional={"expect_quantity": st.integers(0, 9)}
    ),
)


class Model:
    """What the service promises: stock that never goes below zero, moved by all the lines or by none."""

    def __init__(self) -> None:
        self.quantities = dict.fromkeys(SKUS, 0)

    def move(self, *moves: tuple[str, dict[str, Any]]) -> list[int] | None:
        """The quantity after each line, or None when one of them is refused."""
        stock, after = dict(self.quantities), []
        for sku, line in moves:
            signs = {"issue": -line["quantity"], "count": line["quantity"] - stock[sku]}
            expected = line.get("expect_quantity", stock[sku]) == stock[sku]
            stock[sku] += signs.get(line["kind"], line["quantity"])
            if not expected or stock[sku] < 0:
                return None
            after.append(stock[sku])
        self.quantities = stock
        return after


class Ledger(RuleBasedStateMachine):
    """Movements, batches, reversals and retries, in any order, of two items."""

    member: Any

    @initialize()
    def begin(self) -> None:
        self.model = Model()
        self.paths: dict[str, str] = {}
        self.moved: list[tuple[str, int, int]] = []  # the SKU, id and delta of each movement
        self.reversed: set[int] = set()
        self.sent: list[tuple[str, Any, str, Any]] = []
        series = next(self.numbers)
        for sku in SKUS:
            made = self.member.post("/items", json={"sku": f"{sku}-{series}", "name": sku})
            self.paths[sku] = made.headers["Location"]

    def send(self, path: str, body: Any) -> Any:
        key = f"key {next(self.numbers)}"
        answer = self.member.post(path, json=body, headers={"Idempotency-Key": key})
        self.sent.append((path, body, key, answer))
        return answer

    def agree(self, answer: Any, after: list[int] | None, movements: Any) -> None:
        """The model and the service took the write alike."""
        if after is None:
            assert answer.status_code == 409, answer.json
            return
        assert answer.status_code == 201, answer.json
        rows = movements(answer.json)
        assert [row["quantity_after"] for row in rows] == after
        self.moved += [(row["sku"].partition("-")[0], row["id"], row["delta"]) for row in rows]

    @rule(sku=skus, line=lines)
    def move(self, sku: str, line: dict[str, Any]) -> None:
        answer = self.send(f"{self.paths[sku]}/movements", {**line, **REASON})

        self.agree(answer, self.model.move((sku, line)), lambda movement: [movement])

    @rule(moves=st.lists(st.tuples(skus, lines), min_size=1, max_size=5))
    def move_many(self, moves: list[tuple[str, dict[str, Any]]]) -> None:
        batch = [{"item_id": self.id_of(sku), **line, **REASON} for sku, line in moves]

        answer = self.send("/movements", {"movements": batch})

        self.agree(answer, self.model.move(*moves), lambda body: body["movements"])

    @rule(data=st.data())
    def reverse(self, data: st.DataObject) -> None:
        if not self.moved:
            return
        sku, movement_id, delta = data.draw(st.sampled_from(self.moved))
        done = movement_id in self.reversed
        adjust = {"kind": "adjust", "quantity": -delta}

        answer = self.send(f"/movements/{movement_id}/reversal", {})

        after = None if done else self.model.move((sku, adjust))
        before = len(self.moved)
        self.agree(answer, after, lambda movement: [movement])
        if after is not None:
            self.reversed |= {movement_id, self.moved[before][1]}

    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        if not self.sent:
            return
        path, body, key, first = data.draw(st.sampled_from(self.sent))

        again = self.member.post(path, json=body, headers={"Idempotency-Key": key})

        assert (again.status_code, again.headers["Idempotent-Replayed"]) == (first.status_code, "true")
        if first.status_code == 201:
            assert again.data == first.data

    @invariant()
    def the_stock_is_what_the_model_says(self) -> None:
        for sku, path in self.paths.items():
            assert self.member.get(path).json["quantity"] == self.model.quantities[sku]

    def teardown(self) -> None:
        for sku, path in self.paths.items():
            ledger = self.member.get(f"{path}/movements?limit=200").json["data"]
            assert len(ledger) < 200
            assert sum(row["delta"] for row in ledger) == self.model.quantities[sku]
            quantity = 0
            for row in ledger:
                quantity += row["delta"]
                assert row["quantity_after"] == quantity >= 0

    def id_of(self, sku: str) -> int:
        return int(self.paths[sku].rpartition("/")[2])


def test_any_sequence_of_writes_and_retries_leaves_what_a_plain_sum_leaves(member: Any) -> None:
    class LedgerOfMember(Ledger):
        numbers = count()

    LedgerOfMember.member = member
    few = settings(
        max_examples=10,
        stateful_step_count=12,
        derandomize=True,
        deadline=None,
        phases=[Phase.generate],  # a dozen steps can be read as they are; to shorten them takes minutes
        suppress_health_check=list(HealthCheck),
    )

    run_state_machine_as_test(LedgerOfMember, settings=few)
