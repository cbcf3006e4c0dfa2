"""The ledger against some lines of plain Python: whatever the sequence of writes and retries, they agree."""

import json
from datetime import UTC, datetime, timedelta
from itertools import count, product
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from models.stock.verify import verify
from models.values import rfc3339
from tests.support.files import NDJSON
from tests.support.shelf import make_location

SKUS = ("BOLT", "NUT")
PLACES = ("MAIN", "VAN")
REASON = {"reason": "the model says so"}
# When something happened, as a client may say: on a day in the past, or at a time to come by a clock that is ahead.
DAYS = [datetime(2025, 11, day, tzinfo=UTC) for day in range(1, 5)]
AHEAD = len(DAYS)

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


class Move(NamedTuple):
    """One line that was recorded."""

    moment: datetime
    delta: int
    counts: bool
    place: str


class Model:
    """What the service promises: stock that was never below zero anywhere, moved by all the lines or by none.

    `status` is that of the last refusal.
    """

    def __init__(self) -> None:
        self.status = 409
        self.began = datetime.now(UTC)
        self.moments = [*DAYS, self.began + timedelta(minutes=4)]
        self.ledgers: dict[str, list[Move]] = {sku: [] for sku in SKUS}

    def quantity(self, sku: str, moment: datetime | None = None, place: str | None = None) -> int:
        """The stock at the end of a moment, or with all that is recorded; in all, or at one place."""
        moves = [move for move in self.ledgers[sku] if place in (None, move.place)]
        return sum(move.delta for move in moves if moment is None or move.moment <= moment)

    def move(self, *moves: tuple[str, dict[str, Any], int | None]) -> list[int] | None:
        """The quantity after each line, or None when one of them is refused."""
        before, after = {sku: list(ledger) for sku, ledger in self.ledgers.items()}, []
        for sku, line, when in moves:
            if not self._move(sku, line, when):
                self.ledgers = before
                return None
            after.append(self.quantity(sku))
        return after

    def _move(self, sku: str, line: dict[str, Any], when: int | None) -> bool:
        ledger, place = self.ledgers[sku], line.get("location", PLACES[0])
        in_all, there = self.quantity(sku), self.quantity(sku, place=place)
        is_unclear = line["kind"] == "count" and "location" not in line and in_all != there
        self.status = 422 if is_unclear else 409
        found = there if "location" in line else in_all
        if is_unclear or line.get("expect_quantity", found) != found:
            return False
        latest = max([self.began, *(move.moment for move in ledger)])
        moment = latest + timedelta(microseconds=1) if when is None else self.moments[when]
        if any(move.counts and move.place == place and move.moment >= moment for move in ledger):
            return False
        signs = {"issue": -line["quantity"], "count": line["quantity"] - self.quantity(sku, moment, place)}
        ledger.append(Move(moment, signs.get(line["kind"], line["quantity"]), line["kind"] == "count", place))
        return all(self.quantity(sku, move.moment, place) >= 0 for move in ledger)


class Ledger(RuleBasedStateMachine):
    """Movements, batches, files, reversals and retries, in any order, of two items."""

    member: Any

    @initialize()
    def begin(self) -> None:
        self.model = Model()
        self.paths: dict[str, str] = {}
        self.skus: dict[str, str] = {}
        self.moved: list[tuple[str, int, int, str]] = []  # the SKU, id, delta and place of each movement
        self.reversed: set[int] = set()
        self.sent: list[tuple[str, dict[str, Any], str, Any]] = []
        series = next(self.numbers)
        for sku in SKUS:
            self.skus[sku] = f"{sku}-{series}"
            made = self.member.post("/items", json={"sku": self.skus[sku], "name": sku})
            self.paths[sku] = made.headers["Location"]

    def send(self, path: str, **body: Any) -> Any:
        key = f"key {next(self.numbers)}"
        answer = self.member.post(path, **body, headers={"Idempotency-Key": key})
        self.sent.append((path, body, key, answer))
        return answer

    def agree(self, answer: Any, after: list[int] | None, movements: Any) -> None:
        """The model and the service took the write alike."""
        if after is None:
            assert answer.status_code == self.model.status, answer.json
            return
        assert answer.status_code == 201, answer.json
        rows = movements(answer.json)
        assert [row["quantity_after"] for row in rows] == after
        self.remember(rows)

    def remember(self, rows: list[dict[str, Any]]) -> None:
        self.moved += [(row["sku"].partition("-")[0], row["id"], row["delta"], row["location"]) for row in rows]

    @rule(sku=skus, line=lines, when=whens)
    def move(self, sku: str, line: dict[str, Any], when: int | None) -> None:
        answer = self.send(f"{self.paths[sku]}/movements", json=self.body(line, when))

        self.agree(answer, self.model.move((sku, line, when)), lambda movement: [movement])

    @rule(moves=st.lists(st.tuples(skus, lines, whens), min_size=1, max_size=5))
    def move_many(self, moves: list[tuple[str, dict[str, Any], int | None]]) -> None:
        batch = [{"item_id": self.id_of(sku), **self.body(line, when)} for sku, line, when in moves]

        answer = self.send("/movements", json={"movements": batch})

        self.agree(answer, self.model.move(*moves), lambda body: body["movements"])

    @rule(moves=st.lists(st.tuples(skus, lines, whens), min_size=1, max_size=5))
    def import_file(self, moves: list[tuple[str, dict[str, Any], int | None]]) -> None:
        lines = [json.dumps({"sku": self.skus[sku], **self.body(line, when)}) for sku, line, when in moves]

        answer = self.send("/movements/import", data="\n".join(lines), content_type=NDJSON)

        after = self.model.move(*moves)
        if after is None:
            assert (answer.status_code, answer.json["recorded"]) == (422, 0), answer.json
            return
        assert (answer.status_code, answer.json["recorded"]) == (200, len(moves)), answer.json
        latest = self.member.get(f"/movements?sort=-id&limit={len(moves)}").json["data"][::-1]
        assert [row["quantity_after"] for row in latest] == after
        self.remember(latest)

    @rule(data=st.data())
    def reverse(self, data: st.DataObject) -> None:
        if not self.moved:
            return
        sku, movement_id, delta, place = data.draw(st.sampled_from(self.moved))
        done = movement_id in self.reversed
        adjust = {"kind": "adjust", "quantity": -delta, "location": place}

        answer = self.send(f"/movements/{movement_id}/reversal", json={})

        self.model.status = 409
        after = None if done else self.model.move((sku, adjust, None))
        before = len(self.moved)
        self.agree(answer, after, lambda movement: [movement])
        if after is not None:
            self.reversed |= {movement_id, self.moved[before][1]}

    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        if not self.sent:
            return
        path, body, key, first = data.draw(st.sampled_from(self.sent))

        again = self.member.post(path, **body, headers={"Idempotency-Key": key})

        assert (again.status_code, again.headers["Idempotent-Replayed"]) == (first.status_code, "true")
        if first.status_code < 300:
            assert again.data == first.data

    @invariant()
    def the_stock_is_what_the_model_says(self) -> None:
        for sku, path in self.paths.items():
            assert self.member.get(path).json["quantity"] == self.model.quantity(sku)
            there = {row["location"]: row["quantity"] for row in self.member.get(f"{path}/stocks").json["data"]}
            assert {"VAN": 0, **there} == {place: self.model.quantity(sku, place=place) for place in PLACES}

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
