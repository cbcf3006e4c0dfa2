"""Reads the documents for their tests: blocks, sections and links, printed output, and tokens of PowerShell."""

import re
from typing import NamedTuple

POWERSHELL = re.compile(
    r"""(?P<single>'(?:[^']|'')*') | (?P<double>"(?:[^"`]|`.)*") | (?P<variable>\$\w+) | (?P<word>-?[A-Za-z][\w.-]*)
      | (?P<joined>`\n) | (?P<newline>\n) | (?P<blank>[ \t]+) | (?P<other>[^'"`\s])""",
    re.VERBOSE | re.DOTALL,
)


class Block(NamedTuple):
    """A block of commands, and the output that the document prints at once below it, or nothing."""

    commands: str
    output: str


def blocks(text: str, language: str, output: str = "json") -> list[Block]:
    """Return the fenced blocks of one language, each with the block of the language `output` that follows it."""
    fence = rf"^```{language}\n(.*?)^```\n(?:^```{output}\n(.*?)^```\n)?"
    return [Block(*found) for found in re.findall(fence, text, re.MULTILINE | re.DOTALL)]


def section(text: str, title: str) -> str:
    """Return the text below a heading, up to the next one."""
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ [A-Z]|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"there is no section {title!r}"
    return found[1]


def links(text: str) -> list[str]:
    """Return the files that a document links to, pictures included, as they are written."""
    return re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", text)


def looks_like(printed: str, actual: str) -> bool:
    """Return whether `actual` is what the document prints: `…` is anything, blanks and line ends are nothing."""
    parts = ["".join(part.split()) for part in printed.split("…")]
    return re.fullmatch(".*".join(map(re.escape, parts)), "".join(actual.split())) is not None


def powershell_tokens(text: str) -> list[tuple[str, str]]:
    """Return the tokens of PowerShell, each with its kind; fails where a quote is left open."""
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
