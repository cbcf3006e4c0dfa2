"""The two kinds of resource: closed by default, and strict about what comes in and goes out."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

import flask_restful
from flask import g, request

from api.auth.authentication import Challenged, authenticate, current_principal
from api.auth.permissions import Permission
from api.errors import InvalidInput
from api.idempotency import once, refuse_key
from api.middleware.rate_limits import count_request
from api.monitoring.audit import record_refusal
from api.requests.parsers import NOTHING, RequestParser
from api.responses.negotiation import negotiate
from models.refusals import Refusal


class StrictResource(flask_restful.Resource):  # type: ignore[misc] # Flask-RESTful has no types
    """Who, what, then the method: no method runs before its caller and its input are known to be good.

    Where `limited` is false, only wrong credentials count against the limit of requests. Where `cacheable` is true, a
    browser may store what a GET answers, to ask whether it still holds; nothing that is about people may be stored.
    """

    limited: ClassVar[bool] = True
    cacheable: ClassVar[bool] = False

    def dispatch_request(self, *args: Any, **kwargs: Any) -> Any:
        g.cacheable = self.cacheable
        name = "get" if request.method == "HEAD" else request.method.lower()
        method = getattr(self, name)
        try:
            principal = authenticate()
        except (Challenged, Refusal):
            count_request(None)
            raise
        if self.limited:
            count_request(principal)
        try:
            self.authorize(name.upper())
        except (Challenged, Refusal) as refusal:
            if principal:
                record_refusal(principal, refusal.code if isinstance(refusal, Refusal) else refusal.problem)
            raise
        negotiate(method)
        if not hasattr(method, "idempotent"):
            refuse_key()
            return _prepared(method, args, kwargs)()
        return once(_prepared(method, args, kwargs))

    def authorize(self, method: str) -> None:
        """Let the caller pass, or raise Unauthorized or Refusal."""
        raise NotImplementedError


def _prepared(method: Any, args: Any, kwargs: Any) -> Callable[[], Any]:
    """The call of a method with its input read; if that was refused, a call that says so.

    A refused input is an outcome like another: it is kept under the Idempotency-Key of the request.
    """
    form: RequestParser = method.form if hasattr(method, "form") else NOTHING
    try:
        arguments = form.parse_args()
    except InvalidInput as refusal:
        return partial(_refuse, refusal)
    return partial(method, *args, **kwargs) if form is NOTHING else partial(method, arguments, *args, **kwargs)


def _refuse(refusal: InvalidInput) -> None:
    raise refusal


class ProtectedResource(StrictResource):
    """Closed: `needs` says for each method what the principal must have; a method without is a defect."""

    permissions: ClassVar[Mapping[str, Permission]] = {}

    def authorize(self, method: str) -> None:
        self.permissions[method](current_principal())


class OpenResource(StrictResource):
    """Open to everybody; a credential that is sent must be good all the same."""

    def authorize(self, method: str) -> None:
        """Everybody may."""
