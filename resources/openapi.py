"""The description of this API, for people's tools: OpenAPI 3.1."""

import json
from typing import Any

from flask import current_app

from api.conditional import answer_content
from api.openapi import openapi
from api.outputs import gives
from api.resource import OpenResource
from models.shapes import OBJECT


class OpenApiResource(OpenResource):
    """The document that you are reading."""

    @gives(OBJECT, tagged=True)
    def get(self) -> Any:
        """Read the OpenAPI document; it is the same until the service is updated."""
        return answer_content(_text(), "application/json")


def _text() -> bytes:
    """The document as JSON, written once for each application."""
    if "stockroom.openapi_text" not in current_app.extensions:
        written = json.dumps(openapi(current_app), ensure_ascii=False, separators=(",", ":")).encode()
        current_app.extensions["stockroom.openapi_text"] = written
    text: bytes = current_app.extensions["stockroom.openapi_text"]
    return text
