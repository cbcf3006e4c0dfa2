"""Removes from log lines what could begin another line, and what looks like a token."""

import re

from api.requests.text import UNPRINTABLE

# What looks like an API token, a JWT (RFC 7519) or a refresh token, wherever a client put it.
TOKEN = re.compile(r"(stk_|eyJ)[\w-]{20,}(?:\.[\w-]+)*|\b[0-9A-Za-z]{43}\.[0-9A-Za-z]{43}\b")
REFRESH_END = re.compile(r"\.[0-9A-Za-z]{43}\b")


def without_tokens(line: str) -> str:
    """Return the line without what looks like a token."""
    if "stk_" in line or "eyJ" in line or REFRESH_END.search(line):  # found much faster than TOKEN, and nearly never
        return TOKEN.sub(r"\1[removed]", line)
    return line


def escaped(line: str) -> str:
    """Return the line with control characters escaped, so that no input can begin a line."""
    if line.isprintable():
        return line
    return UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), line)
