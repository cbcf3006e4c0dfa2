"""Names in paths: a resource is found, and created by PUT, at its SKU or its code."""

from collections.abc import Iterator
from contextlib import contextmanager

from api.errors import InvalidInput, fault
from api.requests.text import Sku
from api.requests.types import InvalidValue
from models.database.transactions import RetryTransaction
from models.refusals import NotFound, Refusal
from models.values import normalized


class PathName:
    """A name in a path, which is also the field `field` of what is there.

    Its converter takes any text, so that a PUT can say what is wrong with it; `not_found` is what the others say.
    """

    def __init__(self, field: str, type_: Sku, not_found: str) -> None:
        self._field = field
        self._type = type_
        self._not_found = not_found

    def check_readable(self, name: str) -> None:
        """Raise NotFound for a name that nothing can have."""
        if self._fault_of(name):
            raise NotFound(self._not_found)

    def check(self, name: str, in_body: str | None) -> None:
        """Raise InvalidInput for a name that nothing can have, or that is another than the one in the body."""
        if error := self._fault_of(name):
            raise InvalidInput([fault(self._field, error.code, str(error))])
        if in_body is not None and normalized(in_body) != normalized(name):
            raise InvalidInput([fault(self._field, "mismatch", f"must be left out or match the path, {name!r}")])

    @contextmanager
    def creating(self) -> Iterator[None]:
        """Run the transaction again where another request has just created what has this name."""
        try:
            yield
        except Refusal as refusal:
            if refusal.code == f"{self._field}_taken":
                raise RetryTransaction from refusal
            raise

    def _fault_of(self, name: str) -> InvalidValue | None:
        try:
            self._type(name)
        except InvalidValue as error:
            return error
        return None
