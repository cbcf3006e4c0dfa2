"""The files of the page: their content, their media types, and one version of them all."""

import gzip
import hashlib
import posixpath
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

STATIC = Path(__file__).parent / "static"
# Listed here, because the media types of the operating system can be wrong (on Windows, that of .js often is).
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
# A static import; those that are made when a page is visited begin with "import(".
IMPORT = re.compile(r'^(?:import|export) [^"]*from "(\.[^"]+)";', re.MULTILINE)
# The service worker is served beside the page, so that it may answer for it.
WORKER = "worker.js"


class PageFile(NamedTuple):
    """A file of the page, as it is and compressed."""

    content: bytes
    compressed: bytes
    content_type: str


@cache
def files() -> dict[str, PageFile]:
    """Return the files of the page by their path below the folder, in the order of these paths."""
    found = sorted(path for path in STATIC.rglob("*") if path.suffix in TYPES)
    return {path.relative_to(STATIC).as_posix(): _read(path) for path in found}


@cache
def version() -> str:
    """Return the version of the files: another one as soon as one of them differs."""
    digest = hashlib.sha256()
    for name, file in files().items():
        digest.update(f"{name}\n{len(file.content)}\n".encode() + file.content)
    return digest.hexdigest()[:16]


def imported(*names: str) -> list[str]:
    """Return these scripts and all that they import, directly or not, as the first view needs them at once."""
    found: list[str] = []
    waiting = list(names)
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found.append(name)
            text = files()[name].content.decode()
            waiting += [
                posixpath.normpath(posixpath.join(posixpath.dirname(name), each)) for each in IMPORT.findall(text)
            ]
    return found


def _read(path: Path) -> PageFile:
    # A checkout on Windows may end lines with CRLF; the version is to be the same everywhere.
    content = path.read_bytes().replace(b"\r\n", b"\n")
    return PageFile(content, gzip.compress(content, mtime=0), TYPES[path.suffix])
