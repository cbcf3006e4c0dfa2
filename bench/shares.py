"""Where the time of a request goes: `python bench/shares.py`, with what the service needs installed (not on Windows).

It asks the application in this process, without sockets, and looks at what runs each millisecond of
its time: a sample counts for the package of the innermost Python function, so what SQLite or a C
extension does counts for whoever called it.
"""

import io
import os
import signal
import sys
import tempfile
from base64 import b64encode
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from flask import Flask
from services import PASSWORD
from stock import items
from werkzeug.test import EnvironBuilder

from app import create_app
from settings import ROOT, Settings
from startup import prepare

ITEMS = 1000
SECONDS = 5.0
SHOWN = 12


def main() -> None:
    """Fill an instance, ask for one item and for lists, print the shares of each."""
    with tempfile.TemporaryDirectory() as folder:
        limits = {"RATE_LIMIT": "", "LOGIN_RATE_LIMIT": ""}
        settings = Settings.from_env({"INSTANCE_PATH": folder, "ADMIN_PASSWORD": PASSWORD, **limits})
        app = create_app(settings)
        prepare(app, settings)
        client = app.test_client()
        basic = {"Authorization": "Basic " + b64encode(f"admin:{PASSWORD}".encode()).decode()}
        for item in items(1, ITEMS):
            client.post("/api/v1/items", json={**item, "tags": ["light"]}, headers=basic)
        made = client.post("/api/v1/tokens", json={"name": "shares", "scopes": ["items:read"]}, headers=basic)
        token = {"Authorization": f"Bearer {made.json['token']}"}
        for name, path in (("GET one", f"/api/v1/items/{ITEMS // 2}"), ("list of 50", "/api/v1/items?limit=50")):
            number, found = samples(app, EnvironBuilder(path, headers=token).get_environ())
            print(f"\n{name}: {number / SECONDS:,.0f} a second of processor time")
            for package, count in found.most_common(SHOWN):
                print(f"  {package:<24}{count / found.total():>6.0%}")


def samples(app: Flask, environ: dict[str, Any]) -> tuple[int, Counter[str]]:
    """How many answers SECONDS of processor time gave, and how often each package was at work."""
    found: Counter[str] = Counter()

    def look(_: int, frame: FrameType | None) -> None:
        found[package_of(frame.f_code.co_filename if frame else "?")] += 1

    number, begin = 0, os.times()
    signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
    while sum(os.times()[:2]) - sum(begin[:2]) < SECONDS:
        for chunk in app({**environ, "wsgi.input": io.BytesIO()}, answered):
            assert chunk
        number += 1
    signal.setitimer(signal.ITIMER_PROF, 0)
    return number, found


def answered(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
    """What WSGI calls with the status."""
    if status != "200 OK":
        raise SystemExit(status)


def package_of(file: str) -> str:
    """The package on PyPI, the file of ours, or the standard library."""
    path = Path(file)
    if path.is_relative_to(ROOT):
        return path.relative_to(ROOT).as_posix()
    parts = path.parts
    return parts[parts.index("site-packages") + 1] if "site-packages" in parts else "standard library"


if __name__ == "__main__":
    main()
