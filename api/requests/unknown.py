"""Names in a request that nobody knows: the error of one, with the nearest known name."""

from collections.abc import Iterable
from difflib import get_close_matches

from api.requests.text import truncate
from api.requests.types import InvalidValue

# The most unknown names that are reported; a body of 2 MiB can have 200,000.
MAX_UNKNOWN = 100


def unknown(name: str, known: Iterable[str], code: str, what: str) -> InvalidValue:
    """Return the error of an unknown name, with the nearest known one; `what` is the kind of name, as "field"."""
    names = list(known)
    near = get_close_matches(name[:100].lower(), names, n=1)
    if near:
        hint = f"; did you mean {near[0]!r}?"
    else:
        hint = f"; known are {', '.join(names)}" if names else "; there are none here"
    return InvalidValue(code, f"is not a {what} of this request{hint}", truncate(name))
