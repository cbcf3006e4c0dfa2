"""The documentation: the OpenAPI document, the explanations of problems, and the page /docs (Swagger UI)."""

import json
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from flask import Response, current_app
from flask_restful.reqparse import Namespace

from api.openapi.document import openapi
from api.operation import answers, gives, takes
from api.problems import PROBLEMS
from api.requests.fields import QueryField
from api.requests.parsers import RequestParser
from api.requests.text import Text, truncate
from api.resource import OpenResource
from api.responses.conditional import answer_content
from api.services import services
from models.json_schema import ID, OBJECT, TEXT, closed
from models.refusals import NotFound

PACKAGE = "flask_swagger_ui"
# Listed here, because the media types of the operating system can be wrong (on Windows, that of .js often is).
ASSETS = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "favicon-32x32.png": "image/png",
}
# No inline scripts, no `eval` and no other host; the images of the style sheet are data: URLs.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
YEAR = 365 * 24 * 3600
PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Stockroom API</title>
<link rel="icon" href="docs/favicon-32x32.png?v={version}">
<link rel="stylesheet" href="docs/swagger-ui.css?v={version}">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js?v={version}"></script>
<script src="docs/initializer.js"></script>
</body>
</html>
"""
INITIALIZER = """\
SwaggerUIBundle({
  url: "api/v1/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  docExpansion: "list",
  validatorUrl: null,
});
"""


asset_parser = RequestParser(
    QueryField("v", Text(32), help="The version of the page; a file requested with it may be cached.")
)


class OpenApiResource(OpenResource):
    """The OpenAPI document."""

    cacheable = True

    @gives(OBJECT, tagged=True)
    def get(self) -> Any:
        """Read the OpenAPI document; it changes only when the service is updated."""
        return answer_content(_document(), "application/json")


class ProblemResource(OpenResource):
    """The explanation of a problem code."""

    cacheable = True

    @gives(closed("Explanation", {"code": TEXT, "status": ID, "title": TEXT, "explanation": TEXT}))
    def get(self, code: str) -> Any:
        """Read the explanation of a problem code; it says what the problem means and what a client can do."""
        if code not in PROBLEMS:
            raise NotFound(f"There is no problem called {truncate(code)!r}.")
        return {"code": code, **PROBLEMS[code]._asdict()}


class DocsResource(OpenResource):
    """The documentation page."""

    limited = False

    @gives(TEXT, tagged=True)
    @answers("text/html")
    def get(self) -> Any:
        """Read the documentation page (Swagger UI), on which every operation can be tried."""
        return _answer(PAGE.format(version=version("flask-swagger-ui")).encode(), "text/html; charset=utf-8")


class DocsFileResource(OpenResource):
    """A file of the documentation page."""

    limited = False

    @takes(asset_parser)
    @gives(TEXT, tagged=True)
    @answers("text/javascript", "text/css", "image/png")
    def get(self, args: Namespace, name: str) -> Any:
        """Read a style sheet, script or image of the documentation page."""
        if name == "initializer.js":
            return _answer(INITIALIZER.encode(), "text/javascript; charset=utf-8")
        if name not in ASSETS:
            raise NotFound("The page has no such file.")
        response = _answer(_content(name), ASSETS[name])
        if args["v"] is not None:
            response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
        return response


def _document() -> bytes:
    """Return the document as JSON, which is written once for each application."""
    found = services()
    if found.openapi_text is None:
        found.openapi_text = json.dumps(openapi(current_app), ensure_ascii=False, separators=(",", ":")).encode()
    return found.openapi_text


@cache
def _content(name: str) -> bytes:
    return (files(PACKAGE) / "dist" / name).read_bytes()


def _answer(content: bytes, content_type: str) -> Response:
    response = answer_content(content, content_type)
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cache-Control"] = "no-cache"
    return response
