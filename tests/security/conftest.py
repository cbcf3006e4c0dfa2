"""The service as it is attacked: the application of the tests behind the real server, on a real port."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPResponse
from typing import Any, NamedTuple

import pytest
from flask import Flask

from api.errors import error_answer
from api.paths import IMPORTS
from api.services import services_of
from server import server
from server.server import Server
from server.sockets import listening_sockets
from settings import MIB
from tests.support.program import SOON


class Answer(NamedTuple):
    """What came back over the wire."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Site:
    """A running service, spoken to in bytes, so that nothing is made well-formed on the way."""

    def __init__(self, app: Flask, port: int) -> None:
        self.app = app
        self.port = port

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), SOON)

    def send(self, head: str, body: bytes = b"") -> Answer:
        """One request, its head as it stands (`Content-Length` is added), on a connection of its own."""
        lines = [*head.splitlines(), f"Content-Length: {len(body)}", "Connection: close"]
        with self.connect() as client:
            client.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
            return read(client)

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """One request below /api/v1; a header's `_` is a hyphen."""
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in {"Host": "test", **headers}.items()]
        return self.send("\r\n".join((f"{method} /api/v1{path} HTTP/1.1", *lines)), body)


def read(client: socket.socket) -> Answer:
    """The answer that comes over a connection."""
    response = HTTPResponse(client)
    response.begin()
    return Answer(response.status, response.headers, response.read())


@contextmanager
def serving(app: Flask) -> Iterator[Site]:
    """The application behind the real server."""
    settings = services_of(app).settings
    sockets = listening_sockets("127.0.0.1", 0)
    running = Server(
        app,
        sockets,
        threads=4,
        max_body_bytes=settings.max_body_bytes,
        error_answer=error_answer,
        larger_bodies=dict.fromkeys(IMPORTS, settings.max_import_bytes),
        trusted_proxy=settings.trusted_proxy,
    )
    port = sockets[0].getsockname()[1]
    thread = threading.Thread(target=running.run)
    thread.start()
    try:
        yield Site(app, port)
    finally:
        running.stop()
        thread.join(SOON)
        assert not thread.is_alive()


@pytest.fixture
def sites(apps: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Site]]:
    """Serves applications with settings of their own."""
    monkeypatch.setattr(server, "CHECK_SECONDS", 0.02)
    with ExitStack() as serve:
        yield lambda **environ: serve.enter_context(serving(apps(**environ)))


@pytest.fixture
def site(sites: Callable[..., Site]) -> Site:
    """The service with small limits of its bodies."""
    site: Site = sites(MAX_BODY_MB="1", MAX_IMPORT_MB="1")
    assert services_of(site.app).settings.max_body_bytes == MIB
    return site
