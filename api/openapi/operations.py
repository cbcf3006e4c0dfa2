"""The operations of the API: each method of each resource, with what hangs on it."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from flask import Flask
from models.json_schema import OBJECT
from werkzeug.routing import Rule

from api.requests.parsers import NOTHING, RequestParser
from api.resource import ProtectedResource
from api.responses.outputs import Output

VERBS = {"GET": "get", "POST": "create", "PUT": "replace", "PATCH": "update", "DELETE": "delete"}


class Operation(NamedTuple):
    """One method of one path, and what the code says of it."""

    method: str
    rule: Rule
    resource: type
    function: Any

    @property
    def form(self) -> RequestParser:
        form: RequestParser = self.function.form if hasattr(self.function, "form") else NOTHING
        return form

    @property
    def output(self) -> Output:
        default = Output(None, (204,)) if self.method == "DELETE" else Output(OBJECT)
        output: Output = getattr(self.function, "output", default)
        return output

    @property
    def need(self) -> Any:
        return self.resource.permissions[self.method] if issubclass(self.resource, ProtectedResource) else None

    @property
    def idempotent(self) -> bool:
        return hasattr(self.function, "idempotent")

    @property
    def checked(self) -> bool:
        """Whether it is a write that honours If-Match."""
        return self.output.checked or self.method in ("PUT", "PATCH", "DELETE")

    @property
    def noun(self) -> str:
        """The module that the resource is at home in: the tag."""
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


def operations(app: Flask) -> Iterator[Operation]:
    """Every method of every resource, in the order of the routes; HEAD and OPTIONS go without saying."""
    for rule in app.url_map.iter_rules():
        resource: Any = getattr(app.view_functions[rule.endpoint], "view_class", None)
        for method in VERBS if resource else ():
            if method in (rule.methods or ()):
                yield Operation(method, rule, resource, getattr(resource, method.lower()))


def path_of(rule: Rule) -> str:
    """`/items/<id:item_id>` as OpenAPI writes it: `/items/{item_id}`."""
    return re.sub(r"<(?:[^<>:]+:)?([^<>]+)>", r"{\1}", rule.rule)
