"""The mails as they are sent: text and HTML side by side, with the headers of a mail that a program sends."""

from collections.abc import Sequence
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import NamedTuple

from delivery.rendering import Rendered
from models.values import now

# Lines of quoted-printable have at most 76 characters (RFC 2045 section 6.7); headers have as many.
POLICY = SMTP.clone(max_line_length=76)
NAME = "Stockroom"


class Envelope(NamedTuple):
    """What is on a mail: from whom, to whom, and the ids of the mail and of its list, without their angle brackets."""

    sender: str
    recipients: Sequence[str]
    message_id: str
    list_id: str


def message_of(rendered: Rendered, envelope: Envelope) -> EmailMessage:
    """Return a mail; the addresses are ones that `mailable` has returned."""
    message = EmailMessage(policy=POLICY)
    message["From"] = Address(NAME, addr_spec=envelope.sender)
    message["To"] = [Address(addr_spec=each) for each in envelope.recipients]
    # A text that looks encoded (RFC 2047) would be decoded, whatever is in it.
    message["Subject"] = rendered.subject.replace("=?", "= ?")
    message["Date"] = format_datetime(now())
    message["Message-ID"] = f"<{envelope.message_id}>"
    message["List-Id"] = f"{NAME} <{envelope.list_id}>"
    # So that out-of-office notes and the like are not sent back (RFC 3834 section 5, and what Exchange knows instead).
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(rendered.text, cte="quoted-printable")
    message.add_alternative(rendered.html, subtype="html", cte="quoted-printable")
    return message


def mailable(address: str) -> str | None:
    """Return an address as every mail server takes it, its domain in ASCII; None for one that can't be written so."""
    local, _, domain = address.rpartition("@")
    try:
        written = f"{local}@{domain if domain.isascii() else domain.encode('idna').decode('ascii')}"
        return Address(addr_spec=written).addr_spec if written.isascii() else None
    except (MessageError, ValueError):
        return None
