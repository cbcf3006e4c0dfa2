"""The scripts of the page: each can be read by an engine of JavaScript, and imports what is there."""

import re
import shutil
import subprocess
from typing import Any

import pytest

from pages.files import STATIC

SCRIPTS = sorted(STATIC.rglob("*.js"))
IMPORTED = re.compile(r"""(?:from|import\()\s*"(\.[^"]+)\"""")
MOST_LINES = 250


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.relative_to(STATIC).as_posix())
def test_a_script_is_read_without_fault(script):
    node = shutil.which("node")
    if not node:
        pytest.skip("no node is installed here")
    command = [node, "--check", "--input-type=module"]

    checked = subprocess.run(command, input=script.read_bytes(), capture_output=True, check=False)

    assert checked.returncode == 0, checked.stderr.decode()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.relative_to(STATIC).as_posix())
def test_what_a_script_imports_is_there(script):
    text = script.read_text(encoding="utf-8")
    missing: list[Any] = [name for name in IMPORTED.findall(text) if not (script.parent / name).resolve().is_file()]

    assert missing == []
    # A catalogue of words is a list: as long as what there is to say.
    assert text.count("\n") <= MOST_LINES or script.parent.name == "words"


def test_what_all_pages_share_knows_none_of_them():
    shared = sorted((STATIC / "core").glob("*.js"))
    found = {name for script in shared for name in IMPORTED.findall(script.read_text(encoding="utf-8"))}

    assert [name for name in found if not name.startswith("./")] == []
