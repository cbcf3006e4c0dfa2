"""In which encoding a text is written: UTF-8 and UTF-16 are known by themselves, any other has to be named."""

import codecs
import re
from collections.abc import Iterator
from itertools import chain
from typing import IO, NoReturn

from charset_normalizer import from_bytes

from tables.records import UnreadableFile

UTF_8, UTF_16 = "utf-8", "utf-16"
_WINDOWS = {f"windows-{number}": f"cp{number}" for number in range(1250, 1259)}
_ISO = {f"iso-8859-{number}": f"iso8859-{number}" for number in (*range(1, 12), *range(13, 17))}
# The names that clients use, each with Python's codec. Those of East Asia are what Windows writes under these names.
CODECS = {
    UTF_8: "utf-8-sig",
    UTF_16: "utf-16",
    "utf-16-le": "utf-16-le",
    "utf-16-be": "utf-16-be",
    **_WINDOWS,
    **_ISO,
    **{name: name for name in ("cp437", "cp850", "cp852", "cp866", "koi8-r", "koi8-u", "gb18030")},
    "mac-roman": "mac_roman",
    "shift_jis": "cp932",
    "big5": "cp950",
    "euc-kr": "cp949",
}
ALIASES = {"us-ascii": UTF_8, "gbk": "gb18030", "gb2312": "gb18030", "windows-31j": "shift_jis", "sjis": "shift_jis"}
BOMS = ((codecs.BOM_UTF8, UTF_8), (codecs.BOM_UTF16_LE, UTF_16), (codecs.BOM_UTF16_BE, UTF_16))

CHUNK = 64 * 1024
# In bytes: what is looked at to suggest encodings, and how much of a cell is shown.
SAMPLE, SHOWN = 32 * 1024, 60
MOST_SUGGESTED = 3
ASCII = bytes(range(128))
# Two, three and four bytes that are one letter in UTF-8 (RFC 3629).
SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
# One that is perhaps cut off.
BEGUN = re.compile(rb"(?:[\xc2-\xf4][\x80-\xbf]{0,2})?\Z")
OF_A_CELL = re.compile(rb"[,;|\t\r\n\"]")
# The encodings that charset-normalizer compares, by the names that it gives them.
_COMPARED = {
    **{f"cp{number}": f"windows-{number}" for number in range(1250, 1258)},
    "cp437": "cp437",
    "cp850": "cp850",
    "cp866": "cp866",
    "koi8_r": "koi8-r",
    "mac_roman": "mac-roman",
    "iso8859_2": "iso-8859-2",
    "iso8859_5": "iso-8859-5",
}
# The letters that texts of East Asia mostly consist of, as bytes: nearly all of a text is in those of its encoding.
_COMMON = {
    "euc-kr": re.compile(rb"[\xb0-\xc8][\xa1-\xfe]"),
    "big5": re.compile(rb"[\xa4-\xc6][\x40-\x7e\xa1-\xfe]"),
    "gb18030": re.compile(rb"[\xb0-\xf7][\xa1-\xfe]"),
    "shift_jis": re.compile(rb"[\x82\x83][\x40-\xf1]|[\x88-\x9f\xe0-\xea][\x40-\x7e\x80-\xfc]"),
}
# What no text has: another script or a sign in a word of Latin letters, a capital letter in its midst, controls.
_WRONG = re.compile(
    r"[A-Za-z][^\W\d_\0-\x7f\xc0-\u024f] | [^\W\d_\0-\x7f\xc0-\u024f][A-Za-z] |"
    r"[A-Za-z][^\w\0-\x7f\u2019][A-Za-z] | [a-z][\xc0-\xde\xf7][a-z] | [\x80-\x9f]",
    re.VERBOSE,
)


def named(name: str) -> str | None:
    """Return our name of an encoding that a client names, or None for one that is not read here."""
    lowered = name.lower()
    if lowered in CODECS or lowered in ALIASES:
        return ALIASES.get(lowered, lowered)
    try:
        codec = codecs.lookup(lowered).name
    except (LookupError, ValueError):
        return None
    known = {codecs.lookup(codec).name: name for name, codec in CODECS.items()} | {"utf-8": UTF_8, "ascii": UTF_8}
    return known.get(codec)


def encoding_of(file: IO[bytes], given: str | None, *, only_utf8: bool = False) -> str:
    """Return the encoding of a file: that of its byte order mark, the given one, or UTF-8.

    Every byte has been decoded once then. Raises UnreadableFile, for `encoding_needed` with the likeliest encodings;
    with `only_utf8` no other is suggested.
    """
    head = _head(file, 4096)
    marked = next((encoding for bom, encoding in BOMS if head.startswith(bom)), None)
    encoding, wide = marked or given or UTF_8, _wide(head)
    if not marked and not given and wide:
        raise _needed(file, 0, wide)
    if not marked and given == UTF_16:
        encoding = (wide or ["utf-16-le"])[0]
    wrong = _first_wrong_byte(file, CODECS[encoding])
    if wrong is None:
        return encoding
    if marked or given or only_utf8 or _is_broken_utf8(file):
        _refuse_byte(file, encoding, wrong)
    raise _needed(file, wrong, None)


def _head(file: IO[bytes], size: int) -> bytes:
    file.seek(0)
    head = file.read(size)
    file.seek(0)
    return head


def _wide(head: bytes) -> list[str] | None:
    """Return the encodings of a text whose every second byte is zero, as in UTF-16 without a mark."""
    for first, encodings in ((1, ["utf-16-le", "utf-16-be"]), (0, ["utf-16-be", "utf-16-le"])):
        if len(head) >= 8 and not any(head[first:8:2]):
            return encodings
    return None


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while chunk := file.read(CHUNK):
        yield chunk
    file.seek(0)


def _first_wrong_byte(file: IO[bytes], codec: str) -> int | None:
    """Return the position of the first byte that the codec can't decode."""
    decoder = codecs.getincrementaldecoder(codec)()
    read = 0
    try:
        for chunk in _chunks(file):
            read += len(chunk)
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:  # its object is what was read last
        return read - len(error.object) + error.start
    return None


def _is_broken_utf8(file: IO[bytes]) -> bool:
    """Return whether most of what is not ASCII is UTF-8: then a byte is wrong, not the whole encoding.

    Texts of other encodings have such sequences by chance too, but more bytes that fit none.
    """
    right = wrong = 0
    begun = b""
    for chunk in chain(_chunks(file), [b"\n"]):
        text = begun + chunk
        begun = text[BEGUN.search(text).start() :]  # type: ignore[union-attr] # nothing at the end is a match too
        rest, found = SEQUENCE.subn(b"", text[: len(text) - len(begun)].translate(None, ASCII))
        right += found
        wrong += len(rest)
    return right > 0 and right >= wrong


def _refuse_byte(file: IO[bytes], encoding: str, position: int) -> NoReturn:
    """Raise UnreadableFile for the byte at a position, with its line and its place in the line."""
    decoder = codecs.getincrementaldecoder(CODECS[encoding])("replace")
    line, column, last = 1, 1, ""
    file.seek(0)
    left = position
    while left and (chunk := file.read(min(CHUNK, left))):
        left -= len(chunk)
        text = decoder.decode(chunk)
        breaks = re.findall("\r\n|\r|\n", text)
        line += len(breaks) - (last == "\r" and text[:1] == "\n")
        if breaks:
            column = len(re.split("[\r\n]", text)[-1]) + 1
        else:
            column += len(text)
        last = text[-1:]
    byte = file.read(1)
    file.seek(0)
    what = f"the byte 0x{byte.hex().upper()} is not" if byte else "the text breaks off and is no longer"
    raise UnreadableFile(
        "bad_encoding",
        f"Line {line}, character {column}: {what} {encoding}; nothing was read. Save the file as UTF-8, or mend it.",
        line=line,
        column=column,
    )


def _needed(file: IO[bytes], position: int, likely: list[str] | None) -> UnreadableFile:
    """Return the refusal of a file whose encoding has to be named, with the likeliest and a cell in each of them."""
    file.seek(max(0, position - SHOWN))
    before = file.read(min(position, SHOWN))
    sample = file.read(SAMPLE)
    file.seek(0)
    cell = OF_A_CELL.split(before)[-1] + (sample[:SHOWN] if likely else OF_A_CELL.split(sample[:SHOWN])[0])
    readings: dict[str, str] = {}
    for name in likely or _likeliest(before + sample):
        shown = cell.decode(CODECS[name], "replace").strip("\ufeff\r\n ")
        if shown not in readings.values():
            readings[name] = "".join(letter if letter.isprintable() else "\ufffd" for letter in shown)
    found = list(readings.items())[:MOST_SUGGESTED]
    words = " or ".join(f"encoding={name} (it would read {text!r})" for name, text in found)
    return UnreadableFile(
        "encoding_needed",
        f"The file is neither UTF-8 nor UTF-16, so name its encoding. Likely: {words}.",
        encodings=[{"encoding": name, "cell": text} for name, text in found],
    )


def _likeliest(sample: bytes) -> list[str]:
    """Return the encodings in which a sample is a text, the likeliest first."""
    text = b"".join(line for line in sample.splitlines(keepends=True) if not line.isascii())
    others = len(text.translate(None, ASCII))
    left = {name: len(common.sub(b"", text).translate(None, ASCII)) for name, common in _COMMON.items()}
    asian = sorted((name for name in _COMMON if left[name] < others / 10), key=left.__getitem__)
    matches = [_COMPARED[match.encoding] for match in from_bytes(text, cp_isolation=list(_COMPARED))]
    readings: dict[str, str] = {}
    for name in (*asian, "windows-1252", *matches, "cp437", "mac-roman", "windows-1250", "windows-1251", "iso-8859-1"):
        try:
            reading = codecs.getincrementaldecoder(CODECS[name])().decode(text)  # the last letter may be cut off
        except UnicodeDecodeError:
            continue
        readings.setdefault(reading, name)
    order = [*asian, *matches]
    return sorted(
        readings.values(),
        key=lambda name: (
            len(_WRONG.findall(text.decode(CODECS[name], "replace"))),
            order.index(name) if name in order else len(order),
        ),
    )
