"""How clients see a noun: one description, of which its JSON Schema, its SELECT and its dictionaries are made."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Table

from models.database.column_types import serialized
from models.json_schema import Schema, closed
from models.values import money, rfc3339

_SERIALIZERS: Mapping[type, Callable[[Any], Any]] = {datetime: rfc3339, Decimal: money}


class Representation:
    """The members of a noun by name, each with its JSON Schema, in the order in which clients see them."""

    def __init__(self, title: str, members: Mapping[str, Schema]) -> None:
        self.schema = closed(title, members)
        self.names = tuple(members)

    def columns(self, table: Table, **others: Any) -> list[ColumnElement[Any]]:
        """Return the columns of a SELECT whose rows `of_row` takes.

        A member is the column of its name in `table`, or the one that `others` has for it; raises KeyError without.
        """
        return [
            serialized(others[name] if name in others else table.c[name]).label(name)  # the table may lack the name
            for name in self.names
        ]

    def of(self, thing: Any) -> dict[str, Any]:
        """Return what clients see of an object that has the members as attributes."""
        return {name: _serialize(getattr(thing, name)) for name in self.names}

    def of_values(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return what clients see of values that have the members by name, and perhaps others."""
        return {name: _serialize(values[name]) for name in self.names}

    def of_row(self, row: Sequence[Any]) -> dict[str, Any]:
        """Return what clients see of a row that begins with `columns`; a page adds its sort keys behind them."""
        return dict(zip(self.names, row[: len(self.names)], strict=True))


def _serialize(value: Any) -> Any:
    serializer = _SERIALIZERS.get(type(value))
    return serializer(value) if serializer else value
