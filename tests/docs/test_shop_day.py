"""The day of a shop, as a script: what it prints is so, and who starts it again doubles nothing."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.program import PASSWORD, ROOT, Program, environment, program

SCRIPT = ROOT / "docs" / "examples" / "shop_day.sh"
SCOPES = ["items:read", "items:write", "stock:write"]
PRINTED = """\
08:00  received PO-4711
08:30  the van is loaded
09:00  promised: 2 for order 8, 5 for order 9
10:00  the van has what it has
11:00  refused: insufficient_stock, 1 of 8 available
12:00  order 8 is sent, order 9 is free again
15:00  sold at the fair
18:00  counted
"""
LEFT = {("LAMP", "STORE"): 6, ("LAMP", "SHOP"): 6, ("LAMP", "VAN"): 2}
LEFT |= {("BULB", "STORE"): 32, ("BULB", "SHOP"): 39, ("BULB", "VAN"): 3}

pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or not all(map(shutil.which, ("bash", "curl", "jq"))), reason="needs bash, curl and jq"
)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Program]:
    with program(INSTANCE_PATH=str(tmp_path / "instance"), PORT="0", ADMIN_PASSWORD=PASSWORD) as running:
        yield running


def ran(service: Program, script: str) -> str:
    """What the script, or a part of it, prints."""
    token = service.ask("POST", "/tokens", {"name": "day", "scopes": SCOPES}).json["token"]
    done = subprocess.run(
        ["bash", "-c", script, "shop_day.sh", "2026-11-30"],
        env=environment(STOCKROOM_URL=service.address, STOCKROOM_TOKEN=token),
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return done.stdout


def left(service: Program) -> dict[tuple[str, str], int]:
    """How much lies where."""
    rows = service.ask("GET", "/stocks").json["data"]
    return {(row["sku"], row["location"]): row["quantity"] for row in rows if row["quantity"]}


def test_the_day_is_as_it_is_printed(service: Program) -> None:
    printed = ran(service, SCRIPT.read_text(encoding="utf-8"))

    assert printed.startswith(PRINTED)
    assert printed.endswith("worth 338.05\norder 11 of LAMP: 14 available\n")
    assert left(service) == LEFT


@pytest.mark.parametrize("time", ["08:30", "10:00", "12:00", "18:00"])
def test_who_starts_the_day_again_where_it_broke_off_doubles_nothing(service: Program, time: str) -> None:
    script = SCRIPT.read_text(encoding="utf-8")
    part, _, _ = script.partition(f"# {time}")
    ran(service, part)

    assert ran(service, script).startswith(PRINTED)
    assert ran(service, script).startswith(PRINTED)
    assert left(service) == LEFT
