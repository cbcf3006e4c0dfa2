"""How fast the service is, beside its limits and its peers: `python bench/run.py`.

It makes a virtual environment of its own in the temporary folder, starts every service as its users
do, fills them with the same items, and lets wrk ask them by turns: round after round, so that what
else the machine does meets all of them. The figures go to bench/results.md, the plot to
bench/results.png. docs/performance.md says what they mean.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

BENCH = Path(__file__).resolve().parent


def main() -> None:
    """Read the arguments, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--items", type=int, default=10_000, help="how many items a second Stockroom has, to see what grows"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="how long a work takes in each round")
    arguments = parser.parse_args()
    if sys.platform != "linux" or shutil.which("wrk") is None:
        raise SystemExit("This needs Linux (or WSL) and wrk: apt-get install wrk")
    in_own_environment()
    from measuring import measure  # noqa: PLC0415 - needs that environment
    from report import write  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="stockroom-bench-") as folder:
        write(measure(arguments.items, arguments.rounds, arguments.seconds, Path(folder)))


def in_own_environment() -> None:
    """Go on in a virtual environment that has the requirements, made the first time."""
    texts = [path.read_bytes() for path in (BENCH / "requirements.txt", BENCH.parent / "requirements.txt")]
    name = f"stockroom-bench-{hashlib.sha256(b''.join(texts)).hexdigest()[:12]}"
    home = Path(tempfile.gettempdir()) / name
    if Path(sys.prefix) == home:
        return
    python = home / "bin" / "python"
    if not (home / "complete").exists():
        print(f"making {home}", flush=True)
        venv.create(home, clear=True, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-qq", "-r", BENCH / "requirements.txt"], check=True)
        (home / "complete").touch()
    os.execv(python, [python, *sys.argv])


if __name__ == "__main__":
    main()
