"""The codes of locations: clients name a location by its code, which may change; what refers to one stores its id."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from sqlalchemy import Integer, String, column, select, table

from models.database.reading import PreparedQuery
from models.json_schema import TEXT, Schema, list_of
from models.representation import Representation
from models.values import normalized

# What users and tokens say of the locations that they are bound to.
LOCATIONS: Schema = {
    **list_of(TEXT),
    "description": "The codes of the locations whose stock may be changed; empty, all. Reading is not restricted.",
}
# The columns of `Location`, which can't be imported: users and tokens are below the stock, which knows its users.
_locations = table("locations", column("id", Integer), column("code", String), column("code_key", String))
_id = _locations.c.id
# Locations are few. The ids of clients' are positive; another would be the service's own, which nobody names.
_ALL = PreparedQuery(select(_id, _locations.c.code, _locations.c.code_key).where(_id > 0).order_by(_id))


class LocationCodes:
    """The codes of all locations, read once, when the first is asked for: one look-up for a page at most."""

    @cached_property
    def _by_id(self) -> dict[int, str]:
        return {row.id: row.code for row in _ALL.rows()}

    def of(self, ids: Iterable[int] | None) -> list[str]:
        """Return the codes of the locations with these ids; of none for None, which costs no look-up."""
        return [self._by_id[each] for each in sorted(ids) if each in self._by_id] if ids else []

    def represent(self, representation: Representation, row: Sequence[Any]) -> dict[str, Any]:
        """Return what clients see of a row whose member `locations` has ids."""
        values = representation.of_row(row)
        return {**values, "locations": self.of(values["locations"])}


def location_ids(codes: Iterable[str]) -> list[int | None]:
    """Return the id of the location of each code, in any case; None for a code that no location has."""
    ids = {row.code_key: row.id for row in _ALL.rows()}
    return [ids.get(normalized(code)) for code in codes]
