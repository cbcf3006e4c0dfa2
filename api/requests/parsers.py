"""Request schemas: what a method takes, declared once as a parser; reqparse made strict.

Nothing is coerced or ignored, and all validation errors are returned at once. `StrictResource` parses the request
before the method runs; a method without a parser takes neither body nor query parameters.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from itertools import islice
from typing import Any, Self
from urllib.parse import unquote_to_bytes

from flask import Request
from flask import request as current_request
from flask_restful import reqparse
from flask_restful.reqparse import Namespace
from werkzeug.datastructures import ImmutableMultiDict, MultiDict
from werkzeug.exceptions import UnsupportedMediaType

from api.errors import InvalidInput, Unreadable, fault
from api.media_types import FORMS
from api.requests.bodies import has_body, json_body
from api.requests.fields import Argument, Field, QueryField
from api.requests.types import InvalidValue, InvalidValues, kind_of
from api.requests.unknown import MAX_UNKNOWN, unknown
from models.json_schema import Schema
from models.refusals import MAX_FAULTS

Check = Callable[[Namespace], Iterable[InvalidValue]]

NO_PARAMETERS: MultiDict[str, str] = ImmutableMultiDict()


class RequestParser(reqparse.RequestParser):  # type: ignore[misc] # Flask-RESTful has no types
    """What one method takes, from the body and from the query string.

    `refused` names fields that exist and that clients must not set, with the code and the message of the error.
    `check` yields the errors that concern several fields, and `rules` are those of them that JSON Schema can say.
    `name` is that of the schema of the body in the OpenAPI document, and `example` is such a body. `media` is the
    content of a request body that is no JSON object, as OpenAPI writes it.
    """

    media: Mapping[str, Any] = {}

    def __init__(
        self,
        *arguments: Argument,
        refused: Mapping[str, tuple[str, str]] | None = None,
        check: Check | None = None,
        rules: Mapping[str, Any] | None = None,
        example: Mapping[str, Any] | None = None,
        name: str = "",
    ) -> None:
        super().__init__(bundle_errors=True)
        self.name = name
        self.check = check
        self.rules = rules or {}
        self.example = example
        self.refused = refused or {}
        self._set_arguments(arguments)

    def _set_arguments(self, arguments: Sequence[Argument]) -> None:
        """Set the arguments, and the look-ups by name; raise TypeError where the parser could not read one of them."""
        for argument in arguments:
            if not isinstance(argument, Field | QueryField):
                raise TypeError(f"{argument!r} is no Field or QueryField, so it does not say where it comes from")
        names = [argument.name for argument in arguments]
        if len(set(names)) < len(names):
            raise TypeError(f"a parser has each name once, and these are {', '.join(names)}")
        self.args = list(arguments)
        self.fields = {field.name: field for field in arguments if isinstance(field, Field)}
        self.query = {field.name: field for field in arguments if isinstance(field, QueryField)}
        self.defaults = {each.name: each.default for each in arguments if each.store_missing and not each.required}

    def copy(self) -> Self:
        """Return a parser with the same arguments; a change to one does not change the other."""
        copied = copy(self)
        copied._set_arguments(self.args)
        return copied

    def add_argument(self, *arguments: Argument, **options: Any) -> Self:
        """Add a Field or QueryField; raise TypeError for a name with options, as reqparse takes it."""
        self._set_arguments([*self.args, _only_argument(arguments, options)])
        return self

    def replace_argument(self, name: str, *arguments: Argument, **options: Any) -> Self:
        """Put a Field or QueryField in the place of the argument of this name; raise TypeError, or KeyError."""
        index, argument = self._index(name), _only_argument(arguments, options)
        self._set_arguments([*self.args[:index], argument, *self.args[index + 1 :]])
        return self

    def remove_argument(self, name: str) -> Self:
        """Remove the argument of this name; raise KeyError."""
        index = self._index(name)
        self._set_arguments([*self.args[:index], *self.args[index + 1 :]])
        return self

    def _index(self, name: str) -> int:
        for index, argument in enumerate(self.args):
            if argument.name == name:
                return index
        raise KeyError(name)

    def merge_patch(self, name: str, *, example: Mapping[str, Any] | None = None, **types: Any) -> "RequestParser":
        """Return the parser of a merge patch (RFC 7396) of these fields, with `types` for some of them by name.

        Every field may be missing, and null resets those that are not required.
        """
        return RequestParser(
            *(
                Field(
                    field.name,
                    types.get(field.name, field.type),
                    nullable=not field.required,
                    help=field.help,
                )
                for field in self.fields.values()
            ),
            refused=self.refused,
            example=example,
            name=name,
        )

    def parse_args(self, req: Request | None = None, strict: bool = True, http_error_code: int = 422) -> Namespace:
        """Return the arguments of this request.

        Raises InvalidInput (422) with every validation error, Unreadable (400) or what `json_body` raises.
        """
        request = req or current_request
        parameters = self._parameters(request)
        self._check_body(request)
        try:
            return self.read(json_body(request) if self.fields else {}, parameters)
        except InvalidValues as error:
            listed = error.faults[:MAX_FAULTS]
            raise InvalidInput([fault(found.part, found.code, str(found)) for found in listed]) from None

    def body_of(self, request: Request, arguments: Namespace | None) -> bytes:
        """Return the bytes by which the body of this request is compared with that of a retry.

        `arguments` are those that `parse_args` returned, or None where it raised InvalidInput.
        """
        return request.get_data()

    def read(self, members: Mapping[str, Any], parameters: MultiDict[str, str] = NO_PARAMETERS) -> Namespace:
        """Return the arguments in a JSON object and in query parameters; raise InvalidValues with every error."""
        faults = [
            *islice(self._unknown_parameters(parameters), MAX_UNKNOWN),
            *islice(self._unknown_fields(members), MAX_UNKNOWN),
        ]
        arguments = Namespace(self.defaults)
        for argument in self.args:
            source = members if argument.name in self.fields else parameters
            if argument.name not in source and not argument.required:
                continue
            try:
                value, belongs = argument.parse(source)
            except InvalidValues as error:
                faults += error.within(argument.name)
            else:
                if belongs:
                    arguments[argument.name] = value
        if self.check and not faults:
            faults += self.check(arguments)
        if faults:
            raise InvalidValues(faults)
        return arguments

    def schema(self) -> Schema:
        """Return the JSON Schema of the body."""
        return {
            **({"title": self.name} if self.name else {}),
            "type": "object",
            "properties": {name: field.schema() for name, field in self.fields.items()},
            "required": [name for name, field in self.fields.items() if field.required],
            "additionalProperties": False,
            **self.rules,
        }

    def _parameters(self, request: Request) -> MultiDict[str, str]:
        """Return the query parameters; raise Unreadable for a query that is not UTF-8."""
        if not request.query_string:
            return NO_PARAMETERS
        _check_utf8(request)
        return request.args

    def _check_body(self, request: Request) -> None:
        if request.method == "POST" and request.mimetype in FORMS and not has_body(request):
            raise UnsupportedMediaType(f"No {request.mimetype} is taken here; send no Content-Type without a body.")
        if not self.fields and has_body(request) and json_body(request) != {}:
            raise Unreadable("unexpected_body", f"{request.method} takes no body here.")
        if self.needs_body(request.method) and not has_body(request):
            raise Unreadable("malformed_json", "The body is empty; it must be a JSON object.")

    def needs_body(self, method: str) -> bool:
        """Return whether a request needs a body: for a required field, and always to replace and to patch."""
        return any(field.required for field in self.fields.values()) or bool(self.fields and method in ("PUT", "PATCH"))

    def _unknown_parameters(self, parameters: MultiDict[str, str]) -> Iterable[InvalidValue]:
        for name, values in parameters.lists():
            if name not in self.query:
                yield unknown(name, self.query, "unknown_parameter", "query parameter")
            elif len(values) > 1 and not self.query[name].repeats:
                yield InvalidValue("repeated", "must be given once", name)

    def _unknown_fields(self, members: Mapping[str, Any]) -> Iterable[InvalidValue]:
        for name in members:
            if name in self.refused:
                yield InvalidValue(*self.refused[name], name)
            elif name not in self.fields:
                yield unknown(name, self.fields, "unknown_field", "field")


class ObjectOf:
    """The type of a JSON object inside the body, with the fields of a parser."""

    def __init__(self, parser: RequestParser) -> None:
        self.parser = parser

    def __call__(self, value: Any) -> Namespace:
        if not isinstance(value, dict):
            raise InvalidValue("wrong_type", f"must be an object, not {kind_of(value)}")
        return self.parser.read(value)

    def schema(self) -> Schema:
        return self.parser.schema()


NOTHING = RequestParser()


def _only_argument(arguments: Sequence[Argument], options: Mapping[str, Any]) -> Argument:
    if len(arguments) != 1 or options:
        raise TypeError("give one Field or QueryField, with its options: a name does not say where it comes from")
    return arguments[0]


def _check_utf8(request: Request) -> None:
    """Raise Unreadable for a query that is not UTF-8, in which Werkzeug would replace bytes."""
    try:
        unquote_to_bytes(request.query_string).decode()
    except UnicodeDecodeError:
        raise Unreadable("bad_request", "The query is not UTF-8.") from None
