"""The record behind the decorators of a method: set by each of them, kept by wrappers, read once for each class."""

import functools

import pytest

from api.auth.permissions import any_user, password_required, scope, session_required, token_required
from api.media_types import CSV, JSON, NDJSON, XLSX
from api.openapi.endpoints import Endpoint, endpoints
from api.operation import Operation, answers, gives, idempotent, operation_of, or_table, takes
from api.requests.fields import QueryField
from api.requests.parsers import RequestParser
from api.requests.types import Boolean
from api.resource import OpenResource
from models.json_schema import TEXT

PARSER = RequestParser(QueryField("loud", Boolean()))


def test_each_decorator_adds_to_what_the_others_declare():
    @takes(PARSER)
    @gives(TEXT, 201, refuses=("conflict",))
    @answers("text/plain")
    @idempotent
    def post() -> None: ...

    declared = operation_of(post)

    assert (declared.parser, declared.media_types, declared.idempotent) == (PARSER, ("text/plain",), True)
    assert declared.output is not None
    assert (declared.output.schema, declared.output.statuses, declared.output.refuses) == (TEXT, (201,), ("conflict",))


def test_a_wrapper_keeps_what_the_wrapped_function_declares_and_a_declaration_on_it_stays_its_own():
    @idempotent
    def post() -> None: ...

    @takes(PARSER)
    @functools.wraps(post)
    def wrapper() -> None: ...

    assert operation_of(wrapper) == Operation(parser=PARSER, idempotent=True)
    assert operation_of(post) == Operation(idempotent=True)


def test_a_function_without_decorators_takes_nothing_and_answers_json():
    assert operation_of(lambda: None) == Operation()
    assert Operation().media_types == ("application/json",)


def test_a_page_that_may_be_a_table_offers_json_first():
    assert operation_of(or_table("items", ["id"])(lambda self, args: None)).media_types == (JSON, CSV, XLSX, NDJSON)


def test_a_class_reads_what_its_methods_declare_once_those_it_inherits_included():
    class Shouting(OpenResource):
        @takes(PARSER)
        def get(self) -> None: ...

    class Whispering(Shouting):
        @idempotent
        def post(self) -> None: ...

    assert Whispering.operations == {"GET": Operation(parser=PARSER), "POST": Operation(idempotent=True)}


def test_a_method_that_declares_no_output_is_refused_by_name_when_the_document_is_made(app):
    class Silent(OpenResource):
        def get(self) -> None: ...

    rule = next(endpoints(app)).rule

    with pytest.raises(TypeError, match=f"GET {rule.rule} lacks the decorator `gives`"):
        _ = Endpoint("GET", rule, Silent).output


@pytest.mark.parametrize(
    ("permission", "scopes", "schemes", "refusals"),
    [
        (any_user, (), ("basic", "bearer", "apiKey", "cookie"), ()),
        (password_required, (), ("basic", "bearer", "cookie"), ("password_required",)),
        (session_required, (), ("bearer", "cookie"), ("sign_in_required",)),
        (token_required, (), ("bearer", "apiKey"), ("token_required",)),
        (
            scope("items:write", "stock:write"),
            ("items:write", "stock:write"),
            ("basic", "bearer", "apiKey", "cookie"),
            ("forbidden", "insufficient_scope"),
        ),
    ],
)
def test_a_permission_says_what_it_requires_and_how_it_refuses(permission, scopes, schemes, refusals):
    assert (permission.scopes, permission.schemes, permission.refusals) == (scopes, schemes, refusals)
