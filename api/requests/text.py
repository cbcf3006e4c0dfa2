"""The strict types of text: one line or several, and the SKU."""

import re
import unicodedata
from typing import Any

from api.requests.types import InvalidValue, Json, kind_of

# Control characters, surrogates, and the two separators that end a line in some readers only.
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
UNPRINTABLE_BUT_LINES = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
# The same rules as JSON Schema has them (ECMA-262): several lines, and one line without blanks around it. There is one
# difference: in ECMA-262, `\s` has U+FEFF too.
LINES_PATTERN = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$"
_INNER = r"[^\u0000-\u001f\u007f-\u009f\u2028\u2029]"
_OUTER = r"[^\s\u0000-\u001f\u007f-\u009f]"
LINE_PATTERN = f"^({_OUTER}({_INNER}*{_OUTER})?)?$"
# What no SKU may contain: invisible characters, blanks other than the space, and characters without a common meaning
# (private use, U+FFFD). They are listed one by one, because each version of Python has its own Unicode tables.
_INVISIBLE = (
    r"\u0000-\u001f\u007f-\u00a0\u00ad\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ue000-\uf8ff\ufeff"
    r"\ufff0-\uffff"
)
INVISIBLE = re.compile(f"[{_INVISIBLE}]")
# What clients and proxies take for steps in a path (RFC 3986 section 5.2.4), so that no URL can end with it.
DOTS = (".", "..")
NO_DOTS = r"(?!\.{1,2}$)"
SKU_PATTERN = f"^{NO_DOTS}[^ {_INVISIBLE}]([^{_INVISIBLE}]*[^ {_INVISIBLE}])?$"


class Text:
    """A string without control characters and surrogates: several `lines`, or one without blanks around it."""

    def __init__(
        self, max_length: int, min_length: int = 0, *, lines: bool = False, pattern: str = "", pattern_words: str = ""
    ) -> None:
        self.max_length = max_length
        self.min_length = min_length
        self.lines = lines
        self.pattern = re.compile(pattern) if pattern else None
        self.pattern_words = pattern_words

    def __call__(self, value: Any) -> str:
        if not isinstance(value, str):
            raise InvalidValue("wrong_type", f"must be a string, not {kind_of(value)}")
        if len(value) < self.min_length:
            raise InvalidValue("too_short", f"must have {self.min_length} or more characters")
        if len(value) > self.max_length:
            raise InvalidValue("too_long", f"must have at most {self.max_length} characters; it has {len(value)}")
        if (UNPRINTABLE_BUT_LINES if self.lines else UNPRINTABLE).search(value):
            raise InvalidValue("bad_characters", "must not contain control characters or lone surrogates")
        if not self.lines and value != value.strip():
            raise InvalidValue("bad_characters", "must not begin or end with a blank")
        if self.pattern and not self.pattern.fullmatch(value):
            raise InvalidValue("bad_format", self.pattern_words)
        return value

    from_text = __call__

    def schema(self) -> Json:
        schema: Json = {"type": "string", "maxLength": self.max_length}
        if self.min_length:
            schema["minLength"] = self.min_length
        printable = LINES_PATTERN if self.lines else LINE_PATTERN
        if self.pattern:
            schema["allOf"] = [{"pattern": printable}, {"pattern": f"^{self.pattern.pattern}$"}]
        else:
            schema["pattern"] = printable
        return schema


class Name(Text):
    """One line of text by which something is looked up exactly: accents are composed (Unicode NFC)."""

    def __call__(self, value: Any) -> str:
        return super().__call__(unicodedata.normalize("NFC", value) if isinstance(value, str) else value)

    from_text = __call__


class Barcode(Name):
    """The text of a barcode, which is a part of a path too."""

    def __init__(self, max_length: int) -> None:
        super().__init__(max_length, 1)

    def __call__(self, value: Any) -> str:
        return _no_dots(super().__call__(value))

    from_text = __call__

    def schema(self) -> Json:
        return {**super().schema(), "pattern": f"^{NO_DOTS}{LINE_PATTERN.removeprefix('^')}"}


class Sku(Text):
    """A stock keeping unit: printable characters, with spaces and slashes inside."""

    title = "Sku"
    example = "LAMP-1"

    def __init__(self, max_length: int) -> None:
        super().__init__(max_length, 1)

    def __call__(self, value: Any) -> str:
        text = super().__call__(value)
        if INVISIBLE.search(text):
            raise InvalidValue("bad_characters", "must have printable characters only")
        return _no_dots(text)

    from_text = __call__

    def schema(self) -> Json:
        return {"title": self.title, **super().schema(), "pattern": SKU_PATTERN, "examples": [self.example]}


class Code(Sku):
    """The code of a location, which has the characters of a SKU."""

    title = "Code"
    example = "SHOP"


def _no_dots(text: str) -> str:
    if text in DOTS:
        raise InvalidValue("bad_format", "must not be . or .., which no URL can end with")
    return text


def truncate(name: str, length: int = 64) -> str:
    """Return a text from outside, at most `length` characters of it and printable, for a message."""
    cut = name if len(name) <= length else f"{name[:length]}…"
    return UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", cut)
