"""Whatever the OpenAPI document allows is taken, whatever it refuses is refused, and every answer is in it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.hooks import TESTER
from tests.support.program import PASSWORD, ROOT, program

EXAMPLES = 20
SECONDS = 600


@pytest.mark.contract
def test_service_and_document_agree_on_every_operation(tmp_path: Path) -> None:
    settings = {"INSTANCE_PATH": str(tmp_path), "PORT": "0", "ADMIN_PASSWORD": PASSWORD, "RATE_LIMIT": ""}
    with program(**settings, LOGIN_RATE_LIMIT="") as service:
        for user_id in range(2, TESTER + 1):
            role = "admin" if user_id == TESTER else "guest"
            service.ask("POST", "/users", {"username": f"u{user_id}", "password": PASSWORD, "role": role})
        run = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run", f"{service.address}/api/v1/openapi.json"),
                *("--auth", f"u{TESTER}:{PASSWORD}"),
                *("--seed", "1", "--max-examples", str(EXAMPLES), "--checks", "all", "--no-color"),
            ],
            check=False,
            cwd=ROOT,
            capture_output=True,
            encoding="utf-8",
            timeout=SECONDS,
        )

    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr
