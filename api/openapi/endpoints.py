"""The endpoints of the API: each method of each path, with its resource and what its decorators declare."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from flask import Flask
from werkzeug.routing import Rule

from api.auth.permissions import Permission
from api.operation import Operation
from api.requests.parsers import RequestParser
from api.resource import ProtectedResource, StrictResource
from api.responses.outputs import Output

VERBS = {"GET": "get", "POST": "create", "PUT": "replace", "PATCH": "update", "DELETE": "delete"}


class Endpoint(NamedTuple):
    """One method of one path, with all that the code declares about it."""

    method: str
    rule: Rule
    resource: type[StrictResource]

    @property
    def function(self) -> Any:
        """The method of the resource, whose docstring describes the endpoint."""
        return getattr(self.resource, self.method.lower())

    @property
    def operation(self) -> Operation:
        """What the decorators declare."""
        return self.resource.operations[self.method]

    @property
    def parser(self) -> RequestParser:
        """What it takes."""
        return self.operation.parser

    @property
    def output(self) -> Output:
        """What it returns; raises TypeError where no decorator declares it."""
        if self.operation.output is None:
            raise TypeError(f"{self.method} {self.rule.rule} lacks the decorator `gives`")
        return self.operation.output

    @property
    def permission(self) -> Permission | None:
        """What it requires of the caller; None where it is open."""
        return self.resource.permissions[self.method] if issubclass(self.resource, ProtectedResource) else None

    @property
    def checked(self) -> bool:
        """Whether it honours If-Match."""
        return self.operation.is_conditional(self.method)

    @property
    def noun(self) -> str:
        """The module of the resource, which is the tag."""
        return self.resource.__module__.rpartition(".")[2]

    @property
    def name(self) -> str:
        """The operationId, which follows from method and endpoint where the output names none."""
        endpoint = str(self.rule.endpoint)
        if self.output.name:
            return self.output.name
        if self.method == "GET" and self.output.linked:
            return f"list_{endpoint}"
        if self.method == "POST":
            return f"create_{endpoint.removesuffix('s')}" if self.output.statuses == (201,) else endpoint
        return f"{VERBS[self.method]}_{endpoint}"


def endpoints(app: Flask) -> Iterator[Endpoint]:
    """Yield every method of every resource, in the order of the routes, without HEAD and OPTIONS."""
    for rule in app.url_map.iter_rules():
        resource: Any = getattr(app.view_functions[rule.endpoint], "view_class", None)
        for method in VERBS if resource else ():
            if method in (rule.methods or ()):
                yield Endpoint(method, rule, resource)


def path_of(rule: Rule) -> str:
    """Return the path of a rule as OpenAPI writes it: `/items/<id:item_id>` is `/items/{item_id}`."""
    return re.sub(r"<(?:[^<>:]+:)?([^<>]+)>", r"{\1}", rule.rule)
