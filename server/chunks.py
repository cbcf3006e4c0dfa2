"""A chunked body (RFC 9112 section 7.1), received with limits that waitress lacks: of its control lines and trailer."""

import re
from typing import Any

from waitress.rfc7230 import CHUNK_EXT_RE
from waitress.utilities import BadRequest

LINE_BYTES = 256
TRAILER_BYTES = 32 * 1024
SIZE = re.compile(rb"[0-9A-Fa-f]+")


class ChunkedBody:
    """What `waitress.receiver.ChunkedReceiver` is: it gets the bytes that arrive and stores the content in `buffer`."""

    completed = False
    error: Any = None

    def __init__(self, buffer: Any) -> None:
        self._buffer = buffer
        self._line = b""  # the part of a line that has arrived
        self._remaining = 0  # bytes of the chunk
        self._trailer_bytes = 0
        self._next = self._size

    def __len__(self) -> int:
        return int(self._buffer.__len__())

    def received(self, data: bytes) -> int:
        """Take the bytes that belong to this body; return how many they are."""
        rest = data
        while rest and not self.completed and not self.error:
            if self._remaining:
                content, rest = rest[: self._remaining], rest[self._remaining :]
                self._buffer.append(content)
                self._remaining -= len(content)
            else:
                rest = self._next_line(rest)
        return len(data) - len(rest)

    def _next_line(self, rest: bytes) -> bytes:
        """Read to the end of a line; return what comes after it."""
        limit = TRAILER_BYTES if self._next == self._trailer else LINE_BYTES
        # The end may have arrived in two parts, and a line that is too long is not looked through.
        line = self._line + rest[: limit + 2]
        end = line.find(b"\r\n", max(0, len(self._line) - 1))
        if end > limit or (end < 0 and len(line) > limit + 1):
            self._refuse("A control line or the trailer of the chunked body is too long")
            return rest
        if end < 0:
            self._line = line
            return b""
        rest = rest[end + 2 - len(self._line) :]
        self._line = b""
        self._next(line[:end])
        return rest

    def _size(self, line: bytes) -> None:
        digits, semicolon, extension = line.partition(b";")
        if not SIZE.fullmatch(digits):
            self._refuse("Invalid chunk size")
        elif not CHUNK_EXT_RE.match(semicolon + extension):
            self._refuse("Invalid chunk extension")
        else:
            self._remaining = int(digits, 16)
            self._next = self._end_of_chunk if self._remaining else self._trailer

    def _end_of_chunk(self, line: bytes) -> None:
        self._next = self._size
        if line:
            self._refuse("Chunk not properly terminated")

    def _trailer(self, line: bytes) -> None:
        self._trailer_bytes += len(line) + 2
        if not line:
            self.completed = True
        elif self._trailer_bytes > TRAILER_BYTES:
            self._refuse("A control line or the trailer of the chunked body is too long")

    def _refuse(self, detail: str) -> None:
        self.error = BadRequest(detail)

    def getfile(self) -> Any:
        """Return the file with the content."""
        return self._buffer.getfile()

    def getbuf(self) -> Any:
        """Return the buffer with the content."""
        return self._buffer
