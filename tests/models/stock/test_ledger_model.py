"""The ledger against some lines of plain Python: whatever the sequence of writes and retries, they agree."""

import json
from itertools import count
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule, run_state_machine_as_test

from models.stock.reservation_expiry import expire_due
from tests.models.stock.ledger_machine import REASON, Books, plain
from tests.models.stock.plain_ledger import AHEAD, PLACES, SKUS, Arrival, Parcel, Reservation, Sent, Transfer
from tests.support.files import NDJSON
from tests.support.reservations import let_expire
from tests.support.shelf import make_location

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
levels = st.one_of(st.none(), st.integers(0, 12))
batches = st.lists(st.tuples(skus, lines, whens), min_size=1, max_size=5)
parcels = st.lists(st.builds(Parcel, skus, st.integers(1, 5)), min_size=1, max_size=3)
promises = st.lists(st.tuples(skus, st.sampled_from(PLACES), st.integers(1, 7)), min_size=1, max_size=2)
arrived = st.sampled_from(((1, 0, 0), (0, 1, 0), (0, 0, 1), (2, 0, 0), (0, 2, 1), (1, 1, 1)))  # as Arrival has them


def arrivals_of(transfer: Transfer) -> st.SearchStrategy[list[Arrival]]:
    """Of some lines of a transfer, some units; often more than are on their way."""
    arrival = st.builds(lambda line, units: Arrival(line, *units), st.integers(1, len(transfer.parcels)), arrived)
    return st.lists(arrival, min_size=1, max_size=2)


class Ledger(Books):
    """Movements, batches, files, transfers, reservations, reversals, levels, retries, in any order, at two places."""

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self.open_books()
        for sku, place in self.model.levels:
            self.set_level(sku, place, data.draw(levels))
        some = [(sku, {"kind": "receive", "quantity": 7, "location": place}) for sku in SKUS for place in PLACES]
        self.move_many([(sku, line, 0) for sku, line in some])
        self.transfer(list(PLACES), data.draw(parcels), at_once=False, data=data)
        self.reserve(data.draw(promises), data)

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
        after = None if is_fixed else self.model.move((plain(row), adjust, None))
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

    @rule(promises=promises, data=st.data())
    def reserve(self, promises: list[tuple[str, str, int]], data: st.DataObject) -> None:
        made = [Reservation(sku, place, units, units) for sku, place, units in promises]
        lines = [
            {"item_id": self.id_of(sku), "location": place, "quantity": units, **REASON}
            for sku, place, units in promises
        ]

        answer = self.send("/reservations", json={"reservations": lines})

        is_made = self.model.reserve(made)
        self.agree_that(answer, is_made)
        if is_made:
            ids = [each["id"] for each in answer.json["reservations"]]
            self.reservations += zip(ids, made, strict=True)
        for act in data.draw(
            st.lists(st.sampled_from((self.fulfil, self.fulfil, self.release, self.expire)), max_size=2)
        ):
            if self.still_open():
                act(data)

    @precondition(lambda self: self.reservations)
    @rule(data=st.data())
    def fulfil(self, data: st.DataObject) -> None:
        id_, reservation = data.draw(st.sampled_from(self.still_open() or self.reservations))
        units = data.draw(st.one_of(st.none(), st.integers(1, 5)))

        answer = self.send(f"/reservations/{id_}/fulfilment", json={} if units is None else {"quantity": units})

        after = self.model.fulfil(reservation, reservation.open if units is None else units)
        self.agree(answer, after, [answer.json.get("movement")])

    @precondition(lambda self: self.reservations)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        id_, reservation = data.draw(st.sampled_from(self.still_open() or self.reservations))

        answer = self.send(f"/reservations/{id_}/release")

        self.agree_that(answer, self.model.end(reservation, "released"))

    @precondition(lambda self: self.reservations)
    @rule(data=st.data())
    def expire(self, data: st.DataObject) -> None:
        id_, reservation = data.draw(st.sampled_from(self.reservations))

        let_expire(self.member.app, {"id": id_})

        self.model.end(reservation, "expired")
        if data.draw(st.booleans()):
            self.model.write_ends()
            with self.member.app.app_context():
                expire_due()
        self.agree_about_levels()

    @rule(sku=skus, place=st.sampled_from((None, *PLACES)), level=levels)
    def set_level(self, sku: str, place: str | None, level: int | None) -> None:
        path = self.paths[sku] if place is None else f"{self.paths[sku]}/stocks/{place}"

        answer = self.member.patch(path, json={"reorder_level": level})

        self.model.levels[sku, place] = level
        self.agree_that(answer, True)

    @rule(sku=skus, place=st.sampled_from(PLACES), quantity=st.integers(0, 9), level=levels)
    def import_items(self, sku: str, place: str, quantity: int, level: int | None) -> None:
        row = {"sku": self.skus[sku], "quantity": quantity, "location": place, "reorder_level": level}

        answer = self.send("/items/import", data=json.dumps(row), content_type=NDJSON)

        if self.model.quantity(sku, place=place) != quantity:
            after = self.model.move((sku, {"kind": "count", "quantity": quantity, "location": place}, None))
            self.model.levels[sku, None] = level
            self.agree(answer, after)
        self.model.levels[sku, None] = level
        self.agree_that(answer, True)


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
