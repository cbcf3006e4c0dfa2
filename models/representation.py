"""How clients see a resource: one description makes its JSON Schema, its SELECT and its dictionaries."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Table

from models.database.column_types import serialized
from models.json_schema import Schema, closed
from models.values import as_json, money, rfc3339

_SERIALIZERS: Mapping[type, Callable[[Any], Any]] = {datetime: rfc3339, Decimal: money, tuple: list}


class Representation:
    """The members of a resource by name, each with its JSON Schema, in the order of responses."""

    def __init__(self, title: str, members: Mapping[str, Schema]) -> None:
        self.schema = closed(title, members)
        self.names = tuple(members)

    def columns(self, table: Table, **others: Any) -> list[ColumnElement[Any]]:
        """Return the columns of a SELECT for whose rows `of_row` is made.

        The column of a member is that in `others`, or else that of its name in `table`; raises KeyError without either.
        """
        return [
            serialized(others[name] if name in others else table.c[name]).label(name)  # the table may lack the name
            for name in self.names
        ]

    def of(self, instance: object) -> dict[str, Any]:
        """Return what clients see of an object that has the members as attributes."""
        return {name: serialize(getattr(instance, name)) for name in self.names}

    def of_values(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return what clients see of a mapping with the members by name; other keys are ignored."""
        return {name: serialize(values[name]) for name in self.names}

    def text_of(self, values: Mapping[str, Any], late: int) -> str:
        """Return the JSON text of the members but the first `late`, given as clients see them, for `completed`."""
        return "," + as_json({name: values[name] for name in self.names[late:]}).removeprefix("{")

    def completed(self, text: str, *late: int) -> str:
        """Return the whole JSON text, given the integers of the members that `text_of` left out."""
        return self._begin(len(late)) % late + text

    @lru_cache(8)  # noqa: B019 - a representation lives as long as the program
    def _begin(self, late: int) -> str:
        return "{" + ",".join(f'"{name}":%d' for name in self.names[:late])

    def of_row(self, row: Sequence[Any]) -> dict[str, Any]:
        """Return what clients see of a row that begins with `columns`; a page adds its sort keys behind them."""
        return dict(zip(self.names, row, strict=False))  # which leaves out what is behind the columns


def serialize(value: Any) -> Any:
    """Return a value as clients see it."""
    serializer = _SERIALIZERS.get(type(value))
    return serializer(value) if serializer else value
