"""The lines of the ledger that an act on a transfer makes."""

from dataclasses import dataclass
from typing import NamedTuple

from models.stock.lines import Line


class Goods(NamedTuple):
    """How many units of the item with this id, SKU or barcode are to be sent."""

    quantity: int
    item_id: int | None = None
    sku: str | None = None
    barcode: str | None = None


class Arrival(NamedTuple):
    """What became of a line of a transfer, in units: received, sent back, or received and damaged."""

    line: int
    received: int = 0
    returned: int = 0
    damaged: int = 0


# What can become of the units of a line, by the names of its quantities.
ARRIVED = ("received", "returned", "damaged")


@dataclass(frozen=True, slots=True)
class TransferMoves:
    """What the movements of one act on a transfer have in common, and the codes of its two locations."""

    transfer_id: int
    sender: str
    receiver: str
    reason: str
    reference: str
    undoes: bool = False

    def moves(self, goods: Goods, sender: str, receiver: str) -> list[Line]:
        """Return the lines that take goods from one location to another; none for no units."""
        if not goods.quantity:
            return []
        return [self._line("transfer_out", goods, sender), self._line("transfer_in", goods, receiver)]

    def loss(self, goods: Goods, reason: str) -> list[Line]:
        """Return the line that issues what has arrived damaged; none for no units."""
        return [self._line("issue", goods, self.receiver, reason)] if goods.quantity else []

    def _line(self, kind: str, goods: Goods, location: str, reason: str | None = None) -> Line:
        return Line(
            kind,
            reason=reason or self.reason,
            reference=self.reference,
            **goods._asdict(),
            location=location,
            transfer_id=self.transfer_id,
            undoes=self.undoes,
        )
