"""The two kinds of resource: closed by default, and strict about what comes in and goes out."""

from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, ClassVar

import flask_restful
from flask import Request
from flask.globals import app_ctx, request_ctx
from flask_restful.reqparse import Namespace

from api.auth import cookie
from api.auth.authentication import authenticate, required
from api.auth.challenges import Challenged, code_of
from api.auth.permissions import Permission
from api.errors import InvalidInput
from api.idempotency import once, refuse_key
from api.middleware.rate_limits import count_request
from api.monitoring.audit import record_refusal
from api.operation import Operation, operation_of
from api.problems import PROBLEMS
from api.requests.bodies import check_encoding
from api.requests.parsers import NOTHING, RequestParser
from api.responses.conditional import check_untagged, refuse_conditions
from api.responses.negotiation import negotiate
from models.principal import Principal
from models.refusals import Refusal


class StrictResource(flask_restful.Resource):  # type: ignore[misc] # Flask-RESTful has no types
    """A resource whose methods run only after the caller and the input have been checked.

    Where `limited` is false, only wrong credentials count against the limit of requests. Where `cacheable` is true, a
    browser may store the answer to a GET and revalidate it; answers about people must not be stored.
    """

    init_every_request: ClassVar[bool] = False  # Flask's: no resource holds anything of a request
    limited: ClassVar[bool] = True
    cacheable: ClassVar[bool] = False
    # What the decorators of each method declare, by the name of the method in HTTP.
    operations: ClassVar[Mapping[str, Operation]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.operations = {method: operation_of(getattr(cls, method.lower())) for method in cls.methods or ()}

    def dispatch_request(self, *args: Any, **kwargs: Any) -> Any:
        """Authenticate, authorize, negotiate and parse, then call the method; the order is part of the API."""
        request = request_ctx.request  # once, because each look-up through the proxy costs as much as a function
        g = app_ctx.g
        g.cacheable = self.cacheable
        method = "GET" if request.method == "HEAD" else request.method
        try:
            principal = g.principal = self.authenticate(request)
        except (Challenged, Refusal):
            count_request(None)
            raise
        if self.limited:
            count_request(principal)
        try:
            self.authorize(method, principal)
            operation = self.operations[method]
            g.representation = negotiate(request, operation.media_types, by_name="format" in operation.parser.query)
            return self._answer(request, operation, method, args, kwargs)
        except (Challenged, Refusal) as refusal:
            code = code_of(refusal)
            if principal and PROBLEMS[code].status == HTTPStatus.FORBIDDEN:
                record_refusal(principal, code)
            raise

    def authenticate(self, request: Request) -> Principal | None:
        """Return whose credential was sent, None if none was; raises Challenged (401) or Refusal (400)."""
        return authenticate(request.environ)

    def _answer(self, request: Request, operation: Operation, method: str, args: Any, kwargs: Any) -> Any:
        """Refuse the headers that the operation does not honour, parse, then call the method."""
        if not operation.idempotent:
            refuse_key(request)
        if not operation.is_conditional(method):
            refuse_conditions(request)
        elif method == "GET" and not (operation.output and operation.output.tagged):
            check_untagged(request)
        check_encoding(request)
        run = getattr(self, method.lower())
        call, arguments = _prepared(operation.parser, request, run, args, kwargs)
        if not operation.idempotent:
            return call()
        return once(call, partial(operation.parser.body_of, request, arguments), short=operation.short)

    def authorize(self, method: str, principal: Principal | None) -> None:
        """Return if the caller may use this method; raise Challenged (401, 403) or Refusal (403) otherwise."""
        raise NotImplementedError


def _prepared(
    parser: RequestParser, request: Request, method: Any, args: Any, kwargs: Any
) -> tuple[Callable[[], Any], Namespace | None]:
    """Return the call of a method with its parsed arguments, and these; None if they were refused.

    A refused input is an outcome like any other, and kept under the Idempotency-Key: the call then raises InvalidInput.
    """
    try:
        arguments = parser.parse_args(request)
    except InvalidInput as refusal:
        return partial(_refuse, refusal), None
    if parser is NOTHING:
        return partial(method, *args, **kwargs), arguments
    return partial(method, arguments, *args, **kwargs), arguments


def _refuse(refusal: InvalidInput) -> None:
    raise refusal


class ProtectedResource(StrictResource):
    """A resource that is closed: `permissions` says for each method what the principal must have."""

    permissions: ClassVar[Mapping[str, Permission]] = {}

    def authenticate(self, request: Request) -> Principal | None:
        """Return whose credential was sent or, without one, whose cookie; where nothing is closed, none is read."""
        return authenticate(request.environ) or cookie.authenticate(request)

    def authorize(self, method: str, principal: Principal | None) -> None:
        """Raise Challenged or Refusal where the principal lacks the permission; KeyError where none is declared."""
        self.permissions[method](required(principal))


class OpenResource(StrictResource):
    """A resource that needs no credential; one that is sent must be valid all the same."""

    def authorize(self, method: str, principal: Principal | None) -> None:
        """Let everybody pass."""
