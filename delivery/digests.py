"""Sends the digests of subscriptions: of what happened since the last one, and nothing when nothing has."""

import logging

from delivery.digest import read_digest
from delivery.mailer import Mailer
from delivery.retries import delay
from delivery.smtp import MailFailed
from models.outbound import subscriptions
from models.outbound.recipients import recipients_or_default

log = logging.getLogger("stockroom")

TEMPLATE = "low_stock"


def send_digest(subscription_id: int, mailer: Mailer) -> bool:
    """Send what a subscription is to say of the events since its last digest; return whether a mail was sent.

    If the mail fails, that is written with the time of the next attempt, whose digest has everything since then.
    """
    pending = subscriptions.pending(subscription_id)
    if pending is None:
        return False
    digest = read_digest(pending.types, pending.last_event_id)
    if digest.is_empty:
        subscriptions.move_on(pending.id, pending.last_event_id, digest.until)
        return False
    recipients = recipients_or_default(pending.recipients, mailer.alert_recipients)
    key, list_name = f"s{pending.id}-e{digest.first_event_id}", f"subscription-{pending.id}"
    try:
        mailer.send(TEMPLATE, {"digest": digest, "subscription": pending.id}, recipients, key=key, list_name=list_name)
    except MailFailed as failed:
        log.warning("the mail of subscription %d was not sent: %s", pending.id, failed)
        retry_in = delay(pending.attempts + 1)
        subscriptions.record_failure(pending.id, pending.last_event_id, str(failed), retry_in)
        return False
    subscriptions.move_on(pending.id, pending.last_event_id, digest.until)
    return True
