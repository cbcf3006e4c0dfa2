"""Who gets a mail that names nobody: what was subscribed, and what admins have to know."""

from collections.abc import Sequence

from sqlalchemy import select

from models.database.reading import PreparedQuery
from models.outbound.subscription import MOST_RECIPIENTS
from models.people.user import User, active_admin

_ADMINS = PreparedQuery(
    select(User.email).where(active_admin(), User.email.is_not(None)).order_by(User.id).limit(MOST_RECIPIENTS)
)


def recipients_or_default(named: Sequence[str], default: Sequence[str]) -> list[str]:
    """Return who is named; else the default of the settings; else the active admins that have an address."""
    return list(named or default) or _admins()


def admins_or_default(default: Sequence[str]) -> list[str]:
    """Return the active admins that have an address; else the default of the settings."""
    return _admins() or list(default)


def _admins() -> list[str]:
    return [row.email for row in _ADMINS.rows()]
