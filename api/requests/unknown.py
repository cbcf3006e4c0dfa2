"""Names in a request that nobody knows: the error of one, with the nearest known name, or that of today."""

from collections.abc import Iterable

from api.requests.text import truncate
from api.requests.types import InvalidValue, nearest

# The most unknown names that are reported; a body of 2 MiB can have 200,000.
MAX_UNKNOWN = 100
# Names that fields had before, with those of today: the former ones will be nouns.
FORMER = {"location": "bin"}


def unknown(name: str, known: Iterable[str], code: str, what: str) -> InvalidValue:
    """Return the error of an unknown name, with today's or the nearest known; `what` is its kind, as "field"."""
    names = list(known)
    key = name[:100].lower()
    if FORMER.get(key) in names:
        hint = f"; it is called {FORMER[key]!r} now, because {key}s are things of their own"
    else:
        hint = nearest(name, names) or (f"; known are {', '.join(names)}" if names else "; there are none here")
    return InvalidValue(code, f"is not a {what} of this request{hint}", truncate(name))
