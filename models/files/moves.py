"""Very many movements at once: their rows and the texts of their events, planned before they are written."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from models.database.writing import insert_prepared, prepare_inserts
from models.event import Event
from models.principal import Principal
from models.representation import serialize
from models.stock.lines import Line, Quantities
from models.stock.movement import Movement
from models.stock.place import Place
from models.values import rfc3339


class Move(NamedTuple):
    """A movement of the item with this number in a list of ids: its line, where it is, and what it does.

    `item` is the item after it, of which SKU and `moved_at` are needed.
    """

    number: int
    item: Mapping[str, Any]
    line: Line
    at: Place
    quantities: Quantities


@dataclass(slots=True)
class Moves:
    """Planned movements, each of the item with this number in a list of ids, with the text of its event."""

    items: list[int]
    rows: list[Any]
    texts: list[str]
    kinds: Counter[str]

    def write(self, item_ids: Sequence[int], by: Principal) -> None:
        """Insert the movements, with their events; the quantities of items and stocks have been updated already."""
        ids = [item_ids[number] for number in self.items]
        moved = zip(insert_prepared(Movement, self.rows, item_id=ids), ids, self.texts, strict=True)
        completed = Movement.REPRESENTATION.completed
        texts = [(completed(text, id_, item_id), item_id, id_) for id_, item_id, text in moved]
        Event.record_texts("movement.created", texts, by, kinds=self.kinds)


def plan_moves(moves: Sequence[Move], recorded_at: datetime, by: Principal) -> Moves:
    """Return what is to be written of these movements."""
    rows = [
        line.row(0, at, quantities, time=item["moved_at"], recorded_at=recorded_at, by=by)
        for _, item, line, at, quantities in moves
    ]
    common = {"reverses": None, "reversed_by": None, "user": by.username, "created_at": rfc3339(recorded_at)}
    texts = [
        Movement.REPRESENTATION.text_of(
            {
                **row,
                **common,
                "sku": move.item["sku"],
                "location": move.at.code,
                "unit_cost": serialize(row["unit_cost"]),
                "occurred_at": rfc3339(move.item["moved_at"]),
            },
            2,
        )
        for row, move in zip(rows, moves, strict=True)
    ]
    kinds = Counter(move.line.kind for move in moves)
    return Moves([move.number for move in moves], prepare_inserts(Movement, rows, ("id", "item_id")), texts, kinds)
