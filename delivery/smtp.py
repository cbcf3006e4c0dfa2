"""Hands one mail to the mail server of the settings, within a deadline for the whole talk.

Every way in which that fails is a MailFailed, whose sentence says what the server said and never has the password.
"""

import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from email.message import EmailMessage

from delivery.rendering import one_line
from delivery.smtp_connection import SHOWN, Accepted, Connection, NoStartTls, as_base64, as_text, plain
from urls import SmtpServer

# In seconds, from the connection to the answer to the mail; the look-up of the name has the limits of the system.
DEADLINE = 30.0


class MailFailed(Exception):
    """The mail was not accepted for anybody; the sentence says why, and `setting` what to look at."""

    def __init__(self, sentence: str, setting: str = "SMTP_URL") -> None:
        super().__init__(sentence)
        self.setting = setting


class MailStopped(Exception):
    """The service ended before the server had the mail; it is sent after the next start."""


def send(
    message: EmailMessage,
    sender: str,
    recipients: Sequence[str],
    server: SmtpServer,
    *,
    deadline: float | None = None,
    stopped: threading.Event | None = None,
) -> Accepted:
    """Hand a mail to the server; raises MailFailed, unless the server accepts it for one recipient at least.

    Raises MailStopped where the service ends meanwhile, after `stopped` was set.

    The certificate of the server must be one that the system trusts, and name its host.
    """
    deadline = DEADLINE if deadline is None else deadline
    connection = Connection(server, time.monotonic() + deadline, stopped or threading.Event())
    try:
        connection.open()
        return connection.hand_over(message, sender, recipients)
    except (OSError, ValueError) as error:  # smtplib's own errors are OSErrors
        if connection.stopped.is_set():
            raise MailStopped from None
        where = f"{server.host}:{server.port}"
        if connection.is_late() or isinstance(error, TimeoutError):
            raise MailFailed(f"{where} did not take the mail within {deadline:g} seconds.") from None
        sentence, setting = _sentence(error, where)
        raise MailFailed(_without_password(sentence, server), setting) from None
    finally:
        connection.close()


def _sentence(error: Exception, where: str) -> tuple[str, str]:
    """Return what went wrong, as a sentence, and the setting to look at."""
    setting = "SMTP_URL"
    match error:
        case NoStartTls():
            said = f"{where} offers no STARTTLS, so nothing is sent to it; smtps:// is TLS from the start."
        case smtplib.SMTPRecipientsRefused():
            answers = "; ".join(f"{address}: {as_text(*answer)}" for address, answer in error.recipients.items())
            said, setting = f"{where} takes no mail for any recipient ({one_line(answers, SHOWN)}).", "ALERT_RECIPIENTS"
        case smtplib.SMTPSenderRefused():
            answer = as_text(error.smtp_code, error.smtp_error)
            said, setting = f"{where} takes no mail from {error.sender} ({answer}).", "MAIL_FROM"
        case smtplib.SMTPAuthenticationError():
            said = f"{where} refused the sign-in ({as_text(error.smtp_code, error.smtp_error)})."
        case smtplib.SMTPResponseException():
            said = f"{where} answered {as_text(error.smtp_code, error.smtp_error)}."
        case smtplib.SMTPNotSupportedError():
            said, setting = f"{where} takes no address with letters beyond ASCII.", "ALERT_RECIPIENTS"
        case smtplib.SMTPException():
            said = f"{where} ended the connection ({one_line(str(error), SHOWN)})."
        case ssl.SSLCertVerificationError():
            said = f"The certificate of {where} is not trusted: {error.verify_message}."
        case ssl.SSLError():
            said = f"{where} speaks no TLS there ({error.reason}); smtps:// is TLS, smtp:// is STARTTLS."
        case socket.gaierror():
            said = f"The host of {where} is not known ({error.strerror})."
        case OSError():
            said = f"{where} can't be reached: {error.strerror or error}."
        case _:
            said = f"The mail can't be sent to {where}: {one_line(str(error), SHOWN)}."
    return said, setting


def _without_password(sentence: str, server: SmtpServer) -> str:
    """Return a sentence without the password, which some servers repeat in what they say."""
    secret = server.password
    if secret is None:
        return sentence
    for each in (as_base64(plain(server.username or "", secret)), as_base64(secret), secret):
        sentence = sentence.replace(each, "…")
    return sentence
