"""The webhooks that were paused without anybody having asked for it, and whose admins are yet to be told."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select, update

from models.database.base import db, table_of
from models.database.reading import PreparedQuery
from models.database.transactions import transactional
from models.outbound.webhook import Webhook

_table = table_of(Webhook)


class PausedWebhook(NamedTuple):
    """A webhook that was paused: why, since when it had failed, and the last answer that it got."""

    id: int
    url: str
    paused: str | None
    failing_since: datetime | None
    last_status: int | None
    last_event_id: int


_UNANNOUNCED = PreparedQuery(
    select(*(_table.c[name] for name in PausedWebhook._fields))
    .where(_table.c.unannounced.is_(True))
    .order_by(_table.c.id),
    PausedWebhook,
)


def unannounced() -> list[PausedWebhook]:
    """Return the webhooks of whose pause nobody was told."""
    return _UNANNOUNCED.rows()


@transactional
def set_announced(ids: Sequence[int]) -> None:
    """Write that the pause of these webhooks was announced."""
    for webhook_id in sorted(ids):
        written = update(Webhook).where(Webhook.id == webhook_id, Webhook.unannounced.is_(True))
        db.session.execute(written.values(unannounced=False).execution_options(synchronize_session=False))
