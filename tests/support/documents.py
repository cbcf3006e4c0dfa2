"""What the documents are held against: the answers that they show, and how PowerShell is written."""

import re

POWERSHELL = re.compile(
    r"""(?P<single>'(?:[^']|'')*') | (?P<double>"(?:[^"`]|`.)*") | (?P<variable>\$\w+) | (?P<word>-?[A-Za-z][\w.-]*)
      | (?P<joined>`\n) | (?P<newline>\n) | (?P<blank>[ \t]+) | (?P<other>[^'"`\s])""",
    re.VERBOSE | re.DOTALL,
)


def looks_like(shown: str, given: str) -> bool:
    """Whether `given` is what the README shows: `…` stands for anything, blanks and line ends for nothing."""
    parts = ["".join(part.split()) for part in shown.split("…")]
    return re.fullmatch(".*".join(map(re.escape, parts)), "".join(given.split())) is not None


def powershell_tokens(text: str) -> list[tuple[str, str]]:
    """PowerShell in pieces, each with its kind; fails where a quote is left open."""
    found, end = [], 0
    for match in POWERSHELL.finditer(text):
        assert match.start() == end, f"a quote is left open: {text[end : end + 60]!r}"
        end = match.end()
        if match.lastgroup not in ("blank", "joined"):
            found.append((str(match.lastgroup), match[0]))
    assert end == len(text)
    return found


def assert_closed(tokens: list[tuple[str, str]]) -> None:
    """Fail unless every bracket is closed by its own kind."""
    closing = {")": "(", "]": "[", "}": "{"}
    open_ones: list[str] = []
    for kind, token in tokens:
        if kind != "other":
            continue
        if token in closing.values():
            open_ones.append(token)
        elif token in closing:
            assert open_ones and open_ones.pop() == closing[token]
    assert open_ones == []
