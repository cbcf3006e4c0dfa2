"""Lines of text that fit: how wide a text may be in any common font, where it breaks, and where it is cut."""

import re
import unicodedata
from bisect import bisect_right
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

LINE = 1.2  # the height of a line, in sizes of its letters
SMALLEST = 1.5  # mm; smaller letters are not read
ELLIPSIS = "…"
# The widths of letters in sizes of the text: about those of the broadest of the common fonts, in bold.
NARROW, MIDDLE, CAPITAL, BROAD = 0.55, 0.7, 0.87, 1.15
WIDE, PICTURE = 1.1, 1.5  # East Asian letters, which are twice as wide as a common one; emoji
WIDTHS = {
    **dict.fromkeys(" !'(),-.:;I[]fijlrt|", NARROW),
    **dict.fromkeys("&ABCDEFGHKLNOPQRSTUVXYZ#+<=>~^_", CAPITAL),
    **dict.fromkeys("@MWmw\N{EM DASH}\N{HORIZONTAL ELLIPSIS}", BROAD),
    "%": 1.3,
}
# What XML can't hold (XML 1.0 section 2.2), and what turns or hides what stands beside it.
UNDRAWABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
# What belongs to the letter before it: joiners, variation selectors, the tones of skin.
JOINED = re.compile("[\u200d\ufe00-\ufe0f\U0001f3fb-\U0001f3ff]")


class Lines(NamedTuple):
    """A text broken into lines at one size; it is `whole` if nothing was cut."""

    size: float
    lines: list[str]
    whole: bool

    @property
    def height(self) -> float:
        """The height that the lines take."""
        return len(self.lines) * self.size * LINE


def drawable(text: str) -> str:
    """Return a text as it can be drawn, in one line."""
    return " ".join(UNDRAWABLE.sub("\N{REPLACEMENT CHARACTER}", text).split())


@lru_cache(4096)
def width_of(letter: str) -> float:
    """Return the width of one character in sizes of the text, rather too much than too little."""
    if letter in WIDTHS:
        return WIDTHS[letter]
    if letter < "\x7f":
        return MIDDLE
    if unicodedata.combining(letter) or unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    if letter > "\uffff":
        return PICTURE
    if unicodedata.east_asian_width(letter) in "WF":
        return WIDE
    base = unicodedata.normalize("NFD", letter)[0]
    return width_of(base) if base != letter else BROAD


def fit(text: str, width: float, height: float, largest: float, *, lines: int, smallest: float = SMALLEST) -> Lines:
    """Return a text in as many lines as fit in `width` and `height`, as large as it can be whole, or else cut.

    There are no lines where not even one of the smallest fits.
    """
    size = min(largest, height / LINE)
    if not text or size < SMALLEST:
        return Lines(0, [], not text)
    smallest = min(smallest, size)
    while True:
        room = min(lines, int(height / (size * LINE) + 1e-9))
        broken, whole = _broken(text, width / size, room)
        if whole or size <= smallest:
            return Lines(size, broken, whole)
        size = max(size * 0.94, smallest)


def _broken(text: str, width: float, most_lines: int) -> tuple[list[str], bool]:
    """Return the lines of a text, and whether they have all of it: at blanks, or within a word that is too long."""
    ends = list(accumulate(map(width_of, text)))
    lines: list[str] = []
    start = 0
    while start < len(text):
        last = len(lines) + 1 == most_lines
        before = ends[start - 1] if start else 0
        end = bisect_right(ends, before + width)
        if end >= len(text):
            return [*lines, text[start:]], True
        if last:
            end = _between_letters(text, start, bisect_right(ends, before + width - width_of(ELLIPSIS)))
            return ([*lines, text[start:end].rstrip() + ELLIPSIS] if end > start else lines), False
        blank = text.rfind(" ", start, end + 1)
        end = blank if blank > start else _between_letters(text, start, end)
        if end == start:
            return lines, False
        lines.append(text[start:end].rstrip())
        start = end + (text[end] == " ")
    return lines, True


def _between_letters(text: str, start: int, end: int) -> int:
    """Return where a text may be broken, at `end` or before: not within what is drawn as one letter."""
    while start < end < len(text) and (
        unicodedata.combining(text[end]) or JOINED.match(text[end]) or text[end - 1] == "\u200d"
    ):
        end -= 1
    return max(start, end)
