"""The stock in a few numbers."""

from typing import Any

from api.auth.permissions import scope
from api.operation import gives
from api.resource import ProtectedResource
from models.stock.stats import SCHEMA, stats


class StatsResource(ProtectedResource):
    """The numbers."""

    cacheable = True
    permissions = {"GET": scope("items:read")}

    @gives(SCHEMA)
    def get(self) -> Any:
        """Count items, units, their value, what is low, and the movements of today and of this week."""
        return stats()
