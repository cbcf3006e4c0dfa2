"""The arguments of a parser: a member of the JSON body, or a parameter of the query string."""

from collections.abc import Mapping
from typing import Any, Literal

from flask_restful import reqparse
from werkzeug.datastructures import MultiDict

from api.requests.types import InvalidValue, schema_of, text_schema_of
from models.json_schema import Schema


class Argument(reqparse.Argument):  # type: ignore[misc] # Flask-RESTful has no types
    """One named input, a Field or a QueryField.

    Its type is called with the value alone and refuses it by raising InvalidValues. Of the options of reqparse it
    has those that its subclasses name; the others would do nothing here, and are a TypeError.
    """

    def parse(self, source: Mapping[str, Any], bundle_errors: bool = True) -> tuple[Any, bool]:
        """Return the value, and whether it belongs to the arguments; raise InvalidValues.

        Unlike reqparse's own, it takes no other exception for a refusal.
        """
        if self.name in source:
            return self.convert(source[self.name]), True
        if self.required:
            raise InvalidValue("required", "is required")
        return self.default, bool(self.store_missing)

    def schema(self) -> Schema:
        """Return the JSON Schema of the input."""
        raise NotImplementedError


class Field(Argument):
    """A member of the JSON body; left out of the arguments when the client left it out."""

    def __init__(
        self,
        name: str,
        type: Any,  # noqa: A002 - the name is reqparse's
        *,
        required: bool = False,
        nullable: bool = False,
        help: str = "",  # noqa: A002
    ) -> None:
        super().__init__(name, type=type, required=required, nullable=nullable, help=help, store_missing=False)

    def convert(self, value: Any) -> Any:
        """Return a JSON value as the type reads it; raise InvalidValues."""
        if value is None and self.nullable:
            return None
        if value is None:
            raise InvalidValue("null", "must not be null")
        return self.type(value)

    def schema(self) -> Schema:
        schema = schema_of(self.type)
        if self.nullable:
            schema = {"anyOf": [schema, {"type": "null"}]}
        return {**schema, "description": self.help} if self.help else schema


class QueryField(Argument):
    """A parameter of the query string; it has its default when the client left it out.

    With the action "append" it can be given several times, and its type takes the list of its texts.
    """

    def __init__(
        self,
        name: str,
        type: Any,  # noqa: A002
        *,
        required: bool = False,
        default: Any = None,
        action: Literal["store", "append"] = "store",
        help: str = "",  # noqa: A002
    ) -> None:
        super().__init__(name, type=type, required=required, default=default, action=action, help=help)

    @property
    def repeats(self) -> bool:
        """Whether it can be given several times."""
        return bool(self.action == "append")

    def parse(self, source: Mapping[str, Any], bundle_errors: bool = True) -> tuple[Any, bool]:
        """Return the value or, of one that repeats, the list of them; raise InvalidValues."""
        if self.repeats and isinstance(source, MultiDict) and self.name in source:
            return self.type(source.getlist(self.name)), True
        return super().parse(source, bundle_errors)

    def convert(self, value: str) -> Any:
        """Return the text of a parameter as the type reads it; raise InvalidValues."""
        return self.type.from_text(value)

    def schema(self) -> Schema:
        schema = text_schema_of(self.type)
        return schema if self.default in (None, "") else {**schema, "default": self.default}
