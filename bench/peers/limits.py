"""What nothing behind it could beat: a bare WSGI answer, and the "hello" of Flask-RESTful, both on waitress.

`python limits.py bare|hello PORT`
"""

import sys
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask
from flask_restful import Api, Resource
from waitress import serve


def bare(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """One line of JSON."""
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", "18")])
    return [b'{"hello": "world"}']


class Hello(Resource):
    """The first example of Flask-RESTful's documentation."""

    def get(self) -> dict[str, str]:
        """Say hello."""
        return {"hello": "world"}


def hello() -> Flask:
    """The application of that example."""
    app = Flask(__name__)
    Api(app).add_resource(Hello, "/")
    return app


if __name__ == "__main__":
    serve({"bare": bare, "hello": hello()}[sys.argv[1]], host="127.0.0.1", port=int(sys.argv[2]), threads=8)
