"""The stock in a few numbers."""

from typing import Any

from api.outputs import gives
from api.permissions import scope
from api.resource import ProtectedResource
from models.stock.stats import SHAPE, stats


class StatsResource(ProtectedResource):
    """The numbers."""

    needs = {"GET": scope("items:read")}

    @gives(SHAPE)
    def get(self) -> Any:
        """Count items, units, their value, what is low, and the movements of today and of this week."""
        return stats()
