"""The sender in a serving process: a thread that looks for what is due, and those that deliver it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

from flask import Flask

from api.background import repeating, working
from api.services import services_of
from delivery.lease import SenderLease
from delivery.mailer import Mailer
from delivery.mails import Mails
from delivery.sender import EVERY, Sender, Webhooks
from delivery.webhook_sender import WebhookSender
from models.outbound.secret_rotation import seal_anew


@contextmanager
def sending(app: Flask, begin: Callable[[], object] = lambda: None, *, dedicated: bool = False) -> Iterator[Sender]:
    """Send what is due within the `with` block, whenever this process has the lease; each thread calls `begin` first.

    A `dedicated` process does nothing else, and has the lease before those that serve. First, what a former secret key
    has encrypted is encrypted anew.
    """
    sender = sender_of(app, begin, dedicated=dedicated)
    sealed = SealedAnew(app)

    def operation() -> None:
        sealed.make_sure()
        look(app, sender)

    try:
        with repeating("sender", operation, EVERY, "what is to be sent was not looked for", begin):
            yield sender
    finally:
        sender.stop()


class SealedAnew:
    """Whether the secrets are encrypted with the present secret key, which they are once somebody has made sure."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._is_so = not services_of(app).settings.secret_key_fallbacks

    def make_sure(self) -> None:
        """Encrypt anew what a former key has encrypted, unless that was done before, or maintenance is on."""
        if self._is_so:
            return
        with working(self._app) as may_work:
            if may_work:
                seal_anew(services_of(self._app).secret_box)
                self._is_so = True


def sender_of(app: Flask, begin: Callable[[], object] = lambda: None, *, dedicated: bool = False) -> Sender:
    """Return the sender of this application, with all its sources; it looks for nothing by itself."""
    services = services_of(app)
    in_work = partial(working, app)
    sender = Sender(in_work, SenderLease(dedicated=dedicated), begin)
    allowed = services.settings.webhook_allow_nets
    webhooks = WebhookSender(in_work, sender.may_send, services.secret_box, allowed, shares=not dedicated)
    sender.add(Webhooks(webhooks, timedelta(days=services.settings.webhook_log_days)))
    sender.add(Mails(Mailer(services.settings), in_work, sender.may_send))
    return sender


def look(app: Flask, sender: Sender) -> None:
    """Let the sender look for what is due, unless maintenance is on."""
    with working(app) as may_work:
        if may_work:
            sender.look()
