"""The ledger against some lines of plain Python: whatever the sequence of writes and retries, they agree."""

import json
from itertools import count, product
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from models.stock.verify import verify
from models.values import rfc3339
from tests.models.stock.plain_ledger import AHEAD, IN_TRANSIT, PLACES, SKUS, Arrival, Model, Parcel, Sent, Transfer
from tests.support.files import NDJSON
from tests.support.shelf import make_location

REASON = {"reason": "the model says so"}
PARCEL = ("quantity", "received", "returned", "damaged")

skus = st.sampled_from(SKUS)
whens = st.one_of(st.none(), st.integers(0, AHEAD))
# Small enough that stock runs out often, and that a reversal often finds too little.
places: dict[Any, Any] = {"location": st.sampled_from(PLACES)}
lines = st.one_of(
    st.fixed_dictionaries(
        {"kind": st.sampled_from(("receive", "issue")), "quantity": st.integers(1, 9)}, optional=places
    ),
    st.fixed_dictionaries({"kind": st.just("adjust"), "quantity": st.integers(-9, 9).filter(bool)}, optional=places),
    st.fixed_dictionaries(
        {"kind": st.just("count"), "quantity": st.integers(0, 9)},
        optional={"expect_quantity": st.integers(0, 9), **places},
    ),
)
batches = st.lists(st.tuples(skus, lines, whens), min_size=1, max_size=5)
parcels = st.lists(st.builds(Parcel, skus, st.integers(1, 5)), min_size=1, max_size=3)
arrived = st.sampled_from(((1, 0, 0), (0, 1, 0), (0, 0, 1), (2, 0, 0), (0, 2, 1), (1, 1, 1)))  # as Arrival has them


def arrivals_of(transfer: Transfer) -> st.SearchStrategy[list[Arrival]]:
    """Of some lines of a transfer, some units; often more than are on their way."""
    arrival = st.builds(lambda line, units: Arrival(line, *units), st.integers(1, len(transfer.parcels)), arrived)
    return st.lists(arrival, min_size=1, max_size=2)


class Ledger(RuleBasedStateMachine):
    """Movements, batches, files, transfers, reversals and retries, in any order, of two items at two places."""

    member: Any

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self.model = Model()
        self.paths: dict[str, str] = {}
        self.skus: dict[str, str] = {}
        self.moved: list[dict[str, Any]] = []  # every movement, as the service has it
        self.reversed: set[int] = set()
        self.transfers: list[tuple[str, Transfer]] = []  # each with its path
        self.sent: list[tuple[str, dict[str, Any], str, Any]] = []
        series = next(self.numbers)
        for sku in SKUS:
            self.skus[sku] = f"{sku}-{series}"
            made = self.member.post("/items", json={"sku": self.skus[sku], "name": sku})
            self.paths[sku] = made.headers["Location"]
            self.move(sku, {"kind": "receive", "quantity": 9}, 0)
        self.transfer(list(PLACES), data.draw(parcels), at_once=False, data=data)

    def send(self, path: str, **body: Any) -> Any:
        key = f"key {next(self.numbers)}"
        answer = self.member.post(path, **body, headers={"Idempotency-Key": key})
        self.sent.append((path, body, key, answer))
        return answer

    def agree(self, answer: Any, after: list[int] | None, movements: Any = None) -> None:
        """The model and the service took the write alike; `movements` has those of the answer, if it has them."""
        if after is None:
            assert answer.status_code == self.model.status, answer.json
            return
        assert answer.status_code in (200, 201), answer.json
        recorded = self.member.get(f"/movements?sort=-id&limit={len(after)}").json["data"][::-1]
        assert movements in (None, recorded)
        assert [row["quantity_after"] for row in recorded] == after
        self.moved += recorded

    @rule(sku=skus, line=lines, when=whens)
    def move(self, sku: str, line: dict[str, Any], when: int | None) -> None:
        answer = self.send(f"{self.paths[sku]}/movements", json=self.body(line, when))

        self.agree(answer, self.model.move((sku, line, when)), [answer.json])

    @rule(moves=batches)
    def move_many(self, moves: list[Sent]) -> None:
        batch = [{"item_id": self.id_of(sku), **self.body(line, when)} for sku, line, when in moves]

        answer = self.send("/movements", json={"movements": batch})

        self.agree(answer, self.model.move(*moves), answer.json.get("movements"))

    @rule(moves=batches)
    def import_file(self, moves: list[Sent]) -> None:
        lines = [json.dumps({"sku": self.skus[sku], **self.body(line, when)}) for sku, line, when in moves]

        answer = self.send("/movements/import", data="\n".join(lines), content_type=NDJSON)

        after = self.model.move(*moves)
        self.model.status = 422  # of a file, whatever is the matter
        assert answer.json["recorded"] == len(after or ())
        self.agree(answer, after)

    @precondition(lambda self: self.moved)
    @rule(data=st.data())
    def reverse(self, data: st.DataObject) -> None:
        row = data.draw(st.sampled_from(self.moved))
        is_fixed = row["id"] in self.reversed or row["transfer_id"]
        adjust = {"kind": "adjust", "quantity": -row["delta"], "location": row["location"]}

        answer = self.send(f"/movements/{row['id']}/reversal", json={})

        self.model.status = 409
        after = None if is_fixed else self.model.move((row["sku"].partition("-")[0], adjust, None))
        self.agree(answer, after, [answer.json])
        if after is not None:
            self.reversed |= {row["id"], answer.json["id"]}

    @rule(ends=st.permutations(PLACES), parcels=parcels, at_once=st.booleans(), data=st.data())
    def transfer(self, ends: list[str], parcels: list[Parcel], at_once: bool, data: st.DataObject) -> None:
        transfer = Transfer(ends[0], ends[1], parcels)
        lines = [{"item_id": self.id_of(each.sku), "quantity": each.quantity} for each in parcels]
        body = {"from": ends[0], "to": ends[1], "lines": lines, "receive": "now" if at_once else "later", **REASON}

        answer = self.send("/transfers", json=body)

        after = self.model.send(transfer, at_once=at_once)
        self.agree(answer, after)
        if after is not None:
            self.transfers.append((answer.headers["Location"], transfer))
        for act in data.draw(
            st.lists(st.sampled_from((self.receive, self.receive, self.receive, self.bring_back)), max_size=3)
        ):
            if self.on_their_way():
                act(data)

    @precondition(lambda self: self.transfers)
    @rule(data=st.data())
    def receive(self, data: st.DataObject) -> None:
        path, transfer = data.draw(st.sampled_from(self.on_their_way() or self.transfers))
        arrivals = data.draw(arrivals_of(transfer))

        answer = self.send(f"{path}/receipts", json={"lines": [each._asdict() for each in arrivals]})

        self.agree(answer, self.model.receive(transfer, arrivals))

    @precondition(lambda self: self.transfers)
    @rule(data=st.data())
    def bring_back(self, data: st.DataObject) -> None:
        path, transfer = data.draw(st.sampled_from(self.on_their_way() or self.transfers))

        answer = self.send(f"{path}/reversal", json={})

        self.agree(answer, self.model.bring_back(transfer))

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        path, body, key, first = data.draw(st.sampled_from(self.sent))

        again = self.member.post(path, **body, headers={"Idempotency-Key": key})

        assert (again.status_code, again.headers["Idempotent-Replayed"]) == (first.status_code, "true")
        if first.status_code < 300:
            assert again.data == first.data

    @invariant()
    def the_stock_is_what_the_model_says(self) -> None:
        none = dict.fromkeys((*PLACES, IN_TRANSIT), 0)
        for sku, path in self.paths.items():
            assert self.member.get(path).json["quantity"] == self.model.quantity(sku)
            there = {row["location"]: row["quantity"] for row in self.member.get(f"{path}/stocks").json["data"]}
            assert {**none, **there} == {place: self.model.quantity(sku, place=place) for place in none}

    @invariant()
    def every_transfer_is_what_the_model_says(self) -> None:
        for path, transfer in self.transfers:
            found = self.member.get(path).json
            lines = [Parcel(line["sku"].partition("-")[0], *(line[name] for name in PARCEL)) for line in found["lines"]]
            assert lines == transfer.parcels
            assert (found["state"], found["reversed"]) == (transfer.state, transfer.is_reversed)

    def teardown(self) -> None:
        for sku, path in self.paths.items():
            ledger = self.member.get(f"{path}/movements?limit=200").json["data"]
            assert len(ledger) < 200
            assert sum(row["delta"] for row in ledger) == self.model.quantity(sku)
            quantity = 0
            for row in ledger:
                quantity += row["delta"]
                assert row["quantity_after"] == quantity >= 0
            for moment, place in product(self.model.moments, (None, *PLACES)):
                at = f"{path}/quantity?at={rfc3339(moment)}" + (f"&location={place}" if place else "")
                assert self.member.get(at).json["quantity"] == self.model.quantity(sku, moment, place) >= 0
        with self.member.app.app_context():
            assert list(verify()) == []

    def on_their_way(self) -> list[tuple[str, Transfer]]:
        return [(path, transfer) for path, transfer in self.transfers if transfer.state != "received"]

    def body(self, line: dict[str, Any], when: int | None) -> dict[str, Any]:
        return {**line, **REASON, **({} if when is None else {"occurred_at": rfc3339(self.model.moments[when])})}

    def id_of(self, sku: str) -> int:
        return int(self.paths[sku].rpartition("/")[2])


def test_any_sequence_of_writes_and_retries_leaves_what_a_plain_sum_leaves(app: Any, member: Any) -> None:
    make_location(app, "VAN")

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
