"""The stocks of existing items at the locations where the rows of an import change them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select

from models.database.base import db, table_of
from models.stock.location import Location
from models.stock.location_stock import LocationStock
from models.stock.place import IN_TRANSIT_ID, Place
from models.stock.reserved import OneStock, Promised, reserved_of
from models.values import normalized

NOTHING = Promised(0, 0)
_locations = table_of(Location)
_stocks = table_of(LocationStock)
_FIND_PLACES = select(*(_locations.c[name] for name in ("id", "code", "archived", "code_key"))).where(
    _locations.c.code_key.in_(bindparam("keys", expanding=True)), _locations.c.id != IN_TRANSIT_ID
)
_FIND_STOCKS = select(_stocks).where(
    _stocks.c.item_id.in_(bindparam("items", expanding=True)),
    _stocks.c.location_id.in_(bindparam("locations", expanding=True)),
)


class ExistingStocks(NamedTuple):
    """The default location, those that rows name by normalized code, and what they have and have reserved of items."""

    default: Place
    named: Mapping[str, Place]
    quantities: Mapping[tuple[int, int], int]
    promised: Mapping[OneStock, Promised]

    def place(self, code: str | None) -> Place | None:
        """Return the location with a code, or the default one without; None if there is none."""
        return self.default if code is None else self.named.get(normalized(code))

    def there(self, item: Mapping[str, Any], place: Place) -> int | None:
        """Return what a location has of an item, in units, or None if no row of the table is about it."""
        if place.location_id is None:
            return int(item["quantity"] - item["elsewhere"])
        return self.quantities.get((item["id"], place.location_id))

    def reserved_there(self, item: Mapping[str, Any], place: Place) -> int:
        """Return what is reserved of an item at a location, in units."""
        return self.promised.get(OneStock(item["id"], place.location_id), NOTHING).reserved


def existing_stocks(codes: Iterable[str], items: Sequence[Mapping[str, Any]]) -> ExistingStocks:
    """Return the stocks of some items, as clients see them, at the default location and at those with these codes."""
    item_ids = [item["id"] for item in items]
    reserving = [item["id"] for item in items if item["reserved"]]
    keys = list({normalized(code) for code in codes})
    found = db.session.execute(_FIND_PLACES, {"keys": keys}).all() if keys else []
    default, named = Location.default_place(), {row.code_key: Place.of(*row[:3]) for row in found}
    locations = [place.location_id for place in (default, *named.values()) if place.location_id is not None]
    rows = db.session.execute(_FIND_STOCKS, {"items": item_ids, "locations": locations}) if locations else ()
    quantities = {(row.item_id, row.location_id): row.quantity for row in rows}
    return ExistingStocks(
        default, named, quantities, reserved_of(db.session.connection(), reserving) if reserving else {}
    )
