"""The 401 and the 403 with challenges: which credentials would be accepted (RFC 9110 section 11.6.1)."""

from typing import Any

from flask import request
from werkzeug.exceptions import HTTPException

from api.problems import PROBLEMS
from models.refusals import Refusal

REALM = "Stockroom API"
# The header X-Stockroom, which our own page alone sends: CORS allows it to no other.
OF_OUR_PAGE = "HTTP_X_STOCKROOM"


class Challenged(HTTPException):
    """A 401 or 403 with challenges: which credentials would be accepted (RFC 9110 section 11.6.1)."""

    def __init__(self, problem: str, detail: str, *challenges: str) -> None:
        super().__init__(detail)
        self.problem = problem
        self.code = PROBLEMS[problem].status
        self.challenges = challenges

    def get_headers(self, *_: Any, **__: Any) -> list[tuple[str, str]]:
        return [("WWW-Authenticate", each) for each in self.challenges]


def code_of(refusal: Challenged | Refusal) -> str:
    """Return the code of the problem that a refusal is."""
    return refusal.code if isinstance(refusal, Refusal) else refusal.problem


def unauthorized(problem: str, detail: str, **bearer_error: str) -> Challenged:
    """Return a 401 with one challenge for each scheme; `bearer_error` has the parameters of RFC 6750 section 3.

    Our own page gets none for HTTP Basic: the browser would open its password box over the page.
    """
    basic = () if OF_OUR_PAGE in request.environ else (challenge("Basic", realm=REALM, charset="UTF-8"),)
    return Challenged(problem, detail, *basic, challenge("Bearer", realm=REALM, **bearer_error))


def wrong_credentials(**bearer_error: str) -> Challenged:
    """Return the 401 for a credential that is not valid; it does not say which part of it was wrong."""
    detail = "The user name, password or token is wrong, expired or revoked."
    return unauthorized("invalid_credentials", detail, **bearer_error)


def challenge(scheme: str, **parameters: str) -> str:
    """Return one challenge; every parameter is quoted, because some clients read no others."""
    return f"{scheme} " + ", ".join(f'{name}="{value}"' for name, value in parameters.items())
