"""Whose stock a principal may change: that of all locations, or of those to which user and token are bound."""

from functools import cached_property

from models.location_codes import LocationCodes
from models.principal import NOWHERE, Principal
from models.refusals import Refusal
from models.stock.place import MAIN_ID, Place

# How many of the locations a refusal names.
NAMED = 10


class LocationRights:
    """The locations whose stock a principal may change; what the service itself keeps, by a negative id, is open."""

    def __init__(self, by: Principal) -> None:
        self._by = by
        self._ids = by.location_ids

    def check(self, place: Place, *, named: bool) -> None:
        """Raise Refusal `location_forbidden` for another location; `named` says whether the client named this one."""
        if not self.allow(place):
            raise self.refusal(place, named=named)

    def allow(self, place: Place) -> bool:
        """Return whether the stock at a location may be changed."""
        if not self._ids:
            return True
        location_id = place.location_id or MAIN_ID
        return location_id in self._ids or location_id < 0

    def refusal(self, place: Place, *, named: bool) -> Refusal:
        """Return the refusal of a change at a location."""
        who = "This token" if self._by.method == "token" else self._by.username
        default = "" if named else ", the default location"
        return Refusal(
            "location_forbidden",
            f"{who} may not change the stock at {place.code!r}{default}, {self._instead}.",
            location=place.code,
        )

    @cached_property
    def _instead(self) -> str:
        if self._ids == NOWHERE:
            return "nor at any other: it has no location in common with its owner"
        codes = LocationCodes().of(self._ids)
        return f"only at {', '.join(map(repr, codes[:NAMED]))}{', …' if len(codes) > NAMED else ''}"
