"""What every line of the log is cleaned of: what could begin another line, and what looks like a token."""

import re

from api.requests.text import UNPRINTABLE

# What looks like a token, wherever somebody put it: an API token, or an access token (RFC 7519).
TOKEN = re.compile(r"(stk_|eyJ)[\w-]{20,}(?:\.[\w-]+)*")


def without_tokens(line: str) -> str:
    """Remove what looks like a token."""
    return TOKEN.sub(r"\1[removed]", line)


def escaped(line: str) -> str:
    """Escape control characters, so that no input can begin a line of its own."""
    return UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), line)
