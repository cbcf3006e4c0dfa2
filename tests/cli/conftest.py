"""What the tests of the commands share."""

import json
from typing import NamedTuple

import pytest
from flask import Flask


class Ran(NamedTuple):
    """How a command ended and what it printed."""

    status: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def run(app: Flask):
    """Run a command in this process."""

    def run_command(*args: object, stdin: str = "") -> Ran:
        result = app.test_cli_runner().invoke(args=[str(arg) for arg in args], input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    return run_command
