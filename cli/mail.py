"""`mail …`: whether mails can be sent."""

from datetime import timedelta

import click

from api.auth.accounts import recipient_type
from api.services import current_settings
from cli.common import Command, Typed
from cli.errors import CommandError
from delivery.digest import Digest, Line, OtherLine
from delivery.digests import TEMPLATE
from delivery.mailer import Mailer
from delivery.smtp import MailFailed
from models.values import now


@click.group("mail")
def mail_group() -> None:
    """Mails: send one to see whether they arrive."""


@mail_group.command("test", cls=Command)
@click.argument("address", type=Typed("address", recipient_type))
def test(address: str) -> None:
    """Send a digest with made-up items to ADDRESS, now."""
    settings = current_settings()
    if settings.mail is None:
        raise CommandError("SMTP_URL is not set, so no mail is sent; docs/mail.md says how to set it.")
    server = settings.mail.server
    click.echo(f"Mail server: {server.host}:{server.port} ({_SECURITY[server.security]})", err=True)
    at = now()
    values = {"digest": _example(), "subscription": 0}
    try:
        sent = Mailer(settings).send(TEMPLATE, values, [address], key=f"test-{at:%Y%m%d%H%M%S%f}", list_name="test")
    except MailFailed as failed:
        raise CommandError(f"{failed} Look at {_setting(failed)}; docs/mail.md has examples.") from None
    click.echo(f"Sent to {address} from {settings.mail.sender}; the server said: {sent.answer}")


_SECURITY = {"starttls": "STARTTLS", "tls": "TLS", "none": "not encrypted"}


def _setting(failed: MailFailed) -> str:
    """Return what to look at after a failure; who gets this mail is an argument and no setting."""
    return "the address" if failed.setting == "ALERT_RECIPIENTS" else failed.setting


def _example() -> Digest:
    """Return a digest of items that are made up."""
    at = now()
    lamp = Line("LAMP-1", "Desk lamp (an example)", "", 2, 5, at - timedelta(hours=3))
    bulb = Line("BULB-E27", "Bulb E27, warm white (an example)", "", 0, 40, at - timedelta(hours=1))
    shade = Line("SHADE-1", "Shade, linen (an example)", "", 12, 6, at - timedelta(minutes=5))
    other = OtherLine("Location created", "SHOP", "admin", at - timedelta(minutes=2))
    return Digest(1, 1, [lamp, bulb], [shade], [other], 2, 1, 1)
