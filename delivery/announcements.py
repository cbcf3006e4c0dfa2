"""Tells the admins by mail of webhooks that were paused."""

import logging
import time
from urllib.parse import urlsplit

from delivery.mailer import Mailer
from delivery.retries import delay
from delivery.smtp import MailFailed
from models.outbound.paused_webhooks import PausedWebhook, set_announced, unannounced
from models.outbound.recipients import admins_or_default
from models.outbound.webhook import GONE

log = logging.getLogger("stockroom")

TEMPLATE = "webhook_paused"


class Announcements:
    """Sends what there is to announce, one thread at a time; after a failure not before its next attempt is due."""

    def __init__(self, mailer: Mailer) -> None:
        self._mailer = mailer
        self._attempts = 0
        self._next_attempt = 0.0

    def are_due(self) -> bool:
        """Return whether there is something to announce now."""
        return time.monotonic() >= self._next_attempt and bool(unannounced())

    def announce_paused(self) -> bool:
        """Send one mail of all webhooks that were paused since the last one; return whether it was sent.

        Without a mail server in the settings, they count as announced: the audit has them.
        """
        paused = unannounced()
        ids = [each.id for each in paused]
        if not paused or time.monotonic() < self._next_attempt:
            return False
        if not self._mailer.is_configured:
            set_announced(ids)
            return False
        recipients = admins_or_default(self._mailer.alert_recipients)
        key = f"w{'.'.join(map(str, ids[:10]))}-e{paused[0].last_event_id}-{_since(paused[0])}"
        try:
            values = {"webhooks": [_described(each) for each in paused]}
            self._mailer.send(TEMPLATE, values, recipients, key=key, list_name="webhooks")
        except MailFailed as failed:
            self._attempts += 1
            self._next_attempt = time.monotonic() + delay(self._attempts)
            log.warning("the mail of paused webhooks was not sent: %s", failed)
            return False
        self._attempts = 0
        set_announced(ids)
        return True


def _since(webhook: PausedWebhook) -> int:
    """Return since when a webhook has failed, in milliseconds: a second pause at the same event is another mail."""
    return int(webhook.failing_since.timestamp() * 1000) if webhook.failing_since else 0


def _described(webhook: PausedWebhook) -> dict[str, object]:
    """Return what the mail says of a webhook; of its URL only the host, since the rest may be secret."""
    return {
        "id": webhook.id,
        "host": urlsplit(webhook.url).hostname or "",
        "is_gone": webhook.paused == GONE,
        "failing_since": webhook.failing_since,
        "last_status": webhook.last_status,
    }
