"""The reversal of a movement: the counter-entry that is linked to it."""

from typing import Any

from models.database.current_write import write_connection
from models.principal import Principal
from models.refusals import Refusal
from models.stock.lines import Line
from models.stock.movement import Movement
from models.stock.stock_rows import lock_stocks


def reverse(movement_id: int, *, reason: str | None, reference: str, by: Principal) -> dict[str, Any]:
    """Record the reversal of a movement, linked to it, and return it; the original does not change.

    Raises Refusal `not_reversible` for a reversal, `part_of_transfer`, `already_reversed`, `insufficient_stock`,
    `stock_limit` or `item_archived`, or NotFound.
    """
    original = Movement.get(movement_id)
    lock_stocks(write_connection(), [Line("reversal", 0, "", item_id=original["item_id"])], by)
    original = Movement.get(movement_id)  # again: another transaction may have reversed it before this one got the lock
    _check(original)
    line = Line(
        "reversal",
        -original["delta"],
        reason or f"reversal of movement {movement_id}",
        reference or original["reference"],
        item_id=original["item_id"],
        location=original["location"],
        reverses_id=movement_id,
    )
    return Movement.record_one(line, by)


def _check(movement: dict[str, Any]) -> None:
    if movement["transfer_id"] is not None:
        raise Refusal(
            "part_of_transfer",
            f"Movement {movement['id']} is part of transfer {movement['transfer_id']}; reverse that instead.",
            transfer_id=movement["transfer_id"],
        )
    if movement["reverses"] is not None:
        raise Refusal("not_reversible", f"Movement {movement['id']} is itself a reversal; record a new one instead.")
    if movement["reversed_by"] is not None:
        raise Refusal(
            "already_reversed",
            f"Movement {movement['id']} was reversed by movement {movement['reversed_by']}.",
            reversed_by=movement["reversed_by"],
        )
