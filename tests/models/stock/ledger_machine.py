"""The ledger beside its plain model: writes are sent and repeated, and what both have is compared."""

from itertools import product
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from models.stock.verify import verify
from models.values import rfc3339
from tests.models.stock.plain_ledger import IN_TRANSIT, PLACES, SKUS, Model, Parcel, Reservation, Transfer

REASON = {"reason": "the model says so"}
NUMBERS = ("quantity", "reserved", "available")
PARCEL = ("quantity", "received", "returned", "damaged")


class Books(RuleBasedStateMachine):
    """Two items, the plain model of them, and what was written so far."""

    member: Any
    numbers: Any

    def open_books(self) -> None:
        self.model = Model()
        self.paths: dict[str, str] = {}
        self.skus: dict[str, str] = {}
        self.moved: list[dict[str, Any]] = []  # every movement, as the service has it
        self.reversed: set[int] = set()
        self.transfers: list[tuple[str, Transfer]] = []  # each with its path
        self.reservations: list[tuple[int, Reservation]] = []  # each with its id
        self.sent: list[tuple[str, dict[str, Any], str, Any]] = []
        self.cursor = ""
        self.events()
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

    def agree(self, answer: Any, after: list[int] | None, movements: Any = None) -> None:
        """The model and the service took the write alike; `movements` has those of the answer, if it has them."""
        self.agree_that(answer, after is not None)
        if after is None:
            return
        recorded = self.member.get(f"/movements?sort=-id&limit={len(after)}").json["data"][::-1]
        assert movements in (None, recorded)
        assert [row["quantity_after"] for row in recorded] == after
        self.moved += recorded

    def agree_that(self, answer: Any, is_done: bool) -> None:
        """The same of a write that moves no stock."""
        assert answer.status_code in ((200, 201) if is_done else (self.model.status,)), answer.json
        self.agree_about_levels()

    def agree_about_levels(self) -> None:
        """The last act has crossed the levels that the model says, each once."""
        found = [
            (event["type"], plain(data), *(data[name] for name in ("location", "available", "reorder_level")))
            for event, data in ((event, event["data"]) for event in self.events())
            if event["type"] in ("item.low_stock", "item.restocked") and data["sku"] in self.skus.values()
        ]
        assert sorted(found, key=str) == sorted(self.model.crossings(), key=str)

    def events(self) -> list[dict[str, Any]]:
        """The events since this was asked last."""
        events: list[dict[str, Any]] = []
        more = True
        while more:
            page = self.member.get(f"/events?limit=1000&since={self.cursor}").json
            events += page["data"]
            self.cursor, more = page["next_cursor"], page["has_more"]
        return events

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
        model, everywhere = self.model, (*PLACES, IN_TRANSIT)
        none = dict.fromkeys(everywhere, (0, 0))
        for sku, path in self.paths.items():
            item = self.member.get(path).json
            reserved = model.reserved(sku)
            available = max(0, model.quantity(sku) - model.quantity(sku, place=IN_TRANSIT) - reserved)
            assert [item[name] for name in NUMBERS] == [model.quantity(sku), reserved, available]
            stocks = self.member.get(f"{path}/stocks").json["data"]
            there = {stock["location"]: (stock["quantity"], stock["reserved"]) for stock in stocks}
            assert {**none, **there} == {
                place: (model.quantity(sku, place=place), model.reserved(sku, place)) for place in everywhere
            }

    @invariant()
    def every_transfer_is_what_the_model_says(self) -> None:
        for path, transfer in self.transfers:
            found = self.member.get(path).json
            lines = [Parcel(plain(line), *(line[name] for name in PARCEL)) for line in found["lines"]]
            assert lines == transfer.parcels
            assert (found["state"], found["reversed"]) == (transfer.state, transfer.is_reversed)

    @invariant()
    def every_reservation_is_what_the_model_says(self) -> None:
        for id_, reservation in self.reservations:
            found = self.member.get(f"/reservations/{id_}").json
            said = (found[name] for name in ("location", "quantity", "open", "state"))
            assert Reservation(plain(found), *said) == reservation

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

    def still_open(self) -> list[tuple[int, Reservation]]:
        return [(id_, reservation) for id_, reservation in self.reservations if reservation.state == "open"]

    def body(self, line: dict[str, Any], when: int | None) -> dict[str, Any]:
        return {**line, **REASON, **({} if when is None else {"occurred_at": rfc3339(self.model.moments[when])})}

    def id_of(self, sku: str) -> int:
        return int(self.paths[sku].rpartition("/")[2])


def plain(row: dict[str, Any]) -> str:
    """The SKU in the model of what the service has."""
    return str(row["sku"]).partition("-")[0]
