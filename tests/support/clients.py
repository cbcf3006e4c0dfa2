"""HTTP clients of the service: with an API token, a password, a session or no credential."""

from typing import Any

from flask import Flask
from werkzeug.datastructures import Authorization
from werkzeug.security import generate_password_hash
from werkzeug.test import TestResponse

from models.database.base import db
from models.people.token import ApiToken
from models.people.user import User
from models.principal import SCOPES_OF_ROLE
from tests.support.documented import assert_documented

V1 = "/api/v1"
HERE = "http://localhost"  # what every test client asks for
PASSWORD = "correct horse battery staple"
# A cheap hash, made with a method that the service no longer uses.
PASSWORD_HASH = generate_password_hash(PASSWORD, "pbkdf2:sha256:1")


# What browsers send with a request of our own page, and what the page adds.
OUR_PAGE = {"Sec-Fetch-Site": "same-origin", "X-Stockroom": "1"}


class Client:
    """An HTTP client of the service; paths are below /api/v1 unless they begin with //, and may be URLs.

    Every response must be as the OpenAPI document says, unless `documented` is False: for tests that make an operation
    respond as none does.
    """

    documented = True

    def __init__(self, app: Flask, headers: dict[str, str] | None = None, user_id: int = 0) -> None:
        self.app = app
        self.headers = headers or {}
        self.user_id = user_id
        self.pair: dict[str, Any] = {}

    def open(self, method: str, path: str, *, headers: dict[str, str] | None = None, **kwargs: Any) -> TestResponse:
        path = path.removeprefix(HERE)
        below = "" if path.startswith((V1, "//")) else V1
        url = below + (path[1:] if path.startswith("//") else path)
        response = self.app.test_client(use_cookies=False).open(
            url, method=method, headers={**self.headers, **(headers or {})}, **kwargs
        )
        if self.documented:
            assert_documented(self.app, response)
        if method == "HEAD":  # no body is read, so nothing else closes a stream
            response.close()
        return response

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        return self.open("GET", path, **kwargs)

    def head(self, path: str, **kwargs: Any) -> TestResponse:
        return self.open("HEAD", path, **kwargs)

    def post(self, path: str, **kwargs: Any) -> TestResponse:
        return self.open("POST", path, **kwargs)

    def put(self, path: str, **kwargs: Any) -> TestResponse:
        return self.open("PUT", path, **kwargs)

    def patch(self, path: str, **kwargs: Any) -> TestResponse:
        return self.open("PATCH", path, **kwargs)

    def delete(self, path: str, **kwargs: Any) -> TestResponse:
        return self.open("DELETE", path, **kwargs)


def person(app: Flask, name: str, role: str, scopes: list[str] | None = None) -> Client:
    """Return the client of a user with this role, with an API token of these scopes (by default all of the role)."""
    with app.app_context():
        user = User.by_name(name) or User.create(username=name, password_hash=PASSWORD_HASH, role=role)
        granted = sorted(SCOPES_OF_ROLE[role]) if scopes is None else scopes
        token = ApiToken.issue(user_id=user.id, name="tests", scopes=granted, expires_in_days=None)
        user_id, secret = user.id, token.secret
        db.session.commit()
    return Client(app, {"Authorization": f"Bearer {secret}"}, user_id)


def with_password(app: Flask, name: str, password: str = PASSWORD) -> Client:
    """Return a client that authenticates with HTTP Basic."""
    return Client(app, {"Authorization": Authorization("basic", {"username": name, "password": password}).to_header()})


def person_with_password(app: Flask, name: str, role: str) -> Client:
    """Return the client of a user with this role, who authenticates with HTTP Basic."""
    user_id = person(app, name, role).user_id
    return Client(app, with_password(app, name).headers, user_id)


def signed_in(app: Flask, name: str, password: str = PASSWORD) -> Client:
    """Return a client with the access token of a new session; `pair` is the response to the sign-in."""
    pair = Client(app).post("/auth/login", json={"username": name, "password": password})
    assert pair.status_code == 200, pair.json
    client = Client(app, {"Authorization": f"Bearer {pair.json['access_token']}"})
    client.pair = pair.json
    return client


def with_cookie(app: Flask, name: str, password: str = PASSWORD) -> Client:
    """Return a client that authenticates as our own page does: with the cookie of a new session."""
    begun = Client(app).post("/session", json={"username": name, "password": password})
    assert begun.status_code == 201, begun.json
    return Client(app, {**OUR_PAGE, "Cookie": begun.headers["Set-Cookie"].partition(";")[0]})
