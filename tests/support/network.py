"""A network between a browser and the service: whole, cut, or such that requests arrive and their answers are lost."""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.support.program import SOON

WHOLE, CUT, LOST = "whole", "cut", "lost"
OF_ONE_WAY = {"connection", "transfer-encoding", "keep-alive"}


class Foreign(NamedTuple):
    """An answer that is not of the service, but of something between."""

    status: int
    headers: dict[str, str]
    content: str


State = str | Foreign


class Network:
    """The way to a service; `state(method, path)` says how it is for each request: WHOLE, CUT, LOST (the answer)."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.state: Callable[[str, str], State] = lambda method, path: WHOLE
        self.on_sent: Callable[[str], None] = lambda method: None  # called before the answer is waited for
        self.seen: list[tuple[str, str, str | None]] = []  # method, path and Idempotency-Key of what has arrived
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def address(self) -> str:
        """The address that the browser has."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def be(self, state: State) -> None:
        """Be in this state for every request from now on."""
        self.state = lambda method, path: state

    def be_for(self, method: str, state: State) -> None:
        """Be in this state for the requests with this method, and let everything else pass."""
        self.state = lambda asked, path: state if asked == method else WHOLE

    def close(self) -> None:
        """End the network."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        network = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in the base class
                """Write nothing."""

            def pass_on(self) -> None:
                state = network.state(self.command, self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.close_connection = True
                if state == CUT:
                    return
                if isinstance(state, Foreign):
                    self.reply(state.status, state.headers, state.content.encode())
                    return
                with suppress(OSError, http.client.HTTPException):  # the service was killed, or the tab closed
                    answer, content = network.forward(self.command, self.path, dict(self.headers), body)
                    if state == LOST:
                        return
                    self.reply(answer.status, dict(answer.getheaders()), content)

            def reply(self, status: int, headers: dict[str, str], content: bytes) -> None:
                self.send_response_only(status)
                for name, value in headers.items():
                    if name.lower() not in {*OF_ONE_WAY, "content-length"}:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on  # noqa: N815 - as the base class calls them

        return Handler

    def forward(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Any:
        """Send a request to the service; return its answer and the content of it."""
        where = urlsplit(self.service)
        connection = http.client.HTTPConnection(str(where.hostname), where.port, timeout=SOON)
        try:
            sent = {name: value for name, value in headers.items() if name.lower() not in OF_ONE_WAY}
            connection.request(method, path, body or None, sent)
            self.seen.append((method, path, headers.get("Idempotency-Key")))
            self.on_sent(method)
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()


@contextmanager
def network(service: str) -> Iterator[Network]:
    """Open a network to a service, and close it at the end."""
    opened = Network(service)
    try:
        yield opened
    finally:
        opened.close()
