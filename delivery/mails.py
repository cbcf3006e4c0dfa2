"""The mails as a source of the sender: digests, and announcements for the admins."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from delivery.announcements import Announcements
from delivery.digests import send_digest
from delivery.mailer import Mailer
from delivery.smtp import MailStopped
from delivery.webhook_sender import Working
from models.outbound import subscriptions


class Mails:
    """What is due to be sent by mail, as long as this process `may_send`."""

    def __init__(self, mailer: Mailer, working: Working, may_send: Callable[[], bool] = lambda: True) -> None:
        self._mailer = mailer
        self._working = working
        self._may_send = may_send
        self._announcements = Announcements(mailer)

    def due(self) -> dict[str, Callable[[], Any]]:
        """Return a task for each digest that is due, and one for all announcements; the database may be used."""
        tasks: dict[str, Callable[[], Any]] = {
            f"subscription {subscription_id}": partial(self._run, partial(send_digest, subscription_id, self._mailer))
            for subscription_id in subscriptions.due_ids()
        }
        if self._announcements.are_due():
            tasks["announcements"] = partial(self._run, self._announcements.announce_paused)
        return tasks

    def close(self) -> None:
        """Abandon what is being sent."""
        self._mailer.stop()

    def _run(self, task: Callable[[], object]) -> None:
        with self._working() as may_work, suppress(MailStopped):
            if may_work and self._may_send():
                task()
