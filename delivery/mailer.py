"""Makes and sends the mails of one instance, as its settings say."""

import logging
import re
import threading
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from delivery import smtp
from delivery.messages import Envelope, mailable, message_of
from delivery.rendering import Templates
from delivery.smtp import MailFailed
from delivery.smtp_connection import Accepted
from models.database.transactions import end_session
from settings import Settings

# What may stand in the id of a mail without being quoted.
HOST = re.compile(r"[A-Za-z0-9.-]+")

log = logging.getLogger("stockroom")


class Mailer:
    """What sends mails; it is shared by all threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.mail
        self._stopped = threading.Event()
        self._templates = Templates(settings.instance_path)
        self.public_url = settings.public_url
        sender = self._settings.sender if self._settings else ""
        # In the ids of mails: where the service is, or else who sends them.
        host = (urlsplit(settings.public_url).hostname if settings.public_url else None) or sender.rpartition("@")[2]
        self._host = host if HOST.fullmatch(host) else "stockroom"

    @property
    def is_configured(self) -> bool:
        """Whether the settings name a mail server."""
        return self._settings is not None

    @property
    def alert_recipients(self) -> tuple[str, ...]:
        """The addresses for alerts in the settings."""
        return self._settings.alert_recipients if self._settings else ()

    def stop(self) -> None:
        """Abandon what is being sent, and send nothing more, because the service ends."""
        self._stopped.set()

    def send(
        self, template: str, values: Mapping[str, Any], recipients: Sequence[str], *, key: str, list_name: str
    ) -> Accepted:
        """Send a mail; raises MailFailed, unless it was accepted for one recipient at least, and MailStopped.

        Its `Message-ID` is made of the key, so that a mail that is sent again is known as the same. The session ends
        before: no transaction is open while the server answers.
        """
        if self._settings is None:
            raise MailFailed("SMTP_URL is not set, so no mail can be sent.")
        sender = mailable(self._settings.sender)
        if sender is None:
            raise MailFailed("MAIL_FROM can't be written in a mail: it has letters beyond ASCII.", "MAIL_FROM")
        addresses = self._mailable(recipients)
        rendered = self._templates.render(template, {**values, "service": self.public_url})
        envelope = Envelope(sender, addresses, f"stockroom-{key}@{self._host}", f"{list_name}.stockroom.{self._host}")
        message = message_of(rendered, envelope)
        end_session()
        accepted = smtp.send(message, sender, addresses, self._settings.server, stopped=self._stopped)
        for address, answer in accepted.refused.items():
            log.warning("a mail was sent, but not to %s: %s", address, answer)
        return accepted

    def _mailable(self, recipients: Sequence[str]) -> list[str]:
        """Return the recipients as a mail names them, each once; raises MailFailed if there is none."""
        if not recipients:
            raise MailFailed(
                "Nobody is to get it: it names no recipients, ALERT_RECIPIENTS is not set, and no active admin has an "
                "address.",
                "ALERT_RECIPIENTS",
            )
        found: list[str] = []
        for each in recipients:
            address = mailable(each)
            if address is None:
                log.warning("no mail can be sent to %r: it is no address that every mail server takes", each)
            elif address not in found:
                found.append(address)
        if not found:
            raise MailFailed("None of its recipients has an address that mail servers take.", "ALERT_RECIPIENTS")
        return found
