"""The two lines of the README, pasted as they stand into a fresh clone, by somebody whose home is empty.

They install from the package index and take minutes, so only `.ci/run` runs these tests, by
`python -m pytest -m onelines tests/docs`.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.documents import blocks, section
from tests.support.program import LAST_LINE, ROOT, environment

pytestmark = [
    pytest.mark.onelines,
    pytest.mark.skipif(sys.platform == "win32" or not shutil.which("curl"), reason="needs sh and curl"),
]
README = (ROOT / "README.md").read_text(encoding="utf-8")
# How long an installation and what follows may take, in seconds.
PATIENT = 900
# How a machine reaches the package index is its own business, and no part of the line.
NETWORK = ("PIP_", "HTTP", "NO_PROXY", "SSL_CERT", "REQUESTS_CA")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh clone of the commit that is checked out."""
    folder = tmp_path / "stock room"  # a blank in the path is nothing unusual
    cloned = subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=False, capture_output=True)
    if cloned.returncode:
        pytest.skip("this is no git checkout")
    return folder


@contextmanager
def pasted(title: str, clone: Path, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """Paste the line for `sh` below a heading into a shell; in the end whatever it started is stopped."""
    ((line, _),) = blocks(section(README, title), "sh")
    home = clone.parent / "home"
    home.mkdir()
    network = {name: value for name, value in os.environ.items() if name.upper().startswith(NETWORK)}
    shell = subprocess.Popen(
        ["sh", "-c", line],
        cwd=clone,
        env=environment(HOME=str(home), **network, **settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        start_new_session=True,
    )
    deadline = threading.Timer(PATIENT, os.killpg, (shell.pid, signal.SIGKILL))
    deadline.start()
    try:
        yield shell
    finally:
        if shell.poll() is None:
            os.killpg(shell.pid, signal.SIGKILL)
        deadline.cancel()
        assert shell.stdout is not None
        shell.stdout.close()
        shell.wait()


def test_the_first_line_sets_up_and_serves_what_its_curl_line_asks(clone: Path) -> None:
    with pasted("Start", clone, PORT="0") as shell:  # port 8000 may be taken on this machine
        assert shell.stdout is not None
        said = []
        for line in shell.stdout:
            said.append(line.rstrip("\n"))
            if said[-1] == LAST_LINE:
                break
        assert LAST_LINE in said, "\n".join(said)
        curl = next(line.removeprefix("Try it:  ") for line in said if line.startswith("Try it:  "))
        answer = subprocess.run(curl, shell=True, capture_output=True, check=True, encoding="utf-8")  # noqa: S602
        os.killpg(shell.pid, signal.SIGINT)  # as Ctrl+C in a terminal
        rest = shell.stdout.read()

    assert json.loads(answer.stdout)["total_items"] == 0
    assert "Traceback" not in rest
    assert (clone / "instance" / "stockroom.sqlite3").is_file()


def test_the_second_line_sets_up_and_tests(clone: Path) -> None:
    # As it stands the line runs every test, this run's own neighbours; a few of them show that it works.
    with pasted("Test", clone, PYTEST_ADDOPTS="-k architecture") as shell:
        printed, _ = shell.communicate()

    assert shell.returncode == 0, printed
    assert " passed" in printed.splitlines()[-1]
