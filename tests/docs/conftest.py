"""What the tests of the documents share: a service at its first start, and a shell that asks it."""

import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.support.documents import Block, looks_like
from tests.support.program import Program, environment, program

ADDRESS = "http://127.0.0.1:8000"
END_OF_BLOCK = "\x1e"


@pytest.fixture
def first_start(tmp_path) -> Iterator[Program]:
    """The service at its first start, as the README begins with it, but for the port."""
    with program(INSTANCE_PATH=str(tmp_path / "instance"), PORT="0", read_errors=True) as running:
        yield running


@pytest.fixture
def assert_answered(first_start: Program) -> Callable[[list[Block]], None]:
    """Run blocks of curl commands in one shell, and hold the answers against those below them."""
    if sys.platform == "win32" or not (shutil.which("bash") and shutil.which("curl")):
        pytest.skip("these commands are for bash and curl; PowerShell has its own")

    def run(tour: list[Block]) -> None:
        script = "".join(f"{block.commands}\nprintf '{END_OF_BLOCK}'\n" for block in tour)
        script = script.replace(ADDRESS, first_start.address)
        script = script.replace("'the password'", shlex.quote(first_start.password))
        script = script.replace("admin:the password", f"admin:{first_start.password}")
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            env=environment(),
            capture_output=True,
            check=False,
            encoding="utf-8",
        )
        assert (ran.returncode, ran.stderr) == (0, "")
        given = ran.stdout.split(END_OF_BLOCK)[:-1]
        assert len(given) == len(tour) > 0
        for block, answer in zip(tour, given, strict=True):
            assert block.output and looks_like(block.output, answer), f"{block.commands}\nanswered\n{answer}"

    return run
