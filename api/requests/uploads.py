"""A file in a request, as its body or as the field `file` of a form: stored on disk, and read as text."""

import codecs
import hashlib
import io
import tempfile
from collections.abc import Iterator
from typing import IO, NamedTuple

from flask import Request
from werkzeug.exceptions import UnsupportedMediaType

from api.errors import Unreadable
from api.media_types import CSV, MULTIPART, NDJSON
from api.requests.text import truncate

CHUNK = 64 * 1024
IN_MEMORY = 1024 * 1024
UTF_8 = ("utf-8", "utf8")
CHARSETS = ("", *UTF_8, "utf-16", "windows-1252", "cp1252", "iso-8859-1", "us-ascii")


class Upload(NamedTuple):
    """A file that a client sent, as CSV or NDJSON; whoever receives it closes `text`.

    Line ends are unchanged; bytes that can't be decoded are lone surrogates, which no field accepts.
    """

    mimetype: str
    text: io.TextIOWrapper
    digest: bytes  # SHA-256 of the media type and the bytes


class Source(NamedTuple):
    """The bytes of a file, and the media type and encoding that the client gave."""

    mimetype: str
    stream: IO[bytes]
    only_utf8: bool


def receive(request: Request, max_bytes: int) -> Upload:
    """Store the file of this request, of at most `max_bytes`, and return it.

    Raises RequestEntityTooLarge (413), UnsupportedMediaType (415) or Unreadable (400).
    """
    request.max_content_length = max_bytes
    return store(_source(request))


def store(source: Source) -> Upload:
    """Store a file in memory or, from 1 MiB, on disk, and return it."""
    file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed with the text
    try:
        encoding, digest = _copy(source, file)
    except BaseException:
        file.close()
        raise
    errors = "surrogatepass" if encoding == "utf-16" else "surrogateescape"
    return Upload(source.mimetype, io.TextIOWrapper(file, encoding, errors, newline=""), digest)


def _source(request: Request) -> Source:
    if request.mimetype == MULTIPART:
        files, fields = list(request.files.items(multi=True)), list(request.form)
        if [name for name, _ in files] != ["file"] or fields:
            raise Unreadable("bad_request", "The form must have one file, in the field `file`, and nothing else.")
        file = files[0][1]
        # The media type that a browser sends depends on the programs that are installed; the name is more reliable.
        is_ndjson = file.mimetype == NDJSON or (file.filename or "").lower().endswith((".ndjson", ".jsonl"))
        return Source(NDJSON if is_ndjson else CSV, file.stream, is_ndjson)
    charset = request.mimetype_params.get("charset", "").lower()
    if request.mimetype not in (CSV, NDJSON) or charset not in CHARSETS:
        sent = truncate(request.headers.get("Content-Type", "")) or "none"
        raise UnsupportedMediaType(
            f"The Content-Type must be {CSV}, {NDJSON} or {MULTIPART}, in UTF-8, UTF-16 or Windows-1252; it is {sent}."
        )
    return Source(request.mimetype, request.stream, request.mimetype == NDJSON or charset in UTF_8)


def _copy(source: Source, file: IO[bytes]) -> tuple[str, bytes]:
    """Copy the bytes to `file`; return the encoding of their text, and their digest."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    digest = hashlib.sha256(source.mimetype.encode() + b"\n")
    is_utf8 = True
    for chunk in _chunks(source.stream):
        file.write(chunk)
        digest.update(chunk)
        try:
            if is_utf8:
                decoder.decode(chunk)
        except UnicodeDecodeError:
            is_utf8 = False
    file.seek(0)
    begins_as_utf16 = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    file.seek(0)
    complete = is_utf8 and not decoder.getstate()[0]
    encoding = "utf-8-sig" if complete or source.only_utf8 else "windows-1252"
    return "utf-16" if begins_as_utf16 else encoding, digest.digest()


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk
