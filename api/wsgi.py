"""The application as the server calls it: Flask without what this service does not use, and the end of each answer."""

import time
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask, Request, request_tearing_down
from flask.globals import app_ctx, request_ctx
from flask.sessions import NullSession, SessionInterface
from werkzeug.routing import MapAdapter

from api.middleware.headers import complete
from api.monitoring.access_log import RequestRecord
from api.services import services_of
from server.forwarded import name_client

# The annotations of a function within another one are made anew at each call: these are made once.
Fields = list[tuple[str, str]]
Write = Callable[[bytes], object]


class _NoSessions(SessionInterface):
    """No session cookie of Flask: each request carries its own credential."""

    none = NullSession()

    def open_session(self, app: Flask, request: Request) -> NullSession:
        """Open none."""
        return self.none


class Service(Flask):
    """Flask without blueprints, subdomains, sessions and asynchronous functions: it looks for them at every request."""

    session_interface = _NoSessions()

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return what finds the route of a request; which host it was sent to decides nothing there."""
        if request is None:
            return super().create_url_adapter(None)
        path, query = request.path, request.environ.get("QUERY_STRING", "")
        return MapAdapter(
            self.url_map, request.host, request.root_path or "/", "", request.scheme, path, request.method, query
        )

    def preprocess_request(self) -> Any:
        """Run the hooks that come before a request until one returns an answer."""
        for hook in self.before_request_funcs[None]:
            answer = hook()
            if answer is not None:
                return answer
        return None

    def do_teardown_request(self, exc: BaseException | None = None) -> None:
        """Run the hooks that come after a request, and send Flask's signal."""
        for hook in reversed(self.teardown_request_funcs[None]):
            hook(exc)
        request_tearing_down.send(self, exc=exc)

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request of its client, with the headers of every response; record it when the answer has ended."""
        arrived = time.perf_counter()
        services = services_of(self)
        name_client(environ, services.settings.trusted_proxy)
        streamed: RequestRecord | None = None

        def start(status: str, headers: Fields, exc_info: Any = None) -> Write:
            nonlocal streamed
            number = int(status[:3])
            request, g = request_ctx.request, app_ctx.g
            complete(headers, number, request, g)
            record = RequestRecord(services.metrics, request, g, number, arrived)
            if not record.write_at_once(headers):
                streamed = record
            return start_response(status, headers, exc_info)

        body = super().wsgi_app(environ, start)
        return streamed.counting(body) if streamed else body
