"""The service as its users start it: `python run.py`, in a process with its own settings."""

import base64
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse battery staple"
# What administrators type before a command; the second only works in the folder of the project.
RUN = (str(ROOT / "run.py"),)
FLASK = ("-m", "flask")
LAST_LINE = "Ctrl+C stops it."
# How many seconds a test waits for what surely comes, as the start of processes on a busy machine, under Wine.
SOON = 90.0
# The signal that stops the service: Ctrl+Break on Windows, where SIGTERM can't be caught.
STOP = signal.SIGTERM if sys.platform != "win32" else signal.CTRL_BREAK_EVENT


class Reply(NamedTuple):
    """One response, with its body parsed as JSON."""

    status: int
    json: Any


class Program:
    """A running service: its address, the lines that it printed at the start, and how to stop it."""

    def __init__(self, folder: Path, cwd: Path, settings: dict[str, str], read_errors: bool) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(folder / "run.py")],
            cwd=cwd,
            env=environment(**settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if read_errors else subprocess.DEVNULL,
            encoding=settings.get("PYTHONIOENCODING", "utf-8"),
            errors="replace",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        self._deadline = threading.Timer(SOON, self.process.kill)
        self._deadline.start()

    @functools.cached_property
    def said(self) -> list[str]:
        """The lines printed at the start, after which it serves; fewer if it has ended before."""
        lines: list[str] = []
        assert self.process.stdout is not None
        for line in self.process.stdout:
            lines.append(line.rstrip("\n"))
            if lines[-1] == LAST_LINE:
                break
        self._deadline.cancel()
        return lines

    @property
    def address(self) -> str:
        """`http://host:port`, from the first line."""
        found = re.search(r"listens on .*?(http://\S+:[1-9][0-9]*) ", self.said[0]) if self.said else None
        assert found, f"it did not start: {self.said}"
        return found[1]

    @property
    def password(self) -> str:
        """The password of the first admin, printed only at the first start."""
        return self.first_admin[0].rpartition(" ")[2]

    @functools.cached_property
    def first_admin(self) -> list[str]:
        """The two lines about the first admin that a first start prints on stderr (`read_errors`)."""
        assert self.process.stderr is not None and self.said
        return [self.process.stderr.readline().rstrip("\n") for _ in range(2)]

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        user: str = f"admin:{PASSWORD}",
        token: str = "",
        content_type: str = "application/json",
    ) -> Reply:
        """Send a request below /api/v1 with HTTP Basic, or with an API token; return the response.

        The body is sent as JSON, or as it is if it consists of bytes.
        """
        basic = f"Basic {base64.b64encode(user.encode()).decode()}"
        request = urllib.request.Request(  # noqa: S310 - it is our own service
            f"{self.address}/api/v1{path}",
            body if body is None or isinstance(body, bytes) else json.dumps(body).encode(),
            {
                "Authorization": f"Bearer {token}" if token else basic,
                "Content-Type": content_type,
            },
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=SOON) as response:  # noqa: S310
                return Reply(response.status, json.loads(response.read() or b"null"))
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, json.loads(error.read()))

    def wait(self) -> int:
        """Wait until the process has ended and return its exit status."""
        return self.process.wait(SOON)

    def stop(self) -> int:
        """Stop the service and return its exit status."""
        self.send(STOP)
        return self.wait()

    def send(self, number: signal.Signals) -> None:
        """Send a signal; on Windows, Ctrl+Break goes through a console, and under Wine there is none."""
        try:
            self.process.send_signal(number)
        except OSError:
            pytest.skip("there is no console to press Ctrl+Break in")

    def errors(self) -> str:
        """Return what it wrote to stderr; waits until it has ended."""
        assert self.process.stderr is not None
        return self.process.stderr.read()

    def close(self) -> None:
        """Kill the process, whatever the test did, and close its pipes.

        Under Wine a child that it was just starting may never start nor end; the pipes are left to that one.
        """
        self._deadline.cancel()
        self.process.kill()
        with suppress(subprocess.TimeoutExpired):
            self.process.communicate(timeout=SOON)


@contextmanager
def program(
    *, folder: Path = ROOT, cwd: Path | None = None, read_errors: bool = False, **settings: str
) -> Iterator[Program]:
    """Run `python run.py` and kill it at the end; `settings` are all of its environment."""
    running = Program(folder, cwd or folder, settings, read_errors)
    try:
        yield running
    finally:
        running.close()


class Ran(NamedTuple):
    """The result of a command: its exit status and what it printed."""

    status: int
    out: str
    err: str


def python_run(*args: str, cwd: Path = ROOT, program: Sequence[str] = RUN, **settings: str) -> Ran:
    """Run a command in a process of its own and return its result; `settings` are all of its environment."""
    ran = subprocess.run(
        [sys.executable, *program, *args],
        cwd=cwd,
        env=environment(**{"PYTHONIOENCODING": "utf-8", **settings}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        encoding=settings.get("PYTHONIOENCODING", "utf-8"),
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def environment(**settings: str) -> dict[str, str]:
    """Return `settings` and the variables without which no program runs."""
    inherited = ("PATH", "SYSTEMROOT", "PATHEXT", "TEMP")
    return {name: os.environ[name] for name in inherited if name in os.environ} | settings


def fresh_copy(to: Path) -> Path:
    """Copy the project into the folder `to`, as a fresh checkout has it, and return the folder."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
            encoding="utf-8",
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no git checkout, so nobody knows which files belong to it")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(("tests/", "bench/")):
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, to / name)
    return to
