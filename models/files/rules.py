"""What the rows of a file do to the items: the choices of an import."""

from dataclasses import dataclass

ON_CONFLICT = ("update", "skip", "fail")
ON_MISSING = ("create", "skip", "fail")
MATCH = ("sku", "barcode")
QUANTITY = ("count", "ignore", "receive", "issue")
EMPTY = ("default", "keep")
NEGATIVE = ("refuse", "zero")


@dataclass(frozen=True, slots=True)
class Rules:
    """The choices for the rows of one file; each is one of the tuple of its name, whose first is the default.

    A row is found by `match`. `empty`, `negative` and `quantity="ignore"` concern how its cells are read, the others
    what is done then. A file `of_product` is the export of another one, read by its preset.
    """

    on_conflict: str = ON_CONFLICT[0]
    on_missing: str = ON_MISSING[0]
    match: str = MATCH[0]
    quantity: str = QUANTITY[0]
    empty: str = EMPTY[0]
    negative: str = NEGATIVE[0]
    of_product: bool = False
