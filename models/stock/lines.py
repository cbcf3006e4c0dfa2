"""The lines to be recorded as movements, what each did, and why some can't be recorded."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from models.principal import Principal
from models.refusals import NotFound, Refusal
from models.stock.place import Place

# The kinds whose quantity is taken away.
TAKING = frozenset({"issue", "transfer_out"})


class Quantities(NamedTuple):
    """What a line did, in units: by how much it changed a stock, what the item has then, and what the location has."""

    delta: int
    after: int
    after_there: int


@dataclass(frozen=True, slots=True)
class Line:
    """One movement to be recorded, of the item with this id, SKU or barcode, at the location with this code.

    `quantity` is in units; what it does to the stock depends on `kind`. Without a location it is at the default one.
    """

    kind: str
    quantity: int
    reason: str
    reference: str = ""
    item_id: int | None = None
    sku: str | None = None
    barcode: str | None = None
    location: str | None = None
    expect_quantity: int | None = None
    occurred_at: datetime | None = None
    reverses_id: int | None = None
    transfer_id: int | None = None
    reservation_id: int | None = None
    unit_cost: Decimal | None = None
    undoes: bool = False  # a transfer; it brings back what is reserved too

    @property
    def respects_reservations(self) -> bool:
        """Whether it takes only what nobody has reserved: it is no record of what is there, and no fulfilment."""
        if self.kind == "transfer_out":
            return not self.undoes
        return self.kind == "issue" and self.transfer_id is None and self.reservation_id is None

    def delta(self, stock: int) -> int:
        """Return what this line adds to a stock, in units; a negative number if it takes something away."""
        if self.kind == "count":
            return self.quantity - stock
        return -self.quantity if self.kind in TAKING else self.quantity

    def row(
        self, item_id: int, at: Place, quantities: Quantities, *, time: datetime, recorded_at: datetime, by: Principal
    ) -> dict[str, Any]:
        """Return this line as a row of the ledger; `time` is when it moved the stock."""
        return {
            "item_id": item_id,
            "user_id": by.user_id,
            "kind": self.kind,
            "delta": quantities.delta,
            "quantity_after": quantities.after,
            "counted": self.quantity if self.kind == "count" else None,
            "reason": self.reason,
            "reference": self.reference,
            "reverses_id": self.reverses_id,
            "transfer_id": self.transfer_id,
            "reservation_id": self.reservation_id,
            "unit_cost": self.unit_cost,
            "location_id": at.location_id,
            "location_quantity_after": quantities.after_there,
            "occurred_at": time,
            "created_at": recorded_at,
        }


class RefusedLines(Refusal):
    """Some lines can't be recorded, so none was; `refusals` has the reason for each of them, by index.

    Its code and its members are those of the first one, or of the first that needs somebody else: the rest would not be
    recorded either way.
    """

    def __init__(self, refusals: Mapping[int, Refusal], of: str = "movements") -> None:
        """Take the refusals by the index of their line; `of` is the name of the list of lines."""
        forbidden = [index for index, refusal in refusals.items() if refusal.code == "location_forbidden"]
        first = next(iter(forbidden or refusals))
        unknown = any(isinstance(refusal, NotFound) for refusal in refusals.values())
        super().__init__(
            "invalid_input" if unknown and not forbidden else refusals[first].code,
            f"Nothing was recorded. Line {first}: {refusals[first].detail}",
            **({} if unknown and not forbidden else refusals[first].extra),
            errors=[
                {
                    "field": f"{of}[{index}]",
                    "index": index,
                    "code": refusal.code,
                    "message": refusal.detail,
                    **refusal.extra,
                }
                for index, refusal in refusals.items()
            ],
        )
        self.refusals = refusals
