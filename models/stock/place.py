"""A location as the ledger knows it, and those that the service itself knows."""

from typing import NamedTuple, Self

# The id of the location that the first migration of locations made, `MAIN`; what lies nowhere else lies there.
MAIN_ID = 1
# That of the location where goods are on their way between two others. Only transfers move anything there: clients see
# what it has, and name it in no request that writes.
IN_TRANSIT_ID = -1
IN_TRANSIT = "IN_TRANSIT"


class Place(NamedTuple):
    """A location as the ledger knows it: `location_id` is None for the main one."""

    location_id: int | None
    code: str
    archived: bool = False

    @classmethod
    def of(cls, location_id: int, code: str, archived: object = False) -> Self:
        """Return the place of a row of locations, as a driver returns it."""
        return cls(None if location_id == MAIN_ID else location_id, code, bool(archived))
