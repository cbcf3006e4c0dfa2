"""A real mail server for the tests, on a real socket: it keeps what it gets, and can refuse it in every way."""

import signal
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from ipaddress import ip_address
from pathlib import Path
from socket import create_server, socket
from typing import Any, NamedTuple, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from urls import SmtpServer

HOST = "127.0.0.1"


class Received(NamedTuple):
    """A mail as it came in: for whom, and its bytes."""

    sender: str
    recipients: list[str]
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        """The mail, parsed."""
        return cast(EmailMessage, message_from_bytes(self.raw, policy=SMTP))

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    def part(self, kind: str) -> str:
        """Return what the part of this kind says, "plain" or "html"."""
        body = self.message.get_body((kind,))
        assert body is not None
        return str(body.get_content()).replace("\r\n", "\n")


class Mailbox:
    """What a server has got, and how it answers; as long as `answers` has one, that is what it says to a command."""

    def __init__(self) -> None:
        self.mails: list[Received] = []
        self.answers: dict[str, str] = {}
        self.signed_in: list[tuple[str, str]] = []
        self.during: Callable[[], object] = lambda: None  # called while a mail is being taken

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802
        if "MAIL" in self.answers:
            return self.answers["MAIL"]
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802
        refused = self.answers.get("RCPT") or self.answers.get(address)
        if refused:
            return refused
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.during()
        if "DATA" in self.answers:
            return self.answers["DATA"]
        self.mails.append(Received(envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return f"250 2.0.0 Ok: queued as {len(self.mails)}"

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        given = data.login.decode(), data.password.decode()
        self.signed_in.append(given)
        return AuthResult(success=given[1] != "wrong", handled=False)


class Certificate(NamedTuple):
    """A certificate that signs itself, and its key, in files."""

    file: Path
    key: Path


def certificate(folder: Path, *hosts: str) -> Certificate:
    """Make a certificate for these hosts, names or addresses."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a mail server")])
    names = [
        x509.IPAddress(ip_address(host)) if host[0].isdigit() else x509.DNSName(host) for host in (hosts or (HOST,))
    ]
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    found = Certificate(folder / "server.pem", folder / "server.key")
    found.file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    found.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return found


@contextmanager
def mail_server(security: str = "none", of: Certificate | None = None, **options: Any) -> Iterator[tuple[Mailbox, int]]:
    """Run a mail server; yield its mailbox and its port. `options` are those of aiosmtpd."""
    box = Mailbox()
    context = None
    if of is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(of.file, of.key)
    if security == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    with create_server((HOST, 0)) as probe:
        port = probe.getsockname()[1]
    running = Controller(
        box,
        hostname=HOST,
        port=port,
        ssl_context=context if security == "tls" else None,
        authenticator=box.authenticate,
        **options,
    )
    # On Windows the loop of the server, which this thread has made, would keep the signals of the whole process.
    signal.set_wakeup_fd(-1)
    running.start()
    try:
        yield box, port
    finally:
        running.stop()


@contextmanager
def talking(talk: Callable[[socket, threading.Event], None]) -> Iterator[int]:
    """Run a server that talks with each client in this way until it is told to stop; yield its port."""
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            with suppress(OSError):
                connected, _ = listening.accept()
                with connected:
                    talk(connected, stop)

    with create_server((HOST, 0)) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            stop.set()
            with suppress(OSError), socket() as last:
                last.connect(listening.getsockname())
            thread.join()


def plain_server(
    port: int, security: Any = "none", user: tuple[str, str] | None = None, host: str = HOST
) -> SmtpServer:
    """Return the settings of a mail server on this machine."""
    username, password = user or (None, None)
    return SmtpServer(host, port, security, username, password)
