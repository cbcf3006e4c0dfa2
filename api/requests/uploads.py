"""A file in a request, as its body or as the field `file` of a form: stored in memory or on disk."""

import hashlib
import tempfile
from collections.abc import Iterator
from typing import IO, NamedTuple

from flask import Request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import UnsupportedMediaType

from api.errors import Unreadable
from api.media_types import CSV, MULTIPART, NDJSON, OLD_EXCEL, PLAIN, TSV, XLSX
from api.requests.text import truncate
from tables import reading
from tables.encodings import named

CHUNK = 64 * 1024
IN_MEMORY = 1024 * 1024
# The format of each media type; None where the file itself says it.
FORMATS = {
    CSV: reading.CSV,
    NDJSON: reading.NDJSON,
    XLSX: reading.XLSX,
    TSV: reading.CSV,
    PLAIN: None,
    OLD_EXCEL: None,
}
SUFFIXES = {
    ".csv": reading.CSV,
    ".ndjson": reading.NDJSON,
    ".jsonl": reading.NDJSON,
    ".tsv": reading.CSV,
    ".xlsm": reading.XLSX,
    ".xlsx": reading.XLSX,
}


class Upload(NamedTuple):
    """A file that a client sent, with what it said of its format and encoding; whoever receives it closes `file`."""

    file: IO[bytes]
    format: str | None
    encoding: str | None
    digest: bytes  # SHA-256 of what was said of the file, and of its bytes


def form_of(request: Request, max_bytes: int) -> MultiDict[str, str]:
    """Return the fields of a form that has one file, in `file`; none where the body is no form.

    Raises RequestEntityTooLarge (413) or Unreadable (400).
    """
    request.max_content_length = max_bytes
    if request.mimetype != MULTIPART:
        return MultiDict()
    if [name for name, _ in request.files.items(multi=True)] != ["file"]:
        raise Unreadable("bad_request", "The form must have one file, in the field `file`.")
    return request.form


def receive(request: Request, max_bytes: int) -> Upload:
    """Store the file of this request, of at most `max_bytes`, and return it.

    Raises RequestEntityTooLarge (413), UnsupportedMediaType (415) or Unreadable (400).
    """
    form = form_of(request, max_bytes)
    if request.mimetype == MULTIPART:
        sent = request.files["file"]
        # The media type that a browser sends depends on the programs that are installed; the name is more reliable.
        format_ = format_of(sent.filename or "") or FORMATS.get(sent.mimetype)
        encoding = _encoding(sent.mimetype_params.get("charset"), sent.content_type)
        return _stored(sent.stream, format_, encoding, sorted(form.items(multi=True)))
    content_type = request.headers.get("Content-Type")
    if request.mimetype not in FORMATS:
        raise _unsupported(content_type)
    encoding = _encoding(request.mimetype_params.get("charset"), content_type)
    return _stored(request.stream, FORMATS[request.mimetype], encoding, [])


def format_of(name: str) -> str | None:
    """Return the format of a file by the end of its name; None if that says nothing."""
    return next((format_ for suffix, format_ in SUFFIXES.items() if name.lower().endswith(suffix)), None)


def _encoding(charset: str | None, content_type: str | None) -> str | None:
    encoding = named(charset) if charset else None
    if charset and encoding is None:
        raise _unsupported(content_type)
    return encoding


def _unsupported(content_type: str | None) -> UnsupportedMediaType:
    sent = truncate(content_type or "") or "none"
    return UnsupportedMediaType(
        f"The Content-Type must be one of {', '.join(FORMATS)} or {MULTIPART}, in an encoding that is known here; "
        f"it is {sent}."
    )


def _stored(stream: IO[bytes], format_: str | None, encoding: str | None, form: list[tuple[str, str]]) -> Upload:
    """Store a file in memory or, from 1 MiB, on disk, and return it."""
    file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed by whoever receives it
    digest = hashlib.sha256(repr((format_, encoding, form)).encode() + b"\n")
    try:
        for chunk in _chunks(stream):
            file.write(chunk)
            digest.update(chunk)
    except BaseException:
        file.close()
        raise
    return Upload(file, format_, encoding, digest.digest())


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk
