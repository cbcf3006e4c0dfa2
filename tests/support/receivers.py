"""Receivers of webhooks on real sockets, whose behaviour a test writes down for each connection."""

import contextlib
import datetime
import ipaddress
import queue
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.program import SOON

LOOPBACK = "127.0.0.1"
OK = b"HTTP/1.1 204 No Content\r\n\r\n"


class Request(NamedTuple):
    """A request as it came: the first line, the headers in lower case, the body."""

    line: str
    headers: dict[str, str]
    body: bytes


class Connection:
    """One connection to a receiver."""

    def __init__(self, sock: socket.socket, receiver: "Receiver") -> None:
        self.sock = sock
        self.receiver = receiver
        self._file = sock.makefile("rb")

    def read(self) -> Request | None:
        """Read one request and note it; None where the sender has closed."""
        line = self._file.readline().decode().strip()
        if not line:
            return None
        headers = {}
        while header := self._file.readline().decode().strip():
            name, _, value = header.partition(": ")
            headers[name.lower()] = value
        request = Request(line, headers, self._file.read(int(headers["content-length"])))
        self.receiver.requests.put(request)
        return request

    def send(self, data: bytes) -> None:
        """Send this."""
        self.sock.sendall(data)

    def drip(self, data: bytes, pause: float = 0.1) -> None:
        """Send this byte by byte until the sender has enough."""
        for byte in data:
            self.send(bytes([byte]))
            self.receiver.ended.wait(pause)

    def hang(self) -> None:
        """Do nothing until the sender closes the connection, or the test is over."""
        self.sock.settimeout(SOON)
        while self.sock.recv(65536):
            pass

    def close(self) -> None:
        """Close the connection."""
        self._file.close()
        self.sock.close()


class Receiver:
    """A server of a test: what came is in `requests`, and how many connections were opened in `connections`."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.requests: queue.Queue[Request] = queue.Queue()
        self.connections = 0
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        """The URL of the receiver, without encryption."""
        return f"http://{LOOPBACK}:{self.port}/in?a=b"

    def request(self) -> Request:
        """Return the next request that came."""
        return self.requests.get(timeout=SOON)


@contextlib.contextmanager
def receiver(behave: Callable[[Connection], Any], tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Run a receiver that behaves so on each connection, which is closed when it has done so."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        server = Receiver(listener.getsockname()[1])
        threads, open_ones = [], set[socket.socket]()

        def serve(sock: socket.socket) -> None:
            # The sender may go away at any time.
            with contextlib.suppress(OSError), contextlib.closing(_encrypted(sock, tls)) as own:
                open_ones.add(own)
                try:
                    with contextlib.closing(Connection(own, server)) as connection:
                        behave(connection)
                finally:
                    open_ones.discard(own)

        def accept() -> None:
            while True:
                sock, _ = listener.accept()
                if server.ended.is_set():
                    return sock.close()
                server.connections += 1
                threads.append(threading.Thread(target=serve, args=(sock,), daemon=True))
                threads[-1].start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield server
        finally:
            server.ended.set()
            socket.create_connection((LOOPBACK, server.port)).close()  # on Windows, closing a listener wakes nobody
            accepting.join(SOON)
            # Nothing more is read; who is answering just then says it to the end, or the sender would ask once more.
            for sock in list(open_ones):
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(sock, socket.SHUT_RD)  # an SSLSocket's own would go on without encryption
            # On Windows that wakes nobody either; who still waits there ends with the connection of the sender.
            for thread in threads:
                thread.join(0.2)


def _encrypted(sock: socket.socket, tls: ssl.SSLContext | None) -> socket.socket:
    try:
        return tls.wrap_socket(sock, server_side=True) if tls else sock
    except OSError:
        sock.close()
        raise


def answering(*answers: bytes) -> Callable[[Connection], None]:
    """Answer one request of a connection after the other with these, the last one again and again."""

    def behave(connection: Connection) -> None:
        left = list(answers)
        while connection.read() is not None:
            connection.send(left.pop(0) if len(left) > 1 else left[0])

    return behave


class Authority:
    """A certification authority of a test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of the tests")])
        self.certificate = self._sign(self._name, self._key, x509.BasicConstraints(ca=True, path_length=0))

    def _sign(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *extensions: x509.ExtensionType, days: int = 1
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        ends = now + datetime.timedelta(days=days)
        builder = (
            x509.CertificateBuilder(self._name, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(min(now, ends) - datetime.timedelta(days=1))
            .not_valid_after(ends)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(self._key, hashes.SHA256())

    def trusting(self) -> ssl.SSLContext:
        """Return what trusts this authority and no other."""
        pem = self.certificate.public_bytes(serialization.Encoding.PEM).decode()
        return ssl.create_default_context(cadata=pem)

    def server(self, *hosts: str, days: int = 1) -> ssl.SSLContext:
        """Return the TLS of a server with a certificate for these hosts; valid until so many days from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
        certificate = self._sign(x509.Name([]), key, names, days=days)
        file = self._folder / f"{certificate.serial_number}.pem"
        file.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(file)
        return tls


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
