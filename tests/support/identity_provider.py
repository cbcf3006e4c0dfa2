"""An OpenID provider for the tests, on a real socket, whose responses a test can change."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

AUDIENCE = "stockroom"
DISCOVERY = "/.well-known/openid-configuration"


class SigningKey:
    """A key pair with its id; the pairs are generated once, because that is slow for RSA."""

    def __init__(self, private: Any, algorithm: str, kid: str | None) -> None:
        self.private = private
        self.algorithm = algorithm
        self.kid = kid

    def public(self) -> dict[str, Any]:
        """Return the public key as a JWK (RFC 7517)."""
        jwk = jwt.get_algorithm_by_name(self.algorithm).to_jwk(self.private.public_key(), as_dict=True)
        jwk.pop("key_ops", None)
        return {**jwk, "kid": self.kid, "use": "sig", "alg": self.algorithm}


_RSA = [rsa.generate_private_key(65537, 2048) for _ in range(2)]
RSA = SigningKey(_RSA[0], "RS256", "one")
OTHER_RSA = SigningKey(_RSA[1], "RS256", "two")
EC = SigningKey(ec.generate_private_key(ec.SECP256R1()), "ES256", "curve")


class Provider:
    """What it shows: `metadata`, `keys`, `tokens`; what came: the paths `asked`, their `traceparent` in `traces`."""

    def __init__(self, address: str) -> None:
        self.issuer = address
        self.keys: list[Any] = [RSA.public()]
        self.metadata: dict[str, Any] = {
            "issuer": address,
            "jwks_uri": f"{address}/keys",
            "authorization_endpoint": f"{address}/authorize",
            "token_endpoint": f"{address}/token",
        }
        self.answers: dict[str, Any] = {}
        self.asked: list[str] = []
        self.traces: list[str | None] = []
        self.forms: list[dict[str, str]] = []
        self.go = Event()
        self.go.set()

    def token(self, key: SigningKey = RSA, *, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """Return a token that is valid now; a claim that is None is omitted, a timedelta counts from now."""
        now = int(time.time())
        all_claims = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": "s-1",
            "iat": now,
            "exp": now + 300,
            "preferred_username": "mia",
            **claims,
        }
        sent = {
            name: now + int(value.total_seconds()) if isinstance(value, timedelta) else value
            for name, value in all_claims.items()
            if value is not None
        }
        named = {"kid": key.kid} if key.kid is not None else {}
        return jwt.encode(sent, key.private, key.algorithm, {**named, **(header or {})})

    def answer(self, path: str) -> tuple[int, bytes]:
        """Return status and body of the response to a path; tests replace them in `answers`."""
        standard = {DISCOVERY: self.metadata, "/keys": {"keys": self.keys}, "/elsewhere": {"keys": self.keys}}
        found = self.answers.get(path, standard.get(path, 404))
        if isinstance(found, int):
            return found, b"{}"
        return 200, found if isinstance(found, bytes) else json.dumps(found).encode()


@contextmanager
def provider() -> Iterator[Provider]:
    """Yield a provider that listens until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            shown.forms.append({name: values[0] for name, values in parse_qs(body).items()})
            self._answer()

        def _answer(self) -> None:
            path = urlsplit(self.path).path
            shown.asked.append(path)
            shown.traces.append(self.headers["traceparent"])
            shown.go.wait(20)
            status, body = shown.answer(path)
            try:
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", f"{shown.issuer}/elsewhere")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except OSError:  # the client has gone
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    shown = Provider(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield shown
    finally:
        shown.go.set()
        server.shutdown()
        thread.join()
        server.server_close()
