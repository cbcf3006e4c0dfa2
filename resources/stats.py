"""Statistics of the stock."""

from typing import Any

from api.auth.permissions import scope
from api.operation import gives
from api.resource import ProtectedResource
from models.stock.stats import SCHEMA, stats


class StatsResource(ProtectedResource):
    """Statistics of the stock."""

    cacheable = True
    permissions = {"GET": scope("items:read")}

    @gives(SCHEMA)
    def get(self) -> Any:
        """Read statistics of the stock: items, units, their value, low stock, movements of today and of this week."""
        return stats()
